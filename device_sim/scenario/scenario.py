"""A scenario as data: when it plays, in which weather and fleet, what goes wrong, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from device_sim.fleet.plan import Detectors

Unit = Literal["home", "village", "device"]


@dataclass(frozen=True, slots=True)
class Named:
    """One home (its code), village (its code, or its place counted from 1) or device (its uid), in line `line`."""

    what: Unit
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Homes or villages that are drawn, by the seed, among those that fit; it stands in line `line`.

    Of `count`, `share` (of those that fit) and `everything` one is set; none means all of `same_as`. Empty tuples and
    None ask for nothing. `same_as` and `not_in` are ids of entries above; `types` are the device types that are hit.
    """

    of: Literal["homes", "villages"]
    line: int
    count: int | None = None
    share: float | None = None
    everything: bool = False
    heating: tuple[str, ...] = ()
    occupied: bool | None = None
    vulnerable: bool | None = None
    building_class: tuple[str, ...] = ()
    village: str | None = None
    having: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    same_as: str | None = None
    not_in: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: a fault of faults.yaml from `at_s` until `ends_s`, both since the start.

    `number` is its place in the timeline, `line` its line in the file. `where` is None for the weather. For the rest
    see Injection.
    """

    number: int
    line: int
    fault: str
    at_s: float
    ends_s: float
    strength: float
    where: Named | Choice | None
    id: str | None = None
    unseen: bool = False
    backfill: bool = False
    back_within_s: float | None = None


@dataclass(frozen=True, slots=True)
class FleetWish:
    """The fleet that a scenario needs; what is None or empty is left to whoever plans it.

    `technologies` go to the villages in turn, of which there are at least `villages`. `interval_s`: every device's time
    between two readings. `gateways`: one a village publishes for all.
    """

    technologies: tuple[str, ...] = ()
    villages: int | None = None
    interval_s: int | None = None
    detectors: Detectors = "usual"
    gateways: bool = False


@dataclass(frozen=True, slots=True)
class WeatherWish:
    """How the weather differs: `offset_k` warmer (colder, if negative); `seed` fixes it whatever the run's seed is."""

    offset_k: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """What the scorer must find for a kind: at least recall and precision, at most delay and messages."""

    recall: float | None = None
    precision: float | None = None
    delay_s_p95: float | None = None
    messages_per_event: float | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of it: floors by kind, and at most so many false offlines and messages to people in all."""

    kinds: Mapping[str, Floor] = field(default_factory=dict)
    false_offline_per_1000_device_days: float | None = None
    messages: int | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario. `starts` is the local time (UTC+8) of weather and physics, None for whenever it is played.

    What a live run's readings carry is the clock's time all the same. `file` is how mistakes in it are named.
    `drifting_clocks`: every device's clock has a drift of its own.
    """

    name: str
    en: str
    zh: str
    file: str
    lasts_s: float
    starts: datetime | None
    weather: WeatherWish
    fleet: FleetWish
    drifting_clocks: bool
    expected: Expected
    timeline: tuple[Entry, ...]

"""When what is broken, and when carbon monoxide comes: the same seed, the same schedule. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from chaos.kinds import KINDS, LINKS, PARTS_OF, FaultKind, Kind, Link, Part
from foundation.errors import SettingsError

SHORTEST_MINUTES: Final = 2.0
"""Less has no room for every kind with time to heal in between; the short form squeezes them into a minute."""
OVERLAPPING: Final = 0.35
"""Share of the faults that begin while the one before is still felt."""
DEAF_S: Final = 60.0
"""One half-open connection from ingest to the broker lasts so long: it must notice by itself, within 25 s."""
DEAF_FROM_MINUTES: Final = 5.0

Way = Literal["event", "telemetry"]
"""How a detector tells of carbon monoxide: by its own alarm bit, or by readings of 300 ppm and more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something breaks `at_s` seconds after the load began and is whole again `for_s` seconds later."""

    at_s: float
    kind: Kind
    for_s: float = 0.0
    link: Link | None = None

    @property
    def end_s(self) -> float:
        """When it is over; healing comes after that."""
        return self.at_s + self.for_s


@dataclass(frozen=True, slots=True)
class Danger:
    """Carbon monoxide at the next detector that has had none."""

    at_s: float
    way: Way


@dataclass(frozen=True)
class Pace:
    """How densely faults follow each other. `of_length` scales how long they last, `of_healing` how long they heal."""

    first_s: float
    quiet_s: float
    gap_s: tuple[float, float]
    of_length: float
    of_healing: float
    danger_every_s: float


LONG: Final = Pace(8.0, 12.0, (2.0, 5.0), 1.0, 1.0, 10.0)
SHORT: Final = Pace(3.0, 5.0, (0.5, 2.0), 0.4, 0.6, 4.0)
SHORT_MINUTES: Final = 1.0


@dataclass(frozen=True)
class Schedule:
    """A whole run: the load lasts `length_s`, everything else happens within it."""

    seed: int
    length_s: float
    faults: tuple[Fault, ...]
    dangers: tuple[Danger, ...]

    @property
    def minutes(self) -> float:
        """How long the load lasts."""
        return self.length_s / 60

    def count(self, kind: Kind) -> int:
        """How often this is broken."""
        return sum(fault.kind == kind for fault in self.faults)


def schedule(seed: int, minutes: float, *, short: bool = False, kill_broker: bool = False) -> Schedule:
    """The run of this seed. The short form breaks everything once and ends with that, within a minute.

    Raises SettingsError for less than can be played.
    """
    if not short and minutes < SHORTEST_MINUTES:
        raise SettingsError(f"{minutes:g} minutes are too few", do=f"take {SHORTEST_MINUTES:g} or more, or --short")
    pace, length_s = (SHORT, SHORT_MINUTES * 60) if short else (LONG, minutes * 60)
    faults = _faults(seed, pace, length_s, once=short, kill_broker=kill_broker)
    if short:
        length_s = min(length_s, round(max(fault.end_s for fault in faults) + pace.quiet_s, 1))
    return Schedule(seed, length_s, tuple(faults), tuple(_dangers(seed, pace, faults, length_s)))


def _faults(seed: int, pace: Pace, length_s: float, *, once: bool, kill_broker: bool) -> list[Fault]:
    """Rounds of all kinds, each round in an order of its own."""
    rng = random.Random(f"faults {seed}")  # noqa: S311 - a schedule, no secret
    links = {row.name: _rounds(rng, LINKS) for row in KINDS if row.on_a_link}
    kinds = [row for row in KINDS if kill_broker or not row.only_when_asked]
    free_at: dict[Part, float] = {}
    found: list[Fault] = []
    waiting: list[tuple[FaultKind, Link | None]] = []
    deaf = once or length_s < DEAF_FROM_MINUTES * 60
    at = pace.first_s
    while True:
        if not waiting:
            if once and found:
                return found
            waiting = [(row, next(links[row.name]) if row.on_a_link else None) for row in rng.sample(kinds, len(kinds))]
        ready = [(_free(free_at, _parts(*one)), one) for one in waiting]
        # the first of the round whose parts have healed; where none has, whichever heals first
        free_s, (row, link) = next((one for one in ready if one[0] <= at), min(ready, key=lambda one: one[0]))
        at = max(at, free_s)
        for_s = rng.uniform(row.shortest_s, row.longest_s) * pace.of_length
        if not deaf and row.name == "connections_half_open" and len(found) >= len(kinds) and link == "ingest-broker":
            deaf, for_s = True, DEAF_S
        if at + for_s > length_s - pace.quiet_s:
            return found
        waiting.remove((row, link))
        fault = Fault(round(at, 1), row.name, round(for_s, 1), link)
        found.append(fault)
        for part in _parts(row, link):
            free_at[part] = fault.end_s + row.heals_s * pace.of_healing
        if rng.random() < OVERLAPPING:
            at += rng.uniform(0.3, 1.5)
        else:
            at += min(for_s, row.longest_s) + row.heals_s * pace.of_healing / 2 + rng.uniform(*pace.gap_s)


def _dangers(seed: int, pace: Pace, faults: Collection[Fault], length_s: float) -> list[Danger]:
    """Carbon monoxide in the middle of every fault, and every few seconds besides."""
    rng = random.Random(f"dangers {seed}")  # noqa: S311 - a schedule, no secret
    times = [fault.at_s + rng.uniform(0.0, min(fault.for_s, 10.0) + 1.0) for fault in faults]
    at = rng.uniform(0.0, pace.danger_every_s)
    while at < length_s - pace.quiet_s:
        times.append(at)
        at += pace.danger_every_s * rng.uniform(0.7, 1.3)
    ways: tuple[Way, Way] = ("event", "telemetry")
    return [Danger(round(at, 1), ways[place % 2]) for place, at in enumerate(sorted(times))]


def _parts(row: FaultKind, link: Link | None) -> frozenset[Part]:
    return row.parts if link is None else PARTS_OF[link]


def _free(free_at: dict[Part, float], parts: frozenset[Part]) -> float:
    return max((free_at.get(part, 0.0) for part in parts), default=0.0)


def _rounds(rng: random.Random, links: tuple[Link, ...]) -> Iterator[Link]:
    while True:
        yield from rng.sample(links, len(links))

"""What the system did in a run, as the scorer takes it: alarms, incidents, messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from catalogue.rules import SilenceRule, default_pack

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A row of the table `alarm` that was raised at least once. `device` is a uid, `home` and `village` are codes.

    `raised_at`: measured time of the last raise, `recorded_at`: when the system first knew. `inhibited`: an incident
    covered it, so that nobody saw it by itself.
    """

    id: int
    rule: str
    device: str
    home: str | None
    village: str | None
    raised_at: datetime
    recorded_at: datetime
    cleared_at: datetime | None = None
    inhibited: bool = False

    @property
    def silence(self) -> bool:
        """Whether it tells that nothing was heard."""
        return self.rule in silence_rules()


@dataclass(frozen=True, slots=True)
class Incident:
    """A row of the table `incident`; `village` is a code."""

    id: int
    kind: str
    village: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the table `notification`, about an alarm or an incident. `accepted_at`: None if no carrier took it."""

    alarm_id: int | None
    incident_id: int | None
    kind: str
    recipient: int
    created_at: datetime
    accepted_at: datetime | None

    @property
    def bad_news(self) -> bool:
        """Whether it says that something is wrong, not that it is over."""
        return self.kind in {"raised", "incident"}


@dataclass(frozen=True, slots=True)
class Run:
    """What was played: from when until when, by how many devices.

    `quiet`: spans in which nobody is judged for a false alarm, because the system itself was being started or broken.
    """

    since: datetime
    until: datetime
    devices: int
    quiet: Sequence[tuple[datetime, datetime]] = field(default=())

    @property
    def lasted(self) -> timedelta:
        """From its beginning to its end."""
        return max(self.until - self.since, timedelta())

    @property
    def device_days(self) -> float:
        """Devices × days in which a false alarm counts."""
        spans = sorted((max(begin, self.since), min(end, self.until)) for begin, end in self.quiet)
        silent, upto = timedelta(), self.since
        for begin, end in spans:
            if end > max(begin, upto):
                silent += end - max(begin, upto)
                upto = end
        return self.devices * ((self.lasted - silent) / _DAY)

    def judges(self, moment: datetime) -> bool:
        """Whether a false alarm at this moment counts."""
        if not self.since <= moment <= self.until:
            return False
        return not any(begin <= moment < end for begin, end in self.quiet)


@lru_cache(maxsize=1)
def silence_rules() -> frozenset[str]:
    """Rules of the default pack that are raised by silence."""
    return frozenset(rule.id for rule in default_pack().rules if isinstance(rule, SilenceRule))

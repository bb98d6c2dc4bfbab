"""The valley tariff: the hours in which electricity is cheap and what stores heat is charged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Valley:
    """A span of the day in local hours 0…24, over midnight when it opens later than it closes."""

    opens: float
    closes: float

    @property
    def hours(self) -> float:
        """How long it is open a day."""
        return (self.closes - self.opens) % 24

    def since(self, hour: float) -> float:
        """Hours since it last opened."""
        return (hour - self.opens) % 24

    def is_open(self, hour: float) -> bool:
        """Whether the tariff runs at this hour."""
        return self.since(hour) < self.hours

    def level(self, hour: float) -> float:
        """How full a store is then on an ordinary winter day, 0…1: fills while open, is used up to 15 % after (A)."""
        since = self.since(hour)
        if since < self.hours:
            return 0.15 + 0.85 * since / self.hours
        return 1.0 - 0.85 * (since - self.hours) / (24 - self.hours)


VALLEY: Final = Valley(22.0, 8.0)
"""22:00–08:00 (SIMULATION.md, "Storage heater")."""

"""Rules on what a device says of itself: its alarm bits, how often it says so, and its makers' fault codes."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from catalogue.event_types import EVENT_TYPE
from catalogue.faults import FAULT
from catalogue.rules.rule import Rule, Seconds


class EventRule(Rule):
    """The device's own alarm bit."""

    kind: Literal["event"]
    event: str

    @model_validator(mode="after")
    def _known_event(self) -> Self:
        if self.event not in EVENT_TYPE:
            raise ValueError(f"unknown event {self.event!r}")
        return self


class CountRule(Rule):
    """The alarm bit `event` came on `at_least` times within `within_s`, as the stored events say.

    Normal again when it goes off after it had been on less often than that; a latching one waits for a person too.
    """

    kind: Literal["count"]
    event: str
    at_least: int = Field(ge=2, le=1000)
    within_s: Seconds = Field(gt=0, le=7 * 86_400)

    @model_validator(mode="after")
    def _known_event(self) -> Self:
        if self.event not in EVENT_TYPE:
            raise ValueError(f"unknown event {self.event!r}")
        if self.life_safety:
            raise ValueError("what came before is in the database: a count cannot be life_safety")
        return self


class FaultRule(Rule):
    """A reading carries a maker's code for one of `faults`; back when a reading comes without."""

    kind: Literal["fault"]
    faults: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_faults(self) -> Self:
        unknown = sorted(set(self.faults) - FAULT.keys())
        if unknown:
            raise ValueError(f"unknown fault {', '.join(unknown)}")
        if self.life_safety:
            raise ValueError("codes are read with the registry's vendor and model: a fault cannot be life_safety")
        return self

"""What is scored, and what a right answer is: rows of kinds.yaml, read and checked at import."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Final

from pydantic import Field, FiniteFloat, model_validator

from catalogue.device_types import DEVICE_TYPE
from catalogue.rows import Record, Row, Text, parse_rows
from device_sim.score.danger import Criterion

_FILE: Final = "kinds.yaml"

Seconds = Annotated[FiniteFloat, Field(ge=0)]


class FromInjection(Record):
    """Silence: due when injected, if it lasts for max(`intervals` × the slowest device's interval, `at_least_s`)."""

    intervals: Seconds = 0.0
    at_least_s: Seconds = 0.0

    def needed_s(self, interval_s: float) -> float:
        """How long an event must last to be due, where the slowest device reports every `interval_s`."""
        return max(self.intervals * interval_s, self.at_least_s)


class Kind(Row):
    """A kind of event. The fields' meaning stands at the head of kinds.yaml."""

    en: Text
    zh: Text
    rules: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    danger: tuple[Criterion, ...] = ()
    from_injection: FromInjection | None = None
    told: bool = True
    heater: bool = False
    grace_s: Seconds = 120.0
    no_rule_for: tuple[str, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether anything in the default pack answers it."""
        return bool(self.rules or self.incidents)

    def criteria_for(self, device_type: str) -> tuple[Criterion, ...]:
        """What a device of this type can show of it; nothing for a type that neither measures nor reports it."""
        row = DEVICE_TYPE[device_type]
        measured = [
            each
            for each in self.danger
            if each.metric is not None and each.concerns(device_type) and each.metric in row.all_metrics
        ]
        if not measured and not (self.heater and row.heats):
            return ()
        return (*measured, *(each for each in self.danger if each.bit is not None))

    @model_validator(mode="after")
    def _sound(self) -> Kind:
        if bool(self.danger) + (self.from_injection is not None) != self.answered:
            raise ValueError("rules (or incidents) come together with danger or from_injection, one of both")
        twice = set(self.rules) & set(self.explains)
        if twice:
            raise ValueError(f"{min(twice)} stands in rules and in explains")
        return self


def parse_kinds(text: str) -> dict[str, Kind]:
    """The rows in `text` by name. Raises CatalogueError that names file, row and field."""
    return {row.name: row for row in parse_rows(text, _FILE, Kind)}


KIND: Final[dict[str, Kind]] = parse_kinds(files("device_sim.score").joinpath(_FILE).read_text(encoding="utf-8"))


def home_kind(rule: str) -> str | None:
    """The kind for which a false alarm (or incident) of this rule counts; None for what is not scored."""
    return next((name for name, kind in KIND.items() if rule in kind.rules or rule in kind.incidents), None)

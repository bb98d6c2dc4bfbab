"""Who is told next when nobody answers: the plans, rows of data/escalation.yaml."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from catalogue.rows import Record, Row, Text, load_rows

Level = Literal["village", "township", "county", "city"]


class Step(Record):
    """One step of a plan; the first tells at once."""

    after_min: int = Field(ge=0)
    level: Level
    everybody: bool = False
    voice: bool = False

    @property
    def after(self) -> timedelta:
        """Since the alarm was told first."""
        return timedelta(minutes=self.after_min)


class Plan(Row):
    """What happens until somebody answers. `again_min`, `reopen_min`: None for never."""

    source: Text
    steps: tuple[Step, ...] = Field(min_length=1)
    again_min: int | None = Field(default=None, ge=15)
    reopen_min: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Plan:
        times = [step.after_min for step in self.steps]
        if times[0] != 0 or times != sorted(set(times)):
            raise ValueError("steps must begin at 0 and each come after the one before")
        return self


PLANS: tuple[Plan, ...] = load_rows("escalation.yaml", Plan)
PLAN: dict[str, Plan] = {row.name: row for row in PLANS}

"""What every rule says, whatever its kind: whom it concerns, how urgent it is, who is told what, where it stands."""

from __future__ import annotations

from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from catalogue.building_classes import BUILDING_CLASS
from catalogue.device_types import DEVICE_TYPE
from catalogue.organisation_kinds import ORGANISATION_KIND

Priority = Literal["critical", "high", "medium", "low"]
Seconds = Annotated[FiniteFloat, Field(ge=0)]
Suppressor = Literal["shelving", "maintenance", "out_of_service", "vacant", "flapping"]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,47}$")]
DayOfYear = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class Season(BaseModel):
    """Days of the year, both included, as `MM-DD` in the village's own time; it may run over the new year."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins: DayOfYear
    ends: DayOfYear

    def holds(self, day: date) -> bool:
        """Whether the day is in it."""
        today = f"{day:%m-%d}"
        if self.begins <= self.ends:
            return self.begins <= today <= self.ends
        return today >= self.begins or today <= self.ends


class Hours(BaseModel):
    """Hours of the day in the village's own time, `until` excluded; they may run over midnight."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: int = Field(ge=0, le=23)
    until: int = Field(ge=0, le=24)

    def hold(self, hour: int) -> bool:
        """Whether the hour is among them."""
        if self.since <= self.until:
            return self.since <= hour < self.until
        return hour >= self.since or hour < self.until


class Rule(BaseModel):
    """What a rule of any kind says of itself. `stands_at`: file and line of its row, as its alarms carry them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: RuleId
    priority: Priority
    latching: bool
    tell: bool
    tell_late: bool
    life_safety: bool = False
    en: str
    zh: str = Field(max_length=35)
    do: str = Field(max_length=35)
    source: str = Field(min_length=1)
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    building_classes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    season: Season | None = None
    hours: Hours | None = None
    suppressed_by: tuple[Suppressor, ...] = ("shelving", "maintenance", "out_of_service", "flapping")
    covered_by: tuple[RuleId, ...] = ()
    stands_at: str = Field(default="", exclude=True)

    def concerns(self, device_type: str) -> bool:
        """Whether the rule looks at devices of this type."""
        return (not self.types or device_type in self.types) and device_type not in self.except_types

    @property
    def scoped(self) -> bool:
        """Whether it looks at some devices of its types only."""
        return bool(self.models or self.building_classes or self.regions)

    @property
    def timed(self) -> bool:
        """Whether it looks at some times only."""
        return self.season is not None or self.hours is not None

    def covers(self, model: str, building_class: str, regions: tuple[str, ...]) -> bool:
        """Whether it looks at a device of this model and building; `regions`: codes of its village and all above.

        `models` are patterns: `*` stands for anything, `?` for one character; upper and lower case are the same.
        """
        return (
            (not self.models or any(fnmatchcase(model.casefold(), pattern.casefold()) for pattern in self.models))
            and (not self.building_classes or building_class in self.building_classes)
            and (not self.regions or any(code in self.regions for code in regions))
        )

    def in_time(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether it looks at this moment; `zone` is the village's own."""
        if not self.timed:
            return True
        local = moment.astimezone(zone)
        return self.looks_at(local.date(), local.hour)

    def looks_at(self, day: date, hour: int) -> bool:
        """Whether it looks at this hour of this day, both in the village's own time."""
        return (self.season is None or self.season.holds(day)) and (self.hours is None or self.hours.hold(hour))

    @model_validator(mode="after")
    def _told_whatever_happens(self) -> Rule:
        if self.life_safety and not (self.tell and self.priority == "critical" and self.latching):
            raise ValueError("life_safety is for rules that are critical, latching and told")
        if self.life_safety and "suppressed_by" in self.model_fields_set:
            raise ValueError("nothing suppresses a life_safety rule: leave suppressed_by out")
        if self.life_safety and self.covered_by:
            raise ValueError("nothing keeps a life_safety rule from being told: leave covered_by out")
        if self.life_safety and (self.scoped or self.timed):
            raise ValueError(
                "life_safety is for every home at every hour: no models, classes, regions, season or hours"
            )
        return self

    @model_validator(mode="after")
    def _organisations_are_told(self) -> Rule:
        if self.organisations and not self.tell:
            raise ValueError("organisations hear of rules that are told: leave organisations out, or tell it")
        return self

    @model_validator(mode="after")
    def _closed_by_a_person(self) -> Rule:
        if self.tell_late and not self.latching:
            raise ValueError("tell_late is for latching rules: no reading clears what was over when we heard of it")
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Rule:
        for what, named, known in (
            ("device type", (*self.types, *self.except_types), DEVICE_TYPE),
            ("building class", self.building_classes, BUILDING_CLASS),
            ("kind of organisation", self.organisations, ORGANISATION_KIND),
        ):
            unknown = sorted(set(named) - known.keys())
            if unknown:
                raise ValueError(f"unknown {what} {', '.join(unknown)}")
        return self

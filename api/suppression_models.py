"""What the API takes and answers about shelves, announced work and the alarms' quality."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from catalogue.rules import Priority

By = Annotated[str, Field(min_length=1, max_length=80, examples=["王某某"], description="who is responsible")]
Why = Annotated[str, Field(min_length=1, max_length=200, examples=["等配件"])]
Verdict = Literal["good", "watch", "bad", "too_few"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShelvingWish(_Body):
    """One open alarm, or a device with one rule or all that are not critical."""

    by: By
    why: Why
    minutes: float = Field(gt=0, description="12 hours at most, what is critical an hour")
    alarm: int | None = None
    device: str | None = None
    rule: str | None = None


class MaintenanceWish(_Body):
    """Exactly one of region, home and device; of a region also one type or model only."""

    by: By
    why: Why
    begins_at: AwareDatetime | None = Field(default=None, description="without: now")
    ends_at: AwareDatetime
    region: str | None = None
    home: str | None = None
    device: str | None = None
    device_type: str | None = None
    model: str | None = None


class Ending(_Body):
    """Who ends it."""

    by: By


class Made(_Body):
    """The number of what was made."""

    id: int


class Ended(_Body):
    """`ended_before`: it had ended already, and nothing has changed."""

    ended_before: bool


class ShelvingAnswer(_Body):
    """Something on the shelf. `ended_by` is null where its time was over."""

    id: int
    alarm: int | None
    device: str
    rule: str | None
    home: str | None
    village: str | None
    why: str
    by: str
    began_at: datetime
    until: datetime
    ended_at: datetime | None
    ended_by: str | None


class MaintenanceAnswer(_Body):
    """Announced work. `ended_at` is set where it was ended early or called off."""

    id: int
    region: str | None
    region_name: str | None
    home: str | None
    device: str | None
    device_type: str | None
    model: str | None
    why: str
    by: str
    begins_at: datetime
    ends_at: datetime
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    under_way: bool


class MeasureAnswer(_Body):
    """One figure with its target and verdict; `do` is empty where nothing need be done."""

    name: str
    value: float | None
    shown: str
    target: str
    verdict: Verdict
    do: str


class RecipientAnswer(_Body):
    """What one phone had to bear; its number is masked."""

    name: str
    phone: str
    region: str
    alarms: int
    messages: int
    mean_per_hour: float
    worst_hour: int
    floods: int
    flood_share: float
    verdict: Verdict


class SourceAnswer(_Body):
    """Alarms of one rule on one device."""

    device: str
    rule: str
    village: str
    alarms: int


class PriorityAnswer(_Body):
    """Alarms of one priority; the median is of the seconds from the message to the acknowledgement."""

    priority: Priority
    alarms: int
    told: int
    acknowledged: int
    median_s: float | None


class WithheldAnswer(_Body):
    """Messages that were held back; `outcome` is empty while they are."""

    reason: str
    outcome: str
    messages: int


class Quality(_Body):
    """How good the alarms were for those who received them."""

    since: datetime
    until: datetime
    verdict: Verdict
    alarms: int
    messages: int
    measures: list[MeasureAnswer]
    recipients: list[RecipientAnswer]
    top: list[SourceAnswer]
    chattering: list[SourceAnswer]
    priorities: list[PriorityAnswer]
    withheld: list[WithheldAnswer]

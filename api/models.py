"""What the API answers with. The metric fields of a reading are made from the catalogue."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from alerts.answers.verbs import Done, Verb
from catalogue.metrics import METRICS
from catalogue.rules import Priority

Metrics: type[BaseModel] = create_model(
    "Metrics",
    __doc__="The metrics of a reading; a metric that was not measured is left out.",
    **{
        metric.name: (
            float | None,
            Field(default=None, description=f"{metric.en} {metric.zh}", json_schema_extra={"unit": metric.unit}),
        )
        for metric in METRICS
    },  # type: ignore[call-overload]  # create_model's overloads do not know a mapping of fields
)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ledger(_Answer):
    """received = stored + duplicate + rejected, over all workers since the beginning."""

    received: int
    stored: int
    duplicate: int
    rejected: int
    balanced: bool


class WorkerHealth(_Answer):
    """One of our processes. `alive`: its heartbeat is recent."""

    kind: Literal["ingest", "alerts"]
    name: str
    alive: bool
    connected_since: datetime | None
    heartbeat_at: datetime
    waiting: int
    problem: str


class Health(_Answer):
    """`ok` when ingest and alerts live and the ledger balances; `problems` says what does not."""

    status: Literal["ok", "degraded"]
    problems: list[str]
    version: str
    edition: Literal["apache", "community"]
    timescaledb: str
    postgresql: str
    ledger: Ledger
    workers: list[WorkerHealth]


class DeviceAnswer(_Answer):
    """A registered device."""

    uid: str
    type: str
    model: str
    state: str
    interval_s: int
    home: str | None
    village: str | None
    village_code: str | None
    last_seen_at: datetime | None
    drill: bool = Field(description="the twin of a device in a drill (演练); what it reports did not happen")


class Page(_Answer):
    """A page of devices; `next` is the uid to ask on with, null on the last page."""

    devices: list[DeviceAnswer]
    next: str | None


class LatestReading(_Answer):
    """The newest reading of a device. `flags` name what was noteworthy about it."""

    uid: str
    type: str
    ts: datetime
    received_at: datetime
    seq: int | None
    boot: int | None
    fault: str | None
    flags: list[str]
    metrics: Metrics


class AlarmAnswer(_Answer):
    """One alarm. Its three axes are condition × acknowledged × suppression (ISA-18.2)."""

    id: int
    rule: str
    detail: str
    """Of a fault: which one."""
    pack: str
    """Rule pack and version that raised it."""
    stands_at: str
    """File and line of the rule then."""
    title: str
    title_zh: str
    source: str
    priority: Priority
    condition: Literal["active", "recovering", "normal"]
    stale: bool
    late: bool
    suppression: str = Field(description="none, shelved, inhibited (an incident), out_of_service, by_design")
    suppression_reason: str = Field(description="e.g. rule_shelved, maintenance, device_stored, vacant_home, flapping")
    suppressed_until: datetime | None = Field(description="when that ends by itself; null: when its cause does")
    incident: int | None
    device: str
    device_type: str
    home: str | None
    village: str | None
    raised_at: datetime
    recorded_at: datetime
    cleared_at: datetime | None
    closed_at: datetime | None
    last_value: float | None
    peak_value: float | None
    reason: str
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    false_alarm_at: datetime | None = Field(description="when a person first said that nothing was wrong")
    false_alarm_by: str | None
    help_asked_at: datetime | None = Field(description="when a person last asked for help")
    help_asked_by: str | None
    drill: bool = Field(description="of a drill (演练): nothing real has happened")


class Acknowledgement(_Answer):
    """Who has it, or what else they say."""

    by: str = Field(min_length=1, max_length=80, examples=["王某某"], description="the person who says it")
    verb: Verb = Field(
        default="have_it",
        description="have_it: acknowledges; false_alarm: acknowledges and marks it; need_help: acknowledges nothing,"
        " the escalation climbs at once",
    )


class Acknowledged(_Answer):
    """What the acknowledgement did."""

    result: Done


class IncidentAnswer(_Answer):
    """Alarms with one cause, told as one message."""

    id: int
    kind: Literal["village_silent", "gateway_silent", "area_silent", "model_fault", "clock_wrong", "escalation_late"]
    village: str = Field(description="the region: a village, of an area its county, of a model the top of the tree")
    subject: str = Field(description="a gateway's uid; a model, and its fault; otherwise empty")
    began_at: datetime
    recorded_at: datetime
    ended_at: datetime | None
    told_at: datetime | None = Field(description="when its (first) message was written")
    homes: int
    of_homes: int
    homes_back: int
    cause: str = Field(description="named reason of the hint")
    hint: str = Field(description="what may be the cause, from the order and timing of the drops; never a verdict")
    hint_zh: str
    part_of: int | None = Field(description="the larger incident that it is told with")
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    false_alarm_at: datetime | None
    false_alarm_by: str | None
    help_asked_at: datetime | None
    help_asked_by: str | None
    drill: bool = Field(description="of a drill (演练): nothing real has happened")


class IncidentDevice(_Answer):
    """A device in an incident."""

    uid: str
    type: str
    silent_since: datetime | None = Field(description="last heard before; of a fault or a clock: noticed")
    back_at: datetime | None = Field(description="heard (of a fault or a clock: well) again")


class IncidentHome(_Answer):
    """A home in an incident. It is back when the first of its devices is."""

    home: str | None
    address: str | None
    village: str | None
    vulnerable: bool = Field(description="a resident who needs help first")
    silent_since: datetime | None
    back_at: datetime | None
    devices: list[IncidentDevice]


class IncidentDetail(IncidentAnswer):
    """An incident with its homes: who is silent still first, and of them who needs help first."""

    affected: list[IncidentHome]
    parts: list[IncidentAnswer] = Field(description="the smaller incidents that are told with it")


class NotificationAnswer(_Answer):
    """A message to a person; its number is masked."""

    id: int
    alarm: int | None
    incident: int | None
    kind: str
    to: str
    phone: str
    way: str = Field(description="sms, voice, wecom, wecom_robot, wechat, email or webhook")
    channel: str | None = Field(description="The carrier that has it, or had it last")
    text: str
    state: str
    reason: str
    attempts: int
    created_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    drill: bool = Field(description="of a drill (演练); its text says so")


class TraceAnswer(_Answer):
    """One line of the trace of duty."""

    at: datetime
    what: str = Field(description="raised, written, accepted, delivered, escalated, acknowledged, opened_again, …")
    detail: str
    to: str = Field(description="whom a message was for")
    role: str
    message: int | None = Field(description="the id of the notification")


class Problem(_Answer):
    """What went wrong and what to do about it, in one line each."""

    detail: str
    do: str = ""


def measured(row: dict[str, Any]) -> BaseModel:
    """The metrics of a row that were measured."""
    return Metrics(**{metric.name: row[metric.name] for metric in METRICS if row[metric.name] is not None})

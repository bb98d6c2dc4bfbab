"""An open alarm as the queries have it: the columns that decisions need, and the State that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg import sql as pg

from alerts.condition import State

ALARM_COLUMNS: Final = pg.SQL(
    "a.id, a.device_id, a.rule, a.condition, a.since, a.last_ts, a.last_value, a.peak_value, a.samples, a.raised_at,"
    " a.recovering_since, a.cleared_at, a.closed_at, a.deadline, a.acknowledged_at is not null, a.late, a.stale,"
    " a.excess, a.detail"
)
"""For `{columns}` of every query on `alarm a` whose rows `state_of` reads."""


def state_of(row: Sequence[object]) -> State:
    """The State in a row of ALARM_COLUMNS (id, device_id and rule stand before it)."""
    (_, _, _, condition, since, last_ts, last_value, peak, samples, raised_at, recovering, cleared, closed, deadline,
     acknowledged, late, stale, excess, detail) = row  # fmt: skip
    return State(
        condition, since, last_ts, last_value, peak, samples,  # type: ignore[arg-type]  # the table's own types
        raised_at, recovering, cleared, closed, deadline, acknowledged, late, stale, excess, detail,  # type: ignore[arg-type]
    )  # fmt: skip

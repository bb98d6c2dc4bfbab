"""Who was told what, when and how, and what came of it: the trace of one alarm or incident, oldest first."""

from __future__ import annotations

from typing import Any

import psycopg

from foundation.errors import NotFound
from store.rows import rows


async def trace(
    connection: psycopg.AsyncConnection, *, alarm: int | None = None, incident: int | None = None
) -> list[dict[str, Any]]:
    """Rows of `duty_trace`, with whom each message was for. Raises NotFound where there is no such thing."""
    if alarm is not None:
        found, what = await rows(connection, "trace_of_alarm", {"alarm": alarm}), f"alarm {alarm}"
    else:
        found, what = await rows(connection, "trace_of_incident", {"incident": incident}), f"incident {incident}"
    if not found:
        raise NotFound(f"nothing is known of {what}", do="look at `nuanshao alarms list` or `nuanshao incidents`")
    return found

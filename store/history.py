"""History in columns: readings that are arrays already go into the hypertable without a Python object per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import psycopg

from foundation.clock import from_ms
from foundation.errors import NotFound, StoredAlready
from store.columnar import END, HEAD, Numbers, binary_rows, pg_time, pg_times
from store.copy import statement
from store.named_sql import sql

_QUARTER_MS: Final = 15 * 60 * 1000
_RAGGED: Final = ("ts", "device_id", "received_at", "seq", "boot", "flags", "device_ts", "fault")
_RAGGED_TYPES: Final = ("int8", "int4", "int8", "int8", "int8", "int4", "int8", "text")


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings of devices that report the same metrics; arrays of one length, times in ms since 1970.

    `device_ts_ms` is only looked at where `clock_wrong`. A metric that is not finite was not reported.
    """

    ts_ms: Numbers
    device_id: Numbers
    received_ms: Numbers
    seq: Numbers
    boot: Numbers
    flags: Numbers
    device_ts_ms: Numbers
    clock_wrong: Numbers
    fault: list[str]
    metrics: Mapping[str, Numbers]

    def __len__(self) -> int:
        return len(self.ts_ms)


def store_history(connection: psycopg.Connection, columns: Columns, now: datetime) -> None:
    """Stores readings that are all new, in one transaction, and notes what is to be rolled up.

    Raises StoredAlready when one of them is there; then none is stored.
    """
    whole = ~columns.clock_wrong & ~np.array([bool(fault) for fault in columns.fault], dtype=np.bool_)
    for values in columns.metrics.values():
        whole &= np.isfinite(values)
    try:
        with connection.transaction():
            if whole.any():
                _copy_whole(connection, columns, np.flatnonzero(whole))
            if not whole.all():
                _copy_ragged(connection, columns, np.flatnonzero(~whole))
            quarters = [from_ms(int(quarter) * _QUARTER_MS) for quarter in np.unique(columns.ts_ms // _QUARTER_MS)]
            connection.execute(
                sql("note_buckets"),
                {"grain": "15m", "buckets": quarters, "devices": [None] * len(quarters), "now": now},
            )
    except psycopg.errors.UniqueViolation:
        first = from_ms(int(columns.ts_ms.min()))
        raise StoredAlready(
            f"readings of these devices from {first:%Y-%m-%d %H:%M} UTC on are in the database already",
            do="choose another period or another database",
        ) from None


def device_ids(connection: psycopg.Connection, uids: list[str]) -> list[int]:
    """The ids of registered devices, in the order asked. Raises NotFound for one that is not."""
    known: dict[str, int] = dict(connection.execute(sql("ids_of_uids"), (uids,)).fetchall())
    missing = [uid for uid in uids if uid not in known]
    if missing:
        raise NotFound(f"{missing[0]} and {len(missing) - 1} more are not registered", do="register the devices first")
    return [known[uid] for uid in uids]


def refresh_latest(connection: psycopg.Connection, device_ids: list[int], since: datetime) -> None:
    """Brings device_latest up to what history holds of these devices since a moment; never backwards."""
    connection.execute(
        statement("latest_from_telemetry"),
        {"devices": device_ids, "since": since},
    )


def _copy_whole(connection: psycopg.Connection, columns: Columns, rows: Numbers) -> None:
    table = {
        "ts": pg_times(columns.ts_ms[rows]),
        "device_id": columns.device_id[rows],
        "received_at": pg_times(columns.received_ms[rows]),
        "seq": columns.seq[rows],
        "boot": columns.boot[rows],
        "flags": columns.flags[rows],
        **{name: values[rows] for name, values in columns.metrics.items()},
    }
    with (
        connection.cursor() as cursor,
        cursor.copy(statement("copy_telemetry", tuple(table))) as copy,
    ):
        copy.write(HEAD + binary_rows(table) + END)


def _copy_ragged(connection: psycopg.Connection, columns: Columns, rows: Numbers) -> None:
    names = list(columns.metrics)
    listed = statement("copy_telemetry", (*_RAGGED, *names))
    with connection.cursor() as cursor, cursor.copy(listed) as copy:
        copy.set_types([*_RAGGED_TYPES, *(["float4"] * len(names))])
        for row in rows.tolist():
            metrics = [float(columns.metrics[name][row]) for name in names]
            claimed = pg_time(int(columns.device_ts_ms[row])) if columns.clock_wrong[row] else None
            copy.write_row(
                (
                    pg_time(int(columns.ts_ms[row])), int(columns.device_id[row]),
                    pg_time(int(columns.received_ms[row])), int(columns.seq[row]), int(columns.boot[row]),
                    int(columns.flags[row]), claimed, columns.fault[row] or None,
                    *(value if np.isfinite(value) else None for value in metrics),
                )
            )  # fmt: skip

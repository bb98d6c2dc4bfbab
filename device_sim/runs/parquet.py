"""Readings into a Parquet file: the hypertable's columns, and `home`, `type` and `uid` so that the file stands alone.

A row group holds one type's readings of some stretch of time: what the type has no metric for is empty then, and costs
nothing. A thread compresses while the county is stepped on.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from catalogue.metrics import METRIC_NAMES
from device_sim.arrays import Bools, Floats32, Ints
from device_sim.fleet.fleet import TYPES, Fleet
from device_sim.runs.judged import clocks_of, flags_of
from device_sim.sensors.batch import Batch, joined

TIME: Final = pa.timestamp("ms", tz="UTC")
WORD: Final = pa.dictionary(pa.int32(), pa.string())
SCHEMA: Final = pa.schema(
    [
        ("ts", TIME), ("device_id", pa.int32()), ("received_at", TIME), ("device_ts", TIME), ("seq", pa.int64()),
        ("boot", pa.int64()), ("flags", pa.int32()), ("fault", pa.string()),
        *((name, pa.float32()) for name in METRIC_NAMES),
        ("home", WORD), ("type", WORD), ("uid", WORD),
    ]
)  # fmt: skip
GROUP_ROWS: Final = 400_000
"""Readings that are collected before they are written: some 30 MB."""


class ParquetSink:
    """Writes `file`; it has its name only when it is whole, until then it is called `<file>.part`."""

    def __init__(self, file: Path, fleet: Fleet, about: Mapping[str, str]) -> None:
        self.file = file
        self._part = file.with_name(file.name + ".part")
        self._fleet = fleet
        self._writer = pq.ParquetWriter(
            self._part,
            SCHEMA.with_metadata(dict(about)),
            compression="zstd",
            compression_level=1,
            use_dictionary=["home", "type", "uid", "fault"],
            write_statistics=["ts", "device_id"],
        )
        self._waiting: dict[str, list[tuple[Batch, Ints]]] = {}
        self._rows = 0
        self._names = {name: _Names(fleet, name) for name in TYPES if len(fleet.rows_of(name))}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet")
        self._writing: Future[None] | None = None

    def write(self, batch: Batch, received_ms: Ints) -> None:
        """See Sink."""
        self._waiting.setdefault(batch.type, []).append((batch, received_ms))
        self._rows += len(batch)
        if self._rows >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """See Sink."""
        self._flush()
        self._wait()
        self._thread.shutdown()
        self._writer.close()
        self._part.replace(self.file)

    def abandon(self) -> None:
        """Leave no half file behind."""
        self._thread.shutdown(cancel_futures=True)
        self._writer.close()
        self._part.unlink(missing_ok=True)

    def _flush(self) -> None:
        self._wait()
        held, self._waiting, self._rows = self._waiting, {}, 0
        self._writing = self._thread.submit(self._write_groups, held)

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _write_groups(self, held: dict[str, list[tuple[Batch, Ints]]]) -> None:
        for parts in held.values():
            record = self._record(joined([batch for batch, _ in parts]), np.concatenate([ms for _, ms in parts]))
            self._writer.write_batch(record, row_group_size=GROUP_ROWS)

    def _record(self, batch: Batch, received_ms: Ints) -> pa.RecordBatch:
        many = len(batch)
        judged_ms, wrong = clocks_of(batch.ts_ms, received_ms)
        nothing = pa.nulls(many, pa.float32())
        columns: list[pa.Array] = [
            _times(judged_ms),
            pa.array(batch.device.astype(np.int32) + 1),
            _times(received_ms),
            _times(batch.ts_ms, ~wrong) if wrong.any() else pa.nulls(many, TIME),
            pa.array(batch.seq),
            pa.array(batch.boot),
            pa.array(flags_of(batch.ts_ms, received_ms, batch.columns).astype(np.int32)),
            pa.array([fault or None for fault in batch.fault], pa.string())
            if any(batch.fault)
            else pa.nulls(many, pa.string()),
        ]
        for name in METRIC_NAMES:
            values = batch.columns.get(name)
            columns.append(nothing if values is None else _measured(values))
        return pa.RecordBatch.from_arrays([*columns, *self._names[batch.type].of(batch.device)], schema=SCHEMA)


class _Names:
    """Home, type and uid of the devices of one type, as dictionaries made once."""

    def __init__(self, fleet: Fleet, device_type: str) -> None:
        rows = fleet.rows_of(device_type)
        self._place = np.full(len(fleet.device_home), -1, dtype=np.int32)
        self._place[rows] = np.arange(len(rows), dtype=np.int32)
        self._homes = pa.array([fleet.names.home_code(int(home)) for home in fleet.device_home[rows]], pa.string())
        self._uids = pa.array([fleet.uid(int(row)) for row in rows], pa.string())
        self._type = pa.array([device_type], pa.string())

    def of(self, devices: Ints) -> list[pa.Array]:
        places = pa.array(self._place[devices])
        kinds = pa.array(np.zeros(len(devices), dtype=np.int32))
        return [
            pa.DictionaryArray.from_arrays(places, self._homes),
            pa.DictionaryArray.from_arrays(kinds, self._type),
            pa.DictionaryArray.from_arrays(places, self._uids),
        ]


def _measured(values: Floats32) -> pa.Array:
    finite = np.isfinite(values)
    return pa.array(values) if finite.all() else pa.array(values, mask=~finite)


def _times(ms: Ints, mask: Bools | None = None) -> pa.Array:
    return pa.array(ms.astype("datetime64[ms]"), TIME, mask=mask)

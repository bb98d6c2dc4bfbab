"""The bytes of the wire contract v1: readings, alarm bits, birth and will."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np

from catalogue.metrics import METRIC
from device_sim.sensors.batch import Batch

_NAN: Final = msgspec.Raw(b"NaN")
"""What a firmware prints for a value that is no number, though JSON has no word for it."""


def reading_payloads(batch: Batch, ids: list[str] | None = None) -> list[bytes]:
    """Each reading of the batch as JSON, in its order; `ids` name the devices when a gateway speaks for them."""
    names = list(batch.columns)
    # double precision again: 21.3 in single precision would be written as 21.299999237060547
    columns = [_numbers(name, batch) for name in names]
    rows = zip(*columns, strict=True) if columns else iter([()] * len(batch))
    heads = zip(batch.ts_ms.tolist(), batch.seq.tolist(), batch.boot.tolist(), batch.fault, strict=True)
    payloads = []
    for place, ((ts, seq, boot, fault), values) in enumerate(zip(heads, rows, strict=True)):
        reading: dict[str, object] = {} if ids is None else {"id": ids[place]}
        reading |= {"ts": ts, "seq": seq, "boot": boot}
        reading["m"] = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        if fault:
            reading["fault"] = fault
        payloads.append(msgspec.json.encode(reading))
    return payloads


def _numbers(name: str, batch: Batch) -> list[int | float | msgspec.Raw | None]:
    column = batch.columns[name]
    whole = np.isfinite(column).all()
    if METRIC[name].decimals == 0 and whole:
        return list(np.rint(column).astype(np.int64).tolist())
    exact = np.round(column.astype(np.float64), METRIC[name].decimals).tolist()
    if whole:
        return list(exact)
    return [None if math.isnan(value) else _NAN if math.isinf(value) else value for value in exact]


def event_payload(ts_ms: int, event_type: str, *, on: bool, uid: str | None = None) -> bytes:
    """One alarm bit of a device; `uid` names it when a gateway speaks for it."""
    named = {} if uid is None else {"id": uid}
    return msgspec.json.encode({**named, "ts": ts_ms, "type": event_type, "on": on})


def status_payload(ts_ms: int, state: str, session: str) -> bytes:
    """Birth or will."""
    return msgspec.json.encode({"state": state, "session": session, "ts": ts_ms})

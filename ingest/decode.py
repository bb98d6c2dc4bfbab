"""Bytes to readings, events and status, or to a named reason why not. Pure.

Well-formed payloads take one typed pass. What fails there is read again leniently, element by element, so that one
bad reading or one bad metric never costs its neighbours: a device that prints NaN for one sensor still tells its CO.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import msgspec

from catalogue.flags import Flag
from catalogue.wire import MAX_PAYLOAD_BYTES, MAX_READINGS
from ingest.reject import Reject

MAX_FAULT_LENGTH = 32
_INT8_MAX = 2**63 - 1
_BRACE = ord("{")

MetricValue = float | bool | None


class Reading(msgspec.Struct, gc=False):
    """The metrics that one device measured at one instant, as it sent them."""

    ts: int | float | None = None
    seq: int | None = None
    boot: int | None = None
    m: dict[str, MetricValue] = {}
    fault: str | None = None
    id: str | None = None
    flags: int = 0
    """Filled by the lenient pass only; a device's own "flags" is overwritten by `_strict`."""


class Event(msgspec.Struct, gc=False):
    """One of the device's own alarm bits."""

    type: str
    on: bool
    ts: int | float | None = None
    id: str | None = None


class Status(msgspec.Struct, gc=False):
    """Birth or will."""

    state: str
    session: str | int | None = None
    ts: int | float | None = None


_reading = msgspec.json.Decoder(Reading)
_readings = msgspec.json.Decoder(list[Reading])
_event = msgspec.json.Decoder(Event)
_status = msgspec.json.Decoder(Status)


def decode_readings(payload: bytes) -> list[Reading | Reject]:
    """The readings of a `telemetry` or `backfill` payload, each by itself readable or rejected."""
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        return [_refuse_size(payload)]
    try:
        if payload[0] == _BRACE:
            return [_strict(_reading.decode(payload))]
        readings = _readings.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _lenient(payload)
    if not readings or len(readings) > MAX_READINGS:
        return [_refuse_count(len(readings))]
    return [_strict(reading) for reading in readings]


def decode_event(payload: bytes) -> Event | Reject:
    """The event of an `event` payload."""
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        return _refuse_size(payload)
    try:
        return _event.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raw = _parse(payload)
        if isinstance(raw, Reject):
            return raw
        return _lenient_event(raw) or Reject("not_an_event", _one_line(wrong))


def decode_status(payload: bytes) -> Status | Reject:
    """The birth or will of a `status` payload."""
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        return _refuse_size(payload)
    try:
        status = _status.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raw = _parse(payload)
        return raw if isinstance(raw, Reject) else Reject("not_a_status", _one_line(wrong))
    if status.state not in {"online", "offline"}:
        return Reject("not_a_status", f"state is {status.state[:40]!r}, expected online or offline")
    return status


def _refuse_size(payload: bytes) -> Reject:
    if not payload:
        return Reject("empty", "the payload has no bytes")
    return Reject("too_large", f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read")


def _refuse_count(count: int) -> Reject:
    if count == 0:
        return Reject("not_a_reading", "an empty array")
    return Reject("too_many_readings", f"{count} readings in one payload, at most {MAX_READINGS} are read")


def _strict(reading: Reading) -> Reading | Reject:
    """As it is where whole numbers fit their columns and the fault is printable text that fits its own."""
    reading.flags = 0
    seq, boot, fault = reading.seq, reading.boot, reading.fault
    if fault is None:
        if not reading.m:
            return Reject("not_a_reading", 'neither "m" nor "fault" is there')
    elif len(fault) > MAX_FAULT_LENGTH or not fault.isprintable():
        return _lenient_reading(msgspec.to_builtins(reading))
    if (seq is None or 0 <= seq <= _INT8_MAX) and (boot is None or 0 <= boot <= _INT8_MAX):
        return reading
    return _lenient_reading(msgspec.to_builtins(reading))


def _parse(payload: bytes) -> Any | Reject:
    """Any JSON; bytes that are no UTF-8 (a fault text in GBK) are replaced, a byte order mark is passed over."""
    try:
        return json.loads(payload.decode("utf-8-sig"), parse_int=_parse_int)
    except UnicodeDecodeError as wrong:
        try:
            return json.loads(payload.decode("utf-8-sig", "replace"), parse_int=_parse_int)
        except (ValueError, RecursionError):
            return Reject("not_utf8", f"byte {wrong.start}: {wrong.reason}")
    except RecursionError:
        return Reject("not_json", "nested too deeply")
    except ValueError as wrong:
        return Reject("not_json", _one_line(wrong))


def _parse_int(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:  # Python reads no number with thousands of digits; the neighbours are not to blame
        return math.inf


def _lenient(payload: bytes) -> list[Reading | Reject]:
    raw = _parse(payload)
    if isinstance(raw, Reject):
        return [raw]
    found = Flag(0) if _is_utf8(payload) else Flag.NOT_UTF8
    if not isinstance(raw, list):
        return [_lenient_reading(raw, found)]
    if not 0 < len(raw) <= MAX_READINGS:
        return [_refuse_count(len(raw))]
    return [_about(_lenient_reading(element, found), element) for element in raw]


def _about(result: Reading | Reject, element: object) -> Reading | Reject:
    """A reject of one element keeps that element, not the whole array once for each."""
    if isinstance(result, Reject):
        return replace(result, excerpt=json.dumps(element, ensure_ascii=True).encode())
    return result


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lenient_reading(raw: object, flags: Flag = Flag(0)) -> Reading | Reject:  # noqa: B008 (a flag is a value)
    """A reading of which whatever can be understood is kept, and the rest flagged."""
    if not isinstance(raw, dict):
        return Reject("not_a_reading", f"expected an object, found {_kind(raw)}")
    metrics = raw.get("m")
    if metrics is None:
        metrics = {}
    if not isinstance(metrics, dict):
        return Reject("wrong_type", f'"m" must be an object of metrics, found {_kind(metrics)}')
    uid = raw.get("id")
    if uid is not None and not isinstance(uid, str):
        return Reject("wrong_type", f'"id" must be text, found {_kind(uid)}')
    kept: dict[str, MetricValue] = {}
    for name, value in metrics.items():
        if value is None or isinstance(value, bool):
            kept[name] = value
        elif isinstance(value, int | float):
            number = _finite(value)
            kept[name] = number
            flags |= Flag.NOT_A_NUMBER if number is None else Flag(0)
        else:
            kept[name] = None
            flags |= Flag.WRONG_TYPE
    fault = raw.get("fault")
    if fault is not None:
        fault = "".join(c if c.isprintable() else "?" for c in str(fault))[:MAX_FAULT_LENGTH]
    if not kept and fault is None:
        return Reject("not_a_reading", 'neither "m" nor "fault" is there')
    return Reading(
        ts=_time(raw.get("ts")),
        seq=_whole(raw.get("seq")),
        boot=_whole(raw.get("boot")),
        m=kept,
        fault=fault,
        id=uid,
        flags=int(flags),
    )


def _lenient_event(raw: object) -> Event | None:
    """An alarm bit without its time where only that cannot be understood: an alarm is not lost for its clock."""
    if not isinstance(raw, dict):
        return None
    kind, on, uid = raw.get("type"), raw.get("on"), raw.get("id")
    if not isinstance(kind, str) or not isinstance(on, int) or not 0 <= on <= 1:
        return None
    if uid is not None and not isinstance(uid, str):
        return None
    return Event(kind, bool(on), _time(raw.get("ts")), uid)


def _time(value: object) -> float | None:
    return _finite(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _INT8_MAX else None


def _kind(value: object) -> str:
    return {dict: "an object", list: "an array", str: "text", bool: "true/false", type(None): "null"}.get(
        type(value), "a number"
    )


def _one_line(wrong: Exception) -> str:
    return " ".join(str(wrong).split())[:200]

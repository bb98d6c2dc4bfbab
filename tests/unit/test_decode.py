"""Bytes from devices: what can be understood is kept, the rest gets a bounded reason, nothing raises."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.flags import Flag
from catalogue.wire import MAX_PAYLOAD_BYTES
from ingest.decode import Event, Reading, Status, decode_event, decode_readings, decode_status
from ingest.reject import Reject, RejectReason

REASONS = get_args(RejectReason)
GOOD: dict[str, Any] = {"ts": 1_770_000_000_000, "seq": 7, "boot": 2, "m": {"flow_c": 41.5, "co_ppm": 0}}
HUGE = "9" * 5000


def raw(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def the_reading(payload: bytes) -> Reading:
    (found,) = decode_readings(payload)
    assert isinstance(found, Reading), found
    return found


def the_reject(payload: bytes) -> Reject:
    (found,) = decode_readings(payload)
    assert isinstance(found, Reject), found
    return found


def test_one_reading() -> None:
    assert the_reading(raw({**GOOD, "fault": "E1", "id": "tl-0001-co"})) == Reading(
        ts=1_770_000_000_000, seq=7, boot=2, m={"flow_c": 41.5, "co_ppm": 0}, fault="E1", id="tl-0001-co"
    )


@pytest.mark.parametrize("count", [1, 2, 200])
def test_an_array_of_readings_in_its_order(count: int) -> None:
    found = decode_readings(raw([{**GOOD, "seq": seq} for seq in range(count)]))
    assert [one.seq for one in found if isinstance(one, Reading)] == list(range(count))


@pytest.mark.parametrize(
    ("payload", "reason", "detail"),
    [
        (b"", "empty", "no bytes"),
        (b" " * 1_000_000, "too_large", "1000000 bytes, at most 65536"),
        (raw(GOOD).ljust(MAX_PAYLOAD_BYTES + 1), "too_large", "65537 bytes"),
        (raw([GOOD] * 201), "too_many_readings", "201 readings"),
        (b"[" + b"{}," * 200 + b"NaN]", "too_many_readings", "201 readings"),
        (b"[]", "not_a_reading", "an empty array"),
        (b"hello", "not_json", "Expecting value"),
        (b"{", "not_json", ""),
        (raw(GOOD)[:-1], "not_json", ""),
        (raw(GOOD) + b"\0", "not_json", "Extra data"),
        (b"{'m': {}}", "not_json", ""),
        (b"[" * 60_000, "not_json", "nested too deeply"),
        (b'{"m":{"co_ppm":1},"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "not_json", "nested too deeply"),
        (b'{"m":{"co_ppm":\xb9\xfd}}', "not_utf8", "byte 15: invalid start byte"),
        (b"\xff\xfe{\0}\0", "not_utf8", "byte 0"),
        (b"42", "not_a_reading", "expected an object, found a number"),
        (b"null", "not_a_reading", "found null"),
        (b"true", "not_a_reading", "found true/false"),
        (b"NaN", "not_a_reading", "found a number"),
        (b'"warm"', "not_a_reading", "found text"),
        (b"[[]]", "not_a_reading", "found an array"),
        (b"{}", "not_a_reading", 'neither "m" nor "fault"'),
        (raw({"ts": 1, "m": {}}), "not_a_reading", 'neither "m" nor "fault"'),
        (raw({"ts": 1, "m": None}), "not_a_reading", 'neither "m" nor "fault"'),
        (raw({"ts": 1, "m": [1]}), "wrong_type", '"m" must be an object of metrics, found an array'),
        (raw({"ts": 1, "m": "co_ppm"}), "wrong_type", '"m" must be an object of metrics, found text'),
        (raw({**GOOD, "id": 5}), "wrong_type", '"id" must be text, found a number'),
        (raw({**GOOD, "id": True}), "wrong_type", '"id" must be text, found true/false'),
        (raw({**GOOD, "id": {}}), "wrong_type", '"id" must be text, found an object'),
    ],
)
def test_what_cannot_be_read_has_a_named_reason(payload: bytes, reason: str, detail: str) -> None:
    found = the_reject(payload)
    assert found.reason == reason
    assert detail in found.detail
    assert "\n" not in found.detail


def test_the_largest_payload_is_read() -> None:
    assert the_reading(raw(GOOD).ljust(MAX_PAYLOAD_BYTES)).seq == 7


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", HUGE, "9" * 400])
def test_a_sensor_that_prints_no_number_does_not_cost_the_others(token: str) -> None:
    found = the_reading(b'{"ts":5,"seq":1,"m":{"flow_c":%s,"co_ppm":320}}' % token.encode())
    assert found.m == {"flow_c": None, "co_ppm": 320}
    assert found.flags == Flag.NOT_A_NUMBER
    assert (found.ts, found.seq) == (5, 1)


@pytest.mark.parametrize("value", ["41.5", [41.5], {"v": 41.5}, ""])
def test_a_metric_of_a_wrong_type_does_not_cost_the_others(value: object) -> None:
    found = the_reading(raw({**GOOD, "m": {"flow_c": value, "co_ppm": 320}}))
    assert found.m == {"flow_c": None, "co_ppm": 320}
    assert found.flags == Flag.WRONG_TYPE


def test_both_kinds_of_wrong_metric_are_flagged() -> None:
    assert the_reading(b'{"m":{"a":NaN,"b":"x"}}').flags == Flag.NOT_A_NUMBER | Flag.WRONG_TYPE


def test_states_may_be_true_or_false_and_metrics_null() -> None:
    found = the_reading(raw({"m": {"flame": True, "defrost": False, "co_ppm": None}}))
    assert found.m == {"flame": True, "defrost": False, "co_ppm": None}
    assert found.flags == 0
    again = the_reading(b'{"m":{"flame":true,"defrost":false,"co_ppm":null,"x":NaN}}')
    assert again.m == {"flame": True, "defrost": False, "co_ppm": None, "x": None}


@pytest.mark.parametrize("ts", ["null", '"2026-02-01"', "true", "NaN", "1e400", "[]", HUGE])
def test_a_time_that_is_none_does_not_cost_the_reading(ts: str) -> None:
    found = the_reading(b'{"ts":%s,"m":{"co_ppm":320}}' % ts.encode())
    assert found.ts is None
    assert found.m == {"co_ppm": 320}


@pytest.mark.parametrize("field", ["seq", "boot"])
@pytest.mark.parametrize("value", ["-1", "1.5", '"7"', "true", "null", str(2**63), "9" * 400, HUGE, "{}"])
def test_a_counter_that_is_none_does_not_cost_the_reading(field: str, value: str) -> None:
    found = the_reading(b'{"ts":5,"%s":%s,"m":{"co_ppm":320}}' % (field.encode(), value.encode()))
    assert getattr(found, field) is None
    assert (found.ts, found.m) == (5, {"co_ppm": 320})


def test_the_largest_counter_that_fits_its_column_is_kept() -> None:
    found = the_reading(raw({**GOOD, "seq": 2**63 - 1, "boot": 0}))
    assert (found.seq, found.boot) == (2**63 - 1, 0)


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (b'"E1"', "E1"), (b'""', ""), (b'"a\\u0000b"', "a?b"), (b'"\\ud800"', "?"), (b'"a\\nb"', "a?b"),
        (b'"' + b"E" * 40 + b'"', "E" * 32), ('"过热"'.encode(), "过热"), (b"7", "7"), (b"[1]", "[1]"),
        (b"[" * 900 + b"]" * 900, "[" * 32), (HUGE.encode(), "inf"),
    ],
)  # fmt: skip
def test_a_fault_becomes_text_that_can_be_stored(fault: bytes, kept: str) -> None:
    found = the_reading(b'{"fault":%s}' % fault)
    assert found.fault == kept
    assert found.m == {}


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    twice = b'{"ts":1,"m":{"co_ppm":1,"co_ppm":320},"ts":2%s}'
    strict, lenient = the_reading(twice % b""), the_reading(twice % b',"x":NaN')
    assert (strict.ts, strict.m) == (lenient.ts, lenient.m) == (2, {"co_ppm": 320})


@pytest.mark.parametrize("flags", ["99", "-1", '"late"', "null", "256"])
def test_a_device_cannot_set_our_flags(flags: str) -> None:
    assert the_reading(b'{"m":{"co_ppm":320},"flags":%s}' % flags.encode()).flags == 0


@pytest.mark.parametrize(
    "bad",
    [b"1", b"null", b"[]", b"{}", b'{"m":5}', b'{"m":{"co_ppm":1},"id":[]}', b'"x"', b"NaN", HUGE.encode()],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_element_does_not_cost_its_neighbours(bad: bytes, place: int) -> None:
    elements = [raw({**GOOD, "seq": 1}), raw({**GOOD, "seq": 2})]
    elements.insert(place, bad)
    found = decode_readings(b"[" + b",".join(elements) + b"]")
    assert [type(one) for one in found] == [Reject if at == place else Reading for at in range(3)]
    assert [one.seq for one in found if isinstance(one, Reading)] == [1, 2]


def test_a_strange_name_of_a_metric_is_kept_for_the_judge() -> None:
    assert the_reading(b'{"m":{"\\ud800":1,"co_ppm":320}}').m == {"\ud800": 1, "co_ppm": 320}


# -- events ---------------------------------------------------------------------------------------------------------


def test_an_event() -> None:
    found = decode_event(b'{"ts":5,"type":"co_alarm","on":true,"id":"tl-0001-co"}')
    assert found == Event("co_alarm", True, 5, "tl-0001-co")


@pytest.mark.parametrize("ts", ["null", "NaN", "1e400", '"23:15"', "true", "{}", HUGE])
def test_an_alarm_is_not_lost_for_its_clock(ts: str) -> None:
    assert decode_event(b'{"ts":%s,"type":"co_alarm","on":true}' % ts.encode()) == Event("co_alarm", True)


@pytest.mark.parametrize(("on", "means"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_an_alarm_bit_may_be_written_as_a_number(on: str, *, means: bool) -> None:
    assert decode_event(b'{"ts":5,"type":"co_alarm","on":%s}' % on.encode()) == Event("co_alarm", means, 5)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"), (b"x" * 70_000, "too_large"), (b"\xff", "not_utf8"), (b"on", "not_json"),
        (b"[]", "not_an_event"), (b"[" * 60_000, "not_json"), (b"{}", "not_an_event"),
        (b'{"type":"co_alarm"}', "not_an_event"), (b'{"on":true}', "not_an_event"),
        (b'{"type":5,"on":true}', "not_an_event"),
        (b'{"type":"co_alarm","on":2}', "not_an_event"), (b'{"type":"co_alarm","on":"true"}', "not_an_event"),
        (b'{"type":"co_alarm","on":[]}', "not_an_event"), (b'{"type":"co_alarm","on":null}', "not_an_event"),
        (b'{"type":"co_alarm","on":true,"id":5}', "not_an_event"),
    ],
)  # fmt: skip
def test_what_is_no_event_has_a_named_reason(payload: bytes, reason: str) -> None:
    found = decode_event(payload)
    assert isinstance(found, Reject)
    assert found.reason == reason


# -- status ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", ["s1", 17, None])
def test_birth_and_will(session: str | int | None) -> None:
    for state in ("online", "offline"):
        assert decode_status(raw({"state": state, "session": session, "ts": 5})) == Status(state, session, 5)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"), (b"x" * 70_000, "too_large"), (b"\xff", "not_utf8"), (b"online", "not_json"),
        (b'"online"', "not_a_status"), (b'{"state":"asleep"}', "not_a_status"), (b'{"state":true}', "not_a_status"),
        (b'{"state":"online","session":[]}', "not_a_status"), (b'{"state":"online","ts":"x"}', "not_a_status"),
        (b"[" * 60_000, "not_json"),
    ],
)  # fmt: skip
def test_what_is_no_status_has_a_named_reason(payload: bytes, reason: str) -> None:
    found = decode_status(payload)
    assert isinstance(found, Reject)
    assert found.reason == reason


# -- whatever comes -------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
fields = st.dictionaries(st.sampled_from(["ts", "seq", "boot", "m", "fault", "id", "flags", "type", "on", "x"]), values)
metrics = st.dictionaries(st.sampled_from(["co_ppm", "flow_c", "flame", "x"]), values, max_size=4)
readings = st.builds(lambda more, m: {**GOOD, **more, "m": m}, fields, metrics)


def storable(found: Reading | Reject) -> bool:
    """Whether nothing in it would be refused by its column."""
    if isinstance(found, Reject):
        return found.reason in REASONS and len(found.detail) <= 300 and "\n" not in found.detail
    return (
        (found.seq is None or 0 <= found.seq < 2**63)
        and (found.boot is None or 0 <= found.boot < 2**63)
        and (found.fault is None or (len(found.fault) <= 32 and found.fault.isprintable()))
        and (bool(found.m) or found.fault is not None)
        and all(value is None or isinstance(value, bool | int | float) for value in found.m.values())
        and all(value is None or abs(value) < float("inf") for value in found.m.values())
        and 0 <= found.flags < 2 * Flag.NOT_UTF8
    )


def all_decoders(payload: bytes) -> None:
    found = decode_readings(payload)
    assert found, "something that was received is accounted for nowhere"
    assert all(storable(one) for one in found)
    for decode in (decode_event, decode_status):
        one = decode(payload)
        assert not isinstance(one, Reject) or storable(one)


@given(st.binary(max_size=200))
def test_any_bytes_are_accounted_for(payload: bytes) -> None:
    all_decoders(payload)


@given(values)
def test_any_json_is_accounted_for(value: object) -> None:
    all_decoders(raw(value))


@given(st.lists(readings | values, min_size=1, max_size=6))
def test_each_element_is_accounted_for_by_itself(elements: list[object]) -> None:
    found = decode_readings(raw(elements))
    assert len(found) == len(elements)
    for element, one in zip(elements, found, strict=True):
        assert storable(one)
        alone = decode_readings(raw([element]))
        assert [type(one)] == [type(other) for other in alone], "its neighbours changed what became of it"


@settings(max_examples=300)
@given(st.data())
def test_any_damage_to_a_payload_is_accounted_for(data: st.DataObject) -> None:
    payload = bytearray(raw([GOOD, {**GOOD, "fault": "过热", "m": {"co_ppm": 1e-3, "flame": True}}]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload) - 1))
        cut = data.draw(st.integers(0, 3))
        payload[at : at + cut] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"NaN", b"1e999", b'"', b"{", b"]"])
        )
        payload = payload or bytearray(b"x")
    all_decoders(bytes(payload))

"""Deliveries sorted into what one transaction stores: nothing is left out, nothing is counted twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.delivery import Delivery
from catalogue.event_types import EVENT_TYPES
from catalogue.flags import Flag
from catalogue.metrics import METRIC_INDEX
from ingest.batch import Batch, sort_out
from ingest.clocks import DeviceClocks
from ingest.commit import reject_row
from ingest.decode import decode_readings
from store.registry import KnownDevice

NOW = int(datetime(2026, 1, 15, 22, tzinfo=UTC).timestamp()) * 1000
GATEWAY = KnownDevice(1, "tl-0001-gw", "gateway", 300, "in_service", None)
DETECTOR = KnownDevice(2, "tl-0001-co", "co_detector", 300, "in_service", "tl-0001-gw")
RETIRED = KnownDevice(3, "tl-0002-co", "co_detector", 300, "retired", None)
REGISTRY = {device.uid: device for device in (GATEWAY, DETECTOR, RETIRED)}
CO = {"ts": NOW, "seq": 1, "boot": 1, "m": {"co_ppm": 320}}


def message(topic: str, payload: object, *, received_ms: int = NOW, duplicate: bool = False) -> Delivery:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Delivery(1, 1, topic, raw, duplicate, received_ms)


def telemetry(payload: object, *, uid: str = "tl-0001-co", **more: Any) -> Delivery:
    return message(f"heat/v1/{uid}/telemetry", payload, **more)


def event(payload: object, *, uid: str = "tl-0001-co", **more: Any) -> Delivery:
    return message(f"heat/v1/{uid}/event", payload, **more)


def status(payload: object, *, uid: str = "tl-0001-co") -> Delivery:
    return message(f"heat/v1/{uid}/status", payload)


def sort(*deliveries: Delivery) -> Batch:
    return sort_out(list(deliveries), REGISTRY, DeviceClocks())


def reasons(batch: Batch) -> list[str]:
    return [rejected.reject.reason for rejected in batch.rejects]


def test_each_kind_of_message_finds_its_place() -> None:
    batch = sort(
        telemetry([CO, {**CO, "ts": NOW - 1}]),
        message("heat/v1/tl-0001-co/backfill", CO),
        event({"ts": NOW, "type": "co_alarm", "on": True}),
        status({"state": "online", "session": "s1", "ts": NOW}),
        telemetry(b"{"),
    )
    assert [(one.ts_ms - NOW, one.flags) for one in batch.readings] == [(0, 0), (-1, 0), (0, Flag.BACKFILL)]
    assert [(one.type, one.on) for one in batch.events] == [("co_alarm", True)]
    assert [(one.device.uid, one.state, one.session) for one in batch.statuses] == [("tl-0001-co", "online", "s1")]
    assert reasons(batch) == ["not_json"]
    assert batch.received == 5, "a status is a hint and is not counted"


@pytest.mark.parametrize(
    "topic",
    [
        "", "heat", "heat/v1/tl-0001-co", "heat/v1/tl-0001-co/telemetry/x", "heat/v2/tl-0001-co/telemetry",
        "cool/v1/tl-0001-co/telemetry", "heat/v1/TL-0001-CO/telemetry", "heat/v1//telemetry", "/heat/v1/tl-0001-co",
        "heat/v1/tl-0001-co/", "heat/v1/tl-0001-co/Telemetry", "heat/v1/tl-0001-co/cmd", "heat/v1/tl-0001-co/cmd_ack",
        "unreadable:heat/v1/tl-0001-co/telemetry", "heat/v1/tl\0-0001/telemetry",
    ],
)  # fmt: skip
def test_a_topic_of_a_wrong_form_is_rejected(topic: str) -> None:
    batch = sort(message(topic, CO))
    assert reasons(batch) == ["bad_topic"]
    assert batch.received == 1


def test_what_the_registry_does_not_have_is_named_for_a_look() -> None:
    batch = sort(
        message("heat/v1/tl-9999-co/telemetry", CO), message("heat/v1/tl-9998-co/status", b'{"state":"online"}'),
        message("heat/v1/tl-0001-gw/telemetry", b'{"id":"tl-9997-co","m":{"co_ppm":1}}'),
        message("heat/v1/tl-0001-gw/telemetry", b'{"id":"no uid","m":{"co_ppm":1}}'),
        message("heat/v1/tl\0-0001/telemetry", CO), message("heat/v1/tl-0001-co/telemetry", CO),
    )  # fmt: skip
    assert batch.unknown == {"tl-9999-co", "tl-9998-co", "tl-9997-co"}


@pytest.mark.parametrize(
    ("uid", "named", "reason"),
    [
        ("tl-0001-gw", "tl-0001-co", None),
        ("tl-0001-co", None, None),
        ("tl-0001-co", "tl-0001-gw", "not_behind_gateway"),
        ("tl-9999-co", None, "unknown_device"),
        ("tl-0002-co", None, "retired_device"),
    ],
)
def test_who_speaks_for_whom_holds_for_readings_and_events(uid: str, named: str | None, reason: str | None) -> None:
    batch = sort(
        telemetry({**CO, "id": named}, uid=uid),
        event({"ts": NOW, "type": "co_alarm", "on": True, "id": named}, uid=uid),
    )
    assert [one.device.uid for one in batch.readings] == [one.device.uid for one in batch.events]
    assert reasons(batch) == ([] if reason is None else [reason] * 2)
    assert len(batch.readings) == (1 if reason is None else 0)


def test_a_gateway_that_names_one_stranger_loses_only_that_reading() -> None:
    ids = ["tl-0001-co", "tl-9999-co", None]
    batch = sort(telemetry([{**CO, "id": uid} for uid in ids], uid="tl-0001-gw"))
    assert [one.device.uid for one in batch.readings] == ["tl-0001-co", "tl-0001-gw"]
    assert reasons(batch) == ["unknown_device"]


@pytest.mark.parametrize("kind", [kind.name for kind in EVENT_TYPES])
def test_every_event_type_is_taken(kind: str) -> None:
    assert [one.type for one in sort(event({"ts": NOW, "type": kind, "on": True})).events] == [kind]


def test_an_event_of_another_type_is_rejected_with_those_that_are_known() -> None:
    batch = sort(event({"ts": NOW, "type": "sm\0ke\n", "on": True}))
    assert reasons(batch) == ["unknown_event"]
    assert batch.rejects[0].reject.detail.startswith("'sm\\x00ke\\n', expected co_alarm, gas_alarm")


def test_an_empty_status_deletes_a_retained_one_and_is_nothing() -> None:
    batch = sort(status(b""))
    assert (batch.received, batch.statuses) == (0, [])


@pytest.mark.parametrize(
    ("payload", "uid", "reason"),
    [
        ({"state": "asleep"}, "tl-0001-co", "not_a_status"),
        ({"state": "online"}, "tl-9999-co", "unknown_device"),
        ({"state": "online"}, "tl-0002-co", "retired_device"),
        (b"{", "tl-0001-co", "not_json"),
    ],
)
def test_a_wrong_status_is_rejected(payload: object, uid: str, reason: str) -> None:
    assert reasons(sort(status(payload, uid=uid))) == [reason]


@pytest.mark.parametrize(
    ("session", "kept"), [("s1", "s1"), (17, "17"), (None, ""), ("s" * 80, "s" * 64), ("a\0b", "a?b")]
)
def test_a_session_fits_its_column(session: object, kept: str) -> None:
    (found,) = sort(status({"state": "online", "session": session, "ts": NOW})).statuses
    assert found.session == kept


@pytest.mark.parametrize(("ts", "shown"), [(NOW - 9, NOW - 9), (0, NOW), (None, NOW), (NOW + 10**9, NOW)])
def test_a_status_is_shown_at_a_time_that_can_be(ts: int | None, shown: int) -> None:
    (found,) = sort(status({"state": "offline", "ts": ts})).statuses
    assert (found.ts_ms, found.received_ms) == (shown, NOW)


def test_a_backlog_with_a_dead_clock_gets_one_place_each() -> None:
    backlog = [{"ts": 0, "seq": seq, "m": {"co_ppm": seq}} for seq in range(5)]
    batch = sort(telemetry(backlog), telemetry({"ts": NOW, "m": {"co_ppm": 9}}), telemetry({"m": {"co_ppm": 5}}))
    places = {one.values[METRIC_INDEX["co_ppm"]]: one.ts_ms - NOW for one in batch.readings}
    assert places == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 9: 0}


def test_off_and_on_without_a_clock_keep_their_order() -> None:
    bits = [sort_bit(on=on, ts=ts) for ts in (None, 0) for on in (False, True)]
    batch = sort(*bits)
    assert [(one.on, one.ts_ms - NOW) for one in batch.events] == [(False, 0), (True, 1), (False, 2), (True, 3)]


def sort_bit(*, on: bool, ts: int | None) -> Delivery:
    return event({"ts": ts, "type": "co_alarm", "on": on})


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(NOW, NOW + 20)), max_size=40))
def test_the_line_of_a_bad_clock_gives_no_place_twice_and_none_before_its_time(asked: list[tuple[int, int]]) -> None:
    line = DeviceClocks()
    given_places = [(device_id, line.place(device_id, ms), ms) for device_id, ms in asked]
    assert all(place >= ms for _, place, ms in given_places)
    assert len({(device_id, place) for device_id, place, _ in given_places}) == len(asked)
    for number in (1, 2, 3):
        mine = [place for device_id, place, _ in given_places if device_id == number]
        assert mine == sorted(mine)


def test_a_reject_can_be_stored_whatever_is_in_it() -> None:
    (one,) = sort(message("heat/v1/a\0b/telemetry", b"\0" * 70_000)).rejects
    row = reject_row(one)
    assert (row["topic"], row["reason"]) == ("heat/v1/a?b/telemetry", "bad_topic")
    assert (row["payload"], row["payload_size"]) == (b"\0" * 65_536, 70_000)


# -- whatever comes -------------------------------------------------------------------------------------------------

uids = st.sampled_from(["tl-0001-gw", "tl-0001-co", "tl-0002-co", "tl-9999-co", "x", "a\0b"])
channels = st.sampled_from(["telemetry", "backfill", "event", "status", "cmd", "cmd_ack", "", "x/y"])
topics = st.builds("{}/{}/{}".format, st.sampled_from(["heat/v1", "heat/v2", "unreadable:heat/v1"]), uids, channels)
times = st.sampled_from([NOW, NOW - 400_000, 0, None, "now", 4_102_444_800_000])
one_reading = st.fixed_dictionaries(
    {"ts": times},
    optional={
        "m": st.dictionaries(st.sampled_from(["co_ppm", "x"]), st.sampled_from([1, -1, None, "a", True]), max_size=2),
        "seq": st.integers(-1, 2), "fault": st.sampled_from(["E1", "\0", 5]), "id": uids | st.none() | st.just(5),
    },
)  # fmt: skip
one_event = st.fixed_dictionaries(
    {"ts": times, "type": st.sampled_from(["co_alarm", "smoke", 5]), "on": st.sampled_from([True, False, 1, "yes"])}
)
one_status = st.fixed_dictionaries({"state": st.sampled_from(["online", "offline", "asleep"]), "ts": times})
written = st.one_of(one_reading, st.lists(one_reading, max_size=3), one_event, one_status)
payloads = written.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20)
deliveries = st.builds(Delivery, st.just(1), st.just(1), topics | st.text(), payloads, st.booleans(), st.just(NOW))


def expected_items(one: Delivery) -> int:
    """What the ledger must account for in one message, counted another way."""
    parts = one.topic.split("/")
    well_formed = len(parts) == 4 and parts[:2] == ["heat", "v1"] and parts[2] not in {"x", "a\0b", ""}
    if well_formed and parts[3] in {"telemetry", "backfill"}:
        return len(decode_readings(one.payload))
    return 1


@given(st.lists(deliveries, max_size=8))
def test_everything_received_is_a_reading_an_event_or_a_reject(some: list[Delivery]) -> None:
    batch = sort_out(some, REGISTRY, DeviceClocks())
    assert batch.received == len(batch.readings) + len(batch.events) + len(batch.rejects)
    nothing = sum(1 for one in some if one.topic.endswith("/status") and not one.payload and is_ours(one))
    assert batch.received + len(batch.statuses) + nothing == sum(map(expected_items, some))
    for rejected in batch.rejects:
        texts = [value for value in reject_row(rejected).values() if isinstance(value, str)]
        assert all("\0" not in text and text.encode() is not None for text in texts)
    stored = [one.device for one in batch.readings] + [one.device for one in batch.events]
    assert all(device.state == "in_service" for device in stored)


def is_ours(one: Delivery) -> bool:
    return one.topic.startswith("heat/v1/tl-")


@given(st.lists(deliveries, max_size=6), st.integers(0, 6))
def test_a_batch_split_in_two_holds_the_same(some: list[Delivery], at: int) -> None:
    line = DeviceClocks()
    whole = sort_out(some, REGISTRY, DeviceClocks())
    halves = [sort_out(half, REGISTRY, line) for half in (some[:at], some[at:])]
    assert whole.readings == [one for half in halves for one in half.readings]
    assert whole.events == [one for half in halves for one in half.events]
    assert whole.rejects == [one for half in halves for one in half.rejects]


def test_half_of_a_surrogate_pair_is_rejected_like_any_other_name() -> None:
    payload = b'[{"id": "\\ud800", "m": {"co_ppm": 1}}, {"m": {"co_ppm": NaN}}]'
    batch = sort(message("heat/v1/tl-0001-gw/telemetry", payload))
    assert [rejected.reject.reason for rejected in batch.rejects] == ["unknown_device"]
    assert batch.rejects[0].reject.excerpt is not None
    assert b"ud800" in batch.rejects[0].reject.excerpt

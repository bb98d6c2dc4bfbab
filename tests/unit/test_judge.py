"""A decoded reading against clock, ranges and registry."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.delivery import Delivery
from catalogue.flags import BAD_CLOCK, Flag
from catalogue.metrics import METRIC, METRIC_INDEX, METRICS, Metric
from catalogue.wire import CLOCK_AHEAD_S, CLOCK_BEHIND_S
from ingest.decode import Event, Reading, decode_readings
from ingest.judge import Judged, device_for, judge, judge_clock, judge_event
from ingest.reject import Reject
from store.columns import FIRST_METRIC, TELEMETRY_COLUMNS
from store.copy import key
from store.registry import KnownDevice

NOW = int(datetime(2026, 1, 15, 22, tzinfo=UTC).timestamp()) * 1000
DAY = 24 * 3600 * 1000
DETECTOR = KnownDevice(11, "tl-0001-co", "co_detector", 300, "in_service", "tl-0001-gw")
GATEWAY = KnownDevice(12, "tl-0001-gw", "gateway", 300, "in_service", None)
RETIRED = KnownDevice(13, "tl-0002-co", "co_detector", 300, "retired", "tl-0001-gw")
REGISTRY = {device.uid: device for device in (DETECTOR, GATEWAY, RETIRED)}


def at(name: str, **ago: float) -> Any:
    return pytest.param(NOW - int(timedelta(**ago).total_seconds() * 1000), id=name)


def delivery(payload: object = None, *, duplicate: bool = False) -> Delivery:
    return Delivery(1, 1, "heat/v1/tl-0001-co/telemetry", json.dumps(payload).encode(), duplicate, NOW)


def judged(reading: Reading, *, backfill: bool = False, duplicate: bool = False) -> Judged:
    return judge(reading, DETECTOR, delivery(reading.m, duplicate=duplicate), backfill=backfill)


def value(found: Judged, name: str) -> float | None:
    return found.values[METRIC_INDEX[name]]


# -- clock ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ts", "flag"),
    [
        (NOW, Flag(0)),
        (NOW + CLOCK_AHEAD_S * 1000, Flag(0)),
        (NOW + CLOCK_AHEAD_S * 1000 + 1, Flag.CLOCK_AHEAD),
        (NOW + CLOCK_AHEAD_S * 1000 + 0.5, Flag(0)),
        (int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000, Flag.CLOCK_AHEAD),
        (NOW - CLOCK_BEHIND_S * 1000, Flag(0)),
        (NOW - CLOCK_BEHIND_S * 1000 - 1, Flag.CLOCK_BEHIND),
        (0, Flag.CLOCK_BEHIND),
        (NOW / 1000, Flag.CLOCK_BEHIND),  # seconds instead of milliseconds
        (-62_135_596_800_000, Flag.CLOCK_BEHIND),
        (253_402_300_799_999, Flag.CLOCK_AHEAD),
    ],
)
def test_a_clock_is_believed_from_thirty_days_ago_to_five_minutes_ahead(ts: float, flag: Flag) -> None:
    judged_on, claimed, found = judge_clock(ts, NOW)
    assert found == flag
    assert (judged_on, claimed) == ((NOW, int(ts)) if flag else (int(ts), None))


@pytest.mark.parametrize("ts", [None, -62_135_596_800_001, 253_402_300_800_000, 10**400, -(10**400), 1e300])
def test_what_can_be_no_time_is_a_missing_time(ts: float | None) -> None:
    assert judge_clock(ts, NOW) == (NOW, None, Flag.CLOCK_MISSING)


@given(st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.integers(NOW - DAY, NOW + DAY))
def test_whatever_a_clock_says_both_times_can_be_stored(ts: float | None, received_ms: int) -> None:
    judged_on, claimed, flag = judge_clock(ts, received_ms)
    assert -CLOCK_BEHIND_S * 1000 <= judged_on - received_ms <= CLOCK_AHEAD_S * 1000
    assert bool(flag) == (judged_on == received_ms and int(ts or 0) != received_ms) or ts is None
    if claimed is not None:
        assert 1 <= datetime.fromtimestamp(claimed / 1000, UTC).year <= 9999


@pytest.mark.parametrize(
    ("ago_ms", "late"), [(0, False), (300_000, False), (300_001, True), (29 * DAY, True), (-60_000, False)]
)
def test_five_minutes_after_it_was_measured_a_reading_is_history(ago_ms: int, *, late: bool) -> None:
    found = judged(Reading(ts=NOW - ago_ms, m={"co_ppm": 1}))
    assert found.flags == (Flag.LATE if late else 0)
    assert found.late is late
    assert judge_event(Event("co_alarm", True, NOW - ago_ms), DETECTOR, delivery()).late is late


def test_a_dead_clock_is_not_late_but_live() -> None:
    found = judged(Reading(ts=0, m={"co_ppm": 320}))
    assert (found.flags, found.late, found.ts_ms, found.device_ts_ms) == (Flag.CLOCK_BEHIND, False, NOW, 0)


def test_backfill_is_history_however_fresh() -> None:
    found = judged(Reading(ts=NOW, m={"co_ppm": 320}), backfill=True)
    assert (found.flags, found.late) == (Flag.BACKFILL, True)


# -- ranges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_value_outside_its_range_is_nulled_and_the_rest_kept(metric: Metric) -> None:
    other = "rssi_dbm" if metric.name != "rssi_dbm" else "co_ppm"
    for inside in (metric.low, metric.high):
        found = judged(Reading(ts=NOW, m={metric.name: inside, other: 0}))
        assert (value(found, metric.name), value(found, other), found.flags) == (inside, 0, 0)
    for outside in (metric.low - 0.01, metric.high + 0.01, 1e300, -1e300, 10**400):
        found = judged(Reading(ts=NOW, m={metric.name: outside, other: 0}))
        assert (value(found, metric.name), value(found, other), found.flags) == (None, 0, Flag.OUT_OF_RANGE)


def test_an_unknown_metric_is_left_out_and_counted() -> None:
    found = judged(Reading(ts=NOW, m={"colour": 7, "co_ppm": 320, "\ud800": None}))
    assert value(found, "co_ppm") == 320
    assert found.flags == Flag.UNKNOWN_METRIC
    assert [place for place in found.values if place is not None] == [320]


def test_a_metric_that_was_unreadable_stays_null_with_its_flag() -> None:
    found = judged(Reading(ts=NOW, m={"co_ppm": None, "ch4_lel": 1}, flags=int(Flag.NOT_A_NUMBER)))
    assert (value(found, "co_ppm"), value(found, "ch4_lel"), found.flags) == (None, 1, Flag.NOT_A_NUMBER)


def test_flags_add_up() -> None:
    found = judged(Reading(ts=None, m={"x": 1, "co_ppm": -1}, flags=int(Flag.WRONG_TYPE)), backfill=True)
    both = Flag.CLOCK_MISSING | Flag.UNKNOWN_METRIC | Flag.OUT_OF_RANGE | Flag.WRONG_TYPE | Flag.BACKFILL
    assert found.flags == both


def test_a_state_may_be_true() -> None:
    assert value(judged(Reading(ts=NOW, m={"alarm": True})), "alarm") == 1


def test_a_row_is_in_the_order_of_the_columns() -> None:
    found = judged(Reading(ts=0, seq=7, boot=2, m={"co_ppm": 320}, fault="E1"))
    row = dict(zip(TELEMETRY_COLUMNS, found.row(), strict=True))
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    moments = {name: row.pop(name) for name in ("ts", "received_at", "device_ts")}
    assert {name: epoch + timedelta(microseconds=us) for name, us in moments.items() if isinstance(us, int)} == {
        "ts": datetime.fromtimestamp(NOW / 1000, UTC),
        "received_at": datetime.fromtimestamp(NOW / 1000, UTC),
        "device_ts": datetime(1970, 1, 1, tzinfo=UTC),
    }
    assert {name: row.pop(name) for name in ("device_id", "seq", "boot", "fault", "flags", "co_ppm")} == {
        "device_id": 11, "seq": 7, "boot": 2, "fault": "E1", "flags": Flag.CLOCK_BEHIND, "co_ppm": 320,
    }  # fmt: skip
    assert set(row.values()) == {None}
    assert len(found.row()) == FIRST_METRIC + len(METRIC)
    assert key(found.row()) == (11, NOW)


# -- who speaks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "named", "found"),
    [
        ("tl-0001-co", None, DETECTOR),
        ("tl-0001-co", "", DETECTOR),
        ("tl-0001-co", "tl-0001-co", DETECTOR),
        ("tl-0001-gw", "tl-0001-co", DETECTOR),
        ("tl-0001-gw", None, GATEWAY),
        ("tl-0001-co", "tl-0001-gw", "not_behind_gateway"),
        ("tl-9999-gw", "tl-0001-co", "not_behind_gateway"),
        ("tl-0001-co", "tl-0002-co", "not_behind_gateway"),
        ("tl-0001-gw", "tl-9999-co", "unknown_device"),
        ("tl-9999-co", None, "unknown_device"),
        ("tl-0001-gw", "\ud800\0\n", "unknown_device"),
        ("tl-0002-co", None, "retired_device"),
        ("tl-0001-gw", "tl-0002-co", "retired_device"),
    ],
)
def test_a_gateway_speaks_for_the_devices_behind_it(topic: str, named: str | None, found: KnownDevice | str) -> None:
    device = device_for(topic, named, REGISTRY)
    assert (device.reason if isinstance(device, Reject) else device) == found
    if isinstance(device, Reject):
        assert device.detail.isprintable()


def test_a_retired_device_is_not_told_to_a_stranger() -> None:
    found = device_for("tl-9999-gw", "tl-0002-co", REGISTRY)
    assert isinstance(found, Reject)
    assert found.reason == "not_behind_gateway"


# -- what tells a repetition from news ------------------------------------------------------------------------------


def test_a_believed_clock_needs_no_fingerprint() -> None:
    assert judged(Reading(ts=NOW, seq=1, m={"co_ppm": 1})).fingerprint is None


@pytest.mark.parametrize(
    ("reading", "duplicate", "fingerprint", "repeatable"),
    [
        (Reading(ts=0, seq=1, boot=2, m={"co_ppm": 1}), False, "0:2:1", True),
        (Reading(ts=0, seq=1, boot=2, m={"co_ppm": 1}), True, "0:2:1", True),
        # after a power cut such a device begins again with the same time and the same seq
        (Reading(ts=0, seq=1, m={"co_ppm": 1}), False, "0:None:1", False),
        (Reading(ts=0, seq=1, m={"co_ppm": 1}), True, "0:None:1", True),
        (Reading(ts=None, boot=2, m={"co_ppm": 1}), False, "None:2:OWN", False),
        (Reading(ts=None, boot=2, m={"co_ppm": 1}), True, "None:2:OWN", True),
    ],
)
def test_without_a_clock_a_reading_is_known_by_seq_and_boot_or_the_brokers_word(
    reading: Reading, fingerprint: str, *, duplicate: bool, repeatable: bool
) -> None:
    found = judged(reading, duplicate=duplicate)
    assert found.fingerprint
    assert re.sub(r"[0-9a-f]{8}$", "OWN", found.fingerprint) == fingerprint
    assert found.repeatable is repeatable


def test_without_seq_other_values_are_another_reading() -> None:
    prints = {judged(Reading(ts=0, m={"co_ppm": ppm})).fingerprint for ppm in range(5)}
    assert len(prints) == 5


def test_without_seq_the_readings_of_one_array_are_different_readings() -> None:
    array = [{"ts": 0, "m": {"co_ppm": 1}}, {"ts": 0, "m": {"co_ppm": 320}}, {"ts": 0, "fault": "\ud800"}]
    again = delivery(array, duplicate=True)
    found = [one for one in decode_readings(again.payload) if isinstance(one, Reading)]
    prints = [judge(one, DETECTOR, again, backfill=False).fingerprint for one in found]
    assert len(set(prints)) == 3
    assert prints == [judge(one, DETECTOR, again, backfill=False).fingerprint for one in found]


def test_an_alarm_bit_from_a_stuck_clock_is_a_repetition_only_where_the_broker_says_so() -> None:
    stuck = Event("co_alarm", True, 946_684_800_000)
    first, again = (judge_event(stuck, DETECTOR, delivery(duplicate=duplicate)) for duplicate in (False, True))
    assert first.fingerprint == again.fingerprint == "event:co_alarm:True:946684800000"
    assert (first.repeatable, again.repeatable) == (False, True)
    assert (first.ts_ms, first.device_ts_ms, first.flags) == (NOW, 946_684_800_000, Flag.CLOCK_BEHIND)


def test_an_alarm_bit_without_a_time_is_always_news() -> None:
    for ts in (None, 0):
        found = judge_event(Event("co_alarm", True, ts), DETECTOR, delivery(duplicate=True))
        assert found.fingerprint is None
        assert found.flags & BAD_CLOCK
        assert not found.late


def test_an_alarm_bit_with_a_believed_clock_keeps_its_time() -> None:
    found = judge_event(Event("co_alarm", False, NOW - 5), DETECTOR, delivery())
    assert (found.type, found.on, found.ts_ms, found.received_ms, found.device_ts_ms) == (
        "co_alarm", False, NOW - 5, NOW, None,
    )  # fmt: skip
    assert (found.flags, found.fingerprint) == (0, None)

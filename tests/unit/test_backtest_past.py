"""What the back-test remembers for rules that look back, against all that was ever read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerts.backtest.county import County, ReplayedDevice, Village
from alerts.backtest.past import ReplayedPast
from catalogue.rules import parse_pack
from store.stored import StoredEvent, StoredReadings

MINUTE = 60_000
TWICE_IN = (10 * MINUTE, 30 * MINUTE)
PACK = parse_pack(
    "pack: x\nversion: 1\nrules:\n"
    + "".join(
        f"- {{id: rate_{span}, kind: rate, types: [room_sensor], metric: indoor_c, raise_at: {level}, clear_at: 20,"
        f" by: 5, within_s: {span / 1000}, priority: low, latching: false, tell: true, tell_late: false, en: x, zh: x,"
        " do: x, source: x}\n"
        f"- {{id: count_{span}, kind: count, event: overheat, at_least: 2, within_s: {span / 1000}, priority: low,"
        " latching: false, tell: true, tell_late: false, en: x, zh: x, do: x, source: x}\n"
        for span, level in zip(TWICE_IN, (25, 30), strict=True)
    ),
    "x.yaml",
)
COUNTY = County(
    [ReplayedDevice(3, "room_sensor", 60), ReplayedDevice(7, "room_sensor", 60), ReplayedDevice(9, "co_detector", 60)],
    [Village("1", "one", 2)], [0, 0, 0], [True, True, True],
)  # fmt: skip
ROW = st.tuples(
    st.integers(0, 120), st.integers(0, 90), st.sampled_from((3, 7, 9, 50)),
    st.sampled_from((10.0, 22.0, 26.0, 40.0, np.nan)),
)  # fmt: skip
Row = tuple[int, int, int, float]


def stored(rows: list[Row]) -> StoredReadings:
    ts = np.array([row[0] * MINUTE for row in rows], dtype=np.int64)
    delay = np.array([row[1] * MINUTE for row in rows], dtype=np.int64)
    device = np.array([row[2] for row in rows], dtype=np.int64)
    return StoredReadings(ts, ts + delay, device, np.zeros_like(ts), {"indoor_c": np.array([row[3] for row in rows])})


@given(st.lists(ROW, max_size=60, unique_by=lambda row: (row[0], row[2])), st.integers(1, 20))
def test_the_extremes_are_those_of_what_had_been_received_by_then(rows: list[Row], at_once: int) -> None:
    rows, past = sorted(rows, key=lambda row: row[0]), ReplayedPast(COUNTY, PACK.rules)
    for start in range(0, len(rows), at_once):
        some = stored(rows[start : start + at_once])
        past.take(some, COUNTY.places(some.device_id), some.ts_ms)
    asked = [row for row in rows if row[2] in {3, 7} and row[3] >= 25]
    for ts, delay, device, _ in asked:
        for span in TWICE_IN:
            after, until = ts * MINUTE - span, ts * MINUTE
            among = [
                value
                for moment, waited, who, value in rows
                if who == device
                and after < moment * MINUTE <= until
                and moment + waited <= ts + delay
                and value == value  # noqa: PLR0124 - NaN is not itself
            ]
            assert past.extremes(device, "indoor_c", after, until) == (min(among), max(among))
    past.forget(1000 * MINUTE)
    assert all(
        past.extremes(row[2], "indoor_c", row[0] * MINUTE - TWICE_IN[0], row[0] * MINUTE) is None for row in asked
    )


BIT = st.tuples(st.integers(0, 120), st.integers(0, 90), st.sampled_from((3, 7)), st.booleans())


@given(st.lists(BIT, max_size=40, unique_by=lambda bit: (bit[0], bit[2])), st.integers(1, 120))
def test_a_bit_is_counted_as_often_as_it_had_been_received_by_then(
    bits: list[tuple[int, int, int, bool]], day: int
) -> None:
    past = ReplayedPast(COUNTY, PACK.rules)
    for begin in range(0, 121, day):
        past.take_events(
            [
                StoredEvent(ts * MINUTE, (ts + delay) * MINUTE, device, 0, "overheat", on)
                for ts, delay, device, on in bits
                if begin <= ts < begin + day
            ]
        )
    for ts, delay, device, on in bits:
        for span in TWICE_IN if on else ():
            times = sum(
                who == device and came_on and 0 <= (ts - moment) * MINUTE < span and moment + waited <= ts + delay
                for moment, waited, who, came_on in bits
            )
            assert past.times_on(device, "overheat", ts * MINUTE - span, ts * MINUTE) == times
    assert past.times_on(3, "tamper", 0, 1) == 0

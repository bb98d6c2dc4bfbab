"""The back-test's order of arrival and its silences, against what one would do by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.backtest import arrivals
from alerts.backtest.arrivals import Arrivals, Released
from alerts.backtest.county import County, ReplayedDevice, Village
from alerts.backtest.replay import suspects
from alerts.backtest.silence import Silences
from alerts.judgement import Judgement
from alerts.playing import Player
from catalogue.flags import Flag
from catalogue.rules import SilenceRule, default_pack
from store.stored import StoredReadings

COUNTY = County(
    [
        ReplayedDevice(3, "co_detector", 60),
        ReplayedDevice(7, "gas_wall_boiler", 300),
        ReplayedDevice(9, "co_detector", 60),
    ],
    [Village("1", "one", 2)], [0, 0, 0], [True, True, False],
)  # fmt: skip
MINUTE = 60_000


def stored(rows: list[tuple[int, int, int, int, float]]) -> StoredReadings:
    ts, received, device, flags, ppm = (np.array(column) for column in zip(*rows, strict=True))
    return StoredReadings(
        ts.astype(np.int64), received.astype(np.int64), device.astype(np.int64), flags.astype(np.int64),
        {"co_ppm": ppm.astype(np.float64)},
    )  # fmt: skip


def released(rows: list[tuple[int, int, int, int, float]], at_once: int) -> Iterator[Released]:
    waiting = Arrivals(COUNTY, ("co_ppm",), lambda some: some.values[:, 0] >= 300)
    rows = sorted(rows)
    for start in range(0, len(rows), at_once):
        yield from waiting.take(stored(rows[start : start + at_once]))
    yield waiting.rest()
    assert waiting.readings == sum(row[2] in {3, 7, 9} for row in rows)


ROW = st.builds(
    lambda ts, delay, device, late, ppm: (
        ts, ts + (delay * MINUTE if late else min(delay, 5) * MINUTE), device, int(Flag.LATE) if late else 0, ppm
    ),
    st.integers(0, 200 * MINUTE), st.integers(-5, 300), st.sampled_from((3, 5, 7, 9, 1000)), st.booleans(),
    st.sampled_from((3.0, 400.0, np.nan)),
)  # fmt: skip


@given(st.lists(ROW, min_size=1, max_size=60), st.integers(1, 20))
def test_readings_come_in_the_order_in_which_they_were_received(
    rows: list[tuple[int, int, int, int, float]], at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals, "FEWEST", 1)
        parts = list(released(rows, at_once))
    came = [
        (received, judged, int(COUNTY.ids[place]))
        for part in parts
        for received, judged, place in zip(
            part.readings.received_ms.tolist(), part.readings.judged_ms.tolist(), part.readings.place.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    assert [one[:2] for one in came] == sorted(one[:2] for one in came)
    kept = [row for row in rows if row[2] in {3, 7, 9} and (not row[3] or row[4] >= 300)]
    assert sorted(came) == sorted((received, ts, device) for ts, received, device, _, _ in kept)
    heard = {
        (int(COUNTY.ids[place]), ms // MINUTE)
        for part in parts
        for place, ms in zip(part.heard_place.tolist(), part.heard_ms.tolist(), strict=True)
    }
    idle = [row for row in rows if row[2] in {3, 7, 9} and row[3] and not row[4] >= 300]
    assert heard == {(device, received // MINUTE) for _, received, device, _, _ in idle}
    for part in parts[:-1]:
        assert (part.readings.received_ms < part.before_ms).all()


def test_a_slow_clock_is_judged_on_receive_time() -> None:
    (part,) = released([(1_000, 700_000, 3, int(Flag.CLOCK_SLOW), 4.0)], 1)
    reading = part.readings.reading(0)
    assert (reading.judged_ms, reading.received_ms, reading.late, reading.device.id) == (700_000, 700_000, False, 3)


EVERY_KIND = ("co_detector", "gas_wall_boiler", "air_source_heat_pump", "heating_film", "electric_kang", "room_sensor")
LOOKED_AT = tuple(sorted(Judgement(default_pack().rules).metrics))


@given(st.data())
def test_what_is_suspect_in_a_block_is_what_is_suspect_singly(data: st.DataObject) -> None:
    """Conditions, differences, limits of models and types, metrics that are missing: all kinds of the default pack."""
    county = County(
        [ReplayedDevice(number, kind, 60) for number, kind in enumerate(EVERY_KIND)],
        [Village("1", "one", 2)], [0] * len(EVERY_KIND), [True] * len(EVERY_KIND),
    )  # fmt: skip
    many = data.draw(st.integers(1, 8))
    some = st.one_of(st.just(np.nan), st.sampled_from((0.0, 1.0, 25.0, 36.0, 60.0, 96.0)))
    line = st.dictionaries(st.sampled_from(LOOKED_AT), some, min_size=3)
    lines = data.draw(st.lists(line, min_size=many, max_size=many))
    metrics = {name: np.array([one.get(name, np.nan) for one in lines]) for name in LOOKED_AT}
    numbers = np.arange(many, dtype=np.int64)
    devices = np.array(data.draw(st.lists(st.integers(0, 5), min_size=many, max_size=many)), dtype=np.int64)
    faults = {row: "E1" for row in range(many) if data.draw(st.booleans())}
    waiting = Arrivals(county, LOOKED_AT, lambda some: np.ones(len(some), dtype=np.bool_))
    assert not list(waiting.take(StoredReadings(numbers, numbers, devices, np.zeros_like(numbers), metrics, faults)))
    came = waiting.rest().readings
    judgement, player = Judgement(default_pack().rules), Player(default_pack().rules)
    singly = [judgement.suspect(came.reading(row)) for row in range(many)]
    assert [which.tolist() for which in suspects(came, [player, player])] == [singly, singly]
    assert [came.reading(row).fault for row in range(many)] == [faults.get(row) for row in range(many)]


def by_hand(moments: list[int], longest: int, until: int) -> tuple[list[int], list[int]]:
    gaps = [(before, after) for before, after in pairwise(moments) if after - before > longest]
    raised, cleared = [before + longest for before, _ in gaps], [after for _, after in gaps]
    if moments and until - moments[-1] > longest:
        raised.append(moments[-1] + longest)
    return raised, cleared


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 100 * MINUTE)), max_size=60),
    st.lists(st.integers(1, 100 * MINUTE), max_size=5),
)
def test_silences_are_the_gaps_however_the_time_is_cut(heard: list[tuple[int, int]], cuts: list[int]) -> None:
    rules = [rule for rule in default_pack().rules if isinstance(rule, SilenceRule)]
    silences = Silences(COUNTY, rules)
    until = 120 * MINUTE
    found: dict[str, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {rule.id: ([], []) for rule in rules}
    begin = 0
    for end in [*sorted(set(cuts)), until]:
        part = [(place, ms) for place, ms in heard if begin <= ms < end]
        places, moments = (np.array([one[side] for one in part], dtype=np.int64) for side in (0, 1))
        for gaps in silences.pass_time(places, moments, end):
            found[gaps.rule.id][0].extend(zip(gaps.raised.tolist(), gaps.raised_ms.tolist(), strict=True))
            found[gaps.rule.id][1].extend(zip(gaps.cleared.tolist(), gaps.cleared_ms.tolist(), strict=True))
        begin = end
    # a detector every 60 s: ten minutes; a boiler every 300 s: three readings; what is not in service is not missed
    expected = {"co_detector_silent": (0, 10 * MINUTE), "offline": (1, 15 * MINUTE)}
    for rule_id, (place, longest) in expected.items():
        raised, cleared = by_hand(sorted({ms for where, ms in heard if where == place}), longest, until)
        assert sorted(found[rule_id][0]) == [(place, ms) for ms in sorted(raised)]
        assert sorted(found[rule_id][1]) == [(place, ms) for ms in sorted(cleared)]

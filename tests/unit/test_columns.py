"""Readings in columns come to the same as readings one by one, whatever a device sends."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.delivery import Delivery
from catalogue.device_types import DEVICE_TYPE
from catalogue.flags import Flag
from catalogue.metrics import METRIC
from ingest import columns
from ingest.batch import Batch, sort_out
from ingest.clocks import DeviceClocks
from ingest.columns import WORTH_A_BLOCK, Gathering
from ingest.decode import Reading, decode_readings
from ingest.judge import Judged, judge
from ingest.latest import AT_LEAST_EVERY_S, FEW, MANY, STRIPES, Held, Latest, Stripes
from store.columnar import binary_rows
from store.registry import KnownDevice

NOW = int(datetime(2026, 1, 15, 22, tzinfo=UTC).timestamp()) * 1000
DEVICES = [
    KnownDevice(1, "tl-0001-co", "co_detector", 10, "in_service", None),
    KnownDevice(2, "tl-0002-co", "co_detector", 10, "in_service", None, int(Flag.DRILL)),
    KnownDevice(3, "tl-0001-gb", "gas_wall_boiler", 10, "in_service", None),
]
REGISTRY = {device.uid: device for device in DEVICES}

values = st.one_of(
    st.floats(-1e4, 1e4).map(lambda value: round(value, 1)), st.integers(-5, 400), st.booleans(), st.none(),
    st.sampled_from(["NaN", "text", 1e9, -1e9]),
)  # fmt: skip
metrics = st.dictionaries(st.sampled_from(["co_ppm", "flow_c", "flame", "lockout", "made_up", "ch4_lel"]), values)
readings = st.fixed_dictionaries(
    {"m": metrics},
    optional={
        "ts": st.one_of(
            st.integers(NOW - 400_000, NOW + 400_000), st.sampled_from([0, None, 4_102_444_800_000, NOW + 0.5])
        ),
        "seq": st.one_of(st.integers(0, 9), st.just(-1)),
        "boot": st.integers(0, 3),
        "fault": st.sampled_from(["E1", None]),
    },
)
messages = st.lists(
    st.tuples(st.sampled_from(DEVICES), readings, st.sampled_from(["telemetry", "backfill"]), st.integers(0, 60_000)),
    max_size=40,
)


def delivered(sent: list[tuple[KnownDevice, dict[str, Any], str, int]]) -> list[Delivery]:
    return [
        Delivery(1, 1, f"heat/v1/{device.uid}/{channel}", json.dumps(reading).encode(), False, NOW + later)
        for device, reading, channel, later in sorted(sent, key=lambda one: one[3])
    ]


def one_by_one(deliveries: list[Delivery]) -> Counter[Any]:
    """What ingest/judge.py makes of each reading by itself."""
    clocks, found = DeviceClocks(), []
    for delivery in deliveries:
        device, backfill = REGISTRY[delivery.topic.split("/")[2]], delivery.topic.endswith("backfill")
        for reading in decode_readings(delivery.payload):
            if isinstance(reading, Reading):
                judged = judge(reading, device, delivery, backfill=backfill)
                flags = judged.flags
                if judged.fingerprint is None and judged.late and not backfill:
                    slow = clocks.is_slow(device.id, device.interval_s, judged.ts_ms, judged.received_ms)
                    flags = flags & ~Flag.LATE | Flag.CLOCK_SLOW if slow else flags
                at = None if judged.fingerprint else judged.ts_ms
                found.append((device.id, at, judged.received_ms, int(flags), judged.seq, judged.boot, judged.fault,
                              judged.device_ts_ms, tuple(judged.values)))  # fmt: skip
    return Counter(found)


def all_of(batch: Batch) -> Counter[Any]:
    every: list[Judged] = [
        *batch.readings,
        *(block.reading(row) for block in batch.blocks for row in range(len(block))),
    ]
    return Counter(
        (j.device.id, None if j.fingerprint else j.ts_ms, j.received_ms, int(j.flags), j.seq, j.boot, j.fault,
         j.device_ts_ms, tuple(j.values))
        for j in every
    )  # fmt: skip


@pytest.mark.parametrize("worth", [1, 3, 10_000])
@given(messages)
@settings(max_examples=150, deadline=None)
def test_both_ways_come_to_the_same(worth: int, sent: list[tuple[KnownDevice, dict[str, Any], str, int]]) -> None:
    deliveries = delivered(sent)
    before = columns.WORTH_A_BLOCK
    columns.WORTH_A_BLOCK = worth  # type: ignore[misc]  # the size above which columns are worth it is what varies here
    try:
        batch = sort_out(deliveries, REGISTRY, DeviceClocks())
    finally:
        columns.WORTH_A_BLOCK = before  # type: ignore[misc]
    assert all_of(batch) == one_by_one(deliveries)
    assert all(len(block) >= worth for block in batch.blocks)


def ordinary(device: KnownDevice, ts: int, **m: float | bool | None) -> Reading:
    return Reading(ts=ts, seq=1, boot=1, m=m)


def test_what_is_alike_becomes_one_block_and_the_rest_stays_single() -> None:
    gathering = Gathering(DeviceClocks())
    for number in range(WORTH_A_BLOCK):
        assert gathering.add(ordinary(DEVICES[0], NOW + number, co_ppm=3, ch4_lel=0), DEVICES[0], NOW, 0, bools=False)
    assert gathering.add(ordinary(DEVICES[2], NOW, flow_c=40), DEVICES[2], NOW, 0, bools=False)
    assert not gathering.add(Reading(ts=NOW, seq=1, boot=1, m={}, fault="E1"), DEVICES[0], NOW, 0, bools=False)
    blocks, single = gathering.blocks()
    assert [(block.device_type, block.metrics, len(block)) for block in blocks] == [
        ("co_detector", ("co_ppm", "ch4_lel"), WORTH_A_BLOCK)
    ]
    assert [judged.device.id for judged in single] == [3]


def block_of(*rows: tuple[KnownDevice, int, float]) -> columns.Block:
    gathering = Gathering(DeviceClocks())
    for device, ts, value in rows:
        gathering.add(ordinary(device, ts, co_ppm=value), device, NOW, 0, bools=False)
    for number in range(WORTH_A_BLOCK):
        gathering.add(ordinary(DEVICES[0], NOW - 200_000 + number, co_ppm=0), DEVICES[0], NOW, 0, bools=False)
    (block,), _ = gathering.blocks()
    return block


def newest_of(held: Stripes) -> list[tuple[int, int]]:
    """(device, ts) of what would be written, with a stripe after the other."""
    found = []
    for stripe in held:
        blocks, single = stripe.newest()
        for block in blocks:
            found += list(zip(block.device_ids.tolist(), block.ts_ms.tolist(), strict=True))
        found += [(judged.device.id, judged.ts_ms) for judged in single]
    return found


def test_the_newest_reading_of_each_device_is_kept_and_never_an_older_one() -> None:
    latest = Latest()
    newest = latest.with_new(
        [block_of((DEVICES[0], NOW, 5.0), (DEVICES[0], NOW - 10, 4.0), (DEVICES[1], NOW, 7.0))], []
    )
    assert len(latest) == 0, "looking changes nothing"
    latest.committed(newest, [], 0.0)
    newest = latest.with_new([block_of((DEVICES[0], NOW - 5, 9.0))], [])
    blocks, single = sum(newest, start=Held()).newest()
    found = {
        int(device): (int(ts), float(value))
        for block in blocks
        for device, ts, value in zip(block.device_ids, block.ts_ms, block.values[:, 0], strict=True)
    }
    assert found == {1: (NOW, 5.0), 2: (NOW, 7.0)}
    assert single == []
    latest.committed(newest, range(STRIPES), 0.0)
    assert len(latest) == 0


def many_of(*devices: KnownDevice) -> list[Judged]:
    return [Judged(device, NOW + n, NOW, None, 1, 1, 0, None, []) for device in devices for n in range(FEW)]


def test_few_are_written_at_once_and_many_a_stripe_after_the_other() -> None:
    latest, began = Latest(), 1000.0
    latest.committed(latest.with_new(), range(STRIPES), began)
    few = latest.with_new(readings=many_of(DEVICES[0]))
    assert latest.due(few, began) == [DEVICES[0].id % STRIPES], "and nothing of a stripe that is empty"
    assert latest.due(latest.with_new(), began + 1e9) == []
    (some, *_) = (stripe for stripe in few if len(stripe))
    full = tuple(Held(readings=some.readings * (MANY // FEW // STRIPES + 1)) for _ in range(STRIPES))
    assert latest.due(full, began) == list(range(STRIPES)), "and no more are kept than fit into memory"

    news = many_of(*DEVICES[:2])
    held = latest.with_new(readings=news)
    waited: dict[int, list[float]] = {DEVICES[0].id % STRIPES: [began], DEVICES[1].id % STRIPES: [began]}
    for tenths in range(200):
        now_s = began + tenths / 10
        written = latest.due(held, now_s)
        assert len(written) <= 1, "never all at once"
        for number in written:
            waited[number].append(now_s)
        latest.committed(held, written, now_s)
        assert not any(len(latest.with_new()[number]) for number in written), "what is written is held no more"
        held = latest.with_new(readings=news)
    for moments in waited.values():
        assert max(after - before for before, after in pairwise(moments)) <= AT_LEAST_EVERY_S + 0.2
        assert len(moments) >= 200 / 10 / AT_LEAST_EVERY_S


@given(st.lists(st.tuples(st.sampled_from(DEVICES[:2]), st.integers(0, 30), st.booleans()), max_size=30))
@settings(max_examples=100, deadline=None)
def test_the_newest_is_the_newest_whichever_way_it_came(came: list[tuple[KnownDevice, int, bool]]) -> None:
    blocks = [block_of((device, NOW + at, float(at))) for device, at, in_block in came if in_block]
    single = [Judged(device, NOW + at, NOW, None, 1, 1, 0, None, []) for device, at, in_block in came if not in_block]
    expected: dict[int, int] = {1: NOW - 200_000 + WORTH_A_BLOCK - 1} if blocks else {}
    for device, at, _ in came:
        expected[device.id] = max(expected.get(device.id, 0), NOW + at)
    assert sorted(newest_of(Latest().with_new(blocks, single))) == sorted(expected.items())


def test_rows_without_a_value_are_what_postgresql_reads() -> None:
    table = {"device_id": np.array([2]), "co_ppm": None, "ch4_lel": np.array([1.5])}
    assert binary_rows(table) == bytes.fromhex("00030000000400000002ffffffff000000043fc00000")


def test_a_block_is_what_postgresql_reads() -> None:
    table = {"ts": np.array([1]), "device_id": np.array([2]), "co_ppm": np.array([1.5])}
    assert binary_rows(table) == bytes.fromhex("00030000000800000000000000010000000400000002000000043fc00000")


def test_every_type_can_be_a_block() -> None:
    for device_type in DEVICE_TYPE.values():
        if device_type.reports:
            m = {name: (METRIC[name].low + METRIC[name].high) / 2 for name in device_type.all_metrics}
            device = KnownDevice(9, "any-device", device_type.name, 60, "in_service", None)
            gathering = Gathering(DeviceClocks())
            for number in range(WORTH_A_BLOCK):
                gathering.add(ordinary(device, NOW + number, **m), device, NOW, 0, bools=False)
            (block,), _ = gathering.blocks()
            assert block.metrics == device_type.all_metrics
            assert not np.isnan(block.values).any()
            assert math.isclose(float(block.values.sum()), WORTH_A_BLOCK * sum(m.values()))

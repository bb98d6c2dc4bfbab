"""The load's packets are what a broker and ingest can read, and no two readings are the same one."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pytest

from alerts.engine import Engine
from bench.copying import blocks, deliveries, known, later
from bench.dangers import planned
from bench.packets import FIRST_SEQ, KINDS, PACKET_IDS, Load, packet, shares, uids
from broker.delivery import Delivery
from catalogue.device_types import DEVICE_TYPE
from catalogue.rules import default_pack
from catalogue.wire import is_uid
from ingest.batch import sort_out
from ingest.clocks import DeviceClocks
from ingest.decode import Event, Reading, decode_event, decode_readings

NOW_MS = 1_767_225_600_000


class Published(NamedTuple):
    topic: str
    packet_id: int
    payload: bytes


def read(data: bytes) -> list[Published]:
    """PUBLISH packets as MQTT 3.1.1 writes them (QoS 1), one after the other."""
    found, at = [], 0
    while at < len(data):
        assert data[at] == 0x32
        length, shift, at = 0, 0, at + 1
        while True:
            digit = data[at]
            length, shift, at = length | (digit & 0x7F) << shift, shift + 7, at + 1
            if not digit & 0x80:
                break
        body, at = data[at : at + length], at + length
        name = 2 + int.from_bytes(body[:2], "big")
        found.append(Published(body[2:name].decode(), int.from_bytes(body[name : name + 2], "big"), body[name + 2 :]))
    return found


def readings(load: Load, strips: int, now_ms: int = NOW_MS) -> list[tuple[str, Reading]]:
    found = []
    for _ in range(strips):
        for one in read(load.next(now_ms, 1).tobytes()):
            (reading,) = decode_readings(one.payload)
            assert isinstance(reading, Reading)
            found.append((one.topic.split("/")[2], reading))
    return found


def test_every_device_speaks_once_a_round_with_twelve_metrics_of_its_type() -> None:
    kinds = {uid: kind for kind, many in zip(KINDS, shares(100), strict=True) for uid in uids(kind, many)}
    said = readings(Load(100, 10, 17), strips=12)
    assert sorted(uid for uid, _ in said) == sorted(kinds)
    for uid, reading in said:
        assert is_uid(uid)
        assert len(reading.m) == 12
        assert set(reading.m) <= set(DEVICE_TYPE[kinds[uid].device_type].all_metrics)
        assert (reading.ts, reading.seq, reading.boot) == (NOW_MS, FIRST_SEQ, 17)


def test_a_payload_is_as_long_as_a_real_one() -> None:
    assert all(200 <= len(one.payload) <= 260 for one in deliveries(30, NOW_MS))


def test_no_device_says_two_things_in_one_millisecond() -> None:
    load = Load(30, 10, 17)
    said = readings(load, strips=9) + readings(load, strips=9, now_ms=NOW_MS - 5)
    assert len({(uid, reading.ts) for uid, reading in said}) == len(said) == 180
    assert {reading.seq for _, reading in said} == set(range(FIRST_SEQ, FIRST_SEQ + 6))


def test_values_change_from_round_to_round() -> None:
    load = Load(3, 1, 17)
    first, second = readings(load, 3), readings(load, 3, NOW_MS + 1)
    assert all(before.m != after.m for (_, before), (_, after) in zip(first, second, strict=True))


def test_packet_ids_count_up_and_begin_again_at_one() -> None:
    ids = [one.packet_id for one in read(Load(30, 10, 17).next(NOW_MS, PACKET_IDS - 4).tobytes())]
    assert ids == [65_531, 65_532, 65_533, 65_534, 65_535, 1, 2, 3, 4, 5]


def test_the_last_strip_of_a_kind_is_shorter() -> None:
    load = Load(75, 10, 17)
    lengths = []
    for _ in range(9):
        lengths.append(load.upcoming)
        assert len(load.next(NOW_MS, 1)) == lengths[-1]
    assert sum(lengths) == 75
    assert sorted(lengths) == [5, 5, 5, 10, 10, 10, 10, 10, 10]


@pytest.mark.parametrize("length", [1, 100, 127, 128, 20_000])
def test_a_packet_of_any_length_can_be_read(length: int) -> None:
    assert read(packet("t", b"x" * length, 7)) == [("t", 7, b"x" * length)]


def test_ingest_takes_all_of_it_as_blocks_and_no_rule_is_concerned() -> None:
    arrived = deliveries(300, NOW_MS)
    batch = sort_out(arrived, known(300), DeviceClocks())
    assert [len(block) for block in batch.blocks] == [100, 100, 100]
    assert not batch.readings
    assert not batch.rejects
    assert not any(block.flags.any() for block in batch.blocks)
    assert all((np.isfinite(block.values).sum(axis=1) == 12).all() for block in batch.blocks), "12 metrics each"
    engine = Engine(default_pack())
    assert not any(engine.judgement.suspects(block).any() for block in batch.blocks)


def test_a_block_moved_in_time_is_another_block_of_the_same_devices() -> None:
    block = blocks(300, NOW_MS)[0]
    moved = later(block, 3)
    assert (moved.ts_ms - block.ts_ms == 3).all()
    assert (moved.device_ids == block.device_ids).all()


def test_dangers_come_once_a_detector_half_of_them_as_events() -> None:
    names = [f"bench-co-b-{number:04d}" for number in range(10)]
    plan = planned(names, 20.0, seed=1)
    assert sorted(danger.uid for danger in plan) == names
    assert [danger.after_s for danger in plan] == sorted(danger.after_s for danger in plan)
    assert all(0 <= danger.after_s <= 20 for danger in plan)
    assert sum(danger.event for danger in plan) == 5
    for danger in plan:
        (one,) = read(danger.packet(NOW_MS, 9))
        assert one.packet_id == 9
        if danger.event:
            assert one.topic == f"heat/v1/{danger.uid}/event"
            event = decode_event(one.payload)
            assert isinstance(event, Event)
            assert (event.type, event.on, event.ts) == ("co_alarm", True, NOW_MS)
        else:
            assert one.topic == f"heat/v1/{danger.uid}/telemetry"
            (reading,) = decode_readings(one.payload)
            assert isinstance(reading, Reading)
            assert reading.m["co_ppm"] == 400
            assert json.loads(one.payload)["ts"] == NOW_MS


def test_deliveries_carry_what_the_packet_says() -> None:
    (first, *_) = deliveries(3, NOW_MS)
    assert isinstance(first, Delivery)
    assert first.topic == "heat/v1/bench-hp-000000/telemetry"
    assert json.loads(first.payload)["ts"] == NOW_MS

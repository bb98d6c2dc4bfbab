"""What ingest picks for those who tell without the database: what the alarm engine would look at, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.engine import Engine
from alerts.standby.bulletin import Bulletin, Danger, decode, encode
from broker.delivery import Delivery
from catalogue.flags import Flag
from catalogue.rules import EventRule, LevelRule, RulePack, default_pack
from ingest import columns
from ingest.batch import Batch, sort_out
from ingest.clocks import DeviceClocks
from ingest.danger import Dangers, by_owner, unchecked
from store.registry import KnownDevice

NOW = 1_768_503_600_000
DEVICES = [
    KnownDevice(1, "tl-0001-co", "co_detector", 10, "in_service", None),
    KnownDevice(2, "tl-0002-co", "co_detector", 10, "in_service", None, int(Flag.DRILL)),
    KnownDevice(3, "tl-0001-gb", "gas_wall_boiler", 10, "in_service", None),
    KnownDevice(4, "tl-0004-co", "co_detector", 10, "in_service", "tl-0000-gw"),
]
REGISTRY = {device.uid: device for device in DEVICES}
PACK = default_pack()


def reading(uid: str, at: int = 0, **metrics: float) -> Delivery:
    payload = json.dumps({"ts": NOW + at, "seq": at, "boot": 1, "m": metrics}).encode()
    return Delivery(1, 1, f"heat/v1/{uid}/telemetry", payload, False, NOW + at)


def event(uid: str, kind: str, at: int = 0, *, on: bool = True, topic: str = "") -> Delivery:
    sent: dict[str, Any] = {"ts": NOW + at, "type": kind, "on": on} | ({"id": uid} if topic else {})
    return Delivery(1, 1, f"heat/v1/{topic or uid}/event", json.dumps(sent).encode(), False, NOW + at)


def sorted_out(*deliveries: Delivery) -> Batch:
    return sort_out(list(deliveries), REGISTRY, DeviceClocks())


def test_a_dangerous_reading_is_picked_with_what_the_rules_look_at() -> None:
    found = Dangers(PACK).pick(sorted_out(reading("tl-0001-co", co_ppm=356, battery_pct=97), reading("tl-0001-gb")))
    assert found == [Danger("tl-0001-co", NOW, NOW, m={"co_ppm": 356.0})]


def test_of_a_device_that_was_dangerous_everything_is_picked() -> None:
    dangers = Dangers(PACK)
    assert dangers.pick(sorted_out(reading("tl-0001-co", co_ppm=3))) == []
    dangers.pick(sorted_out(reading("tl-0001-co", 1, co_ppm=100)))
    after = dangers.pick(sorted_out(reading("tl-0001-co", 2, co_ppm=3), reading("tl-0004-co", 2, co_ppm=3)))
    assert [(danger.uid, danger.m) for danger in after] == [("tl-0001-co", {"co_ppm": 3.0})]


def test_alarm_bits_are_picked_both_ways_and_no_others() -> None:
    found = Dangers(PACK).pick(
        sorted_out(
            event("tl-0001-co", "co_alarm"), event("tl-0001-co", "co_alarm", 5, on=False), event("tl-0001-co", "tamper")
        )
    )
    assert [(danger.event, danger.on) for danger in found] == [("co_alarm", True), ("co_alarm", False)]


def test_a_drills_dangers_are_not_picked() -> None:
    assert Dangers(PACK).pick(sorted_out(reading("tl-0002-co", co_ppm=500), event("tl-0002-co", "co_alarm"))) == []


@pytest.mark.parametrize("worth", [1, 10_000])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(DEVICES),
            st.dictionaries(
                st.sampled_from(["co_ppm", "ch4_lel", "flow_c"]),
                st.one_of(st.floats(-10, 500), st.sampled_from([100, 10, 300, 99.9])),
            ),
        ),
        max_size=30,
    )
)
@settings(max_examples=100, deadline=None)
def test_it_agrees_with_the_engine(worth: int, sent: list[tuple[KnownDevice, dict[str, float]]]) -> None:
    before = columns.WORTH_A_BLOCK
    columns.WORTH_A_BLOCK = worth  # type: ignore[misc]  # as few as one reading in columns, or none at all
    try:
        batch = sorted_out(*(reading(device.uid, place, **metrics) for place, (device, metrics) in enumerate(sent)))
    finally:
        columns.WORTH_A_BLOCK = before  # type: ignore[misc]
    engine = Engine(RulePack(pack="life", version=1, rules=PACK.life_safety))
    suspects = {
        (one.device.uid, one.judged_ms)
        for one in batch.readings
        if engine.judgement.suspect(one) and not one.device.drill
    }
    for block in batch.blocks:
        for row in engine.judgement.suspects(block).nonzero()[0].tolist():
            one = block.reading(row)
            if not one.device.drill:
                suspects.add((one.device.uid, one.judged_ms))
    picked = Dangers(PACK).pick(batch)
    beyond = [
        (danger.uid, danger.ts_ms)
        for danger in picked
        if any(
            isinstance(rule, LevelRule) and rule.metric in danger.m and rule.beyond(danger.m[rule.metric])
            for rule in PACK.life_safety
        )
    ]
    assert sorted(beyond) == sorted(suspects)
    assert {danger.uid for danger in picked} == {uid for uid, _ in suspects}, "harmless ones only of dangerous devices"


def test_a_worker_that_never_saw_the_registry_takes_everybody_at_his_word() -> None:
    deliveries = [
        reading("tl-0001-co", co_ppm=400), event("tl-0004-co", "co_alarm", topic="tl-0000-gw"),
        Delivery(1, 1, "unreadable:x", b"", False, NOW),
    ]  # fmt: skip
    found = [
        danger
        for owner, his in by_owner(deliveries).items()
        for danger in Dangers(PACK).pick(sort_out(his, unchecked(owner, his), DeviceClocks()))
    ]
    assert [(danger.uid, danger.via, danger.event) for danger in found] == [
        ("tl-0001-co", "tl-0001-co", ""), ("tl-0004-co", "tl-0000-gw", "co_alarm"),
    ]  # fmt: skip


def test_who_speaks_for_another_hides_nothing_of_his() -> None:
    liar = event("tl-0001-co", "co_alarm", on=False, topic="tl-0001-gb")
    honest = event("tl-0001-co", "co_alarm")
    vias = [
        (danger.via, danger.on)
        for owner, his in by_owner([liar, honest]).items()
        for danger in Dangers(PACK).pick(sort_out(his, unchecked(owner, his), DeviceClocks()))
    ]
    assert vias == [("tl-0001-gb", False), ("tl-0001-co", True)]


def test_bulletins_go_over_the_broker_and_back() -> None:
    bulletin = Bulletin(
        "w", (Danger("a-01", 1, 2, late=True, m={"co_ppm": 3.5}), Danger("b-01", 3, 4, event="co_alarm"))
    )
    assert decode(encode(bulletin)) == bulletin
    assert decode(encode(Bulletin("w", storing=True))) == Bulletin("w", storing=True)
    for nonsense in (b"", b"{}", b"\xff", b'{"worker": 1}', b"[" * 100_000):
        assert decode(nonsense) is None


def test_only_events_of_the_catalogue_are_life_safety() -> None:
    events = {rule.event for rule in PACK.life_safety if isinstance(rule, EventRule)}
    assert events == {"co_alarm", "gas_alarm", "fire_alarm"}

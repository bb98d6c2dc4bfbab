"""A player of rules over many devices: states, deadlines and acknowledgements, told as timelines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alerts.playing import Played, Player
from alerts.recording import RecordedBit, RecordedDevice, RecordedReading
from catalogue.metrics import METRIC_INDEX, METRICS
from catalogue.rules import default_pack
from foundation.clock import from_ms

START = datetime(2026, 1, 15, 19, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)


@dataclass
class Played3:
    """Detectors 1, 2 and 3 that sample every 10 s."""

    player: Player

    def co(self, device: int, at_s: float, ppm: float) -> list[str]:
        values: list[float | None] = [None] * len(METRICS)
        values[METRIC_INDEX["co_ppm"]] = ppm
        reading = RecordedReading(RecordedDevice("co_detector", 10, device), START_MS + round(at_s * 1000), values, {})
        passed = named(self.player.pass_time(from_ms(reading.received_ms)))
        return passed + named(self.player.take(reading))

    def bit(self, device: int, at_s: float, *, on: bool) -> list[str]:
        bit = RecordedBit(RecordedDevice("co_detector", 10, device), START_MS + round(at_s * 1000), "co_alarm", on)
        return named(self.player.pass_time(from_ms(bit.received_ms))) + named(self.player.take_event(bit))


def named(played: object) -> list[str]:
    assert isinstance(played, object)
    return [
        f"{one.device_id} {one.rule.id} {one.decision.change}"
        for one in played  # type: ignore[attr-defined]  # an iterator of Played
        if isinstance(one, Played) and one.decision.change != "none"
    ]


def three(acknowledge_after: timedelta | None = None) -> Played3:
    return Played3(Player(default_pack().rules, acknowledge_after))


def test_each_device_has_its_own_deadlines_and_another_ones_reading_passes_them() -> None:
    play = three()
    assert play.co(1, 0, 120) == ["1 co_100 opened", "1 co_50 opened", "1 co_30 opened"]
    assert play.co(2, 60, 120) == ["2 co_100 opened", "2 co_50 opened", "2 co_30 opened"]
    assert play.co(2, 61, 3) == [], "the mean has to sink first"
    assert play.co(3, 300, 3) == ["2 co_100 dropped", "2 co_50 dropped", "2 co_30 dropped"]
    assert play.co(3, 600, 3) == [], "what comes at the very moment is judged by what it says"
    assert play.co(3, 601, 3) == ["1 co_100 raised"]
    assert (play.player.is_open(1), play.player.is_open(2)) == (True, False)
    assert play.player.open_devices.tolist() == [1]


def test_a_latching_alarm_stays_open_until_somebody_answers() -> None:
    nobody, somebody = three(), three(timedelta(minutes=10))
    for play in (nobody, somebody):
        assert play.bit(1, 0, on=True) == ["1 co_detector_alarm raised"]
        assert play.bit(1, 60, on=False) == ["1 co_detector_alarm cleared"]
        assert play.player.is_open(1)
    assert (nobody.co(2, 700, 3), nobody.player.is_open(1)) == ([], True)
    assert (somebody.co(2, 700, 3), somebody.player.is_open(1)) == (["1 co_detector_alarm closed"], False)


def test_what_was_acknowledged_while_it_was_on_closes_when_it_is_over() -> None:
    play = three(timedelta(minutes=10))
    play.bit(1, 0, on=True)
    assert play.co(2, 700, 3) == []
    assert play.bit(1, 800, on=False) == ["1 co_detector_alarm cleared"]
    assert not play.player.is_open(1)
    assert play.player.states() == {}


def test_a_deadline_and_an_answer_come_in_their_order() -> None:
    play = three(timedelta(seconds=5))
    play.bit(1, 0, on=True)
    play.bit(1, 1, on=False)
    play.co(2, 2, 120)
    assert play.co(3, 2000, 3) == ["1 co_detector_alarm closed", "2 co_100 raised"]
    assert play.co(3, 2010, 3) == []


def test_the_rules_say_what_they_look_at() -> None:
    player = Player(default_pack().rules)
    assert {"co_ppm", "indoor_c"} <= player.metrics
    assert "co_alarm" in player.events
    assert Player([]).metrics == Player([]).events == frozenset()

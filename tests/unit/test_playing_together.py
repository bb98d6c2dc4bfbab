"""The player with what came late or out of order: as timelines of one detector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from alerts.backtest.arrivals import ArrivedReading
from alerts.backtest.county import ReplayedDevice
from alerts.judgement import Judgement
from alerts.playing import Played, Player
from alerts.rereading import Reread
from catalogue.metrics import METRIC_INDEX, METRICS
from catalogue.rules import default_pack

NIGHT = datetime(2026, 1, 15, 19, 0, tzinfo=UTC)
DETECTOR = ReplayedDevice(1, "co_detector", 10)


@dataclass
class Line:
    """What one detector sent, and what became of it. `said`: rule, change, second of the alarm."""

    player: Player = field(default_factory=lambda: Player(default_pack().rules))
    stored: list[tuple[float, float, float]] = field(default_factory=list)
    said: list[tuple[str, str, float]] = field(default_factory=list)

    def read(self, received: float, readings: Sequence[tuple[float, float]], *, late: bool = False) -> None:
        """Seconds and ppm, received at once."""
        self._note(self.player.pass_time(moment(received)))
        self.stored += [(ts, received, ppm) for ts, ppm in readings]
        some = [self._reading(ts, received, ppm, late=late) for ts, ppm in sorted(readings)]
        self._note(self.player.take_together(some, self._fill))

    def _fill(self, judgement: Judgement, entry: Reread, received_by: datetime) -> None:
        for ts, received, ppm in sorted(self.stored):
            if entry.since <= moment(ts) <= entry.until and moment(received) <= received_by:
                entry.add(judgement, moment(ts), moment(received), (ppm,))

    @staticmethod
    def _reading(ts: float, received: float, ppm: float, *, late: bool) -> ArrivedReading:
        values: list[float | None] = [None] * len(METRICS)
        values[METRIC_INDEX["co_ppm"]] = ppm
        ts_ms, received_ms = (round(moment(second).timestamp() * 1000) for second in (ts, received))
        return ArrivedReading(DETECTOR, ts_ms, received_ms, late, values)

    def _note(self, played: Iterable[Played]) -> None:
        for one in played:
            state = one.decision.state
            if one.raised and state is not None and state.raised_at is not None:
                self.said.append((one.rule.id, one.decision.change, (state.raised_at - NIGHT).total_seconds()))


def moment(second: float) -> datetime:
    return NIGHT + timedelta(seconds=second)


def test_two_dangerous_readings_behind_a_clean_one_are_an_alarm() -> None:
    line = Line()
    line.read(25, [(20, 4)])
    line.read(26, [(10, 310)])
    line.read(27, [(0, 310)])
    assert ("co_300", "raised", 10) in line.said


def test_a_spike_that_a_clean_reading_had_overtaken_is_none() -> None:
    line = Line()
    line.read(11, [(10, 4)])
    line.read(12, [(0, 310)])
    line.read(100, [(90, 4)])
    assert line.said == []


def test_a_backlog_is_judged_over_its_own_time_and_told_once() -> None:
    line = Line()
    backlog = [(second, 120.0) for second in range(0, 1200, 10)]
    line.read(2000, [(1990, 3)])
    line.read(2001, backlog[:80], late=True)
    assert [one for one in line.said if one[0] == "co_100"] == [("co_100", "raised_late", 600)]
    line.read(2002, backlog[80:], late=True)
    assert [one for one in line.said if one[0] == "co_100"] == [("co_100", "raised_late", 600)]


def test_late_readings_of_an_alarm_that_had_its_time_are_not_told_again() -> None:
    line = Line()
    for second in range(0, 900, 10):
        if second % 20 == 0:
            line.read(second + 1, [(second, 120)])
    told = list(line.said)
    assert ("co_100", "raised", 600) in told
    line.read(2000, [(second, 120) for second in range(10, 900, 20)], late=True)
    assert line.said == told

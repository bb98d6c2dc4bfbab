"""What a run must reach, and what is said when it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from device_sim.scenario.scenario import Expected
from device_sim.scenario.scenario import Floor as Wanted
from device_sim.score.evidence import Run
from device_sim.score.floors import Floor, floors_of, judged, parse_floor
from device_sim.score.result import Delays, KindScore, Score
from foundation.errors import SettingsError
from tests.world import NIGHT

CO = KindScore(
    injected=4, unseen=0, due=4, no_rule=0, alarmed=1.0, told=0.75, recall=0.75, right=4, false=1, precision=0.8,
    delay_s=Delays(2.0, 31.0, 31.0), messages_per_event=1.5, messages_per_event_per_recipient=1.0,
)  # fmt: skip
NONE_DUE = replace(CO, injected=1, due=0, alarmed=None, told=None, recall=None, messages_per_event=None)
SCORE = Score({"co": CO, "gas": NONE_DUE}, 0.5, Run(NIGHT, NIGHT + timedelta(hours=1), 7), 12, (), ())


@pytest.mark.parametrize(
    ("text", "held", "says"),
    [
        ("co.recall=0.75", True, ""),
        ("co.recall=0.76", False, "too low"),
        ("co.precision=0.8", True, ""),
        ("co.precision=0.9", False, "too low"),
        ("co.delay_s_p50=2", True, ""),
        ("co.delay_s_p95=30", False, "too high"),
        ("co.delay_s_max=31", True, ""),
        ("co.messages_per_event=1.5", True, ""),
        ("co.messages_per_event=1.4", False, "too high"),
        ("false_offline_per_1000_device_days=0.5", True, ""),
        ("false_offline_per_1000_device_days=0.4", False, "too many"),
        ("messages=12", True, ""),
        ("messages=11", False, "too many"),
        ("gas.recall=0", False, "no such event was due"),
        ("gas.precision=0.8", True, ""),
        ("freeze.recall=1", False, "no such event was due"),
        ("freeze.precision=1", True, ""),
        ("coal.recall=1", False, "no rule of the default pack"),
    ],
)
def test_a_floor(text: str, held: bool, says: str) -> None:  # noqa: FBT001 - a row of the table above
    found = judged(SCORE, [parse_floor(text)])
    (verdict,) = found.verdicts
    assert verdict.held == found.good == held
    assert says in verdict.why
    assert bool(verdict.why) != held


def test_a_run_without_floors_is_good() -> None:
    assert judged(SCORE, []).good


def test_a_run_that_found_nothing_has_no_delay_to_be_proud_of() -> None:
    deaf = replace(SCORE, kinds={"co": replace(CO, recall=0.0, delay_s=Delays(None, None, None))})
    assert judged(deaf, [parse_floor("co.delay_s_p95=600")]).verdicts[0].why == "nothing was found"


def test_a_run_without_device_days_shows_no_false_offlines() -> None:
    empty = replace(SCORE, false_offline=None)
    assert not judged(empty, [parse_floor("false_offline_per_1000_device_days=1")]).good


def test_how_a_floor_is_written() -> None:
    assert parse_floor("co.recall=1.0") == Floor("co", "recall", 1.0)
    assert parse_floor(" co.delay_s_p95 = 90 ") == Floor("co", "delay_s_p95", 90.0)
    assert parse_floor("messages=0") == Floor(None, "messages", 0.0)
    assert (parse_floor("co.recall=1").side, parse_floor("messages=0").side) == ("at least", "at most")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("co.recall", "floor 'co.recall' has no value: write it like co.recall=1.0"),
        ("recall=1", "names no kind"),
        ("carbon.recall=1", "there is no kind 'carbon': use one of co, gas"),
        ("co.recal=1", "there is no measure 'recal': use one of recall"),
        ("co.recall=90", "'90' is not a share from 0 to 1"),
        ("co.recall=nan", "'nan' is not a share"),
        ("co.delay_s_p95=inf", "'inf' is not a number from 0 on"),
        ("co.delay_s_p95=-1", "'-1' is not a number from 0 on"),
        ("messages=many", "'many' is not a number"),
    ],
)
def test_a_floor_that_cannot_be_read_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_floor(text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_a_scenario_expects() -> None:
    expected = Expected({"co": Wanted(recall=1.0, delay_s_p95=90.0), "gas": Wanted(precision=1.0)}, 0.0, 20)
    assert floors_of(expected) == (
        Floor("co", "recall", 1.0),
        Floor("co", "delay_s_p95", 90.0),
        Floor("gas", "precision", 1.0),
        Floor(None, "false_offline_per_1000_device_days", 0.0),
        Floor(None, "messages", 20.0),
    )
    assert floors_of(Expected()) == ()

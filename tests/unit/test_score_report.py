"""The score as a person and as a program read it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from device_sim.score.evidence import Run
from device_sim.score.floors import judged, parse_floor
from device_sim.score.kinds import KIND
from device_sim.score.report import SHOWN, show
from device_sim.score.result import Delays, FalseAlarm, KindScore, Missed, Score
from tests.world import NIGHT

CO = KindScore(
    injected=5, unseen=1, due=4, no_rule=0, alarmed=1.0, told=0.75, recall=0.75, right=4, false=1, precision=0.8,
    delay_s=Delays(2.04, 310.0, 7300.0), messages_per_event=1.5, messages_per_event_per_recipient=1.0,
)  # fmt: skip
COAL = KindScore(2, 0, 0, 2, None, None, None, 0, 0, None, Delays(None, None, None), None, None)
MISSED = Missed("co", "blocked_flue", 3, "150521101201-003", "150521101201", NIGHT, "alarmed, nobody told", ("co_300",))
FALSE = FalseAlarm(
    "co", "co_100", "kz01-009-co", "150521101201-009", "150521101201", NIGHT + timedelta(hours=1), told=True,
    during=("cooking_peak",),
)  # fmt: skip
SCORE = Score({"co": CO, "coal": COAL}, 0.25, Run(NIGHT, NIGHT + timedelta(hours=2), 300), 14, (MISSED,), (FALSE,))


def printed(score: Score, *, terminal: bool = False, width: int = 80) -> str:
    paper = io.StringIO()
    console = Console(file=paper, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    show(score, console)
    return paper.getvalue()


def test_it_says_what_matters() -> None:
    text = printed(judged(SCORE, [parse_floor("co.recall=1.0"), parse_floor("co.precision=0.5")]))
    assert "co 一氧化碳" in text
    assert "4/5" in text
    for figure in ("75 %", "80 %", "2.0 s", "310 s", "2.0 h", "1.5"):
        assert figure in text
    assert "0.2 false offline per 1000 device-days" in text
    assert "no rule answers yet: coal 2" in text
    assert "no device could tell: co 1" in text
    # 3 a.m. in Tongliao
    assert "missed  03:00:00  150521101201-003  blocked_flue: alarmed, nobody told\n" in text
    assert "false   04:00:00  150521101201-009  co_100: told, during cooking_peak\n" in text
    assert "FAILED  co.recall ≥ 1: 0.75, too low" in text
    assert "reached co.precision ≥ 0.5: 0.8" in text


def test_it_fits_eighty_columns_with_every_kind_and_large_numbers() -> None:
    busy = replace(CO, injected=12345, due=12345, delay_s=Delays(599.0, 7000.0, 360000.0), messages_per_event=1234.5)
    text = printed(replace(SCORE, kinds=dict.fromkeys(KIND, busy), missed=(), false=()))
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "…" not in text, "nothing is cut off"
    assert sum("12345/12345" in line for line in text.splitlines()) == len(KIND)


def test_colour_only_on_a_terminal_and_only_where_something_is_wrong() -> None:
    assert "\x1b" not in printed(SCORE)
    assert re.search(r"\x1b\[1;31m *75 %", printed(SCORE, terminal=True))
    well = replace(CO, recall=1.0, precision=1.0, unseen=0)
    good = printed(Score({"co": well}, 0.0, SCORE.run, 4, (), ()), terminal=True)
    assert "\x1b[31m" not in good
    assert "\x1b[1;31m" not in good
    assert "\x1b[33m" not in good


def test_nearly_all_is_not_all() -> None:
    assert "99.9 %" in printed(replace(SCORE, kinds={"co": replace(CO, recall=0.99999)}))


def test_a_long_list_is_cut_and_says_so() -> None:
    text = printed(replace(SCORE, missed=(MISSED,) * (SHOWN + 3)))
    assert text.count("blocked_flue") == SHOWN
    assert "missed  and 3 more" in text


def test_an_empty_run_prints() -> None:
    assert "– false offline" in printed(Score({}, None, SCORE.run, 0, (), ()))


def test_the_report_has_exactly_these_keys() -> None:
    report: dict[str, Any] = json.loads(json.dumps(judged(SCORE, [parse_floor("co.recall=1")]).as_json()))
    assert list(report) == ["kinds", "false_offline_per_1000_device_days", "run", "missed", "false", "floors"]
    co = report["kinds"]["co"]
    assert list(co)[:4] == ["recall", "precision", "delay_s", "messages_per_event"]
    assert (co["recall"], co["precision"], co["messages_per_event"]) == (0.75, 0.8, 1.5)
    assert co["delay_s"] == {"p50": 2.04, "p95": 310.0, "max": 7300.0}
    assert report["kinds"]["coal"]["recall"] is None
    assert report["kinds"]["coal"]["no_rule_yet"] == 2
    assert report["false_offline_per_1000_device_days"] == 0.25
    assert report["run"] == {
        "from": "2026-01-15T19:00:00.000Z",
        "until": "2026-01-15T21:00:00.000Z",
        "devices": 300,
        "device_days": 25.0,
        "messages": 14,
        "quiet": [],
    }
    assert report["missed"][0]["home"] == "150521101201-003"
    assert report["false"][0]["during"] == ["cooking_peak"]
    assert report["floors"] == [
        {"kind": "co", "measure": "recall", "limit": 1.0, "value": 0.75, "held": False, "why": "too low"}
    ]

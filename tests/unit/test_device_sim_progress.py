"""What a person sees of a run, and of a scenario before it."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from device_sim.runs.playbill import playbill, scenario_json, title
from device_sim.runs.progress import Bar, Lines, Quiet, Snapshot, clock_text, progress
from device_sim.scenario.shelf import list_scenarios, load_scenario

NOW = Snapshot(
    3_723.0, 7_200.0, 52.4, 12_345, 7, 504, 505, Counter({"co_leak": 1, "link_down": 12, "flapping": 3, "overheat": 1})
)


def test_faults_by_name_the_most_frequent_first() -> None:
    assert NOW.fault_names == "link_down ×12, flapping ×3, co_leak, overheat"
    assert Snapshot(0, None, 0, 0, 0, faults=Counter("abcdef")).fault_names == "a, b, c, d +2 more"


def test_the_bar_says_where_it_is() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    with Bar(console) as bar:
        bar.show(NOW)
        bar._progress.refresh()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("01:02:03 of 02:00:00", "52%", "52/s", "12,345 published", "7 under way", "504/505 connected"):
        assert part in shown
    assert "link_down ×12" in shown


def test_elsewhere_a_line_every_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [0.0]
    monkeypatch.setattr("device_sim.runs.progress.time.monotonic", lambda: at[0])
    lines = Lines()
    with capture_logs() as said:
        for second in range(0, 100, 5):
            at[0] = float(second)
            lines.show(NOW)
    assert len(said) == 3
    assert (said[0]["simulated"], said[0]["published"]) == ("01:02:03", 12_345)


def test_nothing_beside_json_and_no_bar_without_a_terminal() -> None:
    assert type(progress(as_json=True)) is Quiet
    assert type(progress(as_json=False)) is Lines


def test_long_runs_count_hours_on() -> None:
    assert clock_text(26 * 3600 + 61) == "26:01:01"


def test_each_shipped_scenario_can_be_shown() -> None:
    for scenario in list_scenarios():
        assert scenario.name in title(scenario)
        assert len(title(scenario)) <= 130
        page = playbill(scenario)
        for entry in scenario.timeline:
            assert any(entry.fault in line for line in page)
        assert json.loads(json.dumps(scenario_json(scenario)))["lasts_s"] == scenario.lasts_s


def test_the_page_of_co_night() -> None:
    page = "\n".join(playbill(load_scenario("co-night")))
    assert page.startswith("co-night: 00:16 from 2026-01-15 22:40 local time\n")
    assert "00:03 to the end   co_leak 111 ppm/min of rise: the same homes as blind, which no device can tell" in page
    assert "expected  co.recall at least 1" in page

"""`nuanshao bench …`: options reach their functions, reports reach people and programs, what was lost the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import bench.backtest
import bench.engine
import bench.ingest
import bench.query
import bench.simulator
from bench.bed import Bed
from catalogue.rules import default_pack
from cli import app
from foundation.errors import SettingsError

CO = {"injected": 20, "told": 19, "latency_ms_p50": 80.0, "latency_ms_p99": None}
INGEST: dict[str, Any] = {
    "throwaway_per_s": 40_000, "durable_per_s": 20_000, "ratio": 0.5, "copy_per_s": 150_000, "cpu_us_per_msg": 21.5,
    "cpu_us_per_msg_by_process": {"ingest": 21.5, "postgres": 9.0}, "memory_mb_by_process": {"ingest": 90.0},
    "others_cpu_cores": 0.25, "latency_ms_p50": 60.0,
    "latency_ms_p99": 120.0, "rate_kept": 9_990, "published": 100, "stored": 100, "lost": 0,
    "duplicated": 0, "shortcomings": [], "machine": {"cores": 2},
    **{f"co_{name}{suffix}": value for name, value in CO.items() for suffix in ("", "_saturated")},
}  # fmt: skip


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.stdout


def test_the_group_names_what_can_be_measured() -> None:
    code, said = run("--help")
    assert code == 0
    assert all(name in said for name in ("ingest", "engine", "query", "simulator", "backtest"))


def test_options_reach_the_run_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bench.ingest.Options] = []

    def measure(project: Path, options: bench.ingest.Options, say: object) -> dict[str, Any]:
        seen.append(options)
        return INGEST

    monkeypatch.setattr(bench.ingest, "bench_ingest", measure)
    code, said = run("ingest", "--short", "--rate", "500", "--workers", "2", "--json")
    assert code == 0
    assert json.loads(said) == INGEST
    short = bench.ingest.Options.short()
    assert (seen[0].rate, seen[0].workers) == (500, 2)
    assert (seen[0].seconds, seen[0].pairs, seen[0].devices) == (short.seconds, short.pairs, short.devices)


def test_an_operator_reads_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.ingest, "bench_ingest", lambda *_: INGEST)
    code, said = run("ingest")
    assert code == 0
    for words in ("20,000 messages/s", "0.50", "21.5 µs", "19 of 20", "p99 120 ms", "0 lost"):
        assert words in said


def test_what_was_lost_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.ingest, "bench_ingest", lambda *_: INGEST | {"lost": 1, "shortcomings": ["1 lost"]})
    assert run("ingest", "--json")[0] == 1


@pytest.mark.parametrize("json_wanted", [True, False])
def test_the_engine_and_the_simulator_are_measured_in_memory(json_wanted: bool) -> None:  # noqa: FBT001
    form = ["--json"] if json_wanted else []
    code, said = run("engine", "--seconds", "0.1", "--devices", "500", *form)
    assert code == 0
    if json_wanted:
        report = json.loads(said)
        assert report["readings_per_s"] > 0
        assert report["readings_screened"] >= bench.engine.DEVICES
        assert report["rules"] == len(default_pack().rules)
        assert report["memory_open_states"] >= 50
        parts = report["bytes_per_device_registry"] + report["bytes_per_device_clocks"]
        assert report["bytes_per_device"] > parts > 0
    else:
        assert "bytes a device" in said
    code, said = run("simulator", "--homes", "200", "--steps", "2", *form)
    assert code == 0
    if json_wanted:
        report = json.loads(said)
        assert report["homes"] == 200
        assert report["ms_per_step"] > 0
        assert report["bytes_per_home"] > 0


def test_the_boards_report_shows_the_slowest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    panels = [
        {"board": "b", "panel": name, "p50_ms": p95 / 2, "p95_ms": p95, "max_ms": p95, "rows": 3}
        for name, p95 in (("quick", 4.0), ("slow", 250.0))
    ]
    report = {
        "panels": panels, "share_within_200_ms": 0.5, "queries": 2, "worst_panel": "slow", "worst_p95_ms": 250.0,
        "readings": 1_000, "devices": 10, "homes": 5, "days": 1.0, "machine": {"cores": 2},
    }  # fmt: skip
    monkeypatch.setattr(bench.query, "bench_query", lambda *_: report)
    code, said = run("query")
    assert code == 0
    assert said.index("slow") < said.index("quick")
    assert "50% of 2 queries within 200 ms" in said


def test_the_backtests_report_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    report = {
        "readings_per_s": 190_000, "readings_per_s_of_one_core": 390_000, "cpu_us_per_reading": 2.55, "packs": 2,
        "rules": 21, "judged_singly": 12, "memory_mb_most": 220, "readings": 5_000, "devices": 10,
        "machine": {"cores": 2},
    }  # fmt: skip
    seen: list[bench.backtest.Options] = []

    def measure(project: Path, options: bench.backtest.Options, say: object) -> dict[str, Any]:
        seen.append(options)
        return report

    monkeypatch.setattr(bench.backtest, "bench_backtest", measure)
    code, said = run("backtest", "--homes", "20", "--times", "1")
    assert code == 0
    assert (seen[0].homes, seen[0].times) == (20, 1)
    for words in ("190,000 readings/s", "2.55 µs", "220 MB"):
        assert words in said
    assert json.loads(run("backtest", "--json")[1]) == report


@pytest.mark.parametrize("variable", ["NUANSHAO_DATABASE_URL", "NUANSHAO_MQTT_URL"])
def test_a_database_of_somebody_else_is_never_filled(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "postgresql://somewhere/else")
    with pytest.raises(SettingsError, match=variable):
        Bed(Path(), lambda _: None)

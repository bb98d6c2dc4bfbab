"""`nuanshao rules try`: a recording through the alarm engine, told as timelines."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.recording import read_recording
from alerts.trial import try_rules
from catalogue.rules import default_pack
from cli import app
from foundation.errors import SettingsError

START = datetime(2026, 1, 15, 19, tzinfo=UTC)
PACK = Path(__file__).parents[2] / "catalogue" / "packs" / "default.yaml"


def recorded(folder: Path, lines: list[str], header: str = "ts,co_ppm") -> Path:
    file = folder / "readings.csv"
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return file


def steps(*parts: tuple[float, float], every_s: int = 10) -> list[str]:
    """Rows for (minutes, ppm), one part after the other."""
    lines, at = [], 0
    for minutes, ppm in parts:
        for _ in range(round(minutes * 60 / every_s)):
            lines.append(f"{(START + timedelta(seconds=at)).isoformat()},{ppm}")
            at += every_s
    return lines


def tried(file: Path, device_type: str = "co_detector", **options: Any) -> list[tuple[str, float, float | None, str]]:
    """(rule, minutes until it was raised, until it was cleared, reason)."""
    return [
        (
            one.rule,
            (one.raised_at - START) / timedelta(minutes=1),
            None if one.cleared_at is None else (one.cleared_at - START) / timedelta(minutes=1),
            one.reason,
        )
        for one in try_rules(default_pack(), read_recording(file, device_type, **options))
    ]


def test_a_hundred_ppm_for_a_quarter_of_an_hour_and_then_fresh_air(tmp_path: Path) -> None:
    file = recorded(tmp_path, steps((1, 3), (15, 100), (20, 3)))
    assert tried(file) == [("co_100", 11, 31, "exposed_long_enough")]


def test_a_stove_that_peaks_at_75_ppm_for_five_minutes_is_silent(tmp_path: Path) -> None:
    assert tried(recorded(tmp_path, steps((1, 3), (5, 75), (10, 3)))) == []
    assert tried(recorded(tmp_path, steps((5, 75)))) == [], "and nobody knows what came after the file"


@pytest.mark.parametrize(
    ("every_s", "raised", "reason"),
    [(5, 5 / 60, "confirmed_by_second_sample"), (60, 0, "sampled_rarely"), (300, 0, "sampled_rarely")],
)
def test_three_hundred_ppm_are_raised_at_once_where_the_device_samples_rarely(
    tmp_path: Path, every_s: int, raised: float, reason: str
) -> None:
    (rule, minutes, cleared, why), *_ = tried(recorded(tmp_path, steps((20, 300), every_s=every_s)))
    assert (rule, cleared, why) == ("co_300", None, reason)
    assert minutes == pytest.approx(raised)


def test_gaps_repetitions_and_another_order_change_nothing(tmp_path: Path) -> None:
    lines = steps((1, 3), (15, 100), (5, 320), (20, 3))
    expected = tried(recorded(tmp_path, lines), interval_s=10)
    assert {rule for rule, *_ in expected} == {"co_100", "co_300"}
    dice = random.Random(4)
    repeated = [line for line in lines for _ in range(dice.choice((1, 1, 2)))]
    dice.shuffle(repeated)
    assert tried(recorded(tmp_path, repeated), interval_s=10) == expected


def test_a_duration_ends_without_another_reading_but_not_behind_the_file(tmp_path: Path) -> None:
    lines = [f"{START.isoformat()},120", f"{(START + timedelta(minutes=50)).isoformat()},3"]
    assert tried(recorded(tmp_path, lines)) == [("co_100", 10, None, "deadline_without_contradiction")]
    assert tried(recorded(tmp_path, lines[:1])) == []


def test_an_alarm_bit_is_a_column(tmp_path: Path) -> None:
    lines = ["0,3,0", "60,3,1", "120,,1", "180,3,0"]
    file = recorded(tmp_path, lines, "ts,co_ppm,fire_alarm")
    ((rule, *_),) = tried(file)
    assert rule == "fire_detector_alarm"
    (raised,) = try_rules(default_pack(), read_recording(file, "co_detector"))
    assert (raised.raised_at.timestamp(), raised.cleared_at and raised.cleared_at.timestamp()) == (60, 180)


@pytest.mark.parametrize("ts", ["1768503600", "1768503600000", "2026-01-15T19:00:00Z", "2026-01-16 03:00:00+08:00"])
def test_times_may_be_written_as_people_write_them(tmp_path: Path, ts: str) -> None:
    (reading,) = read_recording(recorded(tmp_path, [f"{ts},3"]), "co_detector")
    assert reading.judged_ms == START.timestamp() * 1000


@pytest.mark.parametrize(
    ("lines", "header", "said"),
    [
        (["1,3"], "ts,co", r"readings.csv:1: unknown column 'co'.*expected ts, a metric"),
        (["1"], "ts", r"readings.csv:1: columns ts: give ts and at least one metric"),
        (["1,3,4"], "ts,co_ppm,co_ppm", "twice"),
        (["1,3", "2"], "ts,co_ppm", "readings.csv:3: 1 columns: give 2"),
        (["1,warm"], "ts,co_ppm", "readings.csv:2: co_ppm: 'warm': expected a number or nothing"),
        (["1,nan"], "ts,co_ppm", "readings.csv:2: co_ppm: 'nan'"),
        (["soon,3"], "ts,co_ppm", "readings.csv:2: ts: 'soon': expected ISO 8601"),
        (["-1,3"], "ts,co_ppm", "readings.csv:2: ts"),
        (["1e300,3"], "ts,co_ppm", "readings.csv:2: ts"),
        (["1,2"], "ts,co_alarm", "readings.csv:2: co_alarm: '2': expected 1, 0 or nothing"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, lines: list[str], header: str, said: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        read_recording(recorded(tmp_path, lines, header), "co_detector")
    assert len(str(wrong.value).splitlines()) == 1
    wrong.match(said)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"ts,co_ppm\n\0"])
def test_what_is_no_table_is_said_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "odd.csv"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"odd\.csv"):
        read_recording(file, "co_detector")


def test_a_value_that_ingest_would_null_raises_nothing(tmp_path: Path) -> None:
    assert tried(recorded(tmp_path, steps((5, 999_999)))) == []


def test_the_command_prints_json_and_takes_another_pack(tmp_path: Path) -> None:
    file = recorded(tmp_path, steps((1, 3), (15, 100), (20, 3)))
    done = CliRunner().invoke(app, ["rules", "try", "--type", "co_detector", "--readings", str(file), "--json"])
    assert json.loads(done.stdout) == [
        {
            "rule": "co_100",
            "priority": "critical",
            "raised_at": "2026-01-15T19:11:00+00:00",
            "cleared_at": "2026-01-15T19:31:00+00:00",
            "reason": "exposed_long_enough",
        }
    ]
    pack = tmp_path / "mine.yaml"
    pack.write_text(PACK.read_text(encoding="utf-8").replace("on_delay_s: 600", "on_delay_s: 1200"), encoding="utf-8")
    told = CliRunner().invoke(
        app, ["rules", "try", "--type", "co_detector", "--readings", str(file), "--pack", str(pack)]
    )
    assert told.stdout.splitlines() == ["default@5: 0 alarms"]


def test_the_command_says_what_it_cannot_use(tmp_path: Path) -> None:
    file = recorded(tmp_path, steps((1, 3)))
    for arguments in (["--type", "stove"], ["--type", "co_detector", "--pack", str(tmp_path / "none.yaml")]):
        done = CliRunner().invoke(app, ["rules", "try", *arguments, "--readings", str(file)])
        assert done.exit_code != 0
        assert "stove" in str(done.exception) or "none.yaml" in str(done.exception)

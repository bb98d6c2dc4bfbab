"""`nuanshao chaos --short`: everything is broken once, and the books balance. Longer runs are made by command."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from chaos.kinds import KINDS
from chaos.schedule import schedule
from runtime.postgres import processes_in
from tests.beside import PROJECT, Beside, environment, nuanshao

SEED = 3
"""As tests/conftest.py starts it."""


@pytest.fixture(scope="module")
def result(beside: dict[str, Beside]) -> dict[str, Any]:
    """It has been playing beside the other tests."""
    said = beside["chaos"].end()
    assert said.returncode == 0, f"{said.stdout}\n{said.stderr}"
    place = beside["chaos"].folder
    assert not (place / ".nuanshao" / "chaos").exists(), "nothing is left behind"
    assert processes_in(place / ".nuanshao" / "chaos" / "postgres" / "data") == []
    assert "all is well" in said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@pytest.mark.timeout(400)
def test_nothing_is_lost_and_nothing_is_twice(result: dict[str, Any]) -> None:
    assert result["shortcomings"] == []
    assert result["ok"] is True
    assert result["published"] == result["stored"] + result["rejected"] > 5_000
    assert (result["lost"], result["duplicated"]) == (0, 0)
    ledger = result["ledger"]
    assert ledger["received"] == ledger["stored"] + ledger["duplicate"] + ledger["rejected"]
    assert ledger["duplicate"] > 0, "something was delivered twice, or nothing was broken"


def test_everybody_is_told_of_every_carbon_monoxide(result: dict[str, Any]) -> None:
    assert result["co_told"] == result["co_injected"] == len(schedule(SEED, 1, short=True).dangers)
    assert result["notifications_open"] == 0
    assert result["alarms_without_cause"] == result["false_incidents"] == 0


def test_it_broke_what_its_seed_says(result: dict[str, Any]) -> None:
    plan = schedule(SEED, 1, short=True)
    assert [fault["kind"] for fault in result["schedule"]] == [fault.kind for fault in plan.faults]
    assert result["faults"] == {row.name: 1 for row in KINDS if not row.only_when_asked}
    assert {name: result["deaths"].get(name) for name in ("ingest", "alerts", "the database")} == {
        "ingest": 1,
        "alerts": 1,
        "the database": 1,
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NUANSHAO_DATABASE_URL", "postgresql://somebody:secret@127.0.0.1:9/theirs"),
        ("NUANSHAO_MQTT_URL", "mqtt://somebody:secret@127.0.0.1:9"),
        ("NUANSHAO_ALIYUN_ACCESS_KEY_ID", "a-real-account"),
    ],
)
def test_what_belongs_to_somebody_else_is_not_broken(variable: str, value: str) -> None:
    said = subprocess.run(
        nuanshao("chaos", "--short"), cwd=PROJECT, env=environment(**{variable: value}), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert said.returncode == 2
    assert said.stderr.startswith(f"nuanshao: {variable} names a")
    assert said.stderr.count("\n") == 1
    assert "secret" not in said.stderr

"""A run's score from a real database: readings through the engine, silence through its watch; seconds after 3 a.m."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from rich.console import Console

from alerts.silence import SilenceWatch
from catalogue.rules import default_pack
from demo.scoring import conclude, score_run, settled, wait_until_settled
from demo.verdict import told
from device_sim.score.floors import parse_floor
from device_sim.score.truth import TruthEvent, read_truth
from foundation.errors import SettingsError
from store.connect import connect
from store.drill import start_drill
from store.named_sql import sql
from tests.world import NIGHT, VILLAGE, World, settle

HOUR = 3600.0


def at(seconds: float) -> datetime:
    return NIGHT + timedelta(seconds=seconds)


def injected(fault: str, kind: str | None, home: str, begins: float, **changes: Any) -> TruthEvent:
    event = TruthEvent(
        number=0,
        fault=fault,
        kind=kind,
        hits="home",
        homes=(home,),
        village=VILLAGE,
        devices=(home.replace("home", "co"),),
        interval_s=10,
        back_within_s=0.0,
        unseen=False,
        injected_at=at(begins),
        ended_at=at(begins + 600),
    )
    for name, value in changes.items():
        setattr(event, name, value)
    return event


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """A leak, one in a home whose detector says nothing, and a pan on the stove."""
    events = [
        injected("co_leak", "co", "home-000", 0, dangerous_at=at(60)),
        injected("blocked_flue", "co", "home-001", 0, number=1, dangerous_at=at(90)),
        injected("cooking_peak", None, "home-002", 0, number=2, devices=()),
    ]
    file = tmp_path / "truth.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    return file


@pytest.fixture
def plain(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, autocommit=True) as connection:
        yield connection


async def accept(database: psycopg.AsyncConnection, seconds: float) -> None:
    """A carrier takes everything that waits."""
    await database.execute(
        "update notification set accepted_at = %s, state = 'accepted', channel = 'aliyun_sms'"
        " where accepted_at is null",
        (at(seconds),),
    )


async def a_leak_and_a_false_alarm(world: World) -> None:
    await world.read("co-000", 60, co_ppm=310)
    await world.read("co-000", 70, co_ppm=320)
    await world.read("co-002", 70, co_ppm=310)
    await world.read("co-002", 80, co_ppm=310)
    await accept(world.database, 73)


async def test_what_was_injected_against_what_was_raised_and_told(
    world: World, truth: Path, plain: psycopg.Connection
) -> None:
    await a_leak_and_a_false_alarm(world)
    found = score_run(plain, truth, at(-60), at(HOUR), [parse_floor("co.recall=1"), parse_floor("co.precision=0.5")])
    report = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert report["kinds"] == {
        "co": {
            "recall": 0.5,
            "precision": 0.5,
            "delay_s": {"p50": 13.0, "p95": 13.0, "max": 13.0},
            "messages_per_event": 0.5,
            "messages_per_event_per_recipient": 0.5,
            "alarmed": 0.5,
            "told": 0.5,
            "injected": 2,
            "due": 2,
            "unseen": 0,
            "no_rule_yet": 0,
            "right_alarms": 1,
            "false_alarms": 1,
        }
    }
    assert [(one["fault"], one["home"], one["why"]) for one in report["missed"]] == [
        ("blocked_flue", "home-001", "not alarmed")
    ]
    assert [(one["rule"], one["home"], one["told"], one["during"]) for one in report["false"]] == [
        ("co_300", "home-002", True, ["cooking_peak"])
    ]
    assert [floor["held"] for floor in report["floors"]] == [False, True]
    assert report["run"]["devices"] == 2, "so many were heard"
    assert report["run"]["messages"] == 2


async def test_only_the_runs_own_time_and_devices_count(world: World, truth: Path, plain: psycopg.Connection) -> None:
    await a_leak_and_a_false_alarm(world)
    await world.read("co-001", 3 * HOUR, co_ppm=310)
    await world.read("co-001", 3 * HOUR + 10, co_ppm=310)
    await accept(world.database, 3 * HOUR + 11)
    run = (truth, at(-60), at(HOUR))
    assert score_run(plain, *run).messages == 2
    assert [one.home for one in score_run(plain, *run).false] == ["home-002"]
    assert score_run(plain, *run, devices=["co-000", "co-001"]).false == ()
    later = score_run(plain, truth, at(2 * HOUR), at(4 * HOUR))
    assert later.kinds["co"].recall == 0.0, "the alarm was raised before this run"
    assert [one.home for one in later.false] == ["home-001"]
    quiet = [(at(0), at(HOUR))]
    assert score_run(plain, *run, quiet=quiet).false == ()


async def test_a_drill_is_scored_by_itself(
    database_url: str, world: World, truth: Path, plain: psycopg.Connection
) -> None:
    drill = start_drill(
        plain, name="冬季演练", scenario="co-night", homes=["home-000", "home-002"], by="t", now=NIGHT, ends_at=at(HOUR)
    )
    twins = {twin.home: twin.uid for twin in drill.twins if twin.type == "co_detector"}
    await world.load()
    await world.read(twins["home-000"], 60, co_ppm=310)
    await world.read(twins["home-000"], 70, co_ppm=310)
    await accept(world.database, 75)
    real = score_run(plain, truth, at(-60), at(HOUR))
    assert (real.kinds["co"].recall, real.false, real.run.devices, real.messages) == (0.0, (), 0, 0)
    played = score_run(plain, truth, at(-60), at(HOUR), drill=drill.id)
    assert (played.kinds["co"].recall, played.run.devices, played.messages) == (0.5, 1, 1)


async def test_a_blackout_is_answered_by_its_incident(
    database_url: str, database: psycopg.AsyncConnection, plain: psycopg.Connection, tmp_path: Path
) -> None:
    with connect(database_url) as connection:
        settle(connection, homes=6)
    world = await World(database).load()
    for uid in world.devices:
        await world.read(uid, 0, rssi_dbm=-70)
    # one minute to be recognised as a whole; its single silences come after ten, and are inhibited
    for seconds in (100.0, 700.0):
        world.at(seconds)
        await database.execute(sql("heartbeat"), ("ingest", "i", NIGHT, NIGHT, world.now, 0, ""))
        await SilenceWatch(default_pack()).look(database, world.now)
    await accept(database, 102)
    file = tmp_path / "truth.jsonl"
    cut = injected("power_cut", "blackout", "", 5, hits="village", homes=(), devices=(), ended_at=at(900))
    file.write_bytes(msgspec.json.encode(cut) + b"\n")
    found = score_run(plain, file, at(-60), at(HOUR))
    assert list(found.kinds) == ["blackout"]
    blackout = found.kinds["blackout"]
    assert (blackout.recall, blackout.precision, blackout.delay_s.max, blackout.messages_per_event) == (1.0, 1.0, 97, 1)
    assert (found.false, found.false_offline) == ((), 0.0)
    nothing = tmp_path / "nothing.jsonl"
    nothing.write_bytes(b"")
    wrong = score_run(plain, nothing, at(-60), at(HOUR))
    assert [one.rule for one in wrong.false] == ["village_silent"], "inhibited ones were shown to nobody"


async def test_what_the_demo_says_of_each_event(world: World, truth: Path, plain: psycopg.Connection) -> None:
    await a_leak_and_a_false_alarm(world)
    leak, flue, peak = read_truth(truth)
    what = told(plain, leak)
    assert (what.kind, what.home, what.device, what.channel) == ("co_leak", "home-000", "co-000", "aliyun_sms")
    assert (what.alarm_at, what.told_at, what.seconds) == (at(70), at(73), 13.0)
    assert (told(plain, flue).told_at, told(plain, flue).seconds) == (None, None)
    with pytest.raises(ValueError, match="cooking_peak is nothing"):
        told(plain, peak)


async def test_at_rest_is_when_nothing_is_left_to_judge_and_nobody_left_to_tell(
    world: World, plain: psycopg.Connection
) -> None:
    def rests(drill: bool = False) -> bool:  # noqa: FBT001, FBT002 - said by name below
        return settled(plain, at(-60), drill=drill, clock=lambda: world.now)

    assert rests()
    await world.read("co-000", 60, co_ppm=310)
    assert rests(), "it waits for a second reading, and its time has not come"
    world.at(95)
    assert not rests(), "its time has come, and nobody has looked"
    assert rests(drill=True), "no matter of a drill"
    await world.deadlines(95)
    assert not rests(), "raised, and nobody told"
    assert rests(drill=True)
    await accept(world.database, 96)
    assert rests()
    await world.database.execute(sql("heartbeat"), ("ingest", "i", NIGHT, NIGHT, world.now, 3, ""))
    assert not rests(), "ingest has readings in its hands"
    world.at(120)
    assert rests(), "who has not been heard for long holds nothing any more"


async def test_waiting_ends_at_the_second_look_that_finds_rest_or_when_time_is_up(
    world: World, plain: psycopg.Connection
) -> None:
    naps: list[float] = []
    assert wait_until_settled(plain, at(-60), 60.0, sleep=naps.append)
    assert len(naps) == 1
    await world.read("co-000", 60, co_ppm=310)
    await world.read("co-000", 70, co_ppm=310)
    assert not wait_until_settled(plain, at(-60), 10.0, sleep=naps.append)
    assert sum(naps[1:]) >= 10.0


async def test_the_command_shows_writes_and_says_by_its_exit_code(
    database_url: str, world: World, truth: Path, tmp_path: Path
) -> None:
    await a_leak_and_a_false_alarm(world)
    paper, report = io.StringIO(), tmp_path / "r.json"

    def run(*floors: str, file: Path = truth) -> int:
        return conclude(
            database_url,
            file,
            floors=[parse_floor(text) for text in floors],
            report=report,
            console=Console(file=paper, width=80),
        )

    assert run() == run("co.recall=0.5") == 0
    assert run("co.recall=0.5", "co.recall=1") == 1
    assert "FAILED  co.recall ≥ 1: 0.5, too low" in paper.getvalue()
    written = json.loads(report.read_text(encoding="utf-8"))
    assert written["run"]["from"] == "2026-01-15T18:59:00.000Z", "from a minute before the first injection"
    assert written["run"]["until"] == "2026-01-15T19:12:00.000Z"
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    with pytest.raises(SettingsError, match=r"nothing was injected according to empty\.jsonl: say when"):
        run(file=empty)

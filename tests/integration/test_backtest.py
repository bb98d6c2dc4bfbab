"""`nuanshao rules backtest`: from what is stored it says what the engine did live."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from alerts.acknowledgement import acknowledge_alarm
from alerts.backtest.county import read_county
from alerts.backtest.replay import Listener, Replay
from alerts.backtest.run import Options, backtest, out_of, play
from alerts.engine import Engine
from alerts.playing import Played
from catalogue.flags import Flag
from catalogue.metrics import METRIC_INDEX, METRIC_NAMES
from catalogue.rules import READING_KINDS, RulePack, parse_pack
from cli import app
from foundation import settings as settings_module
from ingest.batch import Batch
from ingest.judge import Judged, JudgedEvent
from store.connect import connect
from store.stored import read_only
from tests.world import NIGHT, VILLAGE, World, ms, rows

MINUTES = 36
STEP_S = 15
BITS = {"co-002": ("co_alarm", {20: True, 40: False, 110: True}),
        "gb-002": ("overheat", {8: True, 12: False, 50: True, 54: False, 90: True, 100: False, 130: True})}  # fmt: skip
KINDS = """
pack: kinds
version: 1
extends: default
rules:
- {id: flow_rises, kind: rate, types: [gas_wall_boiler], metric: flow_c, raise_at: 80, by: 35, within_s: 300,
   clear_at: 70, off_delay_s: 60, priority: high, latching: true, tell: true, tell_late: false, en: x, zh: x, do: x,
   source: a test}
- {id: warm_without_fire, kind: threshold, metric: flow_c, given: {flame: {at_most: 0}}, raise_at: 94, on_delay_s: 20,
   clear_at: 80, hours: {since: 2, until: 4}, priority: low, latching: false, tell: true, tell_late: false, en: x,
   zh: x, do: x, source: a test}
- {id: drop, kind: threshold, models: ["mk?"], metric: flow_c, minus: return_c, raise_at: 40, clear_at: 30,
   priority: low, latching: false, tell: true, tell_late: false, en: x, zh: x, do: x, source: a test}
- {id: not_here, kind: threshold, regions: ["999"], metric: co_ppm, raise_at: 1, clear_at: 0, priority: low,
   latching: false, tell: true, tell_late: false, en: x, zh: x, do: x, source: a test}
- {id: coded, kind: fault, faults: [overheat, ignition_failed], priority: low, latching: false, tell: true,
   tell_late: false, en: x, zh: x, do: x, source: a test}
- {id: overheats, kind: count, types: [gas_wall_boiler], event: overheat, at_least: 3, within_s: 1500,
   priority: high, latching: true, tell: true, tell_late: false, en: x, zh: x, do: x, source: a test}
"""
PACK = Path(__file__).parents[2] / "catalogue" / "packs" / "default.yaml"


def reading(world: World, uid: str, ts_s: float, received_s: float, flags: int = 0, **metrics: float) -> Judged:
    values: list[float | None] = [None] * len(METRIC_NAMES)
    for name, value in metrics.items():
        values[METRIC_INDEX[name]] = value
    ts, received = (ms(NIGHT) + round(at * 1000) for at in (ts_s, received_s))
    return Judged(world.devices[uid], ts, received, None, None, None, flags, None, values)


def bits(world: World, step: int, at_s: float) -> Batch:
    at = ms(NIGHT) + round(at_s * 1000)
    return Batch(
        events=[
            JudgedEvent(world.devices[uid], what, said[step], at, at + 40, None, 0)
            for uid, (what, said) in BITS.items()
            if step in said
        ]
    )


class Story:
    """Dice for half an hour: carbon monoxide, hot boilers and their codes, clocks, what comes late or overtaken."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = random.Random(8)
        self._ppm, self._flow_c = dict.fromkeys(world.devices, 3.0), dict.fromkeys(world.devices, 60.0)
        self._fault: dict[str, str | None] = dict.fromkeys(world.devices)
        self._kept_back: list[Judged] = []

    def come(self, now_s: float) -> list[Judged]:
        """What arrives at a moment."""
        for uid in self._world.devices:
            if uid == "co-001" and 300 <= now_s < 1260:
                # out of reach: its readings come a quarter of an hour later, dangerous at once and then for a time
                ppm = 350.0 if now_s < 330 else 3.0 if now_s < 480 else 130.0
                self._kept_back.append(reading(self._world, uid, now_s, now_s + 900, int(Flag.LATE), co_ppm=ppm))
        due = [one for one in self._kept_back if one.received_ms <= ms(NIGHT) + now_s * 1000]
        self._kept_back = [one for one in self._kept_back if one not in due]
        new = [one for uid in self._world.devices for one in self._of(uid, now_s)]
        return [one for one in new if not self._overtaken(one)] + due

    def _overtaken(self, one: Judged) -> bool:
        """Some messages take a step or two longer than the next of their device."""
        if one.device.uid not in {"co-000", "gb-000", "gb-002"} or self._dice.random() > 0.15:
            return False
        delay_ms = self._dice.choice((1, 2, 3)) * STEP_S * 1000
        self._kept_back.append(replace(one, received_ms=one.received_ms + delay_ms))
        return True

    def _of(self, uid: str, now_s: float) -> list[Judged]:
        dice = self._dice
        if uid.startswith("gb-"):
            if dice.random() < 0.05:
                self._flow_c[uid] = dice.choice((60.0, 95.3, 103.0))
            if dice.random() < 0.05:
                self._fault[uid] = dice.choice((None, "101", "501", "no such code"))
            if dice.random() < 0.1:
                return []
            warm = {"flow_c": self._flow_c[uid], "return_c": dice.choice((55.5, 66.6))}
            if dice.random() < 0.8:
                warm["flame"] = float(dice.random() < 0.2)
            return [replace(reading(self._world, uid, now_s - 2.0, now_s, 0, **warm), fault=self._fault[uid])]
        if uid == "co-001":
            return [] if 300 <= now_s < 1260 else [reading(self._world, uid, now_s - 0.5, now_s, co_ppm=3.0)]
        if uid == "co-002":  # what must be held is held
            return [reading(self._world, uid, now_s - 0.5, now_s, co_ppm=120.0 if 300 <= now_s < 1080 else 3.0)]
        if dice.random() < 0.03:
            self._ppm[uid] = dice.choice((3.0, 12.0, 39.1, 120.0, 320.0))
        return [reading(self._world, uid, now_s + 25.0, now_s, co_ppm=self._ppm[uid])]


async def of_two_makers(world: World) -> None:
    """One boiler of a maker whose codes the catalogue knows, one of a model that a rule is for."""
    await world.database.execute("update device set vendor = 'ariston' where uid = 'gb-000'")
    await world.database.execute("update device set vendor = 'ariston', model = 'MK2' where uid = 'gb-001'")
    await world.load()


async def live(world: World, acknowledge_after: timedelta | None) -> None:
    """Whoever looks after deadlines and acknowledges looks every step, after what has come in it."""
    story = Story(world)
    for step in range(MINUTES * 60 // STEP_S):
        now_s = step * STEP_S + 1.0
        world.at(now_s)
        await world.commit(Batch(readings=story.come(now_s)))
        await world.commit(bits(world, step, now_s))
        await world.deadlines(now_s + 5)
        if acknowledge_after is not None:
            await acknowledge(world, acknowledge_after)


async def acknowledge(world: World, after: timedelta) -> None:
    for alarm in await world.alarms():
        raised = alarm["condition"] != "pending" and alarm["acknowledged_at"] is None
        if raised and world.now - alarm["recorded_at"] > after:
            await acknowledge_alarm(world.database, alarm["id"], by="x", how="test", now=alarm["recorded_at"] + after)


async def told(world: World) -> list[tuple[str, str, str, int]]:
    """(uid, rule, kind, measured second) of each message: that is what its key is made of."""
    found = await rows(
        world.database,
        "select d.uid, a.rule, n.kind, split_part(n.idempotency_key, '-', 5)::int as second"
        " from notification n join alarm a on a.id = n.alarm_id join device d on d.id = a.device_id",
    )
    return sorted((one["uid"], one["rule"], one["kind"], one["second"]) for one in found)


def only_readings(pack: RulePack) -> RulePack:
    return RulePack(
        pack=pack.pack, version=pack.version, rules=tuple(r for r in pack.rules if isinstance(r, READING_KINDS))
    )


def unsuppressed(pack: RulePack) -> RulePack:
    """What is held back, because an alarm flaps or a worse one says the same, is not replayed: the limits say so."""
    told = {"suppressed_by": (), "covered_by": ()}
    rules = tuple(rule if rule.life_safety else rule.model_copy(update=told) for rule in pack.rules)
    return pack.model_copy(update={"rules": rules})


@pytest.mark.parametrize("acknowledge_after", [None, timedelta(minutes=5)])
async def test_a_backtest_says_what_the_engine_did(world: World, acknowledge_after: timedelta | None) -> None:
    pack = unsuppressed(parse_pack(KINDS, "kinds.yaml"))
    world.engine = Engine(pack)
    await of_two_makers(world)
    await live(world, acknowledge_after)
    uids = {device.id: device.uid for device in world.devices.values()}
    said: list[tuple[str, str, str, int]] = []

    def note(played: Played) -> None:
        state = played.decision.state
        if not played.rule.tell or state is None:
            return
        uid = uids[played.device_id]
        if played.raised and state.raised_at is not None:
            said.append((uid, played.rule.id, "raised", int(state.raised_at.timestamp())))
        elif played.decision.change == "cleared" and state.cleared_at is not None:
            said.append((uid, played.rule.id, "cleared", int(state.cleared_at.timestamp())))

    url = world.database.info.dsn + f" password={world.database.info.password}"
    pack = only_readings(pack)
    begin, end = NIGHT - timedelta(minutes=1), NIGHT + timedelta(hours=1)
    with connect(url, autocommit=True) as connection, connect(url, autocommit=True) as beside:
        read_only(connection)
        county = read_county(connection)
        listener = Listener(pack, county, note, lambda _: None, acknowledge_after)
        replay = Replay(county, [listener], world.now, out_of(beside))
        play(connection, replay, begin, end)
    assert sorted(said) == await told(world)
    assert {rule for _, rule, _, _ in said} >= {"co_300", "co_100", "co_detector_alarm", "boiler_flow_95"}
    assert {rule for _, rule, _, _ in said} >= {"flow_rises", "warm_without_fire", "drop", "overheats", "coded"}
    assert ("co-001", "co_300", "raised") in {one[:3] for one in said}
    assert replay.judged < replay.readings, "the ordinary ones were not looked at singly"

    held = await world.alarms()
    now = listener.player.states()
    assert {(uids[device], rule): (s.condition, s.since, s.last_ts, s.samples, s.deadline) for (device, rule), s in
            now.items()} == {(a["uid"], a["rule"]): (a["condition"], a["since"], a["last_ts"], a["samples"],
                                                     a["deadline"]) for a in held}  # fmt: skip

    done = backtest(url, Options(pack, pack, begin, end, None, acknowledge_after), lambda *_: None, lambda: world.now)
    total = done.present.total()
    assert total == done.new.total()
    assert total.messages == len(said), "one person is told in this village"
    assert total.late == sum(a["late"] for a in await world.alarms(closed=True)) > 0
    (village,) = done.villages
    assert (village.village.code, village.present, village.fewer_messages) == (VILLAGE, total, 0)


def ran(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    url = world.database.info.dsn + f" password={world.database.info.password}"
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", url)
    settings_module.settings.cache_clear()
    result = CliRunner().invoke(app, ["rules", "backtest", *arguments], env={"COLUMNS": "120"})
    error = "" if result.exception is None else str(result.exception)
    return result.exit_code, result.stdout, error


async def test_a_new_pack_is_weighed_against_the_present_one(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A boiler at 97 °C, a detector that is silent for an hour; a pack with a higher level, that tells more."""
    for minute in range(80):
        some = [reading(world, "gb-000", minute * 60, minute * 60 + 1, flow_c=97.0 if 10 <= minute < 20 else 60.0)]
        if not 5 <= minute < 65:
            some.append(reading(world, "co-000", minute * 60, minute * 60 + 1, co_ppm=3.0))
        world.at(minute * 60 + 2)
        await world.commit(Batch(readings=some))
    raw = yaml.safe_load(PACK.read_text(encoding="utf-8"))
    raw["version"] = 99
    for rule in raw["rules"]:
        if rule["id"] == "boiler_flow_95":
            rule["raise_at"] = 98
        if rule["id"] == "offline":
            rule["tell"] = True
    pack = tmp_path / "new.yaml"
    pack.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    span = ("--from", "2026-01-15T18:00+00:00", "--to", "2026-01-15T21:00+00:00")

    code, said, _ = ran(world, monkeypatch, "--pack", str(pack), *span, "--region", "150500", "--json")
    assert code == 0
    report = json.loads(said)
    assert (report["readings"], report["devices"]) == (100, 6)
    assert report["present"]["pack"] == "default@5"
    present, new = report["present"]["by_rule"], report["new"]["by_rule"]
    assert (present["boiler_flow_95"]["alarms"], present["boiler_flow_95"]["messages"]) == (1, 2)
    assert new["boiler_flow_95"]["alarms"] == 0
    # silent once, heard again: told twice; the other four were never heard
    assert (present["co_detector_silent"]["alarms"], present["co_detector_silent"]["messages"]) == (1, 2)
    assert present["offline"]["alarms"] == 0
    (village,) = report["villages"]
    assert (village["village"], village["alarms_difference"], village["messages_difference"]) == (VILLAGE, -1, -2)
    assert any("incidents are not replayed" in line for line in report["limits"])

    code, said, _ = ran(world, monkeypatch, "--pack", str(pack), *span)
    assert code == 0
    for words in ("default@5", "default@99", "boiler_flow_95", VILLAGE, "readings/s", "nobody acknowledges"):
        assert words in said, said

    wrong = {
        ("--from", "yesterday"): "'yesterday' is no date",
        ("--from", "2026-01-16", "--to", "2026-01-15"): "no time between --from and --to",
        ("--from", "2020-01-01", "--to", "2020-02-01"): "no reading from 2020-01-01 00:00 to 2020-02-01 00:00",
        (*span, "--region", "999"): "there is no region '999'",
        (*span, "--against", str(tmp_path)): "cannot read",
        (*span, "--acknowledge-after", "soon"): "'soon' is no span of time",
    }
    for arguments, words in wrong.items():
        code, _, error = ran(world, monkeypatch, "--pack", str(pack), *arguments)
        assert code != 0
        assert words in error
        assert "\n" not in error
    await world.database.execute("alter table telemetry rename column flow_c to flow_f")
    code, _, error = ran(world, monkeypatch, "--pack", str(pack), *span)
    assert code != 0
    assert "lacks what a rule looks at" in error

"""The simulator's clients against the real broker: what is measured arrives, whatever happens on the way."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
import pytest

from demo.players import LiveOptions, play_live, read_passwords, scenario_floors, shift_of, through_of
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import Fleet
from device_sim.fleet.plan import plan
from device_sim.network.broker import Broker, parse_address
from device_sim.network.mqtt_device import MqttDevice
from device_sim.network.outbox import Item
from device_sim.runs.cast import Asked
from device_sim.runs.live import Show, Stop, run
from device_sim.score.tally import Tally
from device_sim.score.truth import read_truth
from foundation.clock import utc_now
from foundation.errors import NotFound, SettingsError
from runtime.mosquitto import Mosquitto
from tests.beside import environment, nuanshao
from tests.hearing import Hearing, hearing

LetIn = Callable[..., dict[str, str]]
SPEED = 60.0
MINUTE = 1 / SPEED
"""Of real time: one simulated minute, in which everybody reports 12 times."""
SMALL = plan(1, 4, villages=2, interval_s=5)
"""Villages of two homes: heat pumps, storage heaters."""
FIRST_VILLAGE = [row for row in range(len(SMALL.device_home)) if SMALL.devices[row].uid.startswith("kz01")]


def logins(fleet: Fleet) -> list[str]:
    return [device.uid for device in fleet.devices if device.gateway is None]


async def play(
    broker: Mosquitto,
    let_in: LetIn,
    fleet: Fleet,
    *injections: Injection,
    minutes: float = MINUTE,
    stop: Stop | None = None,
) -> Tally:
    passwords = let_in(*logins(fleet))
    show = Show(fleet, injections, 1)
    return await run(show, passwords, broker.url, minutes=minutes, speed=SPEED, stop=stop)


def injected(fault: str, rows: list[int], at_s: float, ends_s: float, strength: float = 1.0) -> Injection:
    homes = sorted({int(SMALL.device_home[row]) for row in rows})
    return Injection(fault, at_s, ends_s, strength, tuple(homes), tuple(rows), back_within_s=0.0)


def numbers(heard: Hearing, uid: str) -> list[int]:
    return [reading["seq"] for reading in heard.of(uid)]


def came_all(heard: Hearing, uid: str, many: int) -> bool:
    return set(numbers(heard, uid)) == set(range(1, many + 1))


async def test_each_device_and_village_gateways_deliver_the_same_readings(broker: Mosquitto, let_in: LetIn) -> None:
    found, messages = [], []
    for fleet in (SMALL, plan(1, 4, villages=2, interval_s=5, gateways=True)):
        everything = len(fleet.devices) * 12
        async with hearing(broker.url) as heard:
            tally = await play(broker, let_in, fleet)
            assert (tally.sent, tally.published, tally.dropped) == (everything, everything, 0)
            await heard.until(heard.many(everything), "all readings")
            await heard.until(heard.all_say(logins(fleet), ["online", "offline"]), "goodbyes")
        measured = {(uid, reading["seq"]): sorted(reading["m"]) for uid, reading in heard.readings()}
        found.append({key: metrics for key, metrics in measured.items() if not key[0].endswith("gw")})
        messages.append(sum(channel == "telemetry" for _, channel, _ in heard.messages))
        assert {uid for uid, _, _ in heard.messages} == set(logins(fleet))
    assert found[0] == found[1]
    assert len(found[0]) == len(SMALL.devices) * 12 == messages[0]
    assert messages[1] < messages[0] / 10, "gathered into arrays"


async def test_a_connection_that_is_ended_by_somebody_else_costs_nothing(broker: Mosquitto, let_in: LetIn) -> None:
    parts, victims = urlsplit(broker.url), logins(SMALL)[:3]
    async with hearing(broker.url) as heard:
        playing = asyncio.create_task(play(broker, let_in, SMALL, minutes=2 * MINUTE))
        for _ in range(2):
            await asyncio.sleep(0.6)
            for uid in victims:
                # whoever connects with a client id ends the session that has it
                async with aiomqtt.Client(
                    str(parts.hostname), parts.port or 1883,
                    username=parts.username, password=parts.password, identifier=uid,
                ):  # fmt: skip
                    pass
        tally = await playing
        assert tally.published == tally.sent == len(SMALL.devices) * 24
        for device in SMALL.devices:
            await heard.until(partial(came_all, heard, device.uid, 24), device.uid)
    for uid in victims:
        assert heard.states(uid).count("online") >= 2


async def test_what_was_under_way_when_the_connection_broke_is_sent_again() -> None:
    heard: list[list[bytes]] = []

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Never acknowledges a reading in the first session, and ends it; the later ones are in order."""
        mine: list[bytes] = []
        heard.append(mine)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                kind, size = await reader.readexactly(2)
                body = await reader.readexactly(size)
                if kind == 0x10:
                    writer.write(b"\x20\x02\x00\x00")
                if kind >> 4 == 3:
                    topic_end = 2 + int.from_bytes(body[:2], "big")
                    if body[2:topic_end].endswith(b"telemetry"):
                        mine.append(body[topic_end + 2 :])
                        if len(heard) == 1:
                            break
                    writer.write(b"\x40\x02" + body[topic_end : topic_end + 2])
        writer.close()

    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    through: list[bytes] = []
    device = MqttDevice(
        "dev-1", "x", Broker(parse_address(f"mqtt://127.0.0.1:{port}"), 1), utc_now,
        lambda items: through.extend(item.payload for item in items),
    )  # fmt: skip
    for payload in (b"1", b"2", b"3"):
        device.offer_reading(Item(payload))
    running = asyncio.create_task(device.run())
    async with asyncio.timeout(10):
        while len(through) < 3:  # noqa: ASYNC110 - a list that somebody else fills
            await asyncio.sleep(0.01)
    device.leave()
    await asyncio.wait_for(running, 60)
    server.close()
    assert heard == [[b"[1,2,3]"], [b"[1,2,3]"]]
    assert through == [b"1", b"2", b"3"], "each counted once"


async def test_a_cell_outage_ends_in_a_backlog_and_loses_nothing(broker: Mosquitto, let_in: LetIn) -> None:
    async with hearing(broker.url) as heard:
        tally = await play(broker, let_in, SMALL, injected("cell_outage", FIRST_VILLAGE, 20, 45))
        assert tally.published == tally.sent == len(SMALL.devices) * 12
        await heard.until(heard.many(tally.sent), "all readings")
        cut_off = [SMALL.devices[row].uid for row in FIRST_VILLAGE]
        others = [uid for uid in logins(SMALL) if uid not in cut_off]
        await heard.until(heard.all_say(others, ["online", "offline"]), "goodbyes")
        await heard.until(heard.all_say(cut_off, ["online", "offline"] * 2), "wills and goodbyes")
    for row, device in enumerate(SMALL.devices):
        arrays = [payload for payload in heard.payloads(device.uid, "telemetry") if payload.startswith(b"[")]
        assert numbers(heard, device.uid) == list(range(1, 13)), "in their order"
        if row in FIRST_VILLAGE:
            assert max(len(json.loads(array)) for array in arrays) >= 4


async def test_duplicates_come_twice_and_are_the_same(broker: Mosquitto, let_in: LetIn) -> None:
    twice, once = SMALL.devices[0].uid, SMALL.devices[-1].uid
    async with hearing(broker.url) as heard:
        tally = await play(broker, let_in, SMALL, injected("duplicates", [0], 0, 100))
        assert tally.published == tally.sent == len(SMALL.devices) * 12, "counted once"
        await heard.until(lambda: len(heard.of(twice)) == 24, "all readings twice")
    assert set(Counter(heard.payloads(twice, "telemetry")).values()) == {2}
    assert set(Counter(heard.payloads(once, "telemetry")).values()) == {1}


async def test_a_clone_takes_over_and_the_device_comes_back(broker: Mosquitto, let_in: LetIn) -> None:
    uid = SMALL.devices[0].uid
    async with hearing(broker.url) as heard:
        tally = await play(broker, let_in, SMALL, injected("cloned_client_id", [0], 5, 100, 60.0), minutes=2 * MINUTE)
        assert tally.published == tally.sent
        await heard.until(partial(came_all, heard, uid, 24), "all readings")
    births = [json.loads(payload) for payload in heard.payloads(uid, "status")]
    sessions = {birth["session"] for birth in births if birth["state"] == "online"}
    assert len(sessions) >= 3, "its own, the clone's, its own again"


async def test_restarts_and_flapping_modems_lose_nothing(broker: Mosquitto, let_in: LetIn) -> None:
    loop, modem = SMALL.devices[0].uid, SMALL.devices[1].uid
    async with hearing(broker.url) as heard:
        story = (injected("reboot_loop", [0], 0, 100, 20.0), injected("flapping", [1], 0, 100, 15.0))
        tally = await play(broker, let_in, SMALL, *story)
        assert tally.published == tally.sent
        await heard.until(lambda: len(heard.of(loop)) == len(heard.of(modem)) == 12, "all readings")
    boots = [reading["boot"] for reading in heard.of(loop)]
    assert boots == sorted(boots)
    assert len(set(boots)) >= 3
    starts = [next(own)["seq"] for _, own in itertools.groupby(heard.of(loop), key=lambda reading: reading["boot"])]
    assert starts == [1] * len(starts), "each start counts from anew"
    assert heard.states(modem).count("online") >= 2


async def test_hourly_batches_and_overtaking_arrive_whole(broker: Mosquitto, let_in: LetIn) -> None:
    batches, overtaking = SMALL.devices[0].uid, SMALL.devices[1].uid
    async with hearing(broker.url) as heard:
        story = (injected("hourly_batches", [0], 0, 100, 25.0), injected("out_of_order", [1], 0, 100, 40.0))
        tally = await play(broker, let_in, SMALL, *story)
        assert tally.published == tally.sent
        await heard.until(lambda: len(heard.of(batches)) == len(heard.of(overtaking)) == 12, "all readings")
    assert max(payload.count(b'"seq"') for payload in heard.payloads(batches, "telemetry")) >= 4
    order = numbers(heard, overtaking)
    assert sorted(order) == list(range(1, 13))
    assert order != sorted(order)


async def test_told_twice_to_stop_it_does_not_wait_for_a_broker_that_is_away(let_in: LetIn) -> None:
    passwords, stop = let_in(*logins(SMALL)), Stop()
    playing = asyncio.create_task(run(Show(SMALL, (), 1), passwords, "mqtt://127.0.0.1:9", speed=SPEED, stop=stop))
    await asyncio.sleep(0.3)
    stop.press()
    stop.press()
    tally = await asyncio.wait_for(playing, 60)
    assert tally.published == 0
    assert tally.outstanding == tally.sent > 0


def test_a_report_tells_what_was_missed_and_floors_decide(
    broker: Mosquitto, let_in: LetIn, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = plan(1, 12, villages=3)
    (tmp_path / "passwords.json").write_text(json.dumps(let_in(*logins(fleet))))
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", database_url)
    monkeypatch.setenv("NUANSHAO_MQTT_URL", broker.url)
    # nobody stores or tells here
    monkeypatch.setattr("demo.players._STORED_WITHIN_S", 0.1)
    monkeypatch.setattr("demo.players._TOLD_WITHIN_S", 0.0)
    said: list[str] = []
    report = tmp_path / "r.json"
    played = play_live(
        Asked(1, 12, 3, interval_s=5),
        LiveOptions(
            minutes=2 * MINUTE,
            speed=SPEED,
            passwords=tmp_path / "passwords.json",
            report=report,
            floors=["co.recall=1"],
        ),
        said.append,
    )
    assert played.code == 1
    assert played.tally.published == played.tally.sent > 0
    assert said[0] == f"{len(fleet.devices)} devices, one MQTT connection each, as up to 10000 have"
    assert f"{played.tally.sent} readings have not been stored; the score is of what was" in said
    assert any(line.startswith("to score it later: nuanshao simulate score --truth") for line in said)
    found = json.loads(report.read_text())
    assert (found["kinds"]["co"]["due"], found["kinds"]["co"]["recall"]) == (1, 0.0)
    assert found["run"]["messages"] == 0
    (floor,) = found["floors"]
    assert (floor["kind"], floor["measure"], floor["held"]) == ("co", "recall", False)
    truth = {event.fault: event for event in read_truth(tmp_path / "r.truth.jsonl")}
    assert set(truth) == {"co_leak", "overheat", "power_cut"}
    assert truth["co_leak"].dangerous_at is not None
    assert truth["power_cut"].ended_at is not None


def test_what_cannot_be_asked_for_is_said_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--floor judges a report"):
        play_live(Asked(1, 10), LiveOptions(floors=["co.recall=1"]), print)
    with pytest.raises(SettingsError, match="--through both: there is no such way"):
        through_of("both")
    with pytest.raises(SettingsError, match="--shift then"):
        shift_of("then")
    (tmp_path / "passwords.json").write_text("[1]")
    with pytest.raises(SettingsError, match="holds no passwords"):
        read_passwords(tmp_path / "passwords.json")
    with pytest.raises(NotFound, match="there is no file"):
        read_passwords(tmp_path / "gone.json")


def test_what_is_asked_for_counts_more_than_what_the_scenario_expects() -> None:
    floors = {(floor.kind, floor.measure): floor.limit for floor in scenario_floors("co-night", ["co.recall=0.5"])}
    assert floors["co", "recall"] == 0.5
    assert floors["detector", "recall"] == 1.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_told_to_end_the_command_ends_with_final_counts(
    broker: Mosquitto, let_in: LetIn, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "passwords.json").write_text(json.dumps(let_in(*logins(SMALL))))
    counters = tmp_path / "counters.json"
    simulator = await asyncio.create_subprocess_exec(
        *nuanshao(
            "simulate", "live", "--homes", "4", "--villages", "2", "--interval", "5", "--speed", "60", "--no-events",
            "--passwords", "passwords.json", "--counters", "counters.json", "--json",
        ),
        cwd=tmp_path, env=environment(NUANSHAO_MQTT_URL=broker.url),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with hearing(broker.url) as heard:
        await heard.until(lambda: len(heard.messages) > 20, "the first readings", 30)
        simulator.send_signal(number)
        said, errors = await asyncio.wait_for(simulator.communicate(), 30)
        assert simulator.returncode == 0, errors.decode()
        counts = json.loads(counters.read_text())
        assert counts["final"] is True
        assert counts["published"] == counts["sent"] == json.loads(said)["published"]
        await heard.until(heard.many(counts["published"]), "everything that was counted")
        await heard.until(heard.all_say(logins(SMALL), ["online", "offline"]), "goodbyes")

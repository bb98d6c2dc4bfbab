"""Answers by SMS, as timelines: which alarm is meant, what becomes of it, what is kept."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from alerts.answer import answer
from alerts.channels.aliyun_receipts import InboundReply
from alerts.outbox import tell_incident
from alerts.quality_read import quality
from alerts.reply import ReplyResult, take_reply
from foundation.clock import utc_now
from foundation.sealing import mark
from store import registry
from store.connect import connect, connect_async
from tests.world import COMMITTEE_PHONE, VILLAGE, World, one, rows

OTHER_PHONE = "13900000909"


class Village:
    """A village whose messages the carrier takes at once, and the phones that answer."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url, self.replies = world, url, 0

    async def danger(self, number: int, at: float) -> int:
        """A boiler far too hot, told at once; its alarm's id."""
        await self.world.read(f"gb-{number:03}", at, flow_c=110)
        await self.deliver()
        alarms = await self.world.alarms()
        return int(next(a["id"] for a in alarms if a["uid"] == f"gb-{number:03}" and a["priority"] == "critical"))

    async def deliver(self) -> None:
        await self.world.database.execute(
            "update notification set state = 'accepted', accepted_at = %s where accepted_at is null", (self.world.now,)
        )

    async def says(self, text: str, at: float, *, phone: str = COMMITTEE_PHONE, sequence: str = "") -> ReplyResult:
        self.replies += 1
        now = self.world.at(at)
        reply = InboundReply(f"86{phone}", text, now, sequence or f"seq-{self.replies}")
        return await take_reply(self.world.database, reply, now)

    async def typed(self, phone: str = COMMITTEE_PHONE) -> list[str]:
        """What each of the phone's messages asks for to acknowledge it; `-`: it asks for nothing."""
        found = await rows(
            self.world.database,
            "select n.params->>'ack' as ack from notification n join contact c on c.id = n.contact_id"
            " where c.phone_mark = %s order by n.id",
            (mark(phone),),
        )
        return [row["ack"] or "-" for row in found]

    async def alarm(self, alarm: int) -> dict[str, Any]:
        (row,) = await rows(self.world.database, "select * from alarm where id = %s", (alarm,))
        return row

    async def who(self, alarm: int) -> tuple[str | None, str | None]:
        row = await self.alarm(alarm)
        return row["acknowledged_by"], row["acknowledged_how"]

    async def kept(self) -> list[tuple[str | None, str]]:
        """Verb and outcome of each answer."""
        found = await rows(self.world.database, "select verb, outcome from answer order by id")
        return [(row["verb"], row["outcome"]) for row in found]

    def add_contact(self, name: str, phone: str, region: str = VILLAGE) -> None:
        with connect(self.url) as connection:
            registry.add_contact(connection, region=region, name=name, role="", phone=phone)
            connection.commit()


@pytest.fixture
async def village(world: World, registered: str) -> Village:
    return Village(world, registered)


async def test_two_alarms_on_one_phone(village: Village) -> None:
    first = await village.danger(0, 0)
    second = await village.danger(1, 10)
    plain, coded = await village.typed()
    assert plain == "1", "nothing else was open when it was told"
    assert (len(coded), coded[0]) == (3, "1")
    (message,) = [m for m in await village.world.messages() if m["alarm_id"] == second]
    assert message["params"] | {"ack": coded, "wrong": f"2{coded[1:]}", "help": f"3{coded[1:]}"} == message["params"]
    assert message["code"] == int(coded[1:])

    code_of_first = await one(village.world.database, "select code from notification where alarm_id = %s", (first,))
    assert await village.says(f"1 {code_of_first}", 60) == "acknowledged", "it had a code before it was needed"
    assert await village.who(first) == ("王某某", "sms")
    assert await village.who(second) == (None, None)
    assert await village.says("好的1", 70) == "acknowledged", "without a code: the newest"
    assert await village.who(second) == ("王某某", "sms")
    assert await village.says("1", 80) == "nothing_open", "both were answered"
    (kept, *_) = await rows(village.world.database, "select * from answer order by id")
    assert (kept["alarm_id"], kept["how"], kept["content"]) == (first, "sms", f"1 {code_of_first}")
    told = await one(village.world.database, "select id from notification where alarm_id = %s", (first,))
    assert kept["notification_id"] == told


async def test_the_same_alarm_told_again_keeps_its_code_and_a_code_is_not_used_again_soon(village: Village) -> None:
    database, world = village.world.database, village.world
    first = await village.danger(0, 0)
    second = await village.danger(1, 10)

    async def give(alarm: int) -> tuple[int, bool]:
        row = await (
            await database.execute(
                "select code, alone from contact c, give_code(c.id, %s, null, %s) where c.phone_mark = %s",
                (alarm, world.now, mark(COMMITTEE_PHONE)),
            )
        ).fetchone()
        assert row is not None
        return row

    code = (await give(first))[0]
    assert await give(first) == (code, False)
    assert (await give(second))[0] != code
    await database.execute("update alarm set closed_at = %s where id = %s", (world.at(20), first))
    assert await give(second) == ((await give(second))[0], True), "nothing else is open any more"

    # ninety alarms later each code has had its turn; of the free ones the one that was freed longest ago comes first
    seen = {code, (await give(second))[0]}
    for number in range(83):
        alarm = await one(
            database,
            "insert into alarm (device_id, rule, pack, priority, condition, latching, since, last_ts, reason)"
            " select device_id, %s, pack, priority, 'active', latching, since, last_ts, reason from alarm"
            " where id = %s returning id",
            (f"test-{number}", first),
        )
        given = (await give(alarm))[0]
        assert given not in seen
        seen.add(given)
        await database.execute("update alarm set closed_at = %s where id = %s", (world.at(100 + number), alarm))
    assert seen == set(range(10, 100)) - {10, 12, 19, 20, 22}
    third = await village.danger(2, 300)
    assert (await give(third))[0] == code, "freed longest ago"
    assert await village.says(f"1{code}", 310) == "acknowledged"
    assert await village.who(third) == ("王某某", "sms")


async def test_a_code_means_nothing_before_it_was_given_and_nothing_to_others(village: Village) -> None:
    village.add_contact("李某某", OTHER_PHONE, "150500")
    first = await village.danger(0, 0)
    second = await village.danger(1, 10)
    code = await one(village.world.database, "select code from notification where alarm_id = %s", (second,))
    assert await village.says(f"1{code}", 20, phone=OTHER_PHONE) == "unknown_code", "it was told to another number"
    assert await village.says("1", 20, phone=OTHER_PHONE) == "nothing_open"
    assert await village.says("1", 20, phone="13700000000") == "unknown_number"
    used = {row["code"] for row in await village.world.messages()}
    free = next(number for number in range(11, 99) if number not in used)
    assert await village.says(f"1{free}", 20) == "unknown_code"
    assert await village.says(f"1{code}", -300) == "unknown_code", "five minutes before it was told"
    assert await village.says("谁是值班的？", 20) == "not_understood"
    assert [await village.who(alarm) for alarm in (first, second)] == [(None, None)] * 2
    assert await village.kept() == [
        ("have_it", "unknown_code"), ("have_it", "nothing_open"), ("have_it", "unknown_number"),
        ("have_it", "unknown_code"), ("have_it", "unknown_code"), (None, "not_understood"),
    ]  # fmt: skip
    with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
        await village.world.database.execute("delete from answer")


async def test_a_false_alarm_is_acknowledged_and_marked_and_stays_open_while_it_is_dangerous(village: Village) -> None:
    alarm = await village.danger(0, 0)
    assert await village.says("1", 30) == "acknowledged"
    assert await village.says("2", 60) == "acknowledged_before", "who has it finds that nothing is wrong"
    row = await village.alarm(alarm)
    assert (row["acknowledged_at"], row["false_alarm_by"]) == (village.world.start + timedelta(seconds=30), "王某某")
    assert (row["condition"], row["closed_at"]) == ("active", None), "still beyond its level"
    other = await village.danger(1, 100)
    assert await village.says("误报", 130) == "acknowledged"
    row = await village.alarm(other)
    assert (row["acknowledged_by"], row["false_alarm_by"]) == ("王某某", "王某某")


async def test_a_call_for_help_acknowledges_nothing_and_stirs_the_escalation(village: Village) -> None:
    alarm = await village.danger(0, 0)
    async with await connect_async(village.url, autocommit=True) as listener:
        await listener.execute("listen nuanshao_escalation")
        assert await village.says("收到，需要支援", 40) == "help_asked"
        heard = [notice.channel async for notice in listener.notifies(timeout=10, stop_after=1)]
    assert heard == ["nuanshao_escalation"]
    row = await village.alarm(alarm)
    assert (row["acknowledged_at"], row["help_asked_by"]) == (None, "王某某")
    assert row["help_asked_at"] == village.world.start + timedelta(seconds=40)
    assert await village.says("3", 90) == "help_asked"
    row = await village.alarm(alarm)
    assert row["help_asked_at"] == village.world.start + timedelta(seconds=90), "newer: it climbs again"


async def test_a_repeated_callback_changes_nothing_also_after_the_alarm_was_opened_again(village: Village) -> None:
    await village.danger(0, 0)
    assert await village.says("1", 30, sequence="cb-1") == "acknowledged"
    await village.world.database.execute("update alarm set acknowledged_at = null, acknowledged_by = null")
    assert await village.says("1", 1900, sequence="cb-1") == "had_before"
    assert await village.kept() == [("have_it", "acknowledged")]
    await village.world.database.execute(
        "update notification set accepted_at = %s", (village.world.at(1860),)
    )  # told again
    assert await village.says("1", 1910) == "acknowledged", "a new answer counts"


async def test_two_people_answer_at_once_and_the_slower_one_does_not_take_another_alarm(village: Village) -> None:
    village.add_contact("李某某", OTHER_PHONE)
    older = await village.danger(0, 0)
    newer = await village.danger(1, 10)
    now = village.world.at(60)
    async with (
        await connect_async(village.url, autocommit=True) as one_line,
        await connect_async(village.url, autocommit=True) as other_line,
    ):
        results = await asyncio.gather(
            take_reply(one_line, InboundReply(COMMITTEE_PHONE, "1", now, "a"), now),
            take_reply(other_line, InboundReply(OTHER_PHONE, "1", now, "b"), now),
        )
    assert sorted(results) == ["acknowledged", "acknowledged_before"]
    assert (await village.who(newer))[1] == "sms"
    assert await village.who(older) == (None, None)


async def test_an_alarm_that_was_closed_meanwhile(village: Village) -> None:
    await village.danger(0, 0)
    alarm = await village.danger(1, 10)
    (_, typed) = await village.typed()
    await village.world.database.execute("update alarm set closed_at = %s where id = %s", (village.world.at(20), alarm))
    assert await village.says(typed, 30) == "closed_before"
    assert await village.who(alarm) == (None, None)


async def test_one_number_in_two_villages_has_one_code_space(village: Village) -> None:
    with connect(village.url) as connection:
        registry.add_region(connection, code="150521101202", name="另一嘎查", level="village", parent="150500")
        registry.add_home(connection, code="other-home", village="150521101202", address="9组")
        registry.add_device(connection, uid="gb-900", device_type="gas_wall_boiler", home="other-home", interval_s=10)
        connection.commit()
    village.add_contact("王某某（兼）", f"+86 {COMMITTEE_PHONE}", "150521101202")
    await village.world.load()
    here = await village.danger(0, 0)
    there = await village.danger(900, 10)
    (message,) = [m for m in await village.world.messages() if m["alarm_id"] == there]
    assert message["params"]["ack"] == f"1{message['code']}", "the other village's alarm is open for this number"
    assert message["code"] != await one(
        village.world.database, "select code from notification where alarm_id = %s", (here,)
    )
    assert await village.says(message["params"]["ack"], 30) == "acknowledged"
    assert await village.who(there) == ("王某某（兼）", "sms"), "by the name under which the number was told"
    assert await village.who(here) == (None, None)


async def test_an_incident_is_answered_too(village: Village) -> None:
    database, now = village.world.database, village.world.at(0)
    incident = await one(
        database,
        "insert into incident (kind, region_id, began_at, recorded_at, homes, of_homes)"
        " select 'village_silent', id, %s, %s, 3, 3 from region where level = 'village' returning id",
        (now, now),
    )
    region = await one(database, "select region_id from incident")
    params = {"place": "村", "home": "", "what": "3户失联", "since": "刚刚", "do": "核实"}
    await tell_incident(database, incident, region, "incident", lambda _language: dict(params), now)
    await village.deliver()
    assert await village.typed() == ["1"]
    alarm = await village.danger(0, 10)
    assert await village.says("1", 20) == "acknowledged"
    assert await village.who(alarm) == ("王某某", "sms")
    code = await one(database, "select code from notification where incident_id = %s", (incident,))
    assert await village.says(f"2{code}", 30) == "acknowledged"
    (row,) = await rows(database, "select * from incident")
    assert (row["acknowledged_by"], row["acknowledged_how"], row["false_alarm_by"]) == ("王某某", "sms", "王某某")
    assert await village.says(f"3{code}", 40) == "help_asked"
    assert await one(database, "select help_asked_by from incident") == "王某某"
    await database.execute("update incident set ended_at = %s", (village.world.at(50),))
    await tell_incident(database, incident, region, "recovery", lambda _language: dict(params), village.world.now)
    assert (await village.typed())[-1] == "-", "there is nothing to answer"
    assert await village.says(f"1{code}", 60) == "acknowledged_before"


async def test_a_key_or_a_button_names_its_message(village: Village) -> None:
    alarm = await village.danger(0, 0)
    key = (await village.world.messages())[0]["idempotency_key"]
    now = village.world.at(30)
    take = village.world.database
    assert await answer(take, key=key, verb="need_help", how="voice", now=now) == "help_asked"
    assert await village.who(alarm) == (None, None)
    assert await answer(take, key=key, verb="have_it", how="voice", now=now) == "acknowledged"
    assert await village.who(alarm) == ("王某某", "voice")
    assert await answer(take, key=key, verb="have_it", how="voice", now=now) == "acknowledged_before"
    assert await village.kept() == [("need_help", "help_asked"), ("have_it", "acknowledged")], "a repetition is no news"
    assert await answer(take, key="forged", verb="have_it", how="voice", now=now) == "nothing_to_acknowledge"


async def test_operators_answer_at_the_api_and_at_the_command_line(village: Village, http: httpx.AsyncClient) -> None:
    alarm = await village.danger(0, 0)
    path = f"/v1/alarms/{alarm}/acknowledge"
    assert (await http.post(path, json={"by": "值班员", "verb": "need_help"})).json() == {"result": "help_asked"}
    assert await village.who(alarm) == (None, None)
    assert (await http.post(path, json={"by": "值班员", "verb": "perhaps"})).status_code == 422

    async def command(*arguments: str) -> tuple[int | None, str]:
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "alarms", *arguments,
            env={**os.environ, "NUANSHAO_DATABASE_URL": village.url}, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        out, err = await done.communicate()
        return done.returncode, (out + err).decode()

    said = await command("acknowledge", str(alarm), "--by", "张三", "--false-alarm")
    assert said == (0, f"alarm {alarm}: acknowledged\n")
    code, missing = await command("acknowledge", "4711", "--by", "张三")
    assert (code != 0, "there is no alarm 4711" in missing) == (True, True)
    _, listed = await command("list")
    assert "张三 has it, 张三 says false alarm, 值班员 asked for help" in listed
    (shown,) = [one for one in (await http.get("/v1/alarms")).json() if one["id"] == alarm]
    assert (shown["acknowledged_by"], shown["false_alarm_by"], shown["help_asked_by"]) == ("张三", "张三", "值班员")
    kept = await rows(village.world.database, "select who, verb, how from answer order by id")
    assert [tuple(row.values()) for row in kept] == [
        ("值班员", "need_help", "api"), ("张三", "false_alarm", "cli"),
    ]  # fmt: skip
    found = await quality(village.world.database, utc_now(), days=366)
    assert [measure.shown for measure in found.measures[-2:]] == ["1 of 1 answered", "0 of 0"]

    incident = await one(
        village.world.database,
        "insert into incident (kind, region_id, began_at, recorded_at, homes, of_homes)"
        " select 'village_silent', id, now(), now(), 3, 3 from region where level = 'village' returning id",
    )
    path = f"/v1/incidents/{incident}/acknowledge"
    assert (await http.post(path, json={"by": "值班员"})).json() == {"result": "acknowledged"}
    assert (await http.post(path, json={"by": "别人"})).json() == {"result": "acknowledged_before"}
    assert (await http.get(f"/v1/incidents/{incident}")).json()["acknowledged_by"] == "值班员"
    assert (await http.post("/v1/incidents/4711/acknowledge", json={"by": "值班员"})).status_code == 404

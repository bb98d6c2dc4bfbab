"""Who is told, from the real registry: each role, each level, drills and the canary, with one query a call."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

import cli
from alerts.outbox import tell_incident
from alerts.recipients.board import boards, problems
from alerts.recipients.circle import UPWARDS
from alerts.recipients.recipient import Recipient
from alerts.recipients.resolve import recipients_for_device, recipients_for_region
from catalogue.escalation import Level
from catalogue.rules import default_pack
from store.connect import connect
from store.named_sql import sql
from store.registry import add_region
from store.registry_people import (
    DutyRow,
    OrganisationRow,
    SubstituteRow,
    put_duties,
    put_organisations,
    put_substitutes,
)
from store.registry_rows import ContactRow, put_contacts
from tests.world import COMMITTEE_PHONE, VILLAGE, one, settle

RULE = default_pack().by_id
NOON = datetime(2026, 2, 3, 4, 0, tzinfo=UTC)
"""A Tuesday noon in Tongliao."""
THREE_AM = datetime(2026, 2, 3, 19, 0, tzinfo=UTC)
HOLIDAY = datetime(2026, 2, 16, 4, 0, tzinfo=UTC)
WINTER = date(2025, 10, 15), date(2026, 4, 15)


@pytest.fixture
async def county(database_url: str, database: psycopg.AsyncConnection) -> psycopg.AsyncConnection:
    """A village with two on a roster, its county, a gas company, a grid company, a service team, a daughter."""
    with connect(database_url) as connection:
        add_region(connection, code="150500", name="通辽市", level="city", parent=None)
        add_region(connection, code="150521", name="科左中旗", level="county", parent="150500")
        settle(connection)
        connection.execute("update region set parent_id = (select id from region where code = '150521')"
                           " where level = 'village'")  # fmt: skip
        connection.execute("update home set vulnerable = code = 'home-000'")
        put_organisations(
            connection,
            [
                OrganisationRow("GAS", "燃气公司", "gas", "150521"),
                OrganisationRow("GRID", "供电所", "grid", VILLAGE),
                OrganisationRow("SVC", "维保", "service", "150500"),
                OrganisationRow("FAR", "邻旗燃气", "gas", ""),
            ],
        )
        put_contacts(
            connection,
            [
                ContactRow(VILLAGE, "李某某", "", "13800000202", "en"),
                ContactRow("150521", "旗值班", "", "13800000900"),
                ContactRow(None, "燃气白班", "", "13800000401", organisation="GAS"),
                ContactRow(None, "燃气夜班", "", "13800000402", organisation="GAS"),
                ContactRow(None, "供电", "", "13800000403", organisation="GRID"),
                ContactRow(None, "维保", "", COMMITTEE_PHONE, organisation="SVC"),
                ContactRow(None, "邻旗", "", "13800000404", organisation="FAR"),
                ContactRow(None, "女儿", "", "13900000300", home="home-000"),
                ContactRow(None, "儿子", "", "13900000301", home="home-001"),
            ],
        )
        put_duties(
            connection,
            [
                DutyRow(VILLAGE, None, COMMITTEE_PHONE, *WINTER, "workdays", "08:00", "20:00"),
                DutyRow(VILLAGE, None, "13800000202", *WINTER, "every", "20:00", "08:00"),
                DutyRow(None, "GAS", "13800000401", *WINTER, "every", "08:00", "20:00"),
                DutyRow(None, "GAS", "13800000402", *WINTER, "every", "20:00", "08:00"),
            ],
        )
        connection.commit()
    return database


async def told(database: psycopg.AsyncConnection, found: list[Recipient]) -> list[tuple[str, str]]:
    names: dict[int, str] = dict(await (await database.execute("select id, name from contact")).fetchall())
    return [(names[recipient.contact_id], recipient.why) for recipient in found]


async def device(database: psycopg.AsyncConnection, uid: str) -> int:
    return int(await one(database, "select id from device where uid = %s", (uid,)))


async def test_a_leak_by_day_and_by_night(county: psycopg.AsyncConnection) -> None:
    gas, co = RULE["gas_detector_alarm"], RULE["co_300"]
    detector = await device(county, "co-000")
    by_day = await recipients_for_device(county, detector, rule=gas, now=NOON)
    assert await told(county, by_day) == [("王某某", "on_duty"), ("燃气白班", "organisation"), ("女儿", "relative")]
    by_night = await recipients_for_device(county, detector, rule=gas, now=THREE_AM)
    assert await told(county, by_night) == [("李某某", "on_duty"), ("燃气夜班", "organisation"), ("女儿", "relative")]
    assert by_night[0].language == "en"
    assert by_night[0].ways == ("sms",)
    assert await told(county, await recipients_for_device(county, detector, rule=co, now=NOON)) == [
        ("王某某", "on_duty"), ("女儿", "relative"),
    ]  # fmt: skip
    elsewhere = await device(county, "co-001")
    assert await told(county, await recipients_for_device(county, elsewhere, rule=co, now=NOON)) == [
        ("王某某", "on_duty")
    ], "its home is not vulnerable"


async def test_steps_of_an_escalation(county: psycopg.AsyncConnection) -> None:
    detector, gas = await device(county, "co-000"), RULE["gas_detector_alarm"]
    woken = await recipients_for_device(county, detector, rule=gas, everybody=True, now=NOON)
    assert [name for name, _ in await told(county, woken)] == ["王某某", "李某某", "燃气白班", "燃气夜班", "女儿"]
    steps: tuple[tuple[Level, str], ...] = (("township", "contact"), ("county", "contact"), ("city", ""))
    for level, why in steps:
        found = await recipients_for_device(county, detector, rule=gas, level=level, now=NOON)
        assert await told(county, found) == ([("旗值班", why)] if why else [])


async def test_on_a_holiday_the_roster_has_a_hole_and_a_substitute_fills_it(
    county: psycopg.AsyncConnection, database_url: str
) -> None:
    detector = await device(county, "co-001")
    assert await told(county, await recipients_for_device(county, detector, now=HOLIDAY)) == [
        ("王某某", "nobody_on_duty"), ("李某某", "nobody_on_duty"),
    ]  # fmt: skip
    assert await problems(county, NOON) == []
    (hole,) = await problems(county, HOLIDAY)
    assert hole.startswith("1 rosters have nobody on duty now")
    assert "巴彦塔拉嘎查村" in hole
    with connect(database_url) as connection:
        days = date(2026, 2, 3), date(2026, 2, 3)
        put_substitutes(connection, [SubstituteRow(VILLAGE, None, COMMITTEE_PHONE, "13800000202", *days)])
        connection.commit()
    assert await told(county, await recipients_for_device(county, detector, now=NOON)) == [("李某某", "substitute")]
    await county.execute("update substitution set withdrawn = true")
    assert await told(county, await recipients_for_device(county, detector, now=NOON)) == [("王某某", "on_duty")]


async def test_a_year_without_a_notice_is_said_where_a_roster_asks(county: psycopg.AsyncConnection) -> None:
    later = datetime(2029, 12, 20, 4, 0, tzinfo=UTC)
    assert not [line for line in await problems(county, later) if "days off" in line], "the roster ended in 2026"
    await county.execute("update duty set last_day = null")
    assert any("the days off of 2029 are not known" in line for line in await problems(county, later))


async def test_incidents_by_cause_and_level(county: psycopg.AsyncConnection) -> None:
    village = int(await one(county, "select id from region where code = %s", (VILLAGE,)))
    assert await told(county, await recipients_for_region(county, village, cause="power", now=NOON)) == [
        ("王某某", "on_duty"), ("供电", "organisation"),
    ]  # fmt: skip
    above = await recipients_for_region(county, village, level="county", cause="power", now=NOON)
    assert await told(county, above) == [("旗值班", "contact")]
    assert await told(county, await recipients_for_region(county, village, cause="gateway", now=THREE_AM)) == [
        ("李某某", "on_duty"), ("维保", "organisation"),
    ]  # fmt: skip
    by_day = await recipients_for_region(county, village, cause="gateway", now=NOON)
    assert await told(county, by_day) == [("王某某", "on_duty")], "the service team's number is his own: told once"


async def test_who_heard_of_a_power_cut_hears_that_it_is_over_whoever_is_on_duty_then(
    county: psycopg.AsyncConnection,
) -> None:
    village = int(await one(county, "select id from region where code = %s", (VILLAGE,)))
    opened = (
        "insert into incident (kind, region_id, began_at, recorded_at, homes, of_homes, cause)"
        " values ('village_silent', %s, now(), now(), 3, 3, 'power') returning id"
    )
    incident = int(await one(county, opened, (village,)))
    params = {"place": VILLAGE, "what": "全村", "since": "20:00", "do": "x"}
    await tell_incident(county, incident, village, "incident", lambda _language: dict(params), NOON)
    await tell_incident(county, incident, village, "recovery", lambda _language: dict(params), THREE_AM)
    said = "select n.kind, c.name from notification n join contact c on c.id = n.contact_id order by n.id"
    assert await (await county.execute(said.encode())).fetchall() == [
        ("incident", "王某某"), ("incident", "供电"), ("recovery", "王某某"), ("recovery", "供电"),
    ]  # fmt: skip


async def test_drills_and_the_canary_bother_nobody_else(county: psycopg.AsyncConnection) -> None:
    await county.execute(
        "insert into drill (name, scenario, homes, started_by, started_at, ends_at)"
        " values ('x', 'x', 1, 'x', now(), now() + interval '1 hour')"
    )
    await county.execute("update device set uid = 'drill-1', drill_id = 1 where uid = 'co-000'")
    twin, gas = await device(county, "drill-1"), RULE["gas_detector_alarm"]
    assert await told(county, await recipients_for_device(county, twin, rule=gas, now=NOON)) == [("王某某", "on_duty")]
    await county.execute("insert into contact (name, phone) values ('自检', '13900000999')")
    await county.execute(
        "insert into canary (drill_id, device_id, contact_id, every_s, outside)"
        " select 1, %s, id, 300, false from contact where name = '自检'", (twin,),
    )  # fmt: skip
    for level in UPWARDS:
        found = await recipients_for_device(county, twin, rule=gas, level=level, everybody=True, now=NOON)
        assert await told(county, found) == [("自检", "canary")]


async def test_a_roster_of_a_whole_county_costs_one_small_query(county: psycopg.AsyncConnection) -> None:
    """Two hundred villages, a year of daily rosters: what is read is this village's, through indexes."""
    await county.execute(
        "insert into region (code, name, level, parent_id) select 'v' || n, 'v' || n, 'village',"
        " (select id from region where code = '150521') from generate_series(1, 200) n"
    )
    await county.execute(
        "insert into contact (region_id, name, phone) select r.id, 'x', '1370000' || n from region r,"
        " generate_series(1000, 1004) n where r.code like 'v%'"
    )
    await county.execute(
        "insert into duty (contact_id, first_day, last_day) select c.id, d::date, d::date from contact c,"
        " generate_series('2026-01-01'::date, '2026-02-10', '1 day') d where c.name = 'x'"
    )
    for table in ("contact", "region", "duty"):
        await county.execute(f"analyze {table}".encode())
    where = {"device": None, "region": await one(county, "select id from region where code = 'v1'"), "day": NOON.date()}
    plan = await (
        await county.execute(
            "explain (analyze, buffers, format json) " + sql("recipient_candidates").as_string(county),
            where,
        )
    ).fetchone()
    assert plan is not None
    top = plan[0][0]["Plan"]
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 400, "41 000 rows of rosters are not read"


async def test_the_command_and_the_api_show_it_masked(
    county: psycopg.AsyncConnection, http: httpx.AsyncClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, *_ = await boards(county, NOON, VILLAGE)
    assert [(card.step, card.name, card.why) for card in board.cards] == [
        ("village", "王某某", "on_duty"), ("township", "旗值班", "contact"), ("county", "旗值班", "contact"),
        ("gas", "燃气白班", "on_duty"), ("grid", "供电", "contact"), ("service", "维保", "contact"),
    ]  # fmt: skip
    answer = (await http.get("/v1/duty", params={"region": VILLAGE, "at": NOON.isoformat()})).json()
    assert answer["regions"][0]["cards"][0] | {"contact_id": 0} == {
        "step": "village", "contact_id": 0, "name": "王某某", "role": "村委会值班", "of": "巴彦塔拉嘎查村",
        "phone": "138****0201", "language": "zh-CN", "ways": ["sms"], "why": "on_duty",
    }  # fmt: skip
    assert (await http.get("/v1/duty", params={"region": "nowhere"})).status_code == 404
    assert [region["code"] for region in (await http.get("/v1/duty")).json()["regions"]] == ["150521", VILLAGE]


def test_the_command(registered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", registered)
    shown = CliRunner().invoke(cli.app, ["duty", "--region", VILLAGE, "--at", "2026-02-03T12:00"])
    assert shown.exit_code == 0, shown.output
    assert "2026-02-03 12:00" in shown.stdout
    assert "138****0201" in shown.stdout
    assert "no roster" in shown.stdout
    assert COMMITTEE_PHONE not in shown.stdout
    data = json.loads(CliRunner().invoke(cli.app, ["duty", "--json"]).stdout)
    assert [card["why"] for card in data["regions"][0]["cards"]] == ["contact"]

"""The API over real HTTP."""

from __future__ import annotations

import httpx
import pytest

from alerts.incident_list import read_incidents
from api.access import refuse_open_door
from catalogue.metrics import METRIC_NAMES
from foundation.errors import SettingsError
from foundation.settings import Settings, settings
from store.connect import connect
from tests.served import served
from tests.world import World, one, rows


async def test_health_is_red_until_ingest_and_alerts_live(world: World, http: httpx.AsyncClient) -> None:
    answer = await http.get("/health")
    assert answer.status_code == 503
    body = answer.json()
    assert body["problems"] == [
        "no ingest process is running: start `nuanshao ingest`",
        "no alerts process is running: start `nuanshao alerts`",
    ]
    assert body["edition"] == "apache"
    for kind in ("ingest", "alerts"):
        await world.database.execute(
            "insert into worker (kind, name, started_at, connected_since, heartbeat_at)"
            " values (%s, %s, now(), now(), now())",
            (kind, f"{kind}-0"),
        )
    assert (await http.get("/health")).status_code == 200
    await world.database.execute("insert into ledger values ('w', now(), 10, 8, 1, 0)")
    answer = await http.get("/health")
    assert (answer.status_code, answer.json()["ledger"]["balanced"]) == (503, False)


async def test_devices_come_in_pages(world: World, http: httpx.AsyncClient) -> None:
    first = (await http.get("/v1/devices", params={"limit": 4})).json()
    assert ([d["uid"] for d in first["devices"]], first["next"]) == (["co-000", "co-001", "co-002", "gb-000"], "gb-000")
    rest = (await http.get("/v1/devices", params={"limit": 4, "after": first["next"]})).json()
    assert ([d["uid"] for d in rest["devices"]], rest["next"]) == (["gb-001", "gb-002"], None)
    boilers = (await http.get("/v1/devices", params={"type": "gas_wall_boiler", "home": "home-001"})).json()
    assert [d["uid"] for d in boilers["devices"]] == ["gb-001"]
    assert boilers["devices"][0]["village"] == "巴彦塔拉嘎查村"


async def test_the_latest_reading_has_what_was_measured_and_nothing_else(world: World, http: httpx.AsyncClient) -> None:
    await world.read("gb-000", 0, flow_c=61.5, flame=1)
    body = (await http.get("/v1/devices/gb-000/latest")).json()
    assert body["metrics"] == {"flow_c": 61.5, "flame": 1.0}
    assert body["ts"].startswith("2026-01-15T19:00:00")
    missing = await http.get("/v1/devices/gb-001/latest")
    assert (missing.status_code, missing.json()["detail"]) == (404, "gb-001 has not reported yet")
    unknown = await http.get("/v1/devices/nobody/latest")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "there is no device nobody")


async def test_open_alarms_the_most_urgent_first_and_acknowledged_once(world: World, http: httpx.AsyncClient) -> None:
    await world.read("gb-000", 0, flow_c=97)
    await world.deadlines(31)
    await world.read("gb-001", 40, flow_c=110)
    alarms = (await http.get("/v1/alarms")).json()
    # 110 °C also starts the rule that waits for 30 s: pending is no alarm yet
    assert [(a["priority"], a["device"]) for a in alarms] == [("critical", "gb-001"), ("high", "gb-000")]
    assert alarms[0]["source"].startswith("makers lock out above 102")
    path = f"/v1/alarms/{alarms[0]['id']}/acknowledge"
    assert (await http.post(path, json={"by": "王某某"})).json() == {"result": "acknowledged"}
    assert (await http.post(path, json={"by": "李某某"})).json() == {"result": "acknowledged_before"}
    assert await one(world.database, "select acknowledged_by from alarm where acknowledged_at is not null") == "王某某"
    assert (await http.post("/v1/alarms/4711/acknowledge", json={"by": "x"})).status_code == 404
    assert (await http.post(path, json={})).status_code == 422
    assert (await http.post(path, json={"by": ""})).status_code == 422


async def test_an_incident_lists_its_homes_and_which_are_back(
    world: World, http: httpx.AsyncClient, database_url: str
) -> None:
    await world.database.execute("update home set vulnerable = code = 'home-002'")
    await world.database.execute(
        "with made as (insert into incident (kind, region_id, began_at, recorded_at, homes, of_homes, cause, hint)"
        " select 'village_silent', id, %(began)s, %(now)s, 3, 3, 'power', 'suspected power cut' from region"
        " where level = 'village' returning id)"
        " insert into incident_device (incident_id, device_id, silent_since, back_at)"
        " select made.id, d.id, %(began)s, case when d.uid = 'gb-000' then %(now)s::timestamptz end"
        " from made, device d",
        {"began": world.at(0), "now": world.at(40)},
    )
    (listed,) = (await http.get("/v1/incidents")).json()
    assert (listed["cause"], listed["hint_zh"], listed["part_of"]) == ("power", "疑似停电", None)
    found = (await http.get(f"/v1/incidents/{listed['id']}")).json()
    assert {name: found[name] for name in listed} == listed
    homes = [(one["home"], one["vulnerable"], one["back_at"] is not None) for one in found["affected"]]
    assert homes == [("home-002", True, False), ("home-001", False, False), ("home-000", False, True)]
    assert [device["uid"] for device in found["affected"][0]["devices"]] == ["co-002", "gb-002"]
    assert (await http.get("/v1/incidents/999")).status_code == 404
    with connect(database_url) as connection:
        (same,) = read_incidents(connection, listed["id"], everything=False)
    assert [home["home"] for home in same.as_json()["affected"]] == ["home-002", "home-001", "home-000"]
    head, *lines = same.as_lines("Asia/Shanghai")
    assert "3 of 3 homes since 01-16 03:00:00, 0 back; suspected power cut" in head
    assert [line.split()[-1] for line in lines] == ["gb-002", "gb-001", "gb-000"]
    assert "!" in lines[0]
    assert "back 01-16 03:00:40" in lines[2]


async def test_phone_numbers_are_masked(world: World, http: httpx.AsyncClient) -> None:
    await world.read("gb-000", 0, flow_c=110)
    (message,) = (await http.get("/v1/notifications")).json()
    assert message["phone"] == "138****0201"
    assert "13800000201" not in (await http.get("/v1/notifications")).text


async def test_the_token_is_asked_for_where_it_is_set(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUANSHAO_API_TOKEN", "open-sesame")
    assert (await http.get("/v1/alarms")).status_code == 401
    wrong = await http.get("/v1/alarms", headers={"Authorization": "Bearer open-says-me"})
    assert wrong.status_code == 401
    right = await http.get("/v1/alarms", headers={"Authorization": "Bearer open-sesame"})
    assert right.status_code == 200
    assert (await http.get("/health")).status_code in {200, 503}, "health needs none"


def test_the_api_does_not_listen_to_the_world_without_a_token() -> None:
    with pytest.raises(SettingsError, match="without a token"):
        refuse_open_door(Settings(api_host="0.0.0.0"))  # noqa: S104 (that is what is refused)
    refuse_open_door(Settings(api_host="localhost"))


async def test_a_receipt_is_taken_only_at_the_secret_address(
    world: World, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.read("gb-000", 0, flow_c=110)
    await world.database.execute("update notification set state = 'accepted', accepted_at = now(), carrier_id = 'B1'")
    report = [
        {
            "phone_number": "13800000201", "send_time": "2026-01-16 03:00:01", "report_time": "2026-01-16 03:00:04",
            "success": True, "err_code": "DELIVERED", "biz_id": "B1", "out_id": "", "sms_size": "1",
        }
    ]  # fmt: skip
    assert (await http.post("/carriers//aliyun/sms-report", json=report)).status_code == 404, "none is set: closed"
    settings.cache_clear()
    monkeypatch.setenv("NUANSHAO_CARRIER_SECRET_PATH", "hush")
    assert (await http.post("/carriers/guess/aliyun/sms-report", json=report)).status_code == 404
    answer = await http.post("/carriers/hush/aliyun/sms-report", json=[*report, {"junk": 1}, 7])
    assert answer.json() == {"code": 0, "msg": "接收成功"}
    assert await one(world.database, "select state from notification") == "delivered"
    assert (await http.post("/carriers/hush/aliyun/sms-report", content=b"{")).status_code == 400


async def test_answering_1_acknowledges_and_a_repeated_callback_does_not_acknowledge_the_next(
    world: World, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUANSHAO_CARRIER_SECRET_PATH", "hush")
    settings.cache_clear()
    await world.read("gb-000", 0, flow_c=110)
    await world.read("gb-001", 10, flow_c=111)
    await world.database.execute(
        "update notification set state = 'delivered', accepted_at = created_at, ended_at = created_at"
    )

    async def answer(content: str, number: int, phone: str = "8613800000201") -> None:
        reply = {
            "phone_number": phone, "content": content, "send_time": "2026-01-16 03:01:00", "dest_code": "1",
            "sequence_id": f"{number}",
        }  # fmt: skip
        taken = await http.post("/carriers/hush/aliyun/sms-up", json=[reply])
        assert taken.json()["code"] == 0

    async def acknowledged() -> list[str]:
        return [a["device"] for a in (await http.get("/v1/alarms")).json() if a["acknowledged_by"] == "王某某"]

    await answer("没收到", 1)
    assert await acknowledged() == []
    await answer(" １。", 2)
    assert await acknowledged() == ["gb-001"], "the newest one"
    await answer(" １。", 2)
    assert await acknowledged() == ["gb-001"], "the carrier repeats itself"
    await answer("1", 3, phone="13900000000")
    assert await acknowledged() == ["gb-001"], "a number that nobody knows"
    await answer("1", 4)
    assert sorted(await acknowledged()) == ["gb-000", "gb-001"]
    await answer("1", 5)
    outcomes = [row["outcome"] for row in await rows(world.database, "select outcome from answer order by id")]
    assert outcomes == ["not_understood", "acknowledged", "unknown_number", "acknowledged", "nothing_open"]
    how = "select distinct acknowledged_how from alarm where acknowledged_at is not null"
    assert await one(world.database, how) == "sms"


async def test_alarms_that_were_told_to_nobody_are_a_problem(world: World, http: httpx.AsyncClient) -> None:
    await world.database.execute("delete from contact")
    await world.read("gb-000", 0, flow_c=110)
    problems = (await http.get("/health")).json()["problems"]
    assert any(problem.startswith("1 open alarms were told to nobody") for problem in problems)


async def test_openapi_names_every_metric_and_the_docs_need_no_network(http: httpx.AsyncClient) -> None:
    schema = (await http.get("/openapi.json")).json()
    assert set(schema["components"]["schemas"]["Metrics"]["properties"]) == set(METRIC_NAMES)
    page = (await http.get("/docs")).text
    assert "http://" not in page
    assert "https://" not in page
    assert (await http.get("/swagger/swagger-ui-bundle.js")).status_code == 200


async def test_without_a_database_it_answers_503_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        served("postgresql://nobody:secret@127.0.0.1:9/none") as address,
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
    ):
        answer = await client.get(f"{address}/health")
    assert answer.status_code == 503
    assert "the database does not answer" in answer.json()["detail"]
    assert "secret" not in answer.text

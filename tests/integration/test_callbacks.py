"""What Tencent SMS and Aliyun voice call back, at the API's secret addresses, down to the message and its alarm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from alerts.channels.aliyun_call_reports import out_id
from foundation.settings import settings
from tests.world import World, one, rows

CALL = {
    "callee": "13800000201", "status_code": "200000", "duration": "10", "originate_time": "2026-01-16 03:00:01",
    "end_time": "2026-01-16 03:00:21",
}  # fmt: skip

HOW = "select distinct acknowledged_how from alarm where acknowledged_at is not null"


@pytest.fixture(autouse=True)
def secret_address(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache_clear()
    monkeypatch.setenv("NUANSHAO_CARRIER_SECRET_PATH", "hush")


async def called(world: World, *, carrier_id: str | None = "C^1") -> str:
    """One alarm, whose message is a call that the carrier has taken, or of which we do not know; its key."""
    await world.read("gb-000", 0, flow_c=110)
    await world.database.execute(
        "update notification set way = 'voice', state = 'accepted', accepted_at = now(), carrier_id = %s", (carrier_id,)
    )
    return str(await one(world.database, "select idempotency_key from notification"))


async def test_tencents_receipts_and_replies_reach_message_and_alarm(world: World, http: httpx.AsyncClient) -> None:
    await world.read("gb-000", 0, flow_c=110)
    await world.database.execute(
        "update notification set state = 'accepted', accepted_at = created_at, carrier_id = 'S1'"
    )
    receipt: dict[str, Any] = {
        "user_receive_time": "2026-01-16 03:00:04", "nationcode": "86", "mobile": "13800000201",
        "report_status": "SUCCESS", "errmsg": "DELIVRD", "description": "…", "sid": "S1",
    }  # fmt: skip
    assert (await http.post("/carriers/guess/tencent/sms-report", json=[receipt])).status_code == 404
    for _ in range(2):
        answer = await http.post("/carriers/hush/tencent/sms-report", json=[7, {"sid": "a\0b"}, receipt])
        assert answer.json() == {"result": 0, "errmsg": "OK"}
        assert await one(world.database, "select state from notification") == "delivered"
    at = int(datetime(2026, 1, 15, 19, 1, tzinfo=UTC).timestamp())
    reply = {"extend": "", "mobile": "13800000201", "nationcode": "86", "sign": "暖哨", "text": "1", "time": at}
    for _ in range(2):
        answer = await http.post("/carriers/hush/tencent/sms-up", json=reply)
        assert answer.json() == {"result": 0, "errmsg": "OK"}
    assert [row["outcome"] for row in await rows(world.database, "select outcome from answer")] == ["acknowledged"]
    assert await one(world.database, HOW) == "sms"


async def test_an_answered_call_is_delivered_and_a_key_acknowledges(world: World, http: httpx.AsyncClient) -> None:
    key = await called(world)
    address = "/carriers/hush/aliyun/voice-report"
    ringing = {"call_id": "C^1", "out_id": out_id(key), "status_code": "200201", "status_time": "2026-01-16 03:00:02"}
    ended = CALL | {"call_id": "C^1", "out_id": out_id(key), "dtmf": "1"}
    assert (await http.post("/carriers/guess/aliyun/voice-report", json=[ended])).status_code == 404
    await http.post(address, json=[ringing])
    assert await one(world.database, "select state from notification") == "accepted", "it only rings"
    for _ in range(2):
        answer = await http.post(address, json=[{"junk": 1}, CALL | {"call_id": "X^1", "out_id": "x"}, ended])
        assert answer.json()["code"] == 0
    assert await one(world.database, "select state || ' ' || reason from notification") == "delivered call_heard"
    assert await one(world.database, HOW) == "voice"


async def test_a_call_of_which_we_had_no_answer_is_known_by_our_own_name(world: World, http: httpx.AsyncClient) -> None:
    key = await called(world, carrier_id=None)
    nobody = CALL | {"call_id": "C^9", "out_id": out_id(key), "status_code": "200003", "end_time": ""}
    await http.post("/carriers/hush/aliyun/voice-report", json=[nobody])
    assert await one(world.database, "select reason from notification") == "call_not_answered"
    assert await rows(world.database, HOW) == []


async def test_nothing_is_confirmed_that_is_not_committed(world: World, http: httpx.AsyncClient) -> None:
    key = await called(world)
    await world.database.execute(
        "create function fail() returns trigger language plpgsql as $$ begin"
        " raise exception using errcode = 'admin_shutdown', message = 'terminating'; end $$;"
        " create constraint trigger at_commit after update on notification deferrable initially deferred"
        " for each row execute function fail()"
    )
    ended = CALL | {"call_id": "C^1", "out_id": out_id(key), "dtmf": "1"}
    answer = await http.post("/carriers/hush/aliyun/voice-report", json=[ended])
    assert answer.status_code == 503, "the carrier must repeat it"
    assert await one(world.database, "select state from notification") == "accepted"


async def test_too_much_is_refused_however_it_is_sent(http: httpx.AsyncClient) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b"[" * 100_000

    for address in ("aliyun/voice-report", "tencent/sms-report", "tencent/sms-up", "aliyun/sms-report"):
        assert (await http.post(f"/carriers/hush/{address}", content=pieces())).status_code == 413
        assert (await http.post(f"/carriers/hush/{address}", content=b"[" * 10_000)).status_code == 400

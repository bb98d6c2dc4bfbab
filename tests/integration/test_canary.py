"""The canary against the real broker, the real database and the emulated carrier, with our processes in this one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from alerts.channels.aliyun_templates import TEMPLATES
from broker.address import Broker
from canary import verdict
from canary.detector import Detector
from canary.outside import Outside
from canary.runner import Canary, CanaryBusy
from canary.watch import CanaryWatch
from carriers.app import Running, started
from carriers.settings import CarrierSettings
from dashboards.queries import EVERYBODY, query
from foundation.clock import utc_now
from runtime.mosquitto import Mosquitto
from runtime.services import Services
from store.canary import LEGS, UID, Run, retire, standing
from store.canary import problem as problem_of
from store.connect import connect
from store.drill import list_drills
from store.health import look
from tests.integration.test_standby import SECRET, House, LetIn
from tests.outage import refusing
from tests.served import served
from tests.unit.test_canary import answering
from tests.world import one, rows

PHONE = "13800009999"
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
OK = [200] * 10


@pytest.fixture
async def receipts(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Where the API takes the carrier's receipts."""
    monkeypatch.setenv("NUANSHAO_CARRIER_SECRET_PATH", SECRET)
    async with served(database_url) as address:
        yield f"{address}/carriers/{SECRET}/aliyun/sms-report"


@pytest.fixture
def carrier(receipts: str) -> Iterator[Running]:
    settings = CarrierSettings(
        access_key_id="id", access_key_secret=SecretStr(SECRET), sign_name="暖哨",
        templates={"SMS_1": TEMPLATES["critical"], "SMS_2": TEMPLATES["routine"]}, receipt_delay_s=0.2,
        callback_url=SecretStr(receipts),
    )  # fmt: skip
    with started(settings) as run:
        yield run


@pytest.fixture
def house(registered: str, broker: Mosquitto, carrier: Running, tmp_path: Path) -> House:
    return House(registered, registered, broker, carrier, tmp_path / "standby")


def canary_of(house: House, password: str = "") -> Canary:
    return Canary(
        database_url=house.database_url, detector=Detector(Broker.parse(house.broker.url), password), phone=PHONE,
        every=QUARTER, sms_every=HOUR, outside=True,
    )  # fmt: skip


@asynccontextmanager
async def broker_access(house: House, database: psycopg.AsyncConnection) -> AsyncIterator[None]:
    """What `nuanshao broker-access` does, until the end of the block."""

    async def follow() -> None:
        let_in: list[tuple[Any, ...]] = []
        while True:
            found = await (await database.execute("select uid, hash from device_credential order by uid")).fetchall()
            if found != let_in:
                house.broker.set_devices([(uid, hashed) for uid, hashed in found])
                let_in = found
            await asyncio.sleep(0.05)

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        house.broker.set_devices([])


@asynccontextmanager
async def everything(house: House) -> AsyncIterator[None]:
    async with house.ingest(), house.alerts():
        yield


def sms(house: House) -> list[str]:
    return [one.text for one in house.carrier.carrier.phones.newest(100)]


async def open_now(database: psycopg.AsyncConnection) -> tuple[int, int]:
    """Alarms and messages without an end."""
    alarms = await one(database, "select count(*) from alarm where closed_at is null")
    messages = await one(database, "select count(*) from notification where ended_at is null and accepted_at is null")
    return alarms, messages


async def test_a_run_goes_from_the_reading_to_the_phone_and_counts_nowhere(
    house: House, database: psycopg.AsyncConnection
) -> None:
    async with everything(house), broker_access(house, database):
        canary = canary_of(house)
        first = await canary.run()
        assert (first.outcome, first.reach, first.leg) == ("ok", "phone", None), first
        assert list(first.legs) == list(LEGS), "the receipt as well"
        assert list(first.legs.values()) == sorted(first.legs.values())
        (text,) = sms(house)
        assert "取暖提醒：自检" in text, "not the critical template, and marked"
        assert text.count("自检") == 3
        second = await canary.run()
        assert (second.outcome, second.reach) == ("ok", "account")
        assert sms(house) == [text], "the second asks the carrier and sends nothing"
        async with canary_held(canary):
            with pytest.raises(CanaryBusy):
                await canary_of(house).run()

        assert await open_now(database) == (0, 0), "the next run begins with nothing"
        told = await rows(database, "select state, reason, drill from notification order by id")
        assert [(m["reason"], m["drill"]) for m in told] == [("delivered", True), ("canary_asked_the_carrier", True)]
        kept = await rows(database, "select outcome, reach, stored_s is not null as stored from canary_run order by id")
        assert [tuple(run.values()) for run in kept] == [("ok", "phone", True), ("ok", "account", True)]
        assert await one(database, "select count(*) from telemetry t where t.flags & 2048 = 0") == 0
        assert await one(database, "select count(*) from alarm where acknowledged_how = 'canary'") == 2
        # nobody who counts sees it, and no list shows it either
        with connect(house.database_url) as connection:
            assert list_drills(connection) == []
        for name in ("reporting", "open_alarms_by_priority", "messages_by_state", "alarms_raised"):
            found = await (await database.execute(shown(query(name)).encode())).fetchall()
            counted = sum(value for row in found for value in row if isinstance(value, int))
            assert counted == (6 if name == "reporting" else 0), name
        for name in ("open_alarms", "last_messages"):
            cursor = await database.execute(shown(query(name, whose=EVERYBODY)).encode())
            assert await cursor.fetchall() == [], name
        # the heartbeats may still be those of the start
        assert [one for one in (await look(database, utc_now())).problems if "canary" in one or "overdue" in one] == []
        stands = await standing(database)
        assert stands is not None
        assert stands.last is not None
        assert stands.last.reach == "account"
        # given up: nobody misses it, and it can come back
        assert await retire(database, utc_now())
        assert problem_of(await standing(database), utc_now() + timedelta(days=30)) == ""
        assert (await canary.run()).outcome == "ok"


async def test_the_failure_of_each_part_is_told_outside_and_what_was_killed_leaves_nothing(
    house: House,
    database: psycopg.AsyncConnection,
    services: Services,
    let_in: LetIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdict, "PATIENCE_S", 4.0)
    password = let_in(UID)[UID]
    with answering(*OK) as (url, heard):
        async with house.ingest():
            canary = canary_of(house, password)
            watch = CanaryWatch(canary, Outside(SecretStr(url), first_pause_s=0.01), QUARTER)
            # no alerts process
            lost = await ended(watch)
            assert (lost.leg, lost.reason) == ("accepted", "alerts_not_running")
            assert heard[-1][0] == "/uuid/fail"
            assert heard[-1][1].startswith("lost at accepted: alerts_not_running (published 0.")
            assert watch.problems()[0].startswith("the alarm path: lost at accepted")
            assert await open_now(database) == (0, 0)
            assert "was lost at accepted" in problem_of(await standing(database), utc_now())

            # killed in the middle
            going = asyncio.create_task(canary.run())
            await wait_for(database, "select count(*) from alarm where closed_at is null and condition = 'active'", 1)
            going.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await going
            assert await open_now(database) != (0, 0), "as a SIGKILL would leave it"
            async with house.alerts():
                well = await ended(watch)
                assert well.outcome == "ok", well
            assert heard[-1][0] == "/uuid"
            assert watch.problems() == []
            assert await open_now(database) == (0, 0)
            outcomes = await rows(database, "select outcome from canary_run order by id")
            assert [row["outcome"] for row in outcomes] == ["lost", "killed", "ok"]

            # no database; what happened is written down when it is back
            assert services.postgres is not None
            async with refusing(services.postgres.url("postgres"), house.direct_url):
                lost = await ended(watch)
            assert (lost.leg, lost.reason) == ("stored", "database_unreachable")
            assert heard[-1][0] == "/uuid/fail"
            await canary.tend()
            with connect(house.database_url) as connection:
                written = "select leg, reason from canary_run order by id desc limit 1"
                assert connection.execute(written).fetchall() == [("stored", "database_unreachable")]


async def ended(watch: CanaryWatch) -> Run:
    run = await watch.once()
    assert run is not None
    return run


async def wait_for(database: psycopg.AsyncConnection, text: str, wanted: object) -> None:
    async with asyncio.timeout(20):
        while await one(database, text) != wanted:  # noqa: ASYNC110 (the database sets no event)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def canary_held(canary: Canary) -> AsyncIterator[None]:
    """While another run of it is under way."""
    await canary._connected()
    yield
    await canary._hang_up()


def shown(text: str) -> str:
    """A board's query as Grafana would send it."""
    return (
        text.replace("${county:sqlstring}", "'*'")
        .replace("$__timeFilter(n.created_at)", "true")
        .replace("$__timeFilter(a.raised_at)", "true")
        .replace("$__timeGroupAlias(a.raised_at, '1h', 0)", "now() as time")
    )

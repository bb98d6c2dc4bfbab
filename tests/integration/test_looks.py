"""What is judged over hours, from real rollups: alarms in the table, messages in the outbox, scores of coal again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from alerts.looks.watch import Looks, Round
from alerts.silence import SilenceWatch
from catalogue.metrics import METRIC_INDEX, METRIC_NAMES
from catalogue.rules import default_pack
from cli import app
from foundation.errors import NotFound, SettingsError
from foundation.settings import settings
from store import registry, rollup
from store.columnar import pg_time
from store.connect import connect
from store.copy import TelemetryRow, store_readings
from store.named_sql import sql
from store.region_parameters import list_parameters, set_parameter, unset_parameter
from tests.world import NIGHT, VILLAGE, World, ms, one, rows

HOUR = timedelta(hours=1)
FIVE = timedelta(minutes=5)
MIDNIGHT = datetime(2026, 1, 15, 16, 0, tzinfo=UTC)
"""A day begins in China."""


def every_five_minutes(begins: datetime, hours: float) -> Iterable[datetime]:
    return (begins + FIVE * step for step in range(int(hours * 12)))


class County(World):
    """A world whose rollups are made at once, and whose looks a test takes."""

    def add(self, url: str, uid: str, device_type: str, home: str = "home-000") -> None:
        with connect(url) as connection:
            registry.add_device(connection, uid=uid, device_type=device_type, home=home, interval_s=300)
            connection.commit()

    async def measured(self, uid: str, begins: datetime, hours: float, **metrics: Callable[[datetime], float]) -> None:
        """Readings every five minutes, and the notes of their rollups."""
        device = await one(self.database, "select id from device where uid = %s", (uid,))
        given: list[TelemetryRow] = []
        for at in every_five_minutes(begins, hours):
            values: list[float | None] = [None] * len(METRIC_NAMES)
            for name, value in metrics.items():
                values[METRIC_INDEX[name]] = value(at)
            given.append((pg_time(ms(at)), device, pg_time(ms(at)), None, None, None, 0, None, *values))
        await store_readings(self.database, given)
        await self.database.execute(
            "insert into rollup_pending (grain, bucket, devices, noted_at)"
            " select '15m', b, array[%s::int], b - interval '1 second'"
            " from generate_series(date_trunc('hour', %s::timestamptz), %s, interval '15 min') b",
            (device, begins, begins + HOUR * hours),
        )

    async def round(self, now: datetime) -> Round:
        await rollup.refresh(self.database, NIGHT + 200 * HOUR)
        return await Looks(default_pack()).round(self.database, now)

    async def alarm(self, rule: str) -> list[dict[str, Any]]:
        return [alarm for alarm in await self.alarms(closed=True) if alarm["rule"] == rule]

    async def heard(self, uid: str, at: datetime, **metrics: float) -> None:
        """The newest reading of a device."""
        columns = "".join(f", {name}" for name in metrics)
        await self.database.execute(
            f"insert into device_latest (device_id, ts, received_at{columns})"  # noqa: S608 (names are the test's)
            f" select id, %s, %s{', %s' * len(metrics)} from device where uid = %s"
            " on conflict (device_id) do update set ts = excluded.ts, received_at = excluded.received_at",
            (at, at, *metrics.values(), uid),
        )

    async def silence(self, now: datetime) -> None:
        self.now = now
        await self.database.execute(sql("heartbeat"), ("ingest", "i", NIGHT, NIGHT - 48 * HOUR, now, 0, ""))
        await SilenceWatch(default_pack()).look(self.database, now)


@pytest.fixture
async def county(registered: str, database: psycopg.AsyncConnection) -> County:
    return County(database)


async def test_a_detector_that_shows_3_ppm_for_six_hours_is_told_once_and_over_when_it_moves(county: County) -> None:
    await county.measured("co-000", NIGHT, 7, co_ppm=lambda _: 3.0)
    await county.measured("co-001", NIGHT, 7, co_ppm=lambda _: 0.0)
    await county.measured("co-002", NIGHT, 7, co_ppm=lambda at: float(at.minute % 10))
    assert (await county.round(NIGHT + 5.5 * HOUR)).raised == 0
    assert await county.alarms() == []
    assert (await county.round(NIGHT + 6 * HOUR + FIVE)).raised == 1
    assert (await county.round(NIGHT + 6.5 * HOUR)).raised == 0
    (alarm,) = await county.alarms()
    assert (alarm["uid"], alarm["rule"], alarm["reason"]) == ("co-000", "co_detector_stuck", "unchanged_for_hours")
    assert (alarm["last_value"], alarm["since"], alarm["stands_at"][:13]) == (3.0, NIGHT, "default.yaml:")
    (message,) = await county.messages()
    assert "一氧化碳探测器读数卡死（现3ppm）" in message["body"]

    await county.measured("co-000", NIGHT + 7 * HOUR, 0.5, co_ppm=lambda at: float(at.minute % 10))
    await county.round(NIGHT + 8 * HOUR)
    assert [(await county.alarm("co_detector_stuck"))[0]["condition"], len(await county.alarms())] == ["active", 1], (
        "the newest quarter is not known: silence clears nothing"
    )
    await county.database.execute("delete from upkeep")
    await county.round(NIGHT + 7.5 * HOUR + FIVE)
    assert await county.alarms() == []
    (closed,) = await county.alarm("co_detector_stuck")
    assert (closed["condition"], closed["reason"]) == ("normal", "changed_again")
    assert [message["kind"] for message in await county.messages()] == ["raised", "cleared"]


async def test_a_room_is_cold_by_what_its_county_says(county: County, registered: str) -> None:
    county.add(registered, "rs-000", "room_sensor")
    county.add(registered, "rs-001", "room_sensor", "home-001")
    with connect(registered) as connection:
        connection.execute("update device_state_log set at = %s", (NIGHT - 48 * HOUR,))
        connection.execute("update home set vacant = true where code = 'home-001'")
        connection.commit()
    for uid in ("rs-000", "rs-001"):
        await county.measured(uid, NIGHT - 24 * HOUR, 24, indoor_c=lambda _: 15.0)
    now = NIGHT + FIVE
    await county.round(now)
    assert await county.alarms() == [], "14 °C is rural design"

    with connect(registered) as connection:
        set_parameter(connection, "150500", "comfort_c", 16, source="city", by="me", now=now)
        set_parameter(connection, VILLAGE, "comfort_c", 12, source="contract 7", by="me", now=now)
        connection.commit()
    await county.database.execute("delete from upkeep")
    await county.round(now)
    assert await county.alarms() == [], "the nearest region counts"

    with connect(registered) as connection:
        unset_parameter(connection, VILLAGE, "comfort_c")
        connection.commit()
        assert [(row["code"], row["value"]) for row in list_parameters(connection)] == [("150500", 16.0)]
        with pytest.raises(NotFound, match="no comfort_c of its own"):
            unset_parameter(connection, VILLAGE, "comfort_c")
        with pytest.raises(NotFound, match="no region"):
            set_parameter(connection, "9", "comfort_c", 16, source="x", by="me", now=now)
        with pytest.raises(SettingsError, match="source"):
            set_parameter(connection, VILLAGE, "comfort_c", 16, source=" ", by="me", now=now)
    await county.database.execute("delete from upkeep")
    await county.round(now)
    (alarm,) = await county.alarms()
    assert (alarm["uid"], alarm["rule"], alarm["last_value"]) == ("rs-000", "room_cold", 1.0), (
        "nobody lives in home-001"
    )
    assert await county.messages() == []

    summer = NIGHT + timedelta(days=120)
    await county.round(summer)
    (closed,) = await county.alarm("room_cold")
    assert closed["reason"] == "no_longer_looked_at"


async def test_a_silent_home_is_told_of_before_it_freezes_and_again_when_it_is_heard(county: County) -> None:
    began = NIGHT
    for uid in ("gb-000", "co-000", "gb-001", "co-001", "gb-002", "co-002"):
        await county.heard(uid, began)
    await county.heard("gb-000", began)
    await county.database.execute(
        "update device_latest set indoor_c = 18 where device_id = (select id from device where uid = 'co-000')"
    )
    for hour in (1, 5):
        now = began + hour * HOUR
        for uid in ("gb-001", "gb-002"):
            await county.heard(uid, now)
        await county.silence(now)
        done = await county.round(now)
    assert done.blind == 1, "nobody has measured the weather"
    assert await county.alarm("freeze_ahead") == []

    await county.database.execute(
        "update device_latest set outdoor_c = -19 where device_id = (select id from device where uid = 'gb-001')"
    )
    await county.round(began + 5 * HOUR)
    assert await county.alarm("freeze_ahead") == []
    now = began + 7 * HOUR
    for uid in ("gb-001", "gb-002"):
        await county.heard(uid, now)
    await county.silence(now)
    done = await county.round(now)
    assert (done.raised, done.blind) == (1, 0)
    (alarm,) = await county.alarm("freeze_ahead")
    assert (alarm["uid"], alarm["reason"], alarm["since"]) == ("gb-000", "freezes_soon", began)
    assert alarm["last_value"] == pytest.approx(5.2, abs=0.1)
    assert [m["body"] for m in await county.messages() if "取暖失联，室温将降至5度（约5小时后）" in m["body"]]

    await county.heard("gb-000", now + HOUR)
    await county.silence(now + HOUR)
    await county.round(now + HOUR)
    (closed,) = await county.alarm("freeze_ahead")
    assert (closed["condition"], closed["reason"]) == ("normal", "heard_again")


async def test_an_incident_speaks_for_its_homes_but_not_for_the_vulnerable_and_not_after_its_end(
    county: County, registered: str
) -> None:
    began, now = NIGHT, NIGHT + 10 * HOUR
    for number in range(3):
        await county.heard(f"gb-00{number}", began, outdoor_c=-19.0)
    with connect(registered) as connection:
        connection.execute("update home set vulnerable = true where code = 'home-002'")
        registry.add_home(connection, code="far", village=VILLAGE)
        registry.add_device(connection, uid="hp-far", device_type="air_source_heat_pump", home="far", interval_s=300)
        connection.commit()
    await county.heard("hp-far", now, outdoor_c=-19.0)
    incident = await one(
        county.database,
        "insert into incident (kind, region_id, began_at, recorded_at, homes, of_homes)"
        " select 'village_silent', id, %s, %s, 3, 4 from region where code = %s returning id",
        (began, began, VILLAGE),
    )
    await county.database.execute(
        "insert into incident_device select %s, id from device where uid like 'gb-%%'", (incident,)
    )
    await county.silence(now)
    assert (await county.round(now)).raised == 3
    found = {alarm["uid"]: alarm["suppression"] for alarm in await county.alarm("freeze_ahead")}
    assert found == {"gb-000": "inhibited", "gb-001": "inhibited", "gb-002": "none"}

    def told(messages: list[dict[str, Any]]) -> int:
        return sum("室温将降至5度" in message["body"] and message["kind"] == "raised" for message in messages)

    assert told(await county.messages()) == 1
    # the incident ends, and two of its homes are cold still
    await county.database.execute("update incident set ended_at = %s", (now,))
    await county.database.execute(sql("release_inhibited"), {"explained_since": now})
    await county.round(now + FIVE)
    await county.round(now + 2 * FIVE)
    assert told(await county.messages()) == 3


async def test_a_home_that_stays_warm_with_its_heater_off_is_written_down_and_nobody_is_alarmed(
    county: County, registered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for home in (0, 1, 2):
        county.add(registered, f"hp-{home}", "air_source_heat_pump", f"home-00{home}")
        county.add(registered, f"rs-{home}", "room_sensor", f"home-00{home}")
    with connect(registered) as connection:
        for uid in ("gb-000", "gb-001", "gb-002"):
            connection.execute("update device set state = 'stored' where uid = %s", (uid,))
        connection.commit()

    def always(value: float) -> Callable[[datetime], float]:
        return lambda _: value

    def cooling(at: datetime) -> float:
        return -15 + 35 * math.exp(-((at - MIDNIGHT) / HOUR) / 28)

    for home, power, room in ((0, 14.0, always(19)), (1, 1500.0, always(19)), (2, 14.0, cooling)):
        await county.measured(f"hp-{home}", MIDNIGHT, 9, power_w=always(power), outdoor_c=always(-15))
        await county.measured(f"rs-{home}", MIDNIGHT, 9, indoor_c=room)
    await county.measured("co-000", MIDNIGHT, 1, co_ppm=lambda _: 90.0)
    await county.round(MIDNIGHT + 25 * HOUR)
    assert await rows(county.database, "select * from coal_again") == [], "the day is not over for two hours"
    await county.round(MIDNIGHT + 26 * HOUR)
    (found,) = await rows(county.database, "select c.*, h.code from coal_again c join home h on h.id = c.home_id")
    assert (found["code"], found["day"].isoformat()) == ("home-000", "2026-01-16")
    assert found["evidence"]["warm_without_energy"]["hours"] == 9
    assert found["evidence"]["co_while_off"] == {"quarters": 4, "peak_ppm": 90}
    assert [alarm["rule"] for alarm in await county.alarms() if "coal" in alarm["rule"]] == []

    monkeypatch.setenv("NUANSHAO_DATABASE_URL", registered)
    settings.cache_clear()
    shown = CliRunner().invoke(app, ["coal-again", "--days", "366"])
    assert shown.exit_code == 0, shown.output


async def test_one_process_looks_at_a_time(county: County, database_url: str) -> None:
    with connect(database_url) as other:
        other.execute(sql("take_look_lock"), (0x6E756C6F,))
        assert not (await county.round(NIGHT)).looked
    assert (await county.round(NIGHT)).looked

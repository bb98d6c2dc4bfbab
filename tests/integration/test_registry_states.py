"""A device's life in the database, and what its states mean for ingest and for silence."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from alerts.silence import SilenceWatch
from broker.delivery import Delivery
from catalogue.rules import default_pack
from foundation.errors import NotFound, SettingsError
from registry.lifecycle import STATE, STEPS
from registry.step import take_step
from runtime.services import Services
from store import migrate, phones
from store.connect import connect
from store.named_sql import sql
from store.reader import READER
from store.registry_rows import DeviceRow, put_devices
from tests.world import NIGHT, World, ms, one


def test_the_database_keeps_impossible_steps_out_whoever_writes(database_url: str) -> None:
    pairs = [(before, after) for before, after in itertools.permutations(STATE, 2)]
    with connect(database_url, autocommit=True) as connection:
        put_devices(
            connection,
            [DeviceRow(f"dev-{at:02}", "co_detector", state=before) for at, (before, _) in enumerate(pairs)],
        )
        for at, (before, after) in enumerate(pairs):
            statement = ("update device set state = %s where uid = %s", (after, f"dev-{at:02}"))
            if (before, after) in STEPS:
                connection.execute(*statement)
            else:
                with pytest.raises(psycopg.errors.CheckViolation, match=f"{before} to {after} is no step of its life"):
                    connection.execute(*statement)


def test_every_state_is_logged_with_who_and_why(database_url: str) -> None:
    with connect(database_url) as connection:
        put_devices(connection, [DeviceRow("kz01-co", "co_detector", state="accepted")])
        connection.commit()
        assert take_step(connection, "kz01-co", "in_service", by="张工", note="供暖季开始") == "accepted"
        connection.commit()
        connection.execute("update device set state = 'stored' where uid = 'kz01-co'")
        connection.execute("update device set model = 'JT-CO2' where uid = 'kz01-co'")
        rows = connection.execute("select from_state, to_state, by, note from device_state_log order by id").fetchall()
        account = connection.execute("select session_user::text").fetchone()
    assert account is not None
    assert rows == [
        (None, "accepted", account[0], ""),
        ("accepted", "in_service", "张工", "供暖季开始"),
        ("in_service", "stored", account[0], ""),
    ]


def test_a_refused_step_says_what_lies_between(database_url: str) -> None:
    with connect(database_url) as connection:
        put_devices(connection, [DeviceRow("kz01-co", "co_detector", state="planned")])
        with pytest.raises(SettingsError, match="planned → in_service leaves out installed, accepted: its next step"):
            take_step(connection, "kz01-co", "in_service", by="x")
        assert take_step(connection, "kz01-co", "planned", by="x") == "planned", "the same again is no error"
        with pytest.raises(SettingsError, match="there is no state 'broken'"):
            take_step(connection, "kz01-co", "broken", by="x")
        with pytest.raises(NotFound, match="there is no device 'kz99-co'"):
            take_step(connection, "kz99-co", "stored", by="x")


async def move(world: World, uid: str, *states: str) -> None:
    for state in states:
        await world.database.execute("update device set state = %s where uid = %s", (state, uid))
    await world.load()


async def look(world: World, at: float) -> None:
    since = (NIGHT, NIGHT + timedelta(seconds=at))
    await world.database.execute(sql("heartbeat"), ("ingest", "i", NIGHT, *since, 0, ""))
    await SilenceWatch(default_pack()).look(world.database, world.at(at))


async def test_a_stored_device_is_not_missed_until_it_is_back_in_service(world: World) -> None:
    for uid in ("co-000", "co-001"):
        await world.read(uid, 0, rssi_dbm=-70)
    await move(world, "co-000", "stored")
    await look(world, 3600)
    assert [alarm["uid"] for alarm in await world.alarms()] == ["co-001"]
    await world.read("co-000", 7200, rssi_dbm=-70)
    await move(world, "co-000", "in_service")
    await look(world, 7201 + 3600)
    assert sorted(alarm["uid"] for alarm in await world.alarms() if alarm["condition"] == "active") == [
        "co-000",
        "co-001",
    ]


@pytest.mark.parametrize("state", ["planned", "installed", "accepted", "stored"])
async def test_a_device_that_is_not_in_service_is_heard_and_its_silence_is_no_alarm(
    world: World, database_url: str, state: str
) -> None:
    with connect(database_url) as connection:
        put_devices(connection, [DeviceRow("new-co", "co_detector", home="home-000", interval_s=10, state=state)])
    await world.load()
    counts = await world.read("new-co", 0, rssi_dbm=-70)
    assert counts.stored == 1
    await look(world, 3600)
    assert await world.alarms() == []


async def test_a_retired_device_is_not_heard(world: World) -> None:
    await move(world, "co-000", "retired")
    payload = b'{"ts": %d, "m": {"rssi_dbm": -70}}' % ms(NIGHT)
    await world.deliver(Delivery(0, 1, "heat/v1/co-000/telemetry", payload, duplicate=False, received_ms=ms(NIGHT)))
    assert await one(world.database, "select reason from rejects") == "retired_device"
    let_in = [row[0] for row in await (await world.database.execute(sql("credentials"))).fetchall()]
    assert "co-000" not in let_in


def test_devices_that_were_there_before_get_the_beginning_of_a_log(
    services: Services, make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert services.postgres is not None
    everything = migrate.migrations()
    name = "before_registry_complete"
    services.postgres.create_database(name)
    try:
        with connect(services.postgres.url(name)) as connection:
            with monkeypatch.context() as earlier:
                earlier.setattr(migrate, "migrations", lambda: [one for one in everything if one.name < "0006"])
                # numbers have had marks since 0020
                earlier.setattr(phones, "seal_phones", lambda _: phones.Sealed(0, 0, 0))
                earlier.setattr(phones, "refuse_wrong_key", lambda _: None)
                migrate.migrate(connection)
            connection.execute(
                "insert into device (uid, type, interval_s, state, created_at)"
                " values ('old-co', 'co_detector', 60, 'stored', '2025-01-01')"
            )
            connection.commit()
            migrate.migrate(connection)
            rows = connection.execute(
                "select from_state, to_state, at = d.created_at, note from device_state_log l"
                " join device d on d.id = l.device_id"
            ).fetchall()
        assert rows == [(None, "stored", True, "as it was found when this log began")]
    finally:
        with psycopg.connect(services.postgres.url("postgres"), autocommit=True) as admin:
            admin.execute(f"drop database {name} with (force)".encode())


def test_a_residents_name_is_not_for_the_wall(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute(f"set role {READER}".encode())
        connection.execute("select code, address, area_m2, vulnerable, responsible_body from home")
        connection.execute("select count(*) from home")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select resident from home")

"""A simulated county in the real registry, in bulk."""

from __future__ import annotations

import base64

import psycopg
import pytest
from psycopg import sql as pg

from demo.county import register
from demo.players import store_for_summer
from device_sim.faults.injection import Injection
from device_sim.fleet.plan import plan
from device_sim.runs.live import Show
from foundation.errors import NotFound, SettingsError
from foundation.settings import settings
from registry.passwords import mosquitto_hash
from store.connect import connect
from store.registry_rows import (
    ContactRow,
    CredentialRow,
    DeviceRow,
    HomeRow,
    put_contacts,
    put_credentials,
    put_devices,
    put_homes,
)


def count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(pg.SQL("select count(*) from {}").format(pg.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("gateways", [False, True])
def test_a_fleet_and_the_passwords_of_those_that_log_in(database_url: str, *, gateways: bool) -> None:
    fleet = plan(3, 60, villages=2, gateways=gateways)
    with connect(database_url) as connection:
        passwords = register(connection, fleet)
        assert [count(connection, table) for table in ("home", "device", "contact")] == [
            60, len(fleet.devices), len(fleet.contacts),
        ]  # fmt: skip
        behind: dict[str, str] = dict(
            connection.execute("select d.uid, g.uid from device d join device g on g.id = d.gateway_id").fetchall()
        )
        hashes: dict[str, str] = dict(connection.execute("select uid, hash from device_credential").fetchall())
    assert behind == {device.uid: device.gateway for device in fleet.devices if device.gateway}
    assert len(behind) == (len(fleet.devices) - 2 if gateways else 0)
    assert passwords.keys() == hashes.keys() == {device.uid for device in fleet.devices if device.gateway is None}
    uid, password = next(iter(passwords.items()))
    assert mosquitto_hash(password, base64.b64decode(hashes[uid].split("$")[3])) == hashes[uid]


def test_the_same_fleet_again_keeps_its_rows_and_gets_new_passwords(database_url: str) -> None:
    fleet = plan(3, 20)
    with connect(database_url) as connection:
        first = register(connection, fleet)
        connection.execute("update device set state = 'stored'")
        connection.execute("update home set vacant = true")
        second = register(connection, fleet)
        assert connection.execute("select distinct state from device").fetchall() == [("stored",)]
        assert connection.execute("select distinct vacant from home").fetchall() == [(True,)]
    assert first.keys() == second.keys()
    assert first != second


def test_a_real_county_is_not_mixed_with_a_simulated_one(database_url: str) -> None:
    with connect(database_url) as connection:
        put_devices(connection, [DeviceRow("real-co", "co_detector")])
        with pytest.raises(SettingsError, match="devices that are not simulated, real-co among them"):
            register(connection, plan(3, 20))


def test_a_name_that_is_not_there_is_no_empty_reference(database_url: str) -> None:
    with connect(database_url, autocommit=True) as connection:
        for device in (
            DeviceRow("kz01-co", "co_detector", home="h9"),
            DeviceRow("kz01-co", "co_detector", gateway="kz09-gw"),
            DeviceRow("kz01-co", "co_detector", part_of="mec-9"),
        ):
            with pytest.raises(NotFound, match="home, gateway or whole is not in the registry"):
                put_devices(connection, [device])
        with pytest.raises(NotFound, match="home's village"):
            put_homes(connection, [HomeRow("h1", "v9")])
        with pytest.raises(NotFound, match="contact's region"):
            put_contacts(connection, [ContactRow("v9", "王某某", "", "13800000201")])
        with pytest.raises(NotFound, match="credential's device"):
            put_credentials(connection, [CredentialRow("kz01-co", "$7$")])
        assert count(connection, "device") == count(connection, "home") == 0


def test_what_a_scenario_unplugs_stands_as_stored(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = plan(1, 6, villages=3)
    pumps = tuple(int(row) for row in fleet.rows_of("air_source_heat_pump"))
    with connect(database_url) as connection:
        register(connection, fleet)
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", database_url)
    settings.cache_clear()
    for _ in range(2):  # a second run finds them stored
        store_for_summer(Show(fleet, (Injection("unplugged", 0.0, 60.0, 1.0, (), pumps),), 1))
    with connect(database_url) as connection:
        states: dict[str, str] = dict(connection.execute("select uid, state from device").fetchall())
    assert {uid for uid, state in states.items() if state == "stored"} == {fleet.uid(row) for row in pumps}
    assert len(pumps) == 2

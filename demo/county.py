"""A simulated county in the real registry: regions, homes, devices with passwords of their own, contacts."""

from __future__ import annotations

import psycopg

from device_sim.fleet.fleet import Fleet
from foundation.errors import SettingsError
from foundation.settings import required
from registry.merging import may_log_in
from registry.passwords import mosquitto_hash, new_password
from runtime.admission import admit
from store import registry_rows
from store.connect import connect, database_url
from store.registry_rows import ContactRow, CredentialRow, DeviceRow, HomeRow, RegionRow


def register(connection: psycopg.Connection, fleet: Fleet) -> dict[str, str]:
    """Registers the fleet in the caller's transaction; returns new passwords, by uid, of those that log in themselves.

    Homes and devices that are there already keep their rows. Raises SettingsError when the database holds other devices
    too: a simulated county must not be mixed into a real one.
    """
    devices = [
        DeviceRow(
            device.uid,
            device.type,
            device.model,
            home=device.home,
            gateway=device.gateway,
            interval_s=device.interval_s,
        )
        for device in fleet.devices
    ]
    present = {row[0] for row in connection.execute("select uid from device where drill_id is null")}
    foreign = sorted(present - {device.uid for device in devices})
    if foreign:
        raise SettingsError(
            f"this database has devices that are not simulated, {foreign[0]} among them", do="use another database"
        )
    homes = [
        HomeRow(
            home.code,
            home.village,
            home.address,
            vacant=home.vacant,
            vulnerable=home.vulnerable,
            building_class=home.building_class,
            area_m2=round(home.area_m2, 1),
        )
        for home in fleet.homes
    ]
    lived_in = registry_rows.homes_there(connection, [home.code for home in homes])
    passwords = {device.uid: new_password() for device in devices if may_log_in(device)}
    registry_rows.say_whose_hand(connection, "simulator")
    registry_rows.register(
        connection,
        regions=(RegionRow(one.code, one.name, one.level, one.parent) for one in fleet.regions),
        homes=(home for home in homes if home.code not in lived_in),
        devices=(device for device in devices if device.uid not in present),
        contacts=(ContactRow(one.region, one.name, one.role, one.phone) for one in fleet.contacts),
        credentials=(CredentialRow(uid, mosquitto_hash(password)) for uid, password in passwords.items()),
    )
    return passwords


def passwords_for(fleet: Fleet) -> dict[str, str]:
    """Registers the fleet in the database of this environment and waits until the broker knows it."""
    with connect(database_url()) as connection:
        passwords = register(connection, fleet)
    uid, password = list(passwords.items())[-1]
    admit(required("mqtt_url"), uid, password)
    return passwords

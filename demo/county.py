"""A simulated county in the real registry: regions, homes, devices with passwords of their own, contacts."""

from __future__ import annotations

import secrets
import time
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from device_sim.fleet.fleet import Fleet
from foundation.errors import BrokerRefused, SettingsError
from foundation.settings import required
from runtime.mqtt_probe import probe
from runtime.passwords import mosquitto_hash
from store import registry
from store.connect import connect, database_url

ADMITTED_WITHIN_S = 15.0


def register(connection: psycopg.Connection, fleet: Fleet) -> dict[str, str]:
    """Registers the fleet in the caller's transaction and gives each device a new password. Returns them by uid.

    Devices that are there already keep their rows. Raises SettingsError when the database holds other devices too:
    a simulated county must not be mixed into a real one.
    """
    uids = [device.uid for device in fleet.devices]
    present = {row[0] for row in connection.execute("select uid from device")}
    foreign = sorted(present - set(uids))
    if foreign:
        raise SettingsError(
            f"this database has devices that are not simulated, {foreign[0]} among them", do="use another database"
        )
    for region in fleet.regions:
        registry.add_region(connection, code=region.code, name=region.name, level=region.level, parent=region.parent)
    for contact in fleet.contacts:
        registry.add_contact(
            connection, region=contact.region, name=contact.name, role=contact.role, phone=contact.phone
        )
    for home in fleet.homes:
        registry.add_home(
            connection,
            code=home.code,
            village=home.village,
            address=home.address,
            vacant=home.vacant,
            vulnerable=home.vulnerable,
        )
    passwords = {}
    for device in fleet.devices:
        if device.uid not in present:
            registry.add_device(
                connection,
                uid=device.uid,
                device_type=device.type,
                home=device.home,
                model=device.model,
                interval_s=device.interval_s,
            )
        passwords[device.uid] = secrets.token_urlsafe(12)
        registry.set_credential(connection, device.uid, mosquitto_hash(passwords[device.uid]))
    return passwords


def passwords_for(fleet: Fleet) -> dict[str, str]:
    """Registers the fleet in the database of this environment and waits until the broker knows it."""
    with connect(database_url()) as connection:
        passwords = register(connection, fleet)
    uid, password = list(passwords.items())[-1]
    admit(required("mqtt_url"), uid, password)
    return passwords


def admit(mqtt_url: str, uid: str, password: str) -> None:
    """Returns when the broker lets the device in. Raises BrokerRefused when it has not after a while."""
    parts = urlsplit(mqtt_url)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{quote(uid, safe='')}:{quote(password, safe='')}@{host}"))
    until = time.monotonic() + ADMITTED_WITHIN_S
    while True:
        try:
            probe(url)
        except BrokerRefused as refused:
            if time.monotonic() > until:
                raise BrokerRefused(
                    f"the broker does not let {uid} in: {refused.what}",
                    do="run `nuanshao broker-access` with NUANSHAO_MQTT_PASSWORD_FILE, or add the account there",
                ) from None
            time.sleep(0.2)
        else:
            return

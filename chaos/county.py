"""A county for a run: villages with homes, each home with a boiler, and detectors that will find carbon monoxide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from registry.passwords import mosquitto_hash, new_password
from store import registry_rows
from store.registry_rows import ContactRow, CredentialRow, DeviceRow, HomeRow, RegionRow

INTERVAL_S: Final = 10
"""As registered. They report more often, for the load; silence is judged by this."""
FEWEST_VILLAGES: Final = 12
MOST_TOLD: Final = 25
"""Detectors of a village, at most: a number gets 50 critical messages a day from the carrier, and may get one twice."""
GATEWAY_EVERY: Final = 4
"""In every so-manieth village a gateway speaks for all."""
_COUNTY: Final = "150521"
_TOWNSHIP: Final = f"{_COUNTY}101"


@dataclass(frozen=True)
class Device:
    """Who measures. `gateway`: the uid of who speaks for it."""

    uid: str
    type: str
    village: int
    gateway: str | None = None


@dataclass(frozen=True)
class County:
    """Who is there: `boilers` make the load, each of the `detectors` has carbon monoxide once at most."""

    villages: int
    boilers: tuple[Device, ...]
    detectors: tuple[Device, ...]

    @property
    def gateways(self) -> tuple[str, ...]:
        """Their uids, in order."""
        return tuple(sorted({device.gateway for device in self.devices if device.gateway is not None}))

    @property
    def devices(self) -> tuple[Device, ...]:
        """All that measure."""
        return self.boilers + self.detectors


def county(boilers: int, detectors: int) -> County:
    """The county for so many devices. Each village has a telephone number of its own: the carrier counts by number."""
    villages = max(FEWEST_VILLAGES, -(-detectors // MOST_TOLD))
    return County(
        villages,
        tuple(_device("gb", "gas_wall_boiler", number, villages) for number in range(boilers)),
        tuple(_device("co", "co_detector", number, villages) for number in range(detectors)),
    )


def register(connection: psycopg.Connection, county: County) -> dict[str, str]:
    """Registers everybody in the caller's transaction; returns the passwords of those that log in themselves."""
    own = [device.uid for device in county.devices if device.gateway is None]
    passwords = {uid: new_password() for uid in (*county.gateways, *own)}
    villages = range(county.villages)
    registry_rows.say_whose_hand(connection, "chaos")
    registry_rows.register(
        connection,
        regions=(
            RegionRow(_COUNTY, "混沌旗", "county"),
            RegionRow(_TOWNSHIP, "混沌苏木", "township", _COUNTY),
            *(RegionRow(_code(village), f"{village + 1}号嘎查村", "village", _TOWNSHIP) for village in villages),
        ),
        homes=(HomeRow(_home(device), _code(device.village), device.uid) for device in county.devices),
        devices=(
            *(DeviceRow(uid, "gateway") for uid in county.gateways),
            *(
                DeviceRow(device.uid, device.type, home=_home(device), gateway=device.gateway, interval_s=INTERVAL_S)
                for device in county.devices
            ),
        ),
        contacts=(ContactRow(_code(village), "值班", "村委会值班", f"138{village:08}") for village in villages),
        credentials=(CredentialRow(uid, mosquitto_hash(password)) for uid, password in passwords.items()),
    )
    return passwords


def _device(kind: str, device_type: str, number: int, villages: int) -> Device:
    village = number % villages
    gateway = f"gw-{village:03}" if village % GATEWAY_EVERY == 0 else None
    return Device(f"{kind}-{number:05}", device_type, village, gateway)


def _code(village: int) -> str:
    return f"{_TOWNSHIP}{200 + village:03}"


def _home(device: Device) -> str:
    return f"{_code(device.village)}-{device.uid}"

"""The canary as `nuanshao canary` makes it from the settings."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from broker.address import Broker
from canary.detector import Detector
from canary.outside import Outside
from canary.runner import Canary
from canary.watch import CanaryWatch
from foundation.clock import utc_now
from foundation.errors import DatabaseUnavailable, SettingsError
from foundation.sealing import check, unseal
from foundation.settings import settings
from registry.cells import Wrong
from registry.phones import phone as as_dialled
from store.canary import Run, Standing, retire, standing
from store.connect import connect_async

_UNSET: Final = SettingsError(
    "NUANSHAO_CANARY_PHONE is not set", do="set it to a number that nobody else has in the registry: no canary runs"
)


def watch(database_url: str, mqtt_url: str) -> CanaryWatch:
    """The canary that runs for good. Raises SettingsError."""
    ping, every = settings().canary_ping_url, timedelta(minutes=settings().canary_every_minutes)
    outside = Outside(ping) if ping.get_secret_value() else None
    canary = _canary(database_url, mqtt_url, _phone(), every, outside=outside is not None)
    return CanaryWatch(canary, outside, every)


def run_once(database_url: str, mqtt_url: str, *, to_phone: bool) -> Run:
    """One run by hand; nobody outside is told. Beside a deployment's canary it needs no settings of its own.

    Without `to_phone` no SMS is sent. Raises SettingsError, CanaryBusy.
    """

    async def run() -> Run:
        try:
            found = await _standing(database_url)
        except DatabaseUnavailable:
            found = None
        number, every = settings().canary_phone.get_secret_value(), timedelta(minutes=settings().canary_every_minutes)
        outside = bool(settings().canary_ping_url.get_secret_value())
        if found is not None and found.in_use:
            number, every, outside = (number and _phone()) or unseal(found.phone), found.every, found.outside
        elif number:
            number = _phone()
        else:
            raise _UNSET
        canary = _canary(database_url, mqtt_url, number, every, outside=outside)
        return await canary.run("phone" if to_phone else "account")

    return asyncio.run(run())


def give_up(database_url: str) -> bool:
    """Retires the deployment's canary. Returns whether there was one."""

    async def work() -> bool:
        async with await connect_async(database_url, autocommit=True) as connection:
            return await retire(connection, utc_now())

    return asyncio.run(work())


async def _standing(database_url: str) -> Standing | None:
    async with await connect_async(database_url) as connection:
        return await standing(connection)


def _canary(database_url: str, mqtt_url: str, phone: str, every: timedelta, *, outside: bool) -> Canary:
    check()
    return Canary(
        database_url=database_url,
        detector=Detector(
            Broker.parse(mqtt_url, settings().mqtt_ca_file), settings().canary_password.get_secret_value()
        ),
        phone=phone,
        every=every,
        sms_every=timedelta(minutes=settings().canary_sms_every_minutes),
        outside=outside,
    )


def _phone() -> str:
    """The test recipient's number as it is dialled. Raises SettingsError, without the number."""
    given = settings().canary_phone.get_secret_value()
    if not given:
        raise _UNSET
    try:
        return as_dialled(given)
    except Wrong as wrong:
        raise SettingsError(f"NUANSHAO_CANARY_PHONE: {wrong}", do=f"write {wrong.expected}") from None

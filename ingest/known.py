"""The registry as a worker has it in memory: read whole now and then, and asked again for whoever is missing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import aclosing
from typing import Final

import psycopg
import structlog

from foundation.errors import DatabaseUnavailable
from store.connect import connect_async
from store.registry import NOTIFY_CHANNEL, PEOPLE_CHANNEL, KnownDevice, every_known_device, known_devices

log = structlog.get_logger()

RETRY_S: Final = 2.0
REST: Final = 4
"""After a reading of the whole registry we rest four times as long as it took: an import of a city is many changes."""
CONTACTS: Final = "contact"
"""The table that says nothing about a device."""
GATHER_S: Final = 0.2
"""How long a first change waits for company."""


class KnownDevices:
    """The devices by uid. `devices` is replaced as a whole; what has been looked up singly is added to it."""

    def __init__(self, database_url: str) -> None:
        self.devices: dict[str, KnownDevice] = {}
        self._database_url = database_url
        self._ready = asyncio.Event()

    async def ready(self) -> None:
        """Returns when the registry has been read once."""
        await self._ready.wait()

    async def look_up(self, connection: psycopg.AsyncConnection, uids: Iterable[str]) -> bool:
        """Asks for these devices; whether any of them is there."""
        found = await known_devices(connection, sorted(uids))
        self.devices |= {device.uid: device for device in found}
        return bool(found)

    async def follow(self) -> None:
        """Reads the registry now and after every change, until cancelled."""
        while True:
            try:
                async with await connect_async(self._database_url, autocommit=True) as listener:
                    await listener.execute(f"listen {NOTIFY_CHANNEL}; listen {PEOPLE_CHANNEL}")
                    while True:
                        took_s = await self._read(listener)
                        await asyncio.sleep(REST * took_s)
                        async with aclosing(listener.notifies()) as changes:
                            async for change in changes:
                                if change.payload != CONTACTS:
                                    break
                        await asyncio.sleep(GATHER_S)
                        async for _ in listener.notifies(timeout=0):
                            pass
            except (DatabaseUnavailable, psycopg.Error) as failed:
                log.warning("registry_not_read", why=" ".join(str(failed).split()), retry_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def _read(self, connection: psycopg.AsyncConnection) -> float:
        began = time.monotonic()
        devices: dict[str, KnownDevice] = {}
        async for some in every_known_device(connection):
            devices.update((device.uid, device) for device in some)
        self.devices = devices
        self._ready.set()
        return time.monotonic() - began

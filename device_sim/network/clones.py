"""Second devices with another's client id: one connects, the broker ends the first one's session, that comes back."""

from __future__ import annotations

import asyncio

from device_sim.arrays import Ints
from device_sim.network.mqtt_device import MqttDevice
from device_sim.network.uplink import Uplink


class Clones:
    """The clones of a fleet, made when they first connect. A device behind a gateway has no client id to clone."""

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink
        self._clones: dict[int, MqttDevice] = {}
        self._visits: dict[int, asyncio.Task[None]] = {}

    def take_over(self, devices: Ints) -> None:
        """The clone of each of these devices connects, unless it is connected."""
        for device in devices.tolist():
            client = self._uplink.own_client(device)
            visit = self._visits.get(device)
            if client is None or (visit is not None and not visit.done()):
                continue
            if device not in self._clones:
                self._clones[device] = client.clone()
            self._visits[device] = asyncio.get_running_loop().create_task(self._clones[device].visit())

    def leave(self) -> None:
        """All of them are gone."""
        for clone in self._clones.values():
            clone.leave()

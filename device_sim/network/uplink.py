"""How a fleet reaches the broker: a client for each device up to 10 000, else gateways speak for their villages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

import numpy as np

from device_sim.arrays import Bools, Ints
from device_sim.fleet.fleet import Fleet
from device_sim.network.broker import Broker
from device_sim.network.gateway import Gateway
from device_sim.network.mqtt_device import Acknowledged, MqttDevice
from device_sim.network.outbox import MOST_KEPT, Item
from device_sim.network.payload import event_payload, reading_payloads
from device_sim.sensors.batch import Batch
from foundation.clock import Clock
from foundation.errors import NotFound

Through = Literal["auto", "devices", "gateways"]

MOST_DEVICES: Final = 10_000
"""Devices that get a connection of their own unless somebody asks for it."""


def way_for(devices: int, through: Through) -> tuple[bool, str]:
    """(whether gateways speak for `devices`, that choice and its reason in one line)."""
    if through == "devices":
        return False, f"{devices} devices, one MQTT connection each: asked for"
    if through == "gateways":
        return True, f"{devices} devices through village gateways: asked for"
    if devices <= MOST_DEVICES:
        return False, f"{devices} devices, one MQTT connection each, as up to {MOST_DEVICES} have"
    return True, f"{devices} devices through village gateways: more than {MOST_DEVICES} connections"


class Uplink:
    """The clients of a fleet. Devices are rows of the fleet; one that has no client of its own is behind a gateway.

    What a device behind a gateway cannot hand over, because its own link is down or the gateway has no power, it keeps
    itself. A gateway without network takes readings all the same. `dropped`: what was given up for want of memory.
    """

    def __init__(
        self, fleet: Fleet, passwords: Mapping[str, str], broker: Broker, clock: Clock, acknowledged: Acknowledged
    ) -> None:
        self.dropped = 0
        gateway = fleet.device_gateway
        self._behind = gateway >= 0
        own = np.flatnonzero(~self._behind)
        uids = [fleet.uid(row) for row in own.tolist()]
        missing = [uid for uid in uids if uid not in passwords]
        if missing:
            raise NotFound(f"no password for {missing[0]} and {len(missing) - 1} more", do="register the devices first")
        speaking = set(gateway[self._behind].tolist())
        self.clients: tuple[MqttDevice, ...] = tuple(
            (Gateway if row in speaking else MqttDevice)(uid, passwords[uid], broker, clock, acknowledged)
            for row, uid in zip(own.tolist(), uids, strict=True)
        )
        self._gateways = [client for client in self.clients if isinstance(client, Gateway)]
        place = np.full(len(gateway), -1, dtype=np.int64)
        place[own] = np.arange(len(own))
        speaker = np.where(self._behind, gateway, np.arange(len(gateway)))
        self._client_of: list[int] = place[speaker].tolist()
        # written into every reading that a gateway sends, so made once
        self._uids = [fleet.uid(row) for row in range(len(gateway))] if speaking else []
        self._link_up: Bools = np.ones(len(gateway), dtype=np.bool_)
        self._kept: dict[int, deque[tuple[Item, bool]]] = {}
        self._flushes = 0

    def own_client(self, device: int) -> MqttDevice | None:
        """The client that logs in as this device; None behind a gateway."""
        return None if self._behind[device] else self.clients[self._client_of[device]]

    def payloads(self, batch: Batch) -> list[bytes]:
        """The readings of a batch as whoever sends them writes them."""
        if not self._behind[batch.device].any():
            return reading_payloads(batch)
        return reading_payloads(batch, [self._uids[row] for row in batch.device.tolist()])

    def event(self, device: int, ts_ms: int, kind: str, *, on: bool, proof: Callable[[], None] | None = None) -> None:
        """Send an alarm bit at once; `proof` as in Item."""
        uid = self._uids[device] if self._behind[device] else None
        item = Item(event_payload(ts_ms, kind, on=on, uid=uid), device, proof=proof)
        if self._cut_off(device):
            self._keep(item, event=True)
        else:
            self.dropped += self.clients[self._client_of[device]].offer_event(item)

    def reading(self, item: Item) -> None:
        """Send a reading."""
        if self._cut_off(item.device):
            self._keep(item, event=False)
        else:
            self.dropped += self.clients[self._client_of[item.device]].offer_reading(item)

    def power(self, off: Ints, on: Ints) -> None:
        """These devices lost and got power; one behind a gateway has no connection to lose."""
        for device in off[~self._behind[off]].tolist():
            self.clients[self._client_of[device]].cut("power")
        for device in on[~self._behind[on]].tolist():
            self.clients[self._client_of[device]].restore("power")
        if self._kept and len(on):
            self._hand_over(list(self._kept))

    def links(self, up: Bools) -> None:
        """Which devices have a network now, shape (devices,)."""
        changed = np.flatnonzero(up != self._link_up).tolist()
        self._link_up = up
        for device in changed:
            client = self.own_client(device)
            if client is None:
                continue
            if up[device]:
                client.restore("network")
            else:
                client.cut("network")
        self._hand_over([device for device in changed if device in self._kept])

    def flush(self, parts: int) -> None:
        """Let every `parts`-th gateway send what it has gathered, other ones with each call."""
        self._flushes += 1
        for gateway in self._gateways[self._flushes % parts :: parts]:
            gateway.flush()

    def open_all(self) -> None:
        """Power and network for everybody who still holds something, so that it can be sent: the run is over."""
        for client in self.clients:
            client.restore("network")
            if client.outstanding or self._kept:
                client.restore("power")
        self._link_up = np.ones(len(self._link_up), dtype=np.bool_)
        self._hand_over(list(self._kept))
        self.flush(1)

    def _cut_off(self, device: int) -> bool:
        """Whether a device behind a gateway cannot reach it."""
        if not self._behind[device]:
            return False
        client = self.clients[self._client_of[device]]
        return client.lacks("power") or not (self._link_up[device] or client.lacks("network"))

    def _keep(self, item: Item, *, event: bool) -> None:
        kept = self._kept.setdefault(item.device, deque())
        kept.append((item, event))
        if len(kept) > MOST_KEPT:
            kept.popleft()
            self.dropped += 1

    def _hand_over(self, devices: Iterable[int]) -> None:
        """What these devices have kept goes to their gateways where they can reach them."""
        for device in devices:
            if self._cut_off(device):
                continue
            client = self.clients[self._client_of[device]]
            for item, event in self._kept.pop(device, ()):
                self.dropped += client.offer_event(item) if event else client.offer_reading(item)

"""The load: devices that measure and publish as real ones do, whatever happens to them, and carbon monoxide at some.

They are outsiders: real MQTT clients that keep what has no PUBACK, and send it again. Half of them reach the broker
through a proxy, which is broken too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts.blackout import MISSED_READINGS
from chaos.county import INTERVAL_S, County, Device
from chaos.schedule import Danger
from chaos.sent import Injected, Sent
from device_sim.network.broker import Address, Broker
from device_sim.network.gateway import Gateway
from device_sim.network.mqtt_device import MqttDevice
from device_sim.network.outbox import Item
from foundation.clock import Clock, from_ms, utc_now

TICK_S: Final = 0.05
FLUSH_EVERY: Final = 10
"""Ticks after which a gateway sends what it has gathered."""
CO_PPM: Final = 352
CO_LASTS_S: Final = 20.0
"""Readings of a detector that finds carbon monoxide stay high so long (the rule wants two of them within 30 s)."""
UNREADABLE: Final = 0.001
"""Share of the readings that are spoilt, and must be rejected: our choice."""
TWICE: Final = 0.01
"""Share of the payloads that are sent once more after their PUBACK was lost: our choice."""
SHARED: Final = 5
"""Devices that get a second publisher with their client id."""
_LEAVE_S: Final = 5.0


class Load:
    """The devices of a county. Everything is to be called on the loop on which they live.

    `rate` is readings a second of all devices together.
    """

    def __init__(
        self,
        county: County,
        passwords: Mapping[str, str],
        ways: tuple[Address, Address],
        *,
        rate: float,
        seed: int,
        clock: Clock = utc_now,
    ) -> None:
        self.sent = Sent()
        self.devices = county.devices
        self.silent_from = datetime.max.replace(tzinfo=UTC)
        """When villages are silent because nothing is measured any more."""
        self._rate = rate
        self._clock = clock
        self._rng = random.Random(f"load {seed}")  # noqa: S311 - which devices, no secret
        self._detectors = range(len(county.boilers), len(county.devices))
        self._passwords = passwords
        # the gate of a Broker is shared by its clients: one for each way to it
        self._brokers = [Broker(way, len(passwords) // len(ways)) for way in ways]
        self._clients: dict[str, MqttDevice] = {
            uid: self._client(uid, place, gathers=uid in county.gateways) for place, uid in enumerate(passwords)
        }
        self._twins: dict[str, MqttDevice] = {}
        self._departing: list[MqttDevice] = []
        self._seq = [0] * len(self.devices)
        self._last_ms = [0] * len(self.devices)
        self._high_until: dict[int, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._loads: asyncio.Task[None] | None = None

    @property
    def connected(self) -> int:
        """Clients that have a session now."""
        return sum(broker.connected for broker in self._brokers)

    @property
    def outstanding(self) -> int:
        """Readings and events without an acknowledgement."""
        return sum(client.outstanding for client in self._everybody())

    def start(self) -> None:
        """Connect, and begin to measure."""
        for client in self._clients.values():
            self._spawn(client)
        loop = asyncio.get_running_loop()
        self._tasks += [loop.create_task(broker.keep_alive(), name="keep-alive") for broker in self._brokers]
        self._loads = loop.create_task(self._measure_forever(), name="load")

    def stop_measuring(self) -> None:
        """Nothing new; what is not acknowledged yet goes on being sent."""
        if self._loads is not None:
            self._loads.cancel()
        self.silent_from = self._clock() + timedelta(seconds=MISSED_READINGS * INTERVAL_S)
        for client in self._clients.values():
            client.restore("network")
            client.flush()

    async def leave(self) -> None:
        """All say goodbye; who has not after some seconds is hung up."""
        for client in self._everybody():
            client.leave()
        await asyncio.wait(self._tasks, timeout=_LEAVE_S)
        for task in self._tasks:
            task.cancel()

    # -- what happens to them -------------------------------------------------------------------------------------

    def inject(self, danger: Danger) -> bool:
        """Carbon monoxide at the next detector; False where every one has had it."""
        place = len(self.sent.injected)
        if place >= len(self._detectors):
            return False
        device = self._detectors[place]
        if danger.way == "event":
            ts_ms = self._moment(device)
            self._client_of(device).offer_event(Item(self._event(device, ts_ms), device))
            self.sent.note(device, ts_ms)
        else:
            self._high_until[device] = asyncio.get_running_loop().time() + CO_LASTS_S
            ts_ms = self._measure(device)
        at = from_ms(ts_ms)
        self.sent.injected.append(Injected(self.devices[device].uid, at, danger.way))
        return True

    def cut_off(self) -> None:
        """All connections die at once, and stay dead."""
        for client in self._clients.values():
            client.cut("network")

    def come_back(self) -> None:
        """Everybody may connect again, and does so at once."""
        for client in self._clients.values():
            client.restore("network")

    def share_client_ids(self) -> None:
        """Some devices get a second publisher with their client id; the two throw each other out from now on."""
        own = [uid for uid in self._clients if uid not in self._twins and not isinstance(self._clients[uid], Gateway)]
        for uid in self._rng.sample(own, min(SHARED, len(own))):
            self._twins[uid] = self._clients[uid].clone()
            self._spawn(self._twins[uid])

    def end_sharing(self) -> None:
        """The second publishers take nothing new, and leave when all that they have is acknowledged."""
        self._departing += self._twins.values()
        self._twins = {}

    # -- what they send -------------------------------------------------------------------------------------------

    async def _measure_forever(self) -> None:
        """One device after the other, so that each reports at the same pace."""
        loop = asyncio.get_running_loop()
        began, done, ticks = loop.time(), 0, 0
        while True:
            due = int((loop.time() - began) * self._rate)
            for number in range(done, due):
                self._measure(number % len(self.devices))
            done, ticks = due, ticks + 1
            for client in self._gateways(ticks):
                client.flush()
            for twin in self._departing:
                if not twin.outstanding:
                    twin.leave()
            await asyncio.sleep(TICK_S)

    def _everybody(self) -> list[MqttDevice]:
        return [*self._clients.values(), *self._twins.values(), *self._departing]

    def _gateways(self, ticks: int) -> Sequence[MqttDevice]:
        if ticks % FLUSH_EVERY:
            return ()
        return [client for client in self._clients.values() if isinstance(client, Gateway)]

    def _measure(self, device: int) -> int:
        """One reading of this device; returns its time."""
        ts_ms = self._moment(device)
        self._seq[device] += 1
        readable = device in self._detectors or self._rng.random() >= UNREADABLE
        payload = self._reading(device, ts_ms, readable=readable)
        item = Item(payload, device, twice=self._rng.random() < TWICE)
        self.sent.dropped += self._client_of(device).offer_reading(item)
        self.sent.note(device, ts_ms, readable=readable)
        return ts_ms

    def _moment(self, device: int) -> int:
        """Now, and later than the last time: two readings of a device never share a millisecond."""
        now_ms = int(self._clock().timestamp() * 1000)
        self._last_ms[device] = max(now_ms, self._last_ms[device] + 1)
        return self._last_ms[device]

    def _reading(self, device: int, ts_ms: int, *, readable: bool) -> bytes:
        head = f'{self._named(device)}"ts":{ts_ms},"seq":{self._seq[device]},"boot":1'
        if not readable:
            return f'{{{head},"m":"spoilt"}}'.encode()
        if device in self._detectors:
            high = self._high_until.get(device, 0.0) > asyncio.get_running_loop().time()
            return f'{{{head},"m":{{"co_ppm":{CO_PPM if high else 2},"battery_pct":97}}}}'.encode()
        flow = 40 + self._seq[device] % 17
        values = f'"flow_c":{flow}.5,"return_c":{flow - 9},"water_bar":1.4,"modulation_pct":38,"flame":true'
        return f'{{{head},"m":{{{values}}}}}'.encode()

    def _event(self, device: int, ts_ms: int) -> bytes:
        return f'{{{self._named(device)}"ts":{ts_ms},"type":"co_alarm","on":true}}'.encode()

    def _named(self, device: int) -> str:
        return f'"id":"{self.devices[device].uid}",' if self.devices[device].gateway else ""

    def _client_of(self, device: int) -> MqttDevice:
        row: Device = self.devices[device]
        own = self._clients[row.gateway or row.uid]
        twin = self._twins.get(row.uid)
        return own if twin is None or self._seq[device] % 2 else twin

    # -- their clients --------------------------------------------------------------------------------------------

    def _client(self, uid: str, place: int, *, gathers: bool) -> MqttDevice:
        broker = self._brokers[place % len(self._brokers)]
        make = Gateway if gathers else MqttDevice
        return make(uid, self._passwords[uid], broker, self._clock, self._acknowledged)

    def _spawn(self, client: MqttDevice) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(client.run(), name=f"device-{client.uid}"))

    def _acknowledged(self, items: list[Item]) -> None:
        self.sent.published += len(items)

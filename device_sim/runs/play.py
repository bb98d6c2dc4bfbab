"""The joint of physics and network: one tick steps the county and hands what it measured to the devices' clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_sim.county import County, Happened
from device_sim.faults.faults import SHOWN_BY
from device_sim.faults.schedule import Event
from device_sim.fleet.fleet import Fleet
from device_sim.network.broker import Broker
from device_sim.network.mqtt_device import MqttDevice
from device_sim.network.outbox import Item
from device_sim.runs.reporting import Reporting
from device_sim.score.tally import Tally
from device_sim.score.truth import Truth
from device_sim.sensors.readings import Reading, event_payload
from foundation.clock import Clock


class Play:
    """A fleet of connected devices (`devices`, in the fleet's order) around a county. Driven by `tick` and `drain`."""

    def __init__(
        self,
        fleet: Fleet,
        passwords: Mapping[str, str],
        broker: Broker,
        *,
        county: County,
        reporting: Reporting,
        events: Sequence[Event],
        truth: Truth,
        clock: Clock,
    ) -> None:
        self.county = county
        self.tally = Tally(len(fleet.devices))
        self.devices = tuple(
            MqttDevice(device.uid, passwords[device.uid], broker, clock, self._acknowledged) for device in fleet.devices
        )
        self._reporting = reporting
        self._truth = truth
        self._clock = clock
        row_of = {device.uid: row for row, device in enumerate(fleet.devices)}
        # which row shows which event, by which metric and from which value on
        self._shows: dict[int, list[tuple[int, str, float]]] = {}
        for number, (event, uid) in enumerate(zip(events, truth.devices, strict=True)):
            if uid is not None:
                _, metric, threshold = SHOWN_BY[event.kind]
                self._shows.setdefault(row_of[uid], []).append((number, metric, threshold))
        self._begun: set[int] = set()

    def tick(self, dt_s: float) -> None:
        """Step the physics by `dt_s` simulated seconds and let the devices that are due measure."""
        county = self.county
        happened = county.step(dt_s)
        now = self._clock()
        ts_ms = int(now.timestamp() * 1000)
        self._power(happened)
        for number in happened.began:
            self._begun.add(number)
            self._truth.began(number, now)
        for number in happened.ended:
            self._truth.ended(number, now)
        for bit in happened.alarms:
            payload = event_payload(ts_ms, bit.type, on=bit.on)
            self.tally.sent += 1
            self.tally.dropped += self.devices[bit.device].offer_event(Item(payload, ts_ms))
        rows = self._reporting.due(county.now_s, county.hurried_s(), county.powered)
        if len(rows):
            for reading in county.readings(rows, ts_ms):
                self.tally.sent += 1
                item = Item(reading.payload, reading.ts_ms, self._shown_event(reading))
                self.tally.dropped += self.devices[reading.device].offer_reading(item)

    def drain(self) -> None:
        """Measuring is over; devices without power that still hold items get power to send them."""
        for device in self.devices:
            if device.outstanding:
                device.power_on()

    def _power(self, happened: Happened) -> None:
        for row in happened.off.tolist():
            self.devices[row].power_off()
        for row in happened.on.tolist():
            self.devices[row].power_on()
        self._reporting.wake(happened.on, self.county.now_s)

    def _shown_event(self, reading: Reading) -> int | None:
        for number, metric, threshold in self._shows.get(reading.device, ()):
            if number in self._begun and reading.metrics[metric] >= threshold:
                return number
        return None

    def _acknowledged(self, item: Item) -> None:
        self.tally.published += 1
        if item.mark is not None:
            self._truth.over(item.mark, item.ts_ms)

"""A village gateway: one login of its own, and the readings of its village gathered into arrays."""

from __future__ import annotations

from device_sim.network.broker import Broker
from device_sim.network.mqtt_device import Acknowledged, MqttDevice
from device_sim.network.outbox import MOST_KEPT_GATEWAY, Item, Lane
from foundation.clock import Clock


class Gateway(MqttDevice):
    """As MqttDevice, but a reading waits for company until `flush` is called or a payload is full; an event does not.

    Whoever makes the items names the device in each of them (`"id"`).
    """

    __slots__ = ()

    def __init__(self, uid: str, password: str, broker: Broker, clock: Clock, acknowledged: Acknowledged) -> None:
        super().__init__(uid, password, broker, clock, acknowledged, most=MOST_KEPT_GATEWAY)

    def _offer(self, lane: Lane, item: Item) -> int:
        dropped = lane.offer(item)
        if lane.full_load:
            self._pump(lane)
        return dropped

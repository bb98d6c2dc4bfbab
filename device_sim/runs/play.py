"""The joint of physics and network: a tick steps the county, disorder changes what it measured, clients send it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from device_sim.county import AlarmBit, County, Happened
from device_sim.disorder.clocks import Clocks
from device_sim.disorder.disorder import Disorder
from device_sim.disorder.held import Held
from device_sim.network.clones import Clones
from device_sim.network.mqtt_device import Acknowledged
from device_sim.network.outbox import Item
from device_sim.network.uplink import Uplink
from device_sim.runs.reporting import Reporting
from device_sim.score.tally import Tally
from device_sim.score.truth import Truth
from device_sim.sensors.batch import Batch
from foundation.clock import Clock


class Play:
    """A fleet's clients around a county. Driven by `tick` and, when measuring is over, `drain`.

    `connect` makes the clients (`uplink`) that will tell what the broker has acknowledged. `disorder` changes readings,
    `clocks` (the same ones) the times of alarm bits.
    """

    def __init__(
        self,
        county: County,
        connect: Callable[[Acknowledged], Uplink],
        disorder: Disorder,
        clocks: Clocks,
        reporting: Reporting,
        truth: Truth,
        tally: Tally,
        clock: Clock,
    ) -> None:
        self.county = county
        self.uplink = connect(self._acknowledged)
        self.active: set[int] = set()
        """Places of the injections that act now."""
        self._disorder = disorder
        self._clocks = clocks
        self._reporting = reporting
        self._truth = truth
        self._tally = tally
        self._clock = clock
        self._held: Held[Item] = Held()
        self._clones = Clones(self.uplink)

    def tick(self, dt_s: float, parts: int) -> None:
        """Step the physics by `dt_s` simulated seconds, let who is due measure, let 1/`parts` of the gateways send."""
        county, before_s = self.county, self.county.now_s
        happened = county.step(dt_s)
        now = self._clock()
        now_ms = int(now.timestamp() * 1000)
        for number in happened.began:
            self.active.add(number)
            self._truth.began(number, now)
        for number in happened.ended:
            self.active.discard(number)
            self._truth.ended(number, now)
        self._network(happened, before_s)
        for bit in happened.alarms:
            self._tell(bit, now_ms)
        for item in self._held.due(now_ms):
            self.uplink.reading(item)
        rows = self._reporting.due(county.now_s, county.hurried_s(), county.powered)
        if len(rows):
            for batch in county.measure(rows, now_ms):
                self._send(self._disorder.distort(batch, now_ms), now_ms)
        self.uplink.flush(parts)
        self._tally.dropped = self.uplink.dropped

    def drain(self) -> None:
        """Measuring is over; whoever still holds items gets power and network to send them."""
        self._clones.leave()
        self.uplink.open_all()
        for item in self._held.rest():
            self.uplink.reading(item)
        self.uplink.flush(1)
        self._tally.dropped = self.uplink.dropped

    def _acknowledged(self, items: list[Item]) -> None:
        """The broker has these."""
        self._tally.published += len(items)
        for item in items:
            if item.proof is not None:
                item.proof()

    def _network(self, happened: Happened, before_s: float) -> None:
        now_s, disorder = self.county.now_s, self._disorder
        self.uplink.power(happened.off, happened.on)
        self._reporting.wake(happened.on, now_s)
        self.uplink.links(disorder.link_up(now_s))
        for device in disorder.restarts(before_s, now_s).tolist():
            client = self.uplink.own_client(device)
            if client is not None:
                client.hang_up()
        self._clones.take_over(disorder.takeovers(before_s, now_s))

    def _tell(self, bit: AlarmBit, now_ms: int) -> None:
        """An alarm bit leaves at once, with the time that its device believes in."""
        at_s = np.array([self.county.now_s])
        shown_ms = self._clocks.shown_ms(np.array([bit.device]), np.array([now_ms]), at_s)
        watched = bit.device in self._truth.watching()
        proof = partial(self._truth.bit, bit.device, bit.type, now_ms, on=bit.on) if watched else None
        self._tally.sent += 1
        self.uplink.event(bit.device, int(shown_ms[0]), bit.type, on=bit.on, proof=proof)

    def _send(self, batch: Batch, now_ms: int) -> None:
        route = self._disorder.route(batch, now_ms)
        watching = self._truth.watching()
        self._tally.sent += len(batch)
        rows = zip(
            batch.device.tolist(),
            self.uplink.payloads(batch),
            route.twice.tolist(),
            route.backfill.tolist(),
            route.leaves_ms.tolist(),
            strict=True,
        )
        for place, (device, payload, twice, backfill, leaves_ms) in enumerate(rows):
            item = Item(payload, device, twice, backfill)
            if device in watching:
                metrics = {name: float(column[place]) for name, column in batch.columns.items()}
                item.proof = partial(self._truth.measured, device, int(batch.true_ms[place]), metrics)
            if leaves_ms > now_ms:
                self._held.keep(leaves_ms, item)
            else:
                self.uplink.reading(item)

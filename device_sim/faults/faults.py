"""Scheduled events as inputs of the physics: which home has power, which air gets CO, which boiler is stuck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats
from device_sim.faults.schedule import CO_OVER_PPM, OVERHEAT_C, Event, EventKind
from device_sim.fleet.fleet import Fleet
from foundation.errors import NotFound

SHOWN_BY: Final[Mapping[EventKind, tuple[str, str, float]]] = {
    "co_leak": ("co_detector", "co_ppm", CO_OVER_PPM),
    "overheat": ("gas_wall_boiler", "flow_c", OVERHEAT_C),
}
"""The device type, metric and threshold that show an event; a power cut shows by silence."""


def showing_device(fleet: Fleet, event: Event) -> str | None:
    """The uid of the device that shows `event`, None for a power cut. Raises NotFound if the home has none."""
    if event.kind not in SHOWN_BY:
        return None
    wanted = SHOWN_BY[event.kind][0]
    for device in fleet.devices:
        if device.home == event.home and device.type == wanted:
            return device.uid
    raise NotFound(f"{event.kind} in home {event.home}: no {wanted} there", do="schedule it in a home that has one")


class Faults:
    """The events of a run over `homes` and `villages` (one code per home, in the county's order)."""

    def __init__(self, events: Sequence[Event], homes: Sequence[str], villages: Sequence[str]) -> None:
        self.events = tuple(events)
        place = {code: row for row, code in enumerate(homes)}
        self._home_rows = [place[event.home] if event.home is not None else -1 for event in self.events]
        village_of = np.array(villages)
        self._hit = [village_of == event.village for event in self.events]
        self._homes = len(homes)

    def active(self, at_s: float) -> frozenset[int]:
        """Places in `events` of those that run at `at_s` (start included, end not)."""
        return frozenset(n for n, event in enumerate(self.events) if event.at_s <= at_s < event.ends_s)

    def powered(self, active: Iterable[int]) -> Bools:
        """Which homes have power, shape (homes,)."""
        powered = np.ones(self._homes, dtype=np.bool_)
        for number in active:
            if self.events[number].kind == "power_cut":
                powered &= ~self._hit[number]
        return powered

    def co_rise_ppm_min(self, active: Iterable[int]) -> Floats:
        """Rise of carbon monoxide by a source in each home, shape (homes,)."""
        return self._strengths("co_leak", active, 0.0)

    def overheat_c(self, active: Iterable[int]) -> Floats:
        """Temperature that a stuck boiler climbs towards, NaN where all is well, shape (homes,)."""
        return self._strengths("overheat", active, np.nan)

    def _strengths(self, kind: EventKind, active: Iterable[int], otherwise: float) -> Floats:
        values = np.full(self._homes, otherwise)
        for number in active:
            if self.events[number].kind == kind:
                values[self._home_rows[number]] = self.events[number].strength
        return values

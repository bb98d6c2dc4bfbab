"""Lays a scenario over a fleet: the seed draws who is hit, and no home is hit by two entries unless they say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from device_sim.arrays import Bools, Ints
from device_sim.faults.fault_rows import FAULT, FaultRow
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import HEATINGS, Fleet
from device_sim.scenario.ground import Ground, NoSuchPlace
from device_sim.scenario.mistakes import Mistakes
from device_sim.scenario.scenario import Choice, Entry, Named, Scenario


def lay_out(scenario: Scenario, fleet: Fleet, seed: int, mistakes: Mistakes | None = None) -> tuple[Injection, ...]:
    """The scenario's injections on `fleet`, in the order of the timeline.

    What is scored gives one injection for each home, village or device that it hits; what is not, one for each entry
    (for each village, if it hits villages). Raises ScenarioError with a line for each entry that the fleet cannot play,
    and for what `mistakes` holds already.
    """
    layout = _Layout(Ground(fleet), seed, Mistakes(scenario.file) if mistakes is None else mistakes)
    # what is named first, then whole villages, then single homes: each leaves room for the next
    for turn in (_is_named, _is_of_villages, _is_of_homes):
        for entry in scenario.timeline:
            if turn(entry):
                layout.place(entry)
    layout.mistakes.raise_any()
    return tuple(injection for entry in scenario.timeline for injection in layout.injections(entry))


def _is_named(entry: Entry) -> bool:
    return isinstance(entry.where, Named)


def _is_of_villages(entry: Entry) -> bool:
    return isinstance(entry.where, Choice) and entry.where.of == "villages"


def _is_of_homes(entry: Entry) -> bool:
    return isinstance(entry.where, Choice) and entry.where.of == "homes"


@dataclass(slots=True)
class _Hit:
    """What an entry hits: rows of homes and devices, ascending; rows of villages, if it hits villages."""

    homes: Ints
    devices: Ints
    villages: Ints


class _Layout:
    """Which homes each entry has so far; `taken` are those that no later choice may draw."""

    def __init__(self, ground: Ground, seed: int, mistakes: Mistakes) -> None:
        self.mistakes = mistakes
        self._ground = ground
        self._seed = seed
        self._taken = np.zeros(ground.homes, dtype=np.bool_)
        self._hits: dict[int, _Hit] = {}
        self._by_id: dict[str, _Hit] = {}

    def place(self, entry: Entry) -> None:
        """Decide what an entry hits, or note why it cannot."""
        try:
            hit = self._place_named(entry, entry.where) if isinstance(entry.where, Named) else self._choose(entry)
        except NoSuchPlace as wrong:
            self.mistakes.add(entry.where.line if entry.where is not None else entry.line, str(wrong))
            return
        self._hits[entry.number] = hit
        if entry.id is not None:
            self._by_id[entry.id] = hit
        if not (isinstance(entry.where, Choice) and entry.where.everything):
            self._taken[hit.homes] = True
            self._taken |= np.isin(self._ground.fleet.home_village, hit.villages)

    def injections(self, entry: Entry) -> Iterator[Injection]:
        """What an entry becomes; every entry has been placed."""
        fault = FAULT[entry.fault]
        if fault.hits == "county":
            yield _injection(entry, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), None)
            return
        hit, fleet = self._hits[entry.number], self._ground.fleet
        if fault.hits == "village":
            for row in hit.villages.tolist():
                homes = hit.homes[fleet.home_village[hit.homes] == row]
                devices = hit.devices[fleet.home_village[fleet.device_home[hit.devices]] == row]
                yield _injection(entry, homes, devices, fleet.villages[row].code)
        elif fault.kind is None:
            yield _injection(entry, hit.homes, hit.devices, self._village_of(hit.homes))
        elif fault.hits == "device":
            for device in hit.devices:
                home = fleet.device_home[[device]].astype(np.int64)
                yield _injection(entry, home, np.array([device]), self._village_of(home))
        else:
            for home in hit.homes:
                devices = np.array(fleet.devices_of(int(home)), dtype=np.int64)
                yield _injection(entry, np.array([home]), devices, self._village_of(np.array([home])))

    def _village_of(self, homes: Ints) -> str | None:
        """The village in which all of these homes are, if there is one."""
        rows = np.unique(self._ground.fleet.home_village[homes])
        return self._ground.fleet.villages[rows[0]].code if len(rows) == 1 else None

    def _place_named(self, entry: Entry, named: Named) -> _Hit:
        fault, ground = FAULT[entry.fault], self._ground
        if named.what == "village":
            return self._hit_villages(fault, np.array([ground.village_row(named.name)]))
        if named.what == "device":
            device = np.array([ground.device_row(named.name)])
            home = ground.fleet.device_home[device].astype(np.int64)
            if not np.isin(device, ground.devices_in(home, fault.types)).all():
                raise NoSuchPlace(f"{fault.name} cannot happen to {named.name}; expected a {' or '.join(fault.types)}")
            return _Hit(home, device, np.zeros(0, dtype=np.int64))
        home = np.array([ground.home_row(named.name)])
        if not ground.able(fault)[home].all():
            raise NoSuchPlace(self._unable(fault, named.name, int(home[0])))
        return self._hit_homes(fault, home, fault.types)

    def _unable(self, fault: FaultRow, code: str, home: int) -> str:
        if fault.hits == "device":
            missing = " or ".join(fault.types)
            return f"{fault.name} cannot happen in {code}, which has no {missing}; expected a home with one"
        heating = HEATINGS[self._ground.fleet.home_heating[home]]
        where = "; its plant stands in another home" if heating in fault.types else ""
        return f"{fault.name} cannot happen in {code}, heated by {heating}{where}; expected {' or '.join(fault.types)}"

    def _choose(self, entry: Entry) -> _Hit:
        choice, fault = entry.where, FAULT[entry.fault]
        if not isinstance(choice, Choice):
            raise TypeError(f"{entry.fault} hits the weather and is not placed")
        able = self._ground.able(fault)
        fits = able & self._ground.fitting(choice) & self._as_told(choice)
        if choice.of == "villages":
            return self._hit_villages(fault, self._choose_villages(entry, choice, fits))
        free = fits if choice.everything or choice.same_as is not None else fits & ~self._taken
        homes = self._draw(entry, choice, np.flatnonzero(fits), np.flatnonzero(free), "homes")
        return self._hit_homes(fault, homes, choice.types or fault.types)

    def _choose_villages(self, entry: Entry, choice: Choice, fits: Bools) -> Ints:
        village = self._ground.fleet.home_village
        fitting = np.unique(village[fits]).astype(np.int64)
        free = fitting
        if not choice.everything and choice.same_as is None:
            free = np.setdiff1d(fitting, village[self._taken])
        return self._draw(entry, choice, fitting, free, "villages")

    def _as_told(self, choice: Choice) -> Bools:
        """Homes of the entry that it shall be the same as, without those that it shall not be in.

        An entry that could not be placed has been reported; whoever refers to it is not judged by it.
        """
        told = np.ones(self._ground.homes, dtype=np.bool_)
        if choice.same_as in self._by_id:
            told[:] = False
            told[self._by_id[choice.same_as].homes] = True
        for name in choice.not_in:
            if name in self._by_id:
                told[self._by_id[name].homes] = False
        return told

    def _draw(self, entry: Entry, choice: Choice, fitting: Ints, free: Ints, what: str) -> Ints:
        wanted = len(free)
        if choice.count is not None:
            wanted = choice.count
        elif choice.share is not None:
            wanted = max(1, round(choice.share * len(fitting)))
        if wanted > len(free) or not wanted:
            others = len(fitting) - len(free)
            belong = f" and {others} more belong to other entries" if others else ""
            asked = f"{wanted} {what}" if wanted else what
            raise NoSuchPlace(
                f"{entry.fault} wants {asked}; expected that many in this fleet, but {len(free)} fit{belong}"
            )
        dice = np.random.default_rng([self._seed, 11, entry.number])
        return np.sort(dice.permutation(free)[:wanted])

    def _hit_homes(self, fault: FaultRow, homes: Ints, types: tuple[str, ...]) -> _Hit:
        devices = self._ground.devices_in(homes, types if fault.hits == "device" else ())
        return _Hit(homes, devices, np.zeros(0, dtype=np.int64))

    def _hit_villages(self, fault: FaultRow, villages: Ints) -> _Hit:
        ground = self._ground
        homes = np.flatnonzero(np.isin(ground.fleet.home_village, villages) & ground.able(fault))
        if not len(homes):
            raise NoSuchPlace(f"{fault.name} cannot happen there; expected a village with {' or '.join(fault.types)}")
        devices = ground.devices_in(np.flatnonzero(np.isin(ground.fleet.home_village, villages)))
        if fault.name == "gateway_loss":
            gateways = ground.fleet.device_gateway[devices]
            devices = np.union1d(devices[gateways >= 0], gateways[gateways >= 0]).astype(np.int64)
            if not len(devices):
                raise NoSuchPlace("gateway_loss: no device there is behind a gateway; expected fleet: {gateways: true}")
        return _Hit(homes, devices, villages.astype(np.int64))


def _injection(entry: Entry, homes: Ints, devices: Ints, village: str | None) -> Injection:
    return Injection(
        fault=entry.fault,
        at_s=entry.at_s,
        ends_s=entry.ends_s,
        strength=entry.strength,
        homes=tuple(homes.tolist()),
        devices=tuple(devices.tolist()),
        village=village,
        number=entry.number,
        line=entry.line,
        unseen=entry.unseen,
        backfill=entry.backfill,
        back_within_s=entry.back_within_s,
    )

"""A fleet as a scenario sees it: which homes fit a choice, which are taken, and what is called by its name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catalogue.device_types import DEVICE_TYPE
from device_sim.arrays import Bools, Ints
from device_sim.faults.fault_rows import FaultRow
from device_sim.fleet.fleet import CLASSES, HEATINGS, LOOSE_COAL, TYPES, Fleet
from device_sim.scenario.scenario import Choice

_CODE_DIGITS = 6
"""A village that is written with fewer digits is meant by its place."""


class NoSuchPlace(LookupError):
    """A name that the fleet does not have; the text says what it has."""


class Ground:
    """The fleet's columns with the questions that a choice asks; arrays of shape (homes,) or rows."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.homes = len(fleet.home_village)
        self.villages = len(fleet.villages)

    def village_row(self, name: str) -> int:
        """The row of a village by its code or its place, counted from 1. Raises NoSuchPlace."""
        if name.isdecimal() and len(name) < _CODE_DIGITS:
            if not 1 <= int(name) <= self.villages:
                raise NoSuchPlace(f"there is no village {name}; expected 1 to {self.villages}, or a village's code")
            return int(name) - 1
        codes = [village.code for village in self.fleet.villages]
        if name not in codes:
            raise NoSuchPlace(
                f"there is no village '{name}'; expected 1 to {self.villages}, or a code from {codes[0]} to {codes[-1]}"
            )
        return codes.index(name)

    def home_row(self, code: str) -> int:
        """The row of a home by its code. Raises NoSuchPlace."""
        codes = {village.code: row for row, village in enumerate(self.fleet.villages)}
        here = np.flatnonzero(self.fleet.home_village == codes.get(code.rpartition("-")[0], -1))
        names = {self.fleet.names.home_code(int(row)): int(row) for row in here}
        if code not in names:
            first, last = self.fleet.names.home_code(0), self.fleet.names.home_code(self.homes - 1)
            known = list(names) or [first, last]
            raise NoSuchPlace(f"there is no home '{code}' in this fleet; expected one from {known[0]} to {known[-1]}")
        return names[code]

    def device_row(self, uid: str) -> int:
        """The row of a device by its uid. Raises NoSuchPlace."""
        for row in range(len(self.fleet.device_home)):
            if self.fleet.uid(row) == uid:
                return row
        raise NoSuchPlace(f"there is no device '{uid}' in this fleet; expected a uid such as {self.fleet.uid(0)}")

    def heated_by(self, heatings: Sequence[str]) -> Bools:
        """Homes with one of these heatings."""
        return np.isin(self.fleet.home_heating, [HEATINGS.index(name) for name in heatings])

    def having(self, types: Sequence[str]) -> Bools:
        """Homes in which a device of one of these types stands."""
        found = np.zeros(self.homes, dtype=np.bool_)
        found[self.fleet.device_home[self._of_types(types)]] = True
        return found

    def devices_in(self, homes: Ints, types: Sequence[str] = ()) -> Ints:
        """The devices in these homes, ascending; of these types, if any are named."""
        inside = np.zeros(self.homes, dtype=np.bool_)
        inside[homes] = True
        found = inside[self.fleet.device_home]
        return np.flatnonzero(found & self._of_types(types) if types else found)

    def able(self, fault: FaultRow) -> Bools:
        """Homes that can have a fault: by their heating, and by their devices if it is one of devices.

        Of the homes of a shared plant only the one in which it stands: one plant is one fault.
        """
        if fault.hits == "device":
            return self.having(fault.types) if fault.types else np.ones(self.homes, dtype=np.bool_)
        if not fault.types:
            return np.ones(self.homes, dtype=np.bool_)
        if fault.hits == "village":
            return self.heated_by(fault.types)
        able = np.zeros(self.homes, dtype=np.bool_)
        for name in fault.types:
            own = self.heated_by([name])
            shared = name != LOOSE_COAL and DEVICE_TYPE[name].shared
            able |= own & self.having([name]) if shared else own
        return able

    def fitting(self, choice: Choice) -> Bools:
        """Homes that fit what a choice asks for, apart from the entries that it names. Raises NoSuchPlace."""
        fits = np.ones(self.homes, dtype=np.bool_)
        if choice.heating:
            fits &= self.heated_by(choice.heating)
        if choice.occupied is not None:
            fits &= self.fleet.home_vacant != choice.occupied
        if choice.vulnerable is not None:
            fits &= self.fleet.home_vulnerable == choice.vulnerable
        if choice.building_class:
            fits &= np.isin(self.fleet.home_class, [CLASSES.index(name) for name in choice.building_class])
        if choice.village is not None:
            fits &= self.fleet.home_village == self.village_row(choice.village)
        for name in choice.having:
            fits &= self.having([name])
        if choice.lacking:
            fits &= ~self.having(choice.lacking)
        if choice.types:
            fits &= self.having(choice.types)
        return fits

    def _of_types(self, types: Sequence[str]) -> Bools:
        return np.isin(self.fleet.device_type, [TYPES.index(name) for name in types])

"""Which faults act now, and how strongly on each home and device: looked up cheaply at every step.

Where injections of one fault overlap on one home or device, the stronger acts: the larger number, its sign aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import chain

import numpy as np

from device_sim.arrays import Floats
from device_sim.faults.fault_rows import FAULT, Layer
from device_sim.faults.injection import Injection


class ActiveFaults:
    """The injections of a run over `homes` homes and `devices` devices (rows of the fleet).

    `began_and_ended` moves the time on; the rest tells of the moment it was last called with. Arrays are built when
    they are asked for, kept until the active injections of that fault change, and may not be written to.
    """

    def __init__(self, injections: Sequence[Injection], *, homes: int, devices: int) -> None:
        self.injections = tuple(injections)
        self._at_s = np.array([injection.at_s for injection in self.injections], dtype=np.float64)
        self._ends_s = np.array([injection.ends_s for injection in self.injections], dtype=np.float64)
        self._homes, self._devices = homes, devices
        self._is_active = np.zeros(len(self.injections), dtype=np.bool_)
        self._last_s = self._changes_s = -np.inf
        self._active: dict[str, list[Injection]] = {}
        self._on_homes: dict[str, Floats | None] = {}
        self._on_devices: dict[str, Floats | None] = {}

    @property
    def now_s(self) -> float:
        """The moment of which it tells, in simulated seconds since the start."""
        return max(self._last_s, 0.0)

    def began_and_ended(self, now_s: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Places in `injections` of those that began and that ended since the last call, each ascending.

        An injection acts from `at_s` until before `ends_s`; one that lies between two calls acts in the second and has
        ended in the third. Raises ValueError when time runs backwards.
        """
        if now_s < self._last_s:
            raise ValueError(f"time runs backwards: {now_s:g} s after {self._last_s:g} s")
        if now_s < self._changes_s:
            self._last_s = now_s
            return (), ()
        missed = (self._last_s < self._at_s) & (self._ends_s <= now_s)
        active = (self._at_s <= now_s) & ((now_s < self._ends_s) | missed)
        began, ended = np.flatnonzero(active & ~self._is_active), np.flatnonzero(self._is_active & ~active)
        ahead = np.concatenate([self._at_s, self._ends_s])
        self._changes_s = now_s if (active & missed).any() else float(ahead[ahead > now_s].min(initial=np.inf))
        self._is_active, self._last_s = active, now_s
        self._renew({self.injections[place].fault for place in chain(began.tolist(), ended.tolist())})
        return tuple(began.tolist()), tuple(ended.tolist())

    def on_homes(self, fault: str) -> Floats | None:
        """Strength in each home, NaN where healthy, shape (homes,); None when no home has it now.

        Only what hits homes and villages; what hits devices is no matter of the home.
        """
        if fault not in self._on_homes:
            hit = self._active.get(fault, []) if FAULT[fault].hits in {"home", "village"} else []
            self._on_homes[fault] = _spread([(each.homes, each.strength) for each in hit], self._homes)
        return self._on_homes[fault]

    def on_devices(self, fault: str) -> Floats | None:
        """Strength on each device, NaN where healthy, shape (devices,); None when no device has it now.

        What hits devices, and of what hits a village everything that stands there.
        """
        if fault not in self._on_devices:
            hit = self._active.get(fault, []) if FAULT[fault].hits in {"device", "village"} else []
            self._on_devices[fault] = _spread([(each.devices, each.strength) for each in hit], self._devices)
        return self._on_devices[fault]

    def on_county(self, fault: str) -> float | None:
        """Strength of a fault of the weather; None when it does not act now."""
        return max((each.strength for each in self._active.get(fault, [])), key=abs, default=None)

    def physics_names(self) -> tuple[str, ...]:
        """Faults of homes, heaters, sensors and weather that act now, in the order of faults.yaml."""
        return self._names("physics")

    def network_names(self) -> tuple[str, ...]:
        """Faults of the network that act now, in the order of faults.yaml."""
        return self._names("network")

    def _names(self, layer: Layer) -> tuple[str, ...]:
        return tuple(name for name, row in FAULT.items() if row.layer == layer and name in self._active)

    def _renew(self, faults: AbstractSet[str]) -> None:
        for fault in faults:
            self._active.pop(fault, None)
            self._on_homes.pop(fault, None)
            self._on_devices.pop(fault, None)
        for place in np.flatnonzero(self._is_active).tolist():
            injection = self.injections[place]
            if injection.fault in faults:
                self._active.setdefault(injection.fault, []).append(injection)


def _spread(hit: Sequence[tuple[tuple[int, ...], float]], length: int) -> Floats | None:
    """Strengths laid on rows, the strongest on top; None when there are no rows."""
    rows = np.fromiter(chain.from_iterable(rows for rows, _ in hit), dtype=np.int64)
    if not len(rows):
        return None
    strengths = np.repeat([strength for _, strength in hit], [len(rows) for rows, _ in hit])
    weakest_first = np.argsort(np.abs(strengths), kind="stable")
    values = np.full(length, np.nan)
    values[rows[weakest_first]] = strengths[weakest_first]
    values.setflags(write=False)
    return values

"""Houses as two nodes (air, heavy mass) and two resistances, discretised exactly so that any step is stable.

C_air·dTa/dt  = H_am(Tm − Ta) + UA(To − Ta) + q_air
C_mass·dTm/dt = H_am(Ta − Tm) + q_mass
UA holds fabric and infiltration. Numbers: SIMULATION.md, "House".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator

AREA_M2: Final = 80.0
"""The traditional home for which the numbers below hold."""
AIR_J_K: Final = 1.1e6
"""Air and furniture of an 80 m² home (C)."""
MASS_J_K: Final = 20.8e6
"""Walls and floor of a heavy home, 260 kJ/m²K × 80 m² (C)."""
AIR_MASS_W_K: Final = 1240.0
UA_W_K: Final = 205.0
"""A traditional 80 m² home, infiltration included: 7.6 kW at 37 K (C)."""
INFILTRATION_W_K: Final = 35.0
"""0.5 air changes an hour of 208 m³ (C)."""
GAINS_W: Final = 250.0
"""People, cooking, sun, averaged over the day (A)."""
MASS_SHARE: Final = 0.3
"""Radiant share of the heat, taken up by walls and floor (A)."""
_INFILTRATION_GSD: Final = 1.6
_FABRIC_GSD: Final = 1.15
_SET_POINTS_C: Final = (14.0, 20.0)
_VACANT_SET_C: Final = 8.0
"""Empty homes are kept just above frost (A)."""
_TRIM_W_K: Final = 600.0
"""How hard a room controller pulls towards the set-point (A)."""


@dataclass(frozen=True, slots=True)
class Conductances:
    """Each home's walls, arrays of shape (homes,): W/K from room to outdoors (`ua`) and from air to walls (`air_mass`).

    `size` is the heated area over the 80 m² for which the capacities above hold.
    """

    ua: Floats
    air_mass: Floats
    size: Floats | float = 1.0


def spread_conductances(loss_w_m2k: Floats, area_m2: Floats, dice: Generator) -> Conductances:
    """Walls of homes with a mean loss per m² and K (building class): infiltration GSD 1.6, fabric GSD 1.15 (A)."""
    homes, size = len(area_m2), area_m2 / AREA_M2
    infiltration = INFILTRATION_W_K * size
    fabric = np.maximum(loss_w_m2k * area_m2 - infiltration, 0.3 * infiltration)
    infiltration = infiltration * np.exp(np.log(_INFILTRATION_GSD) * dice.standard_normal(homes).clip(-2, 2))
    fabric = fabric * np.exp(np.log(_FABRIC_GSD) * dice.standard_normal(homes).clip(-2, 2))
    return Conductances(infiltration + fabric, AIR_MASS_W_K * size, size)


def set_points(vacant: Bools, dice: Generator) -> Floats:
    """Room set-points in °C: 14–20 by household, just above frost where nobody lives."""
    return np.where(vacant, _VACANT_SET_C, np.round(dice.uniform(*_SET_POINTS_C, len(vacant)) * 2) / 2)


class Houses:
    """Temperatures of all homes in °C: `air_c` and `mass_c`, shape (homes,)."""

    def __init__(self, walls: Conductances, air_c: Floats, mass_c: Floats) -> None:
        self.walls = walls
        self.air_c = air_c.copy()
        self.mass_c = mass_c.copy()
        self._step_s = -1.0
        self._air_j_k, self._mass_j_k = AIR_J_K * walls.size, MASS_J_K * walls.size
        self._gains_w = GAINS_W * walls.size
        # the system matrix [[a, b], [c, d]] per second
        self._a = -(walls.air_mass + walls.ua) / self._air_j_k
        self._b = walls.air_mass / self._air_j_k
        self._c = walls.air_mass / self._mass_j_k
        self._d = -self._c

    def demand_w(self, set_c: Floats, outdoor_c: float) -> Floats:
        """Heat that would hold or regain the set-point, in W, never negative."""
        hold = self.walls.ua * (set_c - outdoor_c) - self._gains_w
        return np.maximum(hold + _TRIM_W_K * self.walls.size * (set_c - self.air_c), 0.0)

    def step(self, dt_s: float, outdoor_c: float, heat_w: Floats) -> None:
        """Advance by `dt_s` with constant weather and heat (MASS_SHARE of it goes into the mass)."""
        if dt_s != self._step_s:
            self._prepare(dt_s)
        drive_air = (self.walls.ua * outdoor_c + (1 - MASS_SHARE) * heat_w + self._gains_w) / self._air_j_k
        drive_mass = MASS_SHARE * heat_w / self._mass_j_k
        # where it would settle: −A⁻¹·drive
        settled_air = -(self._d * drive_air - self._b * drive_mass) / self._determinant
        settled_mass = -(self._a * drive_mass - self._c * drive_air) / self._determinant
        off_air, off_mass = self.air_c - settled_air, self.mass_c - settled_mass
        self.air_c = settled_air + self._e11 * off_air + self._e12 * off_mass
        self.mass_c = settled_mass + self._e21 * off_air + self._e22 * off_mass

    def _prepare(self, dt_s: float) -> None:
        """The matrix exponential of A·dt in closed form (Sylvester); both eigenvalues are real, negative, distinct."""
        middle = (self._a + self._d) / 2
        self._determinant = self._a * self._d - self._b * self._c
        half = np.sqrt(middle * middle - self._determinant)
        fast, slow = middle - half, middle + half
        decay_slow, decay_fast = np.exp(slow * dt_s), np.exp(fast * dt_s)
        gap = slow - fast
        self._e11 = (decay_slow * (self._a - fast) - decay_fast * (self._a - slow)) / gap
        self._e22 = (decay_slow * (self._d - fast) - decay_fast * (self._d - slow)) / gap
        self._e12 = self._b * (decay_slow - decay_fast) / gap
        self._e21 = self._c * (decay_slow - decay_fast) / gap
        self._step_s = dt_s

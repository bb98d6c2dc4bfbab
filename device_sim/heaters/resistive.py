"""Heating by resistance: carbon-crystal panels, heating film and heating cable, each behind a thermostat with a relay.

The surface follows room + P/(hA) with one time constant, and what it stores it gives back. Numbers: SIMULATION.md,
"Resistive", and SAFETY.md, "Electric heaters".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Floats, Generator, Ints, Metrics
from device_sim.heaters.heater import Heaters, Start, Surroundings

_BAND_K: Final = 0.3
"""The thermostat switches this far below and above the set-point (A)."""
_LIMIT_OFF_K, _LIMIT_ON_K = 0.5, 2.0
"""The limiter opens and closes again this far below its limit (A)."""
_SIZED: Final = 1.3
"""Installed power over the load at −19 °C (A)."""
_LEAKAGE_MA: Final = (0.2, 3.0)
"""Sound leakage while heating (A)."""
_LEAKAGE_OFF: Final = 0.3
"""Share of it while off (A)."""
LEAKAGE_MOST_MA: Final = 30.0
"""GB: 30 mA within 0.1 s (SAFETY.md); the controller only shows it, a breaker would cut it off."""
_WARM_K: Final = 1.0
"""A surface at least this far above the room has been heated lately (A)."""
_SPOT_LEAST_K: Final = 0.05


class Slab:
    """A heated surface, shape (units,): `surface_c` its mean, `spot_k` how much hotter the sensor's spot is.

    `loss_w_k` heat to the room per kelvin, `lag_s` its time constant.
    """

    def __init__(self, surface_c: Floats, loss_w_k: Floats, lag_s: float) -> None:
        self.surface_c = surface_c
        self.spot_k = np.zeros(len(surface_c))
        self.loss_w_k = loss_w_k
        self.lag_s = lag_s
        self._spotted = False

    @property
    def seen_c(self) -> Floats:
        """What the sensor reads."""
        return self.surface_c + self.spot_k

    def step(self, dt_s: float, room_c: Floats, power_w: Floats) -> Floats:
        """Advance by `dt_s` with constant power (exact); the mean heat to the room in W."""
        moved_k = -np.expm1(-dt_s / self.lag_s) * (room_c + power_w / self.loss_w_k - self.surface_c)
        self.surface_c += moved_k
        stored_w = moved_k * self.loss_w_k * (self.lag_s / dt_s)
        return np.asarray(power_w - stored_w)

    def cover(self, dt_s: float, room_c: Floats, until_c: Floats | None) -> None:
        """A covered spot climbs to `until_c` (NaN: not covered) while its surface is warm, else it cools."""
        if until_c is None:
            if not self._spotted:
                return
            until_c = np.full(len(self.spot_k), np.nan)
        covered = ~np.isnan(until_c) & (self.surface_c > room_c + _WARM_K)
        aim_k = np.where(covered, np.maximum(until_c - self.surface_c, 0.0), 0.0)
        self.spot_k += -np.expm1(-dt_s / self.lag_s) * (aim_k - self.spot_k)
        self._spotted = bool(covered.any() or (self.spot_k > _SPOT_LEAST_K).any())


@dataclass(frozen=True, slots=True)
class Build:
    """How a kind is built.

    `rise_k`: its surface above the room at full power (least, most); `unit_w`: what one piece draws (least, most, in
    steps of the last); `lag_s`: the surface's time constant; `limit_c`: where the limiter opens.
    """

    rise_k: tuple[float, float]
    unit_w: tuple[float, float, float]
    lag_s: float
    limit_c: float


class ResistiveHeaters(Heaters):
    """State of all homes with heaters of one build, shape (units,); the pieces of a home hang on one relay."""

    SHOWS = ("surface_hot", "leakage", "relay_stuck")
    BUILD: ClassVar[Build]

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units, build = len(design_w), self.BUILD
        least_w, most_w, by_w = build.unit_w
        unit_w = np.round(dice.uniform(least_w, most_w, units) / by_w) * by_w
        self.pieces = np.maximum(np.ceil(_SIZED * design_w / unit_w), 1.0)
        self.rated_w = self.pieces * unit_w
        rise_k = dice.uniform(*build.rise_k, units)
        # mid-way between cold and hot, as after some switching
        self.slab = Slab(start.room_c + 0.5 * rise_k, self.rated_w / rise_k, build.lag_s)
        self.relay = dice.random(units) < 0.5  # noqa: PLR2004 - half of them heat at the start
        self.limited = np.zeros(units, dtype=np.bool_)
        self.energy_kwh = dice.uniform(500.0, 20_000.0, units)
        self._leakage_ma = dice.uniform(*_LEAKAGE_MA, units)
        self._fault_ma = np.zeros(units)
        self._sick = False

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        limit_c, slab = self.BUILD.limit_c, self.slab
        below_c = limit_c - np.where(self.limited, _LIMIT_ON_K, _LIMIT_OFF_K)
        self.limited = slab.surface_c >= below_c
        error_k = s.set_c - s.room_c
        calls = (error_k > _BAND_K) | (self.relay & (error_k > -_BAND_K))
        self.relay = calls & ~self.limited & s.powered
        self.power_w = np.where(self.relay, self.rated_w, 0.0)
        if s.faults or self._sick:
            self._hurt(s)
        given_w = slab.step(s.dt_s, s.room_c, self.power_w)
        hot = s.faults.get("surface_hot")
        slab.cover(s.dt_s, s.room_c, None if hot is None else np.where(s.powered, limit_c + hot, np.nan))
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        return given_w

    def _hurt(self, s: Surroundings) -> None:
        self._sick = bool(s.faults)
        stuck = s.powered & ~self.relay & s.has("relay_stuck")
        self.power_w = np.where(stuck, self.rated_w * s.strength("relay_stuck", 0.0), self.power_w)
        self._fault_ma = np.where(s.powered, s.strength("leakage", 0.0), 0.0)
        self.fault = np.zeros(len(stuck), dtype=np.int16)
        self.show("leakage", s.powered & (self._fault_ma > LEAKAGE_MOST_MA))
        self.show("surface_hot", s.powered & s.has("surface_hot") & (self.slab.seen_c > self.BUILD.limit_c))
        self.show("relay_stuck", stuck)

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        power_w = self.power_w[rows]
        sound_ma = self._leakage_ma[rows] * np.where(power_w > 0, 1.0, _LEAKAGE_OFF)
        return {
            "surface_c": self.slab.seen_c[rows],
            "limit_c": np.full(len(rows), self.BUILD.limit_c),
            "power_w": power_w,
            "energy_kwh": self.energy_kwh[rows],
            "relay": self.relay[rows].astype(np.float64),
            "leakage_ma": sound_ma + self._fault_ma[rows],
        }


class CarbonCrystalPanels(ResistiveHeaters):
    """Panels on the wall: 0.4–1 kW each, 60–95 °C, warm within half an hour (lag A)."""

    TYPE = "carbon_crystal_panel"
    BUILD = Build(rise_k=(45.0, 70.0), unit_w=(400.0, 1000.0, 100.0), lag_s=600.0, limit_c=95.0)


class HeatingFilms(ResistiveHeaters):
    """Film of 180–220 W/m² under ceiling or floor, rolls of 10 m²; 9 W/m²K to the room (A), limiter at 60 °C (M)."""

    TYPE = "heating_film"
    BUILD = Build(rise_k=(180 / 9, 220 / 9), unit_w=(1800.0, 2200.0, 100.0), lag_s=1200.0, limit_c=60.0)


class HeatingCables(ResistiveHeaters):
    """Cable of 10–20 W/m in 100 m loops in a 5 cm screed (A): floor ≤ 30 °C (M), following within hours."""

    TYPE = "heating_cable"
    BUILD = Build(rise_k=(11.5, 13.5), unit_w=(1000.0, 2000.0, 100.0), lag_s=9000.0, limit_c=30.0)

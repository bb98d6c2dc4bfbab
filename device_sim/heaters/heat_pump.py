"""Air-source heat pumps (water): Carnot-fraction COP, capacity falling in the cold, defrost, and what breaks.

Numbers: SIMULATION.md, "Heat pumps"; protection: SAFETY.md, "Air-source heat pump". No generic library model: those
fail below −15 °C.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.frost import Frost, frost_rate
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.protection import Protection

ETA: Final = 0.40
"""Fraction of Carnot, ± 0.06 between units (C: fits the EN 14825 Keymark medians)."""
MAX_COP: Final = 6.0
STANDBY_W: Final = 14.0
"""Median standby (V)."""
TRIP_C: Final = 120.0
"""Discharge temperature at which the compressor is stopped (SAFETY.md, S)."""
READY_C: Final = 90.0
"""Below it the compressor may start again (SAFETY.md, S)."""
HIGH_BAR: Final = 39.0
LOW_BAR: Final = 0.5
"""Gauge pressures that trip (SAFETY.md, S, one maker)."""
NO_FLOW_S: Final = 10.0
"""Without water for so long it stops (SAFETY.md, S)."""
_SIZED: Final = 1.35
"""Heat at −7 °C over the home's design load (A): 76 % of it is left at −19 °C, which just covers the load."""
_AUXILIARY_W: Final = 110.0
"""Fan and pump while running (A)."""
_PUMP_W: Final = 60.0
"""The pump alone (A): it goes on in a unit that is stopped, against frost."""
_LEAST_SHARE: Final = 0.2
_WATER_LAG_S: Final = 120.0
_IDLE_LAG_S: Final = 30 * 60.0
"""Water that only the pump moves follows the room (A)."""
_STANDING_LAG_S: Final = 3 * 3600.0
"""Standing water in warm pipes follows the outdoor air (A)."""
_LOOP_J_K: Final = 80.0 * 4186.0
"""Water of the loop, 80 L (A): how fast a cold one can warm up."""
_EMITTER_LAG_S: Final = 15 * 60.0
"""Radiators and their water give the heat on later: 400 kJ/K at some 450 W/K (A)."""
_WATER_J_LK: Final = 4186.0
_FREEZE_GUARD_C: Final = 8.0
"""Below this return temperature the pump heats whatever the room says (M)."""
_FREEZE_C: Final = 4.0
"""Water at or below it in frost is in danger (SAFETY.md)."""
_DEFROST_W: Final = -2_500.0
"""Heat drawn back from the water while defrosting: flow falls by 5–10 K (C)."""
_DEFROST_COMPRESSOR_W: Final = 1200.0
_USUAL_W: Final = 12_000.0
"""Nominal heat of the machine to which the numbers here belong; larger ones have as much more of water and fan (A)."""
_ROD_SHARE: Final = 0.25
"""Backup heating rod over the nominal heat (A): 3 kW in a unit of 12 kW."""
_ROD_BELOW_C: Final = -12.0
"""It only helps in great cold (A)."""
_ROD_LEAST_W: Final = 300.0
_HOT_LAG_S, _COOL_LAG_S = 120.0, 600.0
"""The compressor's shell and its discharge pipe, warming up and left alone (A)."""
_STARVED_SHARE: Final = 0.4
"""Share of its water flow below which the flow switch opens (A)."""
_SQUEEZE_K_S: Final = 0.8
"""How fast the condenser heats up without water (A): 8 K until the flow switch acts."""
_SQUEEZE_LAG_S: Final = 60.0
_LOW_HOLD_S: Final = 60.0
"""The low-pressure switch is ignored for so long, because every start pulls the pressure down (M)."""
_LEAK_DISCHARGE_K: Final = 30.0
"""Discharge above normal per share of the refrigerant lost (A)."""
_ICED_COIL_K: Final = 10.0
"""Coil below normal per share of the capacity lost to ice (A)."""
_COP_LOST: Final = 0.3
"""Share of the COP lost per share of the capacity lost (A)."""
_ATMOSPHERE_BAR: Final = 1.013


def cop(outdoor_c: Floats, flow_c: Floats, eta: Floats | float = ETA) -> Floats:
    """Heat per electricity at air temperature `outdoor_c` and flow temperature `flow_c`: η·Th/(Th − Tc), at most 6."""
    hot_k = flow_c + 273.15
    lift_k = np.maximum(flow_c - outdoor_c, 5.0)
    return np.minimum(eta * hot_k / lift_k, MAX_COP)


def capacity_share(outdoor_c: float) -> float:
    """Most heat it can give over that at −7 °C: constant above, −2 % per kelvin below (C)."""
    return min(max(1 - 0.02 * (-7.0 - outdoor_c), 0.3), 1.0)


def target_c(outdoor_c: float) -> float:
    """Heating curve of the water in °C (A): 30 at +20 °C outside, 50 at −17 °C and below."""
    return min(max(30.0 + 0.55 * (20.0 - outdoor_c), 30.0), 50.0)


def saturation_bar(temperature_c: Floats) -> Floats:
    """Refrigerant pressure at saturation, R410A, absolute (M: through 8.0 bar at 0 °C and 27.4 bar at 45 °C)."""
    return np.exp(10.784 - 2377.6 / (temperature_c + 273.15))


def suction_bar(coil_c: Floats, leak: Floats) -> Floats:
    """Gauge pressure in front of a compressor that runs; the share `leak` of lost refrigerant starves the coil (A)."""
    return np.maximum(saturation_bar(coil_c - 2.0) * (1.0 - leak) ** 1.5 - _ATMOSPHERE_BAR, 0.0)


def condensing_bar(flow_c: Floats) -> Floats:
    """Gauge pressure behind a compressor that heats water to `flow_c`, 3 K above it (A)."""
    return saturation_bar(flow_c + 3.0) - _ATMOSPHERE_BAR


class HeatPumps(Heaters):
    """State of all heat pumps, shape (units,)."""

    TYPE = "air_source_heat_pump"
    SHOWS = (
        "no_water_flow", "high_pressure", "low_pressure", "discharge_hot", "compressor_failed", "low_water_pressure",
        "freeze_risk", "defrost_failed",
    )  # fmt: skip
    _FLOW, _HIGH, _LOW, _HOT, _COMPRESSOR = range(1, 6)
    _HURTS = ("pump_failed", "refrigerant_leak", "discharge_hot", "compressor_failed", "defrost_failed", "water_leak")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self.nominal_w = np.maximum(np.ceil(_SIZED * design_w / 2000.0) * 2000.0, 6000.0)
        self.eta = np.clip(dice.normal(ETA, 0.02, units), ETA - 0.06, ETA + 0.06)
        self._size = np.maximum(self.nominal_w / _USUAL_W, 1.0)
        self.pump_lpm = dice.uniform(18.0, 26.0, units) * self._size
        self.filled_bar = dice.uniform(1.1, 1.7, units)
        self.water_bar = self.filled_bar.copy()
        self.energy_kwh = dice.uniform(500.0, 9000.0, units)
        self.frost = Frost(units, dice)
        self.protection = Protection(units)
        self.return_c = np.full(units, target_c(start.outdoor_c) - 5.0)
        self.discharge_c = self.return_c + 30.0
        self.heat_w = np.zeros(units)
        self._emitted_w = 0.5 * design_w
        self.rod_w = np.zeros(units)
        self.load = np.zeros(units)
        self.frosty = np.zeros(units, dtype=np.bool_)
        self._well(units)
        self._outdoor_c = start.outdoor_c

    def _well(self, units: int) -> None:
        """What no fault touches."""
        self._sick = False
        self._flow = np.ones(units)
        self._kept = np.ones(units)
        self._leak = np.zeros(units)
        self._iced = np.zeros(units)
        self._hotter_k = np.zeros(units)
        self._squeeze_k = np.zeros(units)
        self._dry_s = np.zeros(units)
        self._low_s = np.zeros(units)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        self._outdoor_c = s.outdoor_c
        self._hurt(s)
        stopped = self.protection.stopped
        able = s.powered & ~stopped & (self.water_bar >= LOW_BAR)
        most_w = self.nominal_w * (capacity_share(s.outdoor_c) * self._kept)
        demand_w = np.where(self.return_c < _FREEZE_GUARD_C, np.maximum(s.demand_w, 0.5 * most_w), s.demand_w)
        share = np.minimum(demand_w / most_w, 1.0)
        # below its least speed it cycles; the mean of the cycles is what the house feels
        running = able & (share > _LEAST_SHARE / 4)
        self.load = np.where(running, np.maximum(share, _LEAST_SHARE), 0.0)
        melting = self.frost.step(
            s.dt_s, frost_rate(s.outdoor_c, s.humidity_pct), running & (self._iced == 0) if self._sick else running
        )
        heating_w = np.where(running, share * most_w, 0.0)
        ratio = cop(np.full_like(share, s.outdoor_c), self.return_c + heating_w / self._water_w_k, self.eta)
        compressor_w = (1.0 - melting) * heating_w / ratio + melting * (_DEFROST_COMPRESSOR_W * self._size)
        self.heat_w = np.where(running, heating_w + melting * (_DEFROST_W * self._size - heating_w), 0.0)
        if s.outdoor_c < _ROD_BELOW_C:
            missing_w = np.where(running, demand_w - most_w, 0.0)
            self.rod_w = np.where(missing_w > _ROD_LEAST_W, np.minimum(missing_w, _ROD_SHARE * self.nominal_w), 0.0)
        else:
            self.rod_w = np.zeros(len(share))
        if self._sick:
            compressor_w *= self._ailing(s, running)
        self.heat_w += self.rod_w
        self._move_water(s, running, share * most_w)
        self._warm_compressor(s.dt_s, running)
        idle_w = STANDBY_W + np.where(stopped, _PUMP_W * self._size, 0.0)
        working_w = np.where(running, compressor_w + _AUXILIARY_W * self._size + self.rod_w, 0.0)
        self.power_w = np.where(s.powered, idle_w + working_w, 0.0)
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        self._protect(s, running)
        return self._emit(s.dt_s)

    def _hurt(self, s: Surroundings) -> None:
        """What the faults of this step do to the machines; a unit that has none any more was repaired and refilled."""
        sick = [s.has(name) for name in self._HURTS if name in s.faults]
        if not sick:
            if self._sick:
                self._well(len(self.load))
                self.water_bar = self.filled_bar.copy()
                self.protection.repaired(np.ones(len(self.load), dtype=np.bool_))
            return
        self._sick = True
        self.protection.repaired(~np.logical_or.reduce(sick))
        self._flow = 1.0 - s.strength("pump_failed", 0.0)
        self._leak = s.strength("refrigerant_leak", 0.0)
        self._iced = s.strength("defrost_failed", 0.0)
        self._kept = (1.0 - self._leak) * (1.0 - self._iced)
        self._hotter_k = s.strength("discharge_hot", 0.0) + _LEAK_DISCHARGE_K * self._leak
        leaks = s.has("water_leak")
        lost_bar = s.strength("water_leak", 0.0) * (s.dt_s / 3600.0)
        self.water_bar = np.where(leaks, np.maximum(self.water_bar - lost_bar, 0.0), self.filled_bar)
        self.protection.lock_out(s.has("compressor_failed") & s.powered & (s.demand_w > 0), self._COMPRESSOR)

    def _ailing(self, s: Surroundings, running: Bools) -> Floats:
        """What a sick compressor draws over a sound one; without water no heat arrives, and the flow switch counts."""
        dry = running & (self._flow < _STARVED_SHARE)
        until_s = np.minimum(np.maximum(NO_FLOW_S - self._dry_s, 0.0), s.dt_s)
        # the condenser starts from what the water took away until now
        lifted_k = np.where(self._dry_s > 0, self._squeeze_k, self.heat_w / (self.pump_lpm * (_WATER_J_LK / 60)))
        fading_k = self._squeeze_k * np.exp(-s.dt_s / _SQUEEZE_LAG_S)
        self._squeeze_k = np.where(dry, lifted_k + _SQUEEZE_K_S * until_s, fading_k)
        self._dry_s = np.where(dry, self._dry_s + s.dt_s, 0.0)
        self.heat_w = np.where(dry, 0.0, self.heat_w)
        self.rod_w = np.where(dry, 0.0, self.rod_w)
        lost = np.minimum(self._leak + self._iced, 1.0)
        return np.where(dry, until_s / s.dt_s, 1.0) / (1.0 - _COP_LOST * lost)

    def _move_water(self, s: Surroundings, running: Bools, given_w: Floats) -> None:
        """The return follows the curve while heating, the room while the pump alone runs, the outdoor air without."""
        moved = s.powered if not self._sick else s.powered & (self._flow >= _STARVED_SHARE)
        heated = running & moved
        lag = -np.expm1(-s.dt_s / np.array([_WATER_LAG_S, _IDLE_LAG_S, _STANDING_LAG_S]))
        aim_c = np.where(moved, s.room_c, s.outdoor_c)
        aim_c = np.where(heated, target_c(s.outdoor_c) - given_w / self._water_w_k, aim_c)
        settle = np.where(heated, lag[0], np.where(moved, lag[1], lag[2]))
        # a cold loop cannot warm faster than its heat allows
        fastest_k = np.where(heated, given_w / self._size * (s.dt_s / _LOOP_J_K), np.inf)
        self.return_c += np.minimum(settle * (aim_c - self.return_c), fastest_k)

    def _emit(self, dt_s: float) -> Floats:
        """What the radiators give, as the mean of the step: none of the water's heat is lost, it only comes later."""
        behind_w = self._emitted_w - self.heat_w
        gone = -np.expm1(-dt_s / _EMITTER_LAG_S)
        self._emitted_w = self.heat_w + (1.0 - gone) * behind_w
        return np.asarray(self.heat_w + behind_w * (gone * _EMITTER_LAG_S / dt_s))

    def _warm_compressor(self, dt_s: float, running: Bools) -> None:
        flow_c = self.flow_c
        hot_c = flow_c + 14.0 + 0.36 * (flow_c - self._coil_c(self.load, self._iced)) + self._hotter_k
        works = running & (self.frost.left_s <= 0)
        aim_c = np.where(works, hot_c, flow_c - 2.0)
        settle = np.where(works, -np.expm1(-dt_s / _HOT_LAG_S), -np.expm1(-dt_s / _COOL_LAG_S))
        self.discharge_c += settle * (aim_c - self.discharge_c)

    def _protect(self, s: Surroundings, running: Bools) -> None:
        """Trips of this step, which stop the next one; then what the controllers show."""
        protection = self.protection
        if self._sick:
            low = suction_bar(self._coil_c(self.load, self._iced), self._leak) < LOW_BAR
            self._low_s = np.where(running & low, self._low_s + s.dt_s, 0.0)
            protection.rest(s.dt_s, self.discharge_c < READY_C)
            high = running & (condensing_bar(self.flow_c) > HIGH_BAR)
            protection.trip(running & (self._dry_s >= NO_FLOW_S), self._FLOW, s.now_s)
            protection.trip(high, self._HIGH, s.now_s)
            protection.trip(self._low_s >= _LOW_HOLD_S, self._LOW, s.now_s)
            protection.trip(running & (self.discharge_c >= TRIP_C), self._HOT, s.now_s)
        self.frosty = s.powered & (self.return_c <= _FREEZE_C) & (s.outdoor_c <= 0)
        self.fault = np.where(s.powered, protection.cause, np.int16(0))
        if self._sick or self.frosty.any():
            self.show("low_water_pressure", s.powered & (self.water_bar < LOW_BAR))
            self.show("freeze_risk", self.frosty)
            self.show("defrost_failed", running & (self._iced > 0))

    def bits(self) -> Mapping[str, Bools]:
        """Locked out, and water near freezing in frost; nothing is said without power."""
        return {"lockout": self.protection.locked & (self.fault != 0), "freeze": self.frosty}

    @property
    def flow_c(self) -> Floats:
        """Water to the radiators in °C: below the return while defrosting."""
        return self.return_c + self.heat_w / self._water_w_k + self._squeeze_k

    @property
    def _water_w_k(self) -> Floats:
        return self.pump_lpm * np.maximum(self._flow, _STARVED_SHARE) * (_WATER_J_LK / 60)

    def _coil_c(self, load: Floats, iced: Floats) -> Floats:
        return self._outdoor_c - 7.0 * load - _ICED_COIL_K * iced

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know; pressures as gauges show them."""
        flow_c, load = self.flow_c[rows], self.load[rows]
        on, defrost = load > 0, (self.frost.share[rows] > 0) & (load > 0)
        heating = on & ~defrost
        boiling_c = self._coil_c(load, self._iced[rows])
        resting_bar = saturation_bar(np.full_like(flow_c, self._outdoor_c)) - _ATMOSPHERE_BAR
        pressed = heating | (self._squeeze_k[rows] > 1.0)
        return {
            "flow_c": flow_c,
            "return_c": self.return_c[rows],
            "target_c": np.full_like(flow_c, target_c(self._outdoor_c)),
            "outdoor_c": np.full_like(flow_c, self._outdoor_c),
            "discharge_c": self.discharge_c[rows],
            "coil_c": np.where(defrost, 6.0, boiling_c),
            "compressor_hz": np.where(defrost, 60.0, 90.0 * load),
            "fan_rpm": np.where(heating, 450.0 + 400.0 * load, 0.0),
            "high_bar": np.where(pressed, condensing_bar(flow_c), resting_bar),
            "low_bar": np.where(heating, suction_bar(boiling_c, self._leak[rows]), resting_bar),
            "flow_lpm": np.where(on, self.pump_lpm[rows] * self._flow[rows], 0.0),
            "water_bar": self.water_bar[rows],
            "power_w": self.power_w[rows],
            "heat_w": self.heat_w[rows],
            "energy_kwh": self.energy_kwh[rows],
            "defrost": defrost.astype(np.float64),
            "backup_heater": (self.rod_w[rows] > 0).astype(np.float64),
        }

"""Gas wall boilers: the burner's sequence of states and the water in the boiler.

off → pre-purge → ignite (≤ 3 tries) → run → post-purge → off, or lockout. Numbers: SIMULATION.md, "Gas boiler".
A stuck pump with the gas valve stuck open (the overheat fault) leaves only the boiler's own water to heat.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics

LIMIT_C: Final = 110.0
"""Limit thermostat (M): the last line, cuts the gas and locks out."""
HIGH_C: Final = 90.0
"""The controller itself stops firing here in normal work (M)."""
_LEAST: Final = 0.30
_PREPURGE_S, _IGNITE_S, _POSTPURGE_S = 10.0, 4.0, 15.0
_LIT_FIRST_TRY: Final = 0.96
_TRIES: Final = 3
_LOOP_J_K: Final = 25_000.0 * 4.186
"""Boiler, pipes and the part of the radiators that follows within minutes: 25 L (A)."""
STUCK_LAG_S: Final = 36.0
"""Time constant of the boiler's own water while the pump stands (A): 2 kg at about 240 W/K."""
_EMITTER_W_K: Final = 181.0
"""Radiators: the design load 7.6 kW with 60 °C water in an 18 °C room (C)."""
_PUMP_W_K: Final = 1046.0
"""15 L/min of water (M)."""
_GAS_J_M3: Final = 35.6e6
"""Lower heating value of natural gas (M)."""
_TARGET_C: Final = (40.0, 75.0)
_BAND_K: Final = 5.0
_COOL_ROOM_C: Final = 18.0


class Burner(IntEnum):
    """Where a burner stands in its sequence."""

    OFF = 0
    PREPURGE = 1
    IGNITE = 2
    RUN = 3
    POSTPURGE = 4
    LOCKOUT = 5


class GasBoilers:
    """State of all gas boilers, shape (units,)."""

    def __init__(self, units: int, dice: Generator) -> None:
        self.rated_w = dice.choice(np.array([18_000.0, 20_000.0, 24_000.0]), units)
        self.efficiency = dice.uniform(0.88, 0.92, units)
        self.water_bar = dice.uniform(1.05, 1.45, units)
        self.flow_c = dice.uniform(48.0, 58.0, units)
        self.state = np.full(units, Burner.RUN, dtype=np.int64)
        self.left_s = np.zeros(units)
        self.tries = np.zeros(units, dtype=np.int64)
        self.modulation = np.full(units, _LEAST)
        self.target_c = np.full(units, 55.0)
        self.gas_m3 = dice.uniform(100.0, 4000.0, units)
        self.starts = dice.integers(500, 20_000, units).astype(np.float64)
        self.settles_c = np.full(units, np.nan)
        self._room_c = np.full(units, _COOL_ROOM_C)
        self._powered = np.ones(units, dtype=np.bool_)
        self._dice = dice

    def step(self, dt_s: float, room_c: Floats, demand_w: Floats, powered: Bools, overheat_c: Floats) -> Floats:
        """Advance by `dt_s`; returns the heat that reaches the rooms in W.

        `overheat_c` is NaN for a healthy unit; a number means pump and gas valve stuck, the flow climbing towards it.
        """
        self._room_c, self._powered, self.settles_c = room_c, powered, overheat_c
        stuck = powered & ~np.isnan(overheat_c) & (self.state != Burner.LOCKOUT)
        self.target_c = np.clip(room_c + demand_w / _EMITTER_W_K, *_TARGET_C)
        self._sequence(dt_s, demand_w, powered, stuck)
        firing = self.state == Burner.RUN
        emitted_w = np.where(stuck, 0.1, 1.0) * _EMITTER_W_K * (self.flow_c - room_c)
        # the burner follows the emission and trims towards the target
        asked_w = emitted_w + _LOOP_J_K / 120.0 * (self.target_c - self.flow_c)
        self.modulation = np.where(stuck, 1.0, np.where(firing, np.clip(asked_w / self.rated_w, _LEAST, 1.0), 0.0))
        burner_w = np.where(firing | stuck, self.modulation * self.rated_w, 0.0)
        healthy_c = room_c + burner_w / _EMITTER_W_K
        settles = np.where(stuck, np.nan_to_num(overheat_c), healthy_c)
        lag_s = np.where(stuck, STUCK_LAG_S, _LOOP_J_K / _EMITTER_W_K)
        self.flow_c += -np.expm1(-dt_s / lag_s) * (settles - self.flow_c)
        self.gas_m3 += burner_w / self.efficiency * dt_s / _GAS_J_M3
        return np.asarray(emitted_w, dtype=np.float64)

    def _sequence(self, dt_s: float, demand_w: Floats, powered: Bools, stuck: Bools) -> None:
        """One move through the states; a phase that ends within the step is left at its end."""
        state, lit = self.state, self._dice.random(len(self.state)) < _LIT_FIRST_TRY
        self.left_s = np.maximum(self.left_s - dt_s, 0.0)
        done = self.left_s <= 0
        wants = powered & (demand_w > 0) & (self.flow_c < self.target_c + _BAND_K) & (self.flow_c < HIGH_C)
        starts = (state == Burner.OFF) & wants & (self.flow_c < self.target_c - _BAND_K)
        purged = (state == Burner.PREPURGE) & done
        tried = (state == Burner.IGNITE) & done
        self.tries = np.where(starts, 0, self.tries + tried)
        stops = (state == Burner.RUN) & ~wants & ~stuck
        moves: tuple[tuple[Bools, Burner, float], ...] = (
            (starts, Burner.PREPURGE, _PREPURGE_S),
            (purged, Burner.IGNITE, _IGNITE_S),
            (tried & lit, Burner.RUN, 0.0),
            (tried & ~lit, Burner.PREPURGE, _PREPURGE_S),
            (tried & ~lit & (self.tries >= _TRIES), Burner.LOCKOUT, 0.0),
            (stops, Burner.POSTPURGE, _POSTPURGE_S),
            ((state == Burner.POSTPURGE) & done, Burner.OFF, 0.0),
            (powered & (self.flow_c >= LIMIT_C), Burner.LOCKOUT, 0.0),
            (~powered, Burner.OFF, 0.0),
        )
        follows = state.copy()
        for where, what, lasts_s in moves:
            follows = np.where(where, what, follows)
            self.left_s = np.where(where, lasts_s, self.left_s)
        self.starts += (follows == Burner.RUN) & (state != Burner.RUN)
        self.state = follows

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        flow_c, room_c, powered = self.flow_c[rows], self._room_c[rows], self._powered[rows]
        state, modulation = self.state[rows], self.modulation[rows]
        stuck = powered & ~np.isnan(self.settles_c[rows]) & (state != Burner.LOCKOUT)
        flame = (state == Burner.RUN) | stuck
        blowing = flame | (state == Burner.PREPURGE) | (state == Burner.IGNITE) | (state == Burner.POSTPURGE)
        drop_k = np.where(stuck, 0.25, _EMITTER_W_K / _PUMP_W_K) * (flow_c - room_c)
        return {
            "flame": flame.astype(np.float64),
            "modulation_pct": np.where(flame, modulation, 0.0) * 100,
            "flow_c": flow_c,
            "return_c": flow_c - drop_k,
            "target_c": self.target_c[rows],
            # water expands: about 0.4 bar from cold to hot (M)
            "water_bar": self.water_bar[rows] + 0.008 * np.maximum(flow_c - 50.0, -40.0),
            "exhaust_c": np.where(flame, flow_c + 20.0 + 35.0 * modulation, 0.5 * (flow_c + room_c)),
            "fan_rpm": np.where(flame, 1600.0 + 2600.0 * modulation, np.where(blowing, 2400.0, 0.0)),
            "flame_ua": np.where(flame, 3.5 + 3.0 * modulation, 0.0),
            "gas_m3": self.gas_m3[rows],
            "burner_starts": self.starts[rows],
            "lockout": (state == Burner.LOCKOUT).astype(np.float64),
            "power_w": np.where(powered, 6.0 + np.where(blowing, 45.0, 0.0) + np.where(flame, 40.0, 0.0), 0.0),
        }

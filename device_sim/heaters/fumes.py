"""What a solid fire puts into the air: carbon monoxide by the kilogram of fuel, and what of it comes into the room."""

from __future__ import annotations

from typing import Final, TypeVar

from device_sim.arrays import Floats

CO_KG_M3: Final = 1.164
"""Density of carbon monoxide at 20 °C (C: 28.01 g in 24.06 L); SAFETY.md's 1.145 mg/m³ a ppm holds at 25 °C."""

Amount = TypeVar("Amount", Floats, float)


def leaked_co_m3_h(fuel_kg_h: Amount, co_g_kg: Amount | float, share: Amount | float) -> Amount:
    """Carbon monoxide in m³/h that a fire of `fuel_kg_h` with `co_g_kg` brings into the room when `share` leaks."""
    return fuel_kg_h * co_g_kg * share * (1e-3 / CO_KG_M3)

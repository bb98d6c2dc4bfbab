"""Building classes: what a home or public building needs in heat, rows of data/building_classes.yaml."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import FiniteFloat, model_validator

from catalogue.rows import Row, Text, load_rows

OUTDOOR_DESIGN_C: Final = -19.0
"""Tongliao, GB 50736 appendix A (SIMULATION.md, V)."""
INDOOR_DESIGN_C: Final = 18.0
"""The room temperature to which the plan's heat loads belong (SEED.md)."""
HEAT_CAPACITY_J_M2K: Final = 260_000.0
"""Walls and floor of a heavy house per m² of floor (SIMULATION.md, House). Lighter ones cool faster."""


def time_constant_h(heat_load_w_m2: float) -> float:
    """Hours in which a building without heat loses 63 % of its lead over the weather; its floor area cancels out.

    `heat_load_w_m2` is at 18 °C inside and −19 °C outside: 95 gives 28 h, as SAFETY.md has it.
    """
    return HEAT_CAPACITY_J_M2K / (heat_load_w_m2 / (INDOOR_DESIGN_C - OUTDOOR_DESIGN_C)) / 3600


class BuildingClass(Row):
    """A class of buildings in the city's plan.

    `heat_load_w_m2` is the planning value at 18 °C inside and −19 °C outside, `low_w_m2`…`high_w_m2` how far buildings
    of the class spread (equal where the plan names one number); `indoor_c` is what its rooms should have. `priority`
    buildings come first when heat is short and are judged by stricter limits.
    """

    en: Text
    zh: Text
    place: Literal["rural", "urban"]
    priority: bool = False
    heat_load_w_m2: FiniteFloat
    low_w_m2: FiniteFloat
    high_w_m2: FiniteFloat
    indoor_c: FiniteFloat
    source: Text

    @property
    def loss_w_m2k(self) -> float:
        """Heat loss per m² of floor and kelvin, infiltration included (SIMULATION.md, House: H' = q/(Tin−Tdes))."""
        return self.heat_load_w_m2 / (INDOOR_DESIGN_C - OUTDOOR_DESIGN_C)

    @model_validator(mode="after")
    def _within_its_spread(self) -> BuildingClass:
        if not 0 < self.low_w_m2 <= self.heat_load_w_m2 <= self.high_w_m2:
            raise ValueError("expected 0 < low_w_m2 ≤ heat_load_w_m2 ≤ high_w_m2")
        return self


BUILDING_CLASSES: tuple[BuildingClass, ...] = load_rows("building_classes.yaml", BuildingClass)
BUILDING_CLASS: dict[str, BuildingClass] = {row.name: row for row in BUILDING_CLASSES}

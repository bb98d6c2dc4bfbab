"""Parameters that regions set for themselves: the rows of data/region_parameters.yaml, and whose value counts where."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import FiniteFloat, model_validator

from catalogue.rows import Row, Text, load_rows
from foundation.errors import SettingsError


class RegionParameter(Row):
    """A number that a county's contract may set otherwise; `low`…`high` is what is accepted."""

    unit: Text
    low: FiniteFloat
    high: FiniteFloat
    en: Text
    zh: Text
    source: Text

    @model_validator(mode="after")
    def _sound(self) -> RegionParameter:
        if self.low >= self.high:
            raise ValueError("low must lie below high")
        return self


PARAMETERS: tuple[RegionParameter, ...] = load_rows("region_parameters.yaml", RegionParameter)
PARAMETER: dict[str, RegionParameter] = {row.name: row for row in PARAMETERS}


def refuse_parameter(name: str, value: float | None = None) -> None:
    """Raises SettingsError for a parameter that is not there, or a value that it cannot have."""
    row = PARAMETER.get(name)
    if row is None:
        raise SettingsError(f"there is no parameter {name!r}", do=f"use one of {', '.join(PARAMETER)}")
    if value is not None and not row.low <= value <= row.high:
        raise SettingsError(f"{name} cannot be {value:g}", do=f"give {row.low:g} to {row.high:g} {row.unit}")


def nearest(region: int | None, parents: Mapping[int, int | None], values: Mapping[int, float], else_: float) -> float:
    """The value of the region, or of the nearest one above it that has one, or `else_`."""
    while region is not None:
        if region in values:
            return values[region]
        region = parents.get(region)
    return else_

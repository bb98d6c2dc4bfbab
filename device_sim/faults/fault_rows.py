"""The faults that a scenario can inject: rows of faults.yaml, read and checked at import."""

from __future__ import annotations

from importlib.resources import files
from typing import Final, Literal

from pydantic import FiniteFloat, model_validator

from catalogue.device_types import DEVICE_TYPE
from catalogue.rows import Name, Row, Text, parse_rows

Layer = Literal["physics", "network"]
Hits = Literal["home", "village", "device", "county"]

LOOSE_COAL: Final = "loose_coal"
"""The heating of a home without any device of the plan."""
_FILE: Final = "faults.yaml"


class FaultRow(Row):
    """A fault. `unit` says what its strength means, `default`, `low` and `high` bound it.

    `hits` is one of the scenario's homes, a village with all its homes, devices of `types` in the homes, or the county
    (the weather). For `home` and `village` the home's heating must be one of `types`, where any are named. `kind` is
    what is scored; without it nobody should be alarmed.
    """

    layer: Layer
    hits: Hits
    types: tuple[str, ...] = ()
    unit: Text
    default: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    kind: Name | None = None
    en: Text
    zh: Text

    @model_validator(mode="after")
    def _sound(self) -> FaultRow:
        if not self.low <= self.default <= self.high:
            raise ValueError(f"expected low ≤ default ≤ high, not {self.low:g} ≤ {self.default:g} ≤ {self.high:g}")
        known = {name for name, row in DEVICE_TYPE.items() if row.heats or self.hits == "device"}
        if self.hits != "device":
            known.add(LOOSE_COAL)
        unknown = [name for name in self.types if name not in known]
        if unknown:
            raise ValueError(f"types: {unknown[0]} is nothing that a fault on a {self.hits} can hit")
        if self.hits == "county" and self.types:
            raise ValueError("types: the weather asks for none")
        if self.layer == "network" and self.hits not in {"village", "device"}:
            raise ValueError("hits: what only changes the network hits a village or devices")
        return self


def parse_faults(text: str) -> dict[str, FaultRow]:
    """The rows in `text` by name. Raises CatalogueError that names file, row and field."""
    return {row.name: row for row in parse_rows(text, _FILE, FaultRow)}


FAULT: Final[dict[str, FaultRow]] = parse_faults(files("device_sim.faults").joinpath(_FILE).read_text(encoding="utf-8"))
KINDS: Final[tuple[str, ...]] = tuple(dict.fromkeys(row.kind for row in FAULT.values() if row.kind is not None))
"""What is scored, in the order of the file."""

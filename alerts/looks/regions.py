"""The region tree as looks need it: who lies above whom, and whose parameter counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg

from catalogue.region_parameters import nearest
from store.named_sql import sql


@dataclass(frozen=True)
class Regions:
    """Parents and codes by id; `parameters` by name, then region."""

    parents: dict[int, int | None]
    codes: dict[int, str]
    parameters: dict[str, dict[int, float]] = field(default_factory=dict)

    @classmethod
    async def load(cls, connection: psycopg.AsyncConnection, parameter: str = "") -> Regions:
        """Reads the tree, and one parameter where it is named."""
        rows = await (await connection.execute(sql("region_parents"))).fetchall()
        found: dict[str, dict[int, float]] = {}
        if parameter:
            cursor = await connection.execute(sql("parameter_of_regions"), (parameter,))
            found[parameter] = {region: value for region, value in await cursor.fetchall()}  # noqa: C416 (rows, not pairs)
        return cls({row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}, found)

    def above(self, region: int | None) -> tuple[str, ...]:
        """The codes of the region and of all above it."""
        codes = []
        while region is not None:
            codes.append(self.codes[region])
            region = self.parents[region]
        return tuple(codes)

    def value(self, parameter: str, region: int | None, else_: float) -> float:
        """What the region says, or the nearest one above it, or `else_`."""
        return nearest(region, self.parents, self.parameters.get(parameter, {}), else_)

"""SQL lives in `store/sql/*.sql` as named blocks; this reads them.

A block starts with `-- name: <name>` and runs to the next one. Comment lines below the name say what it is for.
`{telemetry_columns}` and other `{…}` places are filled from the catalogue by the caller of `sql(name, …)`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from psycopg import sql as pg

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


@lru_cache
def blocks(package: str = "store") -> dict[str, str]:
    """Every named block of every file in the package's `sql/`, by name. Raises ValueError if a name stands twice."""
    found: dict[str, str] = {}
    for file in sorted(files(package).joinpath("sql").iterdir(), key=lambda entry: entry.name):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"{package}/sql/{file.name}: block {name!r} stands twice")
            found[name] = body.strip()
    return found


def sql(name: str, **places: pg.Composable) -> pg.Composed:
    """The block `name` with its `{places}` filled."""
    return pg.SQL(blocks()[name]).format(**places)

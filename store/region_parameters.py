"""Numbers that regions set for themselves, written and listed. Whose counts: catalogue/region_parameters.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from catalogue.region_parameters import refuse_parameter
from foundation.errors import NotFound, SettingsError
from store.named_sql import sql


def set_parameter(
    connection: psycopg.Connection, region: str, name: str, value: float, *, source: str, by: str, now: datetime
) -> None:
    """The region's value, for it and all below it until one nearer says otherwise; the same again replaces it.

    Raises SettingsError for an unknown parameter, a value that it cannot have, or an empty source; NotFound where there
    is no such region.
    """
    refuse_parameter(name, value)
    if not source.strip():
        raise SettingsError("a number needs its source", do='say where it is written: --source "contract …"')
    row = connection.execute(
        sql("set_region_parameter"),
        {"region": region, "name": name, "value": value, "source": source.strip(), "by": by, "now": now},
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no region {region!r}", do="nuanshao registry tree shows them")


def unset_parameter(connection: psycopg.Connection, region: str, name: str) -> None:
    """Takes the region's value away, so that the one above counts. Raises NotFound where it has none."""
    refuse_parameter(name)
    if connection.execute(sql("unset_region_parameter"), (name, region)).fetchone() is None:
        raise NotFound(f"region {region!r} has no {name} of its own", do="nuanshao regions list shows which are set")


def list_parameters(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """What has been set: code, region, level, name, value, source, set_by, set_at."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql("region_parameters")).fetchall()

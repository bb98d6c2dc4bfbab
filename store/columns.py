"""The metric columns: made from the catalogue, so that a new metric is a new row and nothing else."""

from __future__ import annotations

import psycopg
from psycopg import sql as pg

from catalogue.metrics import METRIC_NAMES
from store.aggregates import aggregates

READING_COLUMNS: tuple[str, ...] = ("ts", "device_id", "received_at", "device_ts", "seq", "boot", "flags", "fault")
"""The columns of a reading that are not metrics, in COPY order."""
READING_TYPES: tuple[str, ...] = (
    "timestamptz", "int4", "timestamptz", "timestamptz", "int8", "int8", "int4", "text",
)  # fmt: skip
TELEMETRY_COLUMNS: tuple[str, ...] = READING_COLUMNS + METRIC_NAMES
TELEMETRY_TYPES: tuple[str, ...] = READING_TYPES + ("float4",) * len(METRIC_NAMES)
FIRST_METRIC = len(READING_COLUMNS)
"""Place of the first metric in a row tuple."""


def column_list(columns: tuple[str, ...] = TELEMETRY_COLUMNS) -> pg.Composed:
    """The columns, quoted, for a COPY or INSERT."""
    return pg.SQL(", ").join(map(pg.Identifier, columns))


def missing(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """What each table of readings and rollups lacks: table → column → SQL type. A table that is not there lacks all."""
    metrics = dict.fromkeys(METRIC_NAMES, "real")
    rollups = {aggregate.name: aggregate.form.type for aggregate in aggregates()}
    wanted = {"telemetry": metrics, "device_latest": metrics, "telemetry_15m": rollups, "telemetry_1d": rollups}
    lacking = {}
    for table, columns in wanted.items():
        present = {
            row[0]
            for row in connection.execute(
                "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
                (table,),
            )
        }
        lacking[table] = {name: type_ for name, type_ in columns.items() if name not in present}
    return {table: columns for table, columns in lacking.items() if columns}


def addition(table: str, columns: dict[str, str]) -> pg.Composed:
    """The statement that adds these columns (name → SQL type)."""
    return pg.SQL("alter table {}\n    {}").format(
        pg.Identifier(table),
        pg.SQL(",\n    ").join(
            pg.SQL("add column {} {}").format(pg.Identifier(name), pg.SQL(type_)) for name, type_ in columns.items()
        ),
    )


def named(lacking: dict[str, dict[str, str]]) -> list[str]:
    """The columns of `missing` for people: `table.column`."""
    return [f"{table}.{name}" for table, columns in lacking.items() for name in columns]


def add_missing(connection: psycopg.Connection) -> list[str]:
    """Gives each table of readings and rollups the columns of each metric that has none; returns what was added."""
    lacking = missing(connection)
    for table, columns in lacking.items():
        connection.execute(addition(table, columns))
    return named(lacking)

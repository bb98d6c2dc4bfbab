"""Homes that look as if they burnt coal again, for who visits them."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row

from store.named_sql import sql


def coal_again(connection: psycopg.Connection, since: date, most: int) -> list[dict[str, Any]]:
    """From this day on, the newest day and the highest score first.

    Keys: region, village, home, address, day, score, evidence.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql("coal_again"), {"since": since, "most": most}).fetchall()

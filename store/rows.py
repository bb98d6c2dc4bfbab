"""The rows of a named query as dictionaries, for those who show them."""

from __future__ import annotations

from typing import Any, cast

import psycopg
from psycopg.rows import dict_row

from store.named_sql import sql


async def rows(database: psycopg.AsyncConnection, block: str, parameters: object = None) -> list[dict[str, Any]]:
    """The rows of a named query."""
    async with database.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql(block), cast("dict[str, Any]", parameters))
        return await cursor.fetchall()

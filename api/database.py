"""The API's way to the database: one pool, rows as dictionaries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

import psycopg
from fastapi import Depends, Request
from psycopg.rows import dict_row

from store.connect import Pool
from store.named_sql import sql


async def connection(request: Request) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection for one request; commits when the request went well."""
    pool = cast("Pool", request.app.state.pool)
    async with pool.connection() as one:
        yield one


Database = Annotated[psycopg.AsyncConnection, Depends(connection)]


async def rows(database: psycopg.AsyncConnection, block: str, parameters: object = None) -> list[dict[str, Any]]:
    """The rows of a named query."""
    async with database.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql(block), cast("dict[str, Any]", parameters))
        return await cursor.fetchall()

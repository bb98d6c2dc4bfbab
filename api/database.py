"""The API's way to the database: one pool, rows as dictionaries, what is real apart from drills."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal, cast

import psycopg
from fastapi import Depends, Query, Request
from psycopg.rows import dict_row

from store.connect import Pool
from store.named_sql import sql


async def connection(request: Request) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection for one request; commits when the request went well."""
    pool = cast("Pool", request.app.state.pool)
    async with pool.connection() as one:
        yield one


Database = Annotated[psycopg.AsyncConnection, Depends(connection)]

OfDrills = Annotated[
    Literal["false", "true", "all"],
    Query(description="false: what is real; true: what belongs to drills (演练); all: both"),
]


def only_drills(asked: Literal["false", "true", "all"]) -> bool | None:
    """The queries' own form of `OfDrills`: null asks for both."""
    return None if asked == "all" else asked == "true"


async def rows(database: psycopg.AsyncConnection, block: str, parameters: object = None) -> list[dict[str, Any]]:
    """The rows of a named query."""
    async with database.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql(block), cast("dict[str, Any]", parameters))
        return await cursor.fetchall()

"""The API's way to the database: one pool, rows as dictionaries, what is real apart from drills."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal, cast

import psycopg
from fastapi import Depends, Query, Request

from store.connect import Pool
from store.rows import rows

__all__ = ["Database", "OfDrills", "connection", "only_drills", "rows"]


async def connection(request: Request) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection for one request; what it wrote is committed before anybody is told that it went well."""
    pool = cast("Pool", request.app.state.pool)
    async with pool.connection() as one:
        yield one


Database = Annotated[psycopg.AsyncConnection, Depends(connection, scope="function")]

OfDrills = Annotated[
    Literal["false", "true", "all"],
    Query(description="false: what is real; true: what belongs to drills (演练); all: both"),
]


def only_drills(asked: Literal["false", "true", "all"]) -> bool | None:
    """The queries' own form of `OfDrills`: null asks for both."""
    return None if asked == "all" else asked == "true"

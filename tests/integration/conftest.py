from __future__ import annotations

import psycopg
import pytest

from store.connect import connect
from tests.world import World, settle


@pytest.fixture
async def world(database_url: str, database: psycopg.AsyncConnection) -> World:
    """A village of three homes, and a worker whose clock the test moves."""
    with connect(database_url) as connection:
        settle(connection)
    return await World(database).load()

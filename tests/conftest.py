"""The real services for the tests: started once, a database of its own for each test (cloned from a template)."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import structlog
from psycopg import sql as pg

from foundation import settings as settings_module
from foundation.errors import ServiceFailed, ServiceMissing
from registry.passwords import mosquitto_hash
from runtime.lock import FolderLock
from runtime.mosquitto import Mosquitto
from runtime.places import state_dir
from runtime.services import Services
from store.connect import connect, connect_async
from store.migrate import migrate
from tests.beside import Beside
from tests.world import World, settle

PROJECT = Path(__file__).parents[1]
TEMPLATE = "template_nuanshao"
MEMORY = Path("/dev/shm")  # noqa: S108 (the folders in it have names of their own)
MEMORY_WANTED = 4 << 30
os.environ.setdefault("NUANSHAO_PHONE_KEY", hashlib.sha256(b"the tests' telephone numbers").hexdigest())
hypothesis.settings.register_profile("busy machine", deadline=None)  # a test that is slow here is not wrong
hypothesis.settings.load_profile("busy machine")
# structlog's own form shows all locals of an exception: of a batch 9 000 lines, in which 17 s nothing else happened
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
LAST = ("test_demo.py", "test_short.py")
_numbers = itertools.count()


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """TimescaleDB and Mosquitto for the whole run; their folder is gone afterwards."""
    folder = _place(f"test-{os.getpid()}")
    try:
        with Services(folder, lambda _: None, fresh=True, durable=False) as started:
            yield started
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _template(services: Services) -> str:
    """An address with which databases can be made, where a migrated template waits."""
    assert services.postgres is not None, "the tests need a server of their own: unset NUANSHAO_DATABASE_URL"
    services.postgres.create_database(TEMPLATE)
    with psycopg.connect(services.postgres.url(TEMPLATE)) as connection:
        migrate(connection)
    # TimescaleDB's own workers would visit the template, and a copy waits 5 s for a visitor to leave
    with psycopg.connect(services.postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(pg.SQL("alter database {} with allow_connections false").format(pg.Identifier(TEMPLATE)))
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (TEMPLATE,))
    return services.postgres.url("postgres")


def _place(name: str) -> Path:
    """In memory, where there is room: each test makes and drops a database of 1 500 files, and after many were removed
    ext4 searches long for a place for each new one (half of all the time that these tests took)."""
    for left in MEMORY.glob("nuanshao-test-*"):  # by a run that was killed
        with contextlib.suppress(ServiceFailed, ServiceMissing), FolderLock(left):
            shutil.rmtree(left, ignore_errors=True)
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < MEMORY_WANTED:
        return state_dir(PROJECT, name)
    return MEMORY / f"nuanshao-{name}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What plays beside the other tests is looked at last, in the order in which it plays."""
    items.sort(key=lambda item: LAST.index(item.path.name) if item.path.name in LAST else -1)


@pytest.fixture(scope="session", autouse=True)
def beside(request: pytest.FixtureRequest) -> Iterator[dict[str, Beside]]:
    """The demo, then a short chaos, begun before the first test if a test will ask how they ended."""
    files = {item.path.name for item in request.session.items}
    playing: dict[str, Beside] = {}
    if "test_demo.py" in files:
        playing["demo"] = Beside("demo", "--minutes", "2", "--homes", "90", "--report", "r.json")
    if "test_short.py" in files:
        playing["chaos"] = Beside(
            "chaos", "--short", "--seed", "3", "--rate", "500", "--devices", "300", "--json", after=playing.get("demo")
        )
    yield playing
    for one in reversed(playing.values()):
        one.remove()


@pytest.fixture
def make_database(services: Services, _template: str) -> Iterator[Callable[[], str]]:
    """Makes migrated databases; they are dropped after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(_template, autocommit=True) as admin:
            # copying its files costs a sixth of writing each of its pages to the log
            copy = pg.SQL("create database {} template {} strategy file_copy")
            admin.execute(copy.format(pg.Identifier(name), pg.Identifier(TEMPLATE)))
        made.append(name)
        assert services.postgres is not None
        return services.postgres.url(name)

    yield make
    with psycopg.connect(_template, autocommit=True) as admin:
        for name in made:
            admin.execute(pg.SQL("drop database if exists {} with (force)").format(pg.Identifier(name)))


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    """A fresh migrated database."""
    return make_database()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """An open connection to `database_url`, each statement its own transaction unless a block says otherwise."""
    async with await connect_async(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def registered(database_url: str) -> str:
    """A database with a village of three homes."""
    with connect(database_url) as connection:
        settle(connection)
    return database_url


@pytest.fixture
async def world(registered: str, database: psycopg.AsyncConnection) -> World:
    """The same, and a worker whose clock the test moves."""
    return await World(database).load()


@pytest.fixture
def broker(services: Services) -> Mosquitto:
    """The broker of the run; tests use devices of their own names."""
    assert services.mosquitto is not None, "the tests need a broker of their own: unset NUANSHAO_MQTT_URL"
    return services.mosquitto


@pytest.fixture
def let_in(broker: Mosquitto) -> Iterator[Callable[..., dict[str, str]]]:
    """Gives devices accounts at the broker; returns their passwords."""
    accounts: dict[str, str] = {}

    def let(*uids: str) -> dict[str, str]:
        accounts.update({uid: f"password-of-{uid}" for uid in uids})
        broker.set_devices([(uid, mosquitto_hash(password)) for uid, password in accounts.items()])
        return accounts

    yield let
    broker.set_devices([])


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings are read once a process; a test must not see another test's. Its hours are alike, whenever it runs."""
    monkeypatch.setenv("NUANSHAO_QUIET_HOURS", "none")
    settings_module.settings.cache_clear()
    yield
    settings_module.settings.cache_clear()

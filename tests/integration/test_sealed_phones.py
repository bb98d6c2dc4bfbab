"""No telephone number lies open: in the tables, in the database's own files, beside them, or in a log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as pg
from structlog.testing import capture_logs

from alerts.channels.aliyun_receipts import InboundReply
from alerts.reply import take_reply
from foundation.errors import SettingsError
from foundation.sealing import NumberUnreadable, seal, unseal
from foundation.settings import settings
from registry.importing import import_files
from runtime.services import Services
from store import phones
from store.canary import enrol
from store.connect import connect, pool
from store.health import look
from store.migrate import migrate
from store.phones import Sealed, phones_kept, seal_phones
from tests.integration.test_standby_stored import Desk
from tests.world import COMMITTEE_PHONE, NIGHT, VILLAGE, World, one

CANARY_PHONE = "13912345678"
NUMBERS = (COMMITTEE_PHONE, CANARY_PHONE)
OLD, NEW, FOREIGN = "01" * 32, "02" * 32, "03" * 32


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Which keys this process has from now on."""

    def use(key: str, old: str = "") -> None:
        monkeypatch.setenv("NUANSHAO_PHONE_KEY", key)
        monkeypatch.setenv("NUANSHAO_PHONE_KEY_OLD", old)
        settings.cache_clear()

    return use


def kept(connection: psycopg.Connection) -> list[str]:
    """What the contacts' numbers are, opened."""
    return [unseal(row[0]) for row in connection.execute("select phone from contact order by id").fetchall()]


def as_before(connection: psycopg.Connection, contacts: int) -> None:
    """So many contacts as the version before this one kept them."""
    connection.execute(
        "insert into contact (region_id, name, phone) select r.id, n::text, (13700000000 + n)::text"
        " from region r, generate_series(1, %s) n where r.code = %s",
        (contacts, VILLAGE),
    )
    connection.commit()


def test_migrating_seals_what_is_clear_also_when_it_is_killed(registered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones, "AT_A_TIME", 10)
    work, calls = phones._seal, iter(range(9))

    def killed(connection: psycopg.Connection, rows: list[tuple[object, ...]]) -> tuple[int, int]:
        done = work(connection, rows)
        if next(calls) == 1:
            raise KeyboardInterrupt
        return done

    with connect(registered) as connection:
        as_before(connection, 25)
        assert phones_kept(connection).clear == 25
        monkeypatch.setattr(phones, "_seal", killed)
        with pytest.raises(KeyboardInterrupt):
            migrate(connection)
        assert phones_kept(connection).clear == 15, "what was done stays, what was begun is undone"
        assert migrate(connection).phones == Sealed(15, 0, 0)
        assert (phones_kept(connection).clear, phones_kept(connection).readable) == (0, 26)
        assert kept(connection) == [COMMITTEE_PHONE, *(f"{13700000000 + n}" for n in range(1, 26))]
        assert migrate(connection).phones == Sealed(0, 0, 0)


def test_a_number_that_a_region_names_twice_stays_with_both(registered: str) -> None:
    with connect(registered) as connection:
        connection.execute(
            "insert into contact (region_id, name, phone) select region_id, '又一次', '+86 138 0000 0201' from contact"
        )
        assert seal_phones(connection) == Sealed(1, 1, 0)
        assert kept(connection) == [COMMITTEE_PHONE, "+86 138 0000 0201"]
        assert connection.execute("select count(phone_mark) from contact").fetchone() == (1,)


def test_a_new_key_takes_over_from_the_old_one(registered: str, use: Callable[..., None]) -> None:
    with connect(registered) as connection:
        connection.execute("update contact set phone = %s, phone_mark = null", (COMMITTEE_PHONE,))
        use(OLD)
        assert migrate(connection).phones == Sealed(1, 0, 0)
        use(NEW, OLD)
        assert kept(connection) == [COMMITTEE_PHONE], "both are told meanwhile"
        assert migrate(connection).phones == Sealed(1, 0, 0)
        use(NEW)
        assert kept(connection) == [COMMITTEE_PHONE]
        assert seal_phones(connection) == Sealed(0, 0, 0)


def test_numbers_whose_key_is_lost_are_imported_again(
    registered: str, tmp_path: Path, use: Callable[..., None]
) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(f"region,name,role,phone\n{VILLAGE},王某某,村委会值班,{COMMITTEE_PHONE}\n", encoding="utf-8")
    with connect(registered) as connection:
        before = connection.execute("select id, phone from contact").fetchone()
        use("")
        with pytest.raises(SettingsError, match="openssl rand -hex 32"):
            migrate(connection)
        use(FOREIGN)
        with pytest.raises(NumberUnreadable, match="none of the 1 telephone numbers can be read"):
            migrate(connection)
        assert connection.execute("select id, phone from contact").fetchone() == before, "nothing is lost by trying"
    with connect(registered, autocommit=True) as connection:
        assert import_files(connection, [file]).refused == []
        assert kept(connection) == [COMMITTEE_PHONE]
        assert before is not None
        assert connection.execute("select id from contact").fetchall() == [(before[0],)], "it is the same contact"
        assert migrate(connection).phones == Sealed(0, 0, 0)


async def test_health_says_who_cannot_be_told_and_what_lies_open(world: World, use: Callable[..., None]) -> None:
    async def said() -> list[str]:
        return [line for line in (await look(world.database, world.now)).problems if "numbers" in line]

    assert await said() == []
    use(FOREIGN)
    assert [line.partition(":")[0] for line in await said()] == ["1 contacts cannot be told"]
    use("")
    assert await said() == [], "a process without a key cannot know"
    await world.database.execute("update contact set phone = %s, phone_mark = null", (COMMITTEE_PHONE,))
    assert await said() == ["1 telephone numbers are not sealed: run `nuanshao migrate`"]


async def test_the_canary_may_have_nobodys_number(world: World) -> None:
    async def enrolled(number: str) -> None:
        await enrol(world.database, phone=number, every=timedelta(minutes=15), outside=False, now=NIGHT)

    with pytest.raises(SettingsError, match="is the number of the contact 王某某"):
        await enrolled(f"+86{COMMITTEE_PHONE}")
    assert await one(world.database, "select count(*) from canary") == 0
    await enrolled(CANARY_PHONE)
    with pytest.raises(SettingsError, match="is the number of the contact 王某某"):
        await enrolled(COMMITTEE_PHONE)
    kept_text = "select c.phone from contact c join canary k on k.contact_id = c.id"
    first = await one(world.database, kept_text)
    await enrolled(CANARY_PHONE)
    assert await one(world.database, kept_text) == first, "without a need nothing is written"


async def test_no_number_lies_open_after_an_alarm_was_told(
    world: World, database_url: str, services: Services, tmp_path: Path
) -> None:
    connections = pool(database_url)
    await connections.open()
    desk = Desk(world, connections, tmp_path / "standby")
    with capture_logs() as logs:
        await enrol(world.database, phone=CANARY_PHONE, every=timedelta(minutes=15), outside=False, now=NIGHT)
        # told by the courier, then by the standby, and one that waits for it
        await world.read("co-000", 0, co_ppm=400)
        await world.read("co-000", 10, co_ppm=400)
        await desk.copy()
        assert await desk.carry(11) == ["一氧化碳超过300ppm（现400ppm）"]
        await desk.hear(desk.bit("co-001", 600))
        assert await desk.tell() == ["一氧化碳探测器报警"]
        assert [message.to for message in desk.phones.told] == [COMMITTEE_PHONE, COMMITTEE_PHONE]
        await desk.hear(desk.bit("co-002", 601))
        await world.read("gb-000", 610, flow_c=110)
        await desk.copy()
        reply = InboundReply(phone=f"86{COMMITTEE_PHONE}", content="1", at=world.at(620), sequence_id="1")
        assert await take_reply(world.database, reply, world.now) == "acknowledged"
        await desk.copy()
    assert await one(world.database, "select count(*) from told_without_database") == 1
    assert logs
    assert [number for number in NUMBERS if number in repr(logs)] == []

    assert await open_in_tables(world.database) == []
    files = [file for file in (tmp_path / "standby").iterdir() if file.stat().st_size]
    assert {"registry.sqlite", "alarms.json", "journal.sqlite"} <= {file.name for file in files}
    await world.database.execute("checkpoint")
    assert services.postgres is not None
    oid = await one(world.database, "select oid from pg_database where datname = current_database()")
    folder = services.postgres.data / "base" / str(oid)
    assert any("王某某".encode() in file.read_bytes() for file in folder.iterdir()), "that is where contacts are"
    files += folder.iterdir()
    assert [file.name for file in files if any(number.encode() in file.read_bytes() for number in NUMBERS)] == []
    desk.close()
    await connections.close()


async def open_in_tables(database: psycopg.AsyncConnection) -> list[tuple[str, str]]:
    """(table, number) for each known number that any row of any table shows."""
    tables = await (
        await database.execute("select tablename from pg_tables where schemaname = 'public' order by 1")
    ).fetchall()
    found = []
    for (table,) in tables:
        query = pg.SQL("select coalesce(string_agg(t::text, ' '), '') from {} t").format(pg.Identifier(table))
        (text,) = await (await database.execute(query)).fetchone() or ("",)
        found += [(table, number) for number in NUMBERS if number in text]
    assert len(tables) > 20
    assert seal(COMMITTEE_PHONE)[:12] in (await one(database, "select string_agg(phone, ' ') from contact"))
    return found

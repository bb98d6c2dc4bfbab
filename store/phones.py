"""The numbers that contacts have already: sealed where they are still clear, and sealed anew with a new key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog

from foundation.sealing import NumberUnreadable, beginnings, has_key, mark, seal, unseal
from store.named_sql import sql

log = structlog.get_logger()

AT_A_TIME: Final = 1_000
"""Numbers that are sealed in one transaction: what a kill costs, and for how long an import may have to wait."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How the numbers of contacts are kept. `foreign`: sealed with a key that this process does not have."""

    readable: int
    clear: int
    foreign: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """What became of numbers that were not sealed with the key in force."""

    sealed: int
    doubles: int
    """Of those: a second contact of one region with the same number. It is told, and found by the first one."""
    foreign: int
    """Left as they are: their key is not here."""


def refuse_without_key(connection: psycopg.Connection) -> None:
    """Raises SettingsError where there are numbers and no key for them. A database without tables has none."""
    there = connection.execute("select to_regclass('contact') is not null").fetchone()
    if there and there[0] and connection.execute("select 1 from contact where phone is not null limit 1").fetchone():
        beginnings()


def seal_phones(connection: psycopg.Connection) -> Sealed:
    """Seals each number that is clear or sealed with the old key; the same again does nothing.

    A transaction a thousand: a kill loses nothing and the next call goes on. Raises SettingsError where there are
    numbers and no key.
    """
    refuse_without_key(connection)
    if not has_key():
        return Sealed(0, 0, 0)
    sealed = doubles = foreign = after = 0
    while True:
        with connection.transaction():
            places = {"after": after, "current": beginnings()[0], "most": AT_A_TIME}
            rows = connection.execute(sql("stale_phones"), places).fetchall()
            if not rows:
                break
            after, (done, twice) = rows[-1][0], _seal(connection, rows)
        sealed, doubles, foreign = sealed + done, doubles + twice, foreign + len(rows) - done
    if doubles:
        log.warning("contacts_with_one_number", contacts=doubles, do="a region names somebody twice")
    return Sealed(sealed, doubles, foreign)


def refuse_wrong_key(connection: psycopg.Connection) -> None:
    """Raises NumberUnreadable when there are sealed numbers and the key opens none of them."""
    kept = phones_kept(connection)
    if kept.foreign and not kept.readable:
        raise NumberUnreadable(
            f"none of the {kept.foreign} telephone numbers can be read: they were sealed with another key",
            do="set NUANSHAO_PHONE_KEY to that one; if it is lost, import the contacts again",
        )


def phones_kept(connection: psycopg.Connection) -> Kept:
    """How the numbers are kept, the canary's left out. Without a key all sealed ones are foreign."""
    with connection.transaction():
        row = connection.execute(sql("phones_kept"), {"beginnings": beginnings() if has_key() else []}).fetchone()
    return Kept(*row) if row else Kept(0, 0, 0)


def _seal(connection: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> tuple[int, int]:
    """Seals what can be read of (id, region, number); how many that were, and how many of them are doubles."""
    numbers: dict[int, tuple[int | None, str]] = {}
    for contact, region, kept in rows:
        try:
            numbers[contact] = region, unseal(kept)
        except NumberUnreadable:
            continue
    wanted = {contact: (region, mark(number)) for contact, (region, number) in numbers.items()}
    where = [key for key in wanted.values() if key[0] is not None]
    places = {"regions": [key[0] for key in where], "marks": [key[1] for key in where], "ids": list(numbers)}
    taken = {tuple(row) for row in connection.execute(sql("marks_taken"), places)}
    given: list[str | None] = []
    for key in wanted.values():
        given.append(None if key in taken else key[1])
        if key[0] is not None:
            taken.add(key)
    seals = [seal(number) for _, number in numbers.values()]
    connection.execute(sql("seal_phones"), {"ids": list(numbers), "phones": seals, "marks": given})
    return len(numbers), given.count(None)

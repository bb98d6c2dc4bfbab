"""The journal: what the standby knows of its devices, and each letter, before it is handed over and after.

Memory is what counts while the process lives; the file is what a restart finds. A file that cannot be written (a full
disk may be what took the database away) is reported and tried again with each write, and stops no message.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from alerts.standby.folder import new_file
from alerts.standby.judging import Remembered
from alerts.standby.letter import KEPT_FOR, Letter

log = structlog.get_logger()

Key = tuple[int, str]
"""A device's id and a rule's."""

_TABLES: Final = """
create table if not exists remembered (
    device_id integer not null, rule text not null, what text not null, primary key (device_id, rule)
) without rowid;
create table if not exists letter (key text primary key, what text not null) without rowid;
"""
_remembered: Final = msgspec.json.Decoder(Remembered)
_letter: Final = msgspec.json.Decoder(Letter)


class _Changes(NamedTuple):
    """Rows of one transaction."""

    remembered: list[tuple[int, str, str]]
    forgotten: list[Key]
    letters: list[tuple[str, str]]
    thrown_away: list[tuple[str]]


class Journal:
    """An open journal. `remembered` and `letters` are to be read; `record` changes them."""

    def __init__(self, path: Path, now: datetime) -> None:
        self.remembered: dict[Key, Remembered] = {}
        self.letters: dict[str, Letter] = {}
        self.problem = ""
        self._unwritten_remembered: set[Key] = set()
        self._unwritten_letters: set[str] = set()
        self._writing = asyncio.Lock()
        self._opening_problem = ""
        try:
            self._file = self._opened(path)
        except sqlite3.OperationalError as failed:
            # a full disk, say: better to tell without remembering than not at all
            self.problem = self._opening_problem = f"the journal cannot be opened: {failed}"
            log.error("standby_journal_not_opened", why=str(failed))  # noqa: TRY400 (a traceback may show numbers)
            self._file = self._opened(None)
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as broken:
            aside = path.with_suffix(f".broken-{now:%Y%m%d%H%M%S}")
            why = str(broken)
            log.error("standby_journal_unreadable", why=why, moved_to=aside.name)  # noqa: TRY400 (as above)
            path.rename(aside)
            self._file = self._opened(path)

    async def record(
        self, remembered: Mapping[Key, Remembered | None] | None = None, letters: Iterable[Letter] = ()
    ) -> bool:
        """Takes these in, in one transaction. Returns whether they are on the disk; None forgets."""
        for key, one in (remembered or {}).items():
            if one is None:
                self.remembered.pop(key, None)
            else:
                self.remembered[key] = one
            self._unwritten_remembered.add(key)
        for letter in letters:
            self.letters[letter.key] = letter
            self._unwritten_letters.add(letter.key)
        async with self._writing:
            return await self._write()

    async def tidy(self, now: datetime) -> None:
        """Forgets letters that ended long ago, unless the database has yet to hear of them."""
        for letter in list(self.letters.values()):
            over = letter.recorded or letter.state == "failed"
            if over and now - letter.created_at > KEPT_FOR:
                del self.letters[letter.key]
                self._unwritten_letters.add(letter.key)
        await self.record()

    def unrecorded(self) -> list[Letter]:
        """What was told and does not stand in the database."""
        return [letter for letter in self.letters.values() if letter.state == "accepted" and not letter.recorded]

    def under_way(self, about: tuple[int, str, int]) -> bool:
        """Whether a letter about this has no end yet."""
        return any(letter.open and letter.about == about for letter in self.letters.values())

    def told_since(self, about: tuple[int, str, int], since: datetime) -> bool:
        """Whether this was told at or after `since`, or is being told."""
        return any(
            letter.about == about and (letter.open or (letter.told_at is not None and letter.told_at >= since))
            for letter in self.letters.values()
        )

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()

    async def _write(self) -> bool:
        conditions, keys = self._unwritten_remembered, self._unwritten_letters
        if not conditions and not keys:
            return True
        self._unwritten_remembered, self._unwritten_letters = set(), set()
        changes = _Changes(
            [(*key, _text(one)) for key in conditions if (one := self.remembered.get(key)) is not None],
            [key for key in conditions if key not in self.remembered],
            [(key, _text(letter)) for key in keys if (letter := self.letters.get(key)) is not None],
            [(key,) for key in keys if key not in self.letters],
        )
        try:
            await asyncio.to_thread(self._transaction, changes)
        except sqlite3.Error as failed:
            self._unwritten_remembered |= conditions
            self._unwritten_letters |= keys
            if not self.problem:
                log.error("standby_journal_not_written", why=str(failed))  # noqa: TRY400 (a traceback may show numbers)
            self.problem = f"the journal cannot be written: {failed}"
            return False
        self.problem = self._opening_problem
        return True

    def _transaction(self, changes: _Changes) -> None:
        with self._file:
            self._file.execute("begin immediate")
            self._file.executemany("insert or replace into remembered values (?, ?, ?)", changes.remembered)
            self._file.executemany("delete from remembered where device_id = ? and rule = ?", changes.forgotten)
            self._file.executemany("insert or replace into letter values (?, ?)", changes.letters)
            self._file.executemany("delete from letter where key = ?", changes.thrown_away)

    def _opened(self, path: Path | None) -> sqlite3.Connection:
        """The file, read; None: one in memory."""
        if path is not None and not path.exists():
            try:
                new_file(path)
            except OSError as failed:
                raise sqlite3.OperationalError(failed.strerror) from None
        file = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            file.execute("pragma journal_mode = wal")
            file.execute("pragma synchronous = full")
            file.executescript(_TABLES)
            rows = file.execute("select device_id, rule, what from remembered")
            self.remembered = {(device_id, rule): _remembered.decode(what) for device_id, rule, what in rows}
            self.letters = {key: _letter.decode(what) for key, what in file.execute("select key, what from letter")}
        except BaseException:
            file.close()
            raise
        return file


def _text(one: Remembered | Letter) -> str:
    return msgspec.json.encode(one).decode()

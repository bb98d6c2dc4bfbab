"""Files into the registry: in chunks that stand or fall by themselves, each row with a result.

Run again after a crash, or twice, it comes to the same end: a row that is there already is unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import errors

from foundation.clock import Clock, utc_now
from foundation.errors import DatabaseUnavailable, NotFound, SettingsError
from registry.column import KindName
from registry.merging import Merged, may_log_in, merge, new_row
from registry.passwords import PasswordFile, mosquitto_hash
from registry.people import contact_ref, owner_label
from registry.references import Arranged, Known, arrange, named
from registry.results import Report, Result
from registry.rows import Parsed, parse
from registry.sheets import read
from registry.tables import kind_named, tables
from store import registry_people as people
from store import registry_rows as store
from store.phones import seal_phones
from store.registry_people import DutyRow, OrganisationRow, SubstituteRow
from store.registry_rows import ContactRef, ContactRow, CredentialRow, DeviceRow, HomeRow, RegionRow

CHUNK: Final = 500
"""Rows that are committed together: what a crash costs, and what ingest hears of at a time."""
CHINA: Final = timezone(timedelta(hours=8))
"""The registry's days are days there."""
Progress = Callable[[int, int], None]
"""Is told how many rows are done, and of how many."""


def import_files(
    connection: psycopg.Connection,
    paths: Sequence[Path],
    *,
    kind: KindName | None = None,
    passwords: Path | None = None,
    dry_run: bool = False,
    clock: Clock = utc_now,
    progress: Progress = lambda _done, _of: None,
) -> Report:
    """Imports CSV and XLSX files over a connection with autocommit; a folder stands for its files.

    New devices that log in themselves get a password, which is written to the file `passwords` before the registry
    demands it. Raises SettingsError for a file that cannot be read, for new devices without a file for their
    passwords, and while another import is under way; DatabaseUnavailable when the database goes away in between.
    """
    report = Report(dry_run=dry_run)
    rows, order = _read(paths, kind, report)
    try:
        with store.only_import(connection) as mine:
            if not mine:
                raise SettingsError("another import is under way", do="wait for its end")
            if not dry_run and any(row.kind.row is ContactRow for row in rows):
                seal_phones(connection)  # what is there is found by its mark
            _Import(connection, report, passwords, clock, progress).run(rows)
    except psycopg.OperationalError as failed:
        raise DatabaseUnavailable(
            f"the database went away: {' '.join(str(failed).split())}",
            do="run the same import again; what is in the registry already stays",
        ) from failed
    report.results.sort(key=lambda result: (order[result.place.file, result.place.sheet], result.place.line))
    return report


def _read(
    paths: Sequence[Path], kind: KindName | None, report: Report
) -> tuple[list[Parsed], dict[tuple[str, str], int]]:
    """The rows of all files, and the order of (file, sheet); refused rows go into the report."""
    rows: list[Parsed] = []
    files = [file for path in paths for file in _files_in(path, report)]
    found = [table for file in files for table in tables(read(file), kind)]
    if not found:
        raise SettingsError(
            f"{', '.join(map(str, paths))}: nothing stands there", do="name CSV or XLSX files with rows"
        )
    for table in found:
        report.notes += table.notes
        for row in parse(table):
            if isinstance(row, Parsed):
                rows.append(row)
            else:
                report.results.append(row)
    return _once(rows, report), {(table.grid.file, table.grid.sheet): place for place, table in enumerate(found)}


def _files_in(path: Path, report: Report) -> list[Path]:
    """The file itself, or a folder's CSV files that are called after a kind: others may lie there too."""
    if not path.is_dir():
        return [path]
    lying_there = sorted(path.glob("*.csv"))
    files = [file for file in lying_there if kind_named(file.stem)]
    report.notes += [f"{file}: not read, it is not called after a kind" for file in lying_there if file not in files]
    return files


def _once(rows: list[Parsed], report: Report) -> list[Parsed]:
    """Without rows whose key stands in another file or sheet before."""
    first: dict[tuple[object, tuple[str, ...]], Parsed] = {}
    once = []
    for row in rows:
        before = first.setdefault((row.kind.row, row.key), row)
        if before is row:
            once.append(row)
        else:
            report.results.append(row.refused(row.kind.key[-1], f"stands in {before.place} already", "each row once"))
    return once


class _Import:
    """One run: what it writes to, and what it has found out."""

    def __init__(
        self, connection: psycopg.Connection, report: Report, passwords: Path | None, clock: Clock, progress: Progress
    ) -> None:
        self._connection = connection
        self._report = report
        self._passwords = PasswordFile(passwords) if passwords and not report.dry_run else None
        self._today = clock().astimezone(CHINA).date()
        self._progress = progress

    def run(self, rows: list[Parsed]) -> None:
        """Writes what can be written, chunk by chunk, and puts each row's result into the report."""
        known = self._known(rows)
        there = set(known.devices)
        arranged = arrange(rows, known, [(result.kind, result.key) for result in self._report.refused])
        self._report.results += arranged.refused
        self._demand_password_file(arranged, there)
        done, total = 0, sum(map(len, arranged.groups))
        self._progress(done, total)
        for group in arranged.groups:
            for begin in range(0, len(group), CHUNK):
                chunk = group[begin : begin + CHUNK]
                with self._connection.transaction():
                    store.say_whose_hand(self._connection, "import", chunk[0].place.file)
                    self._report.results += self._store(chunk)
                done += len(chunk)
                self._progress(done, total)

    def _known(self, rows: list[Parsed]) -> Known:
        names = named(rows)
        return Known(
            levels=store.region_levels(self._connection, list(names.regions)),
            homes=store.homes_there(self._connection, list(names.homes)),
            devices=store.device_ties(self._connection, list(names.devices)),
            organisations=people.organisations_there(self._connection, list(names.organisations)),
            contacts={_key(ref) for ref in people.contacts_there(self._connection, names.contacts)},
        )

    def _demand_password_file(self, arranged: Arranged, there: set[str]) -> None:
        if self._passwords is not None or self._report.dry_run:
            return
        new = 0
        for row in (row for group in arranged.groups for row in group):
            if row.kind.row is DeviceRow and row.key[0] not in there:
                merged = merge(row, None, self._today)
                new += isinstance(merged, Merged) and isinstance(merged.after, DeviceRow) and may_log_in(merged.after)
        if new:
            raise SettingsError(
                f"{new} new devices log in themselves and need a password",
                do="say --passwords FILE: a CSV of uid and password is kept there",
            )

    def _store(self, rows: Sequence[Parsed]) -> list[Result]:
        """Writes rows of one kind; those that the database refuses are found by halving, and refused alone."""
        try:
            with self._connection.transaction():
                return self._write(rows)
        except (errors.IntegrityError, errors.DataError, NotFound) as wrong:
            if len(rows) == 1:
                why = wrong.what if isinstance(wrong, NotFound) else wrong.diag.message_primary or "it cannot be held"
                return [rows[0].refused("", f"the database says: {why}", "a row that it can hold")]
            half = len(rows) // 2
            return self._store(rows[:half]) + self._store(rows[half:])

    def _write(self, rows: Sequence[Parsed]) -> list[Result]:
        before = self._present(rows)
        verdicts = [merge(row, before.get(row.key), self._today) for row in rows]
        verdicts = [self._with_password_file(verdict) for verdict in verdicts]
        news = [verdict for verdict in verdicts if isinstance(verdict, Merged) and verdict.outcome != "unchanged"]
        if news and not self._report.dry_run:
            self._put([merged.after for merged in news])
            self._let_in(news)
        return [verdict.result if isinstance(verdict, Merged) else verdict for verdict in verdicts]

    def _present(self, rows: Sequence[Parsed]) -> dict[tuple[str, ...], Any]:
        """What the registry holds under the keys of these rows, locked."""
        first = [row.key[0] for row in rows]
        found: dict[str, Any]
        match rows[0].kind.name:
            case "contacts":
                refs = {contact_ref(row.given): row.key for row in rows}
                contacts = store.present_contacts(self._connection, list(refs))
                return {refs[ref]: contact for ref, contact in contacts.items()}
            case "duties":
                duties = {new: row.key for row in rows if isinstance(new := new_row(row), DutyRow)}
                return {duties[new]: old for new, old in people.present_duties(self._connection, [*duties]).items()}
            case "substitutes":
                stand_in = {new: row.key for row in rows if isinstance(new := new_row(row), SubstituteRow)}
                there = people.present_substitutes(self._connection, [*stand_in])
                return {stand_in[new]: old for new, old in there.items()}
            case "organisations":
                found = {**people.present_organisations(self._connection, first)}
            case "regions":
                found = {**store.present_regions(self._connection, first)}
            case "homes":
                found = {**store.present_homes(self._connection, first)}
            case _:
                found = {**store.present_devices(self._connection, first)}
        return {(key,): row for key, row in found.items()}

    def _put(self, rows: list[Any]) -> None:
        match rows[0]:
            case RegionRow():
                store.put_regions(self._connection, rows)
            case HomeRow():
                store.put_homes(self._connection, rows)
            case DeviceRow():
                store.put_devices(self._connection, rows)
            case OrganisationRow():
                people.put_organisations(self._connection, rows)
            case ContactRow():
                store.put_contacts(self._connection, rows)
            case DutyRow():
                people.put_duties(self._connection, rows)
            case SubstituteRow():
                people.put_substitutes(self._connection, rows)

    def _with_password_file(self, verdict: Merged | Result) -> Merged | Result:
        """Refuses a device that comes out from behind its gateway while there is no file for its password."""
        if isinstance(verdict, Result) or self._passwords is not None or not _comes_out(verdict):
            return verdict
        if self._report.dry_run or store.with_credential(self._connection, [verdict.parsed.key[0]]):
            return verdict
        return verdict.parsed.refused("gateway", "without one it needs a password", "--passwords FILE")

    def _let_in(self, news: list[Merged]) -> None:
        """Passwords for what is new or comes out from behind a gateway; a credential that is there is never changed."""
        uids = [merged.parsed.key[0] for merged in news if _is_new_here(merged) or _comes_out(merged)]
        if not uids or self._passwords is None:
            return
        has_one = store.with_credential(self._connection, uids)
        passwords = self._passwords.passwords_for(uid for uid in uids if uid not in has_one)
        rows = [CredentialRow(uid, mosquitto_hash(password)) for uid, password in passwords.items()]
        store.put_credentials(self._connection, rows)
        self._report.passwords += len(rows)


def _key(ref: ContactRef) -> tuple[str, str]:
    """The key of a contact that a row of a roster refers to."""
    owner = ref.region if ref.region is not None else owner_label("organisation", f"{ref.organisation}")
    return owner, f"{ref.phone}"


def _is_new_here(merged: Merged) -> bool:
    return merged.before is None and isinstance(merged.after, DeviceRow) and may_log_in(merged.after)


def _comes_out(merged: Merged) -> bool:
    before, after = merged.before, merged.after
    if not isinstance(before, DeviceRow) or not isinstance(after, DeviceRow):
        return False
    return before.gateway is not None and may_log_in(after)

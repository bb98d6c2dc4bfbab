"""The registry into files that can be imported again: a workbook, or a folder of CSV. Never a password hash."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any, Final

import psycopg
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from foundation.errors import SettingsError
from registry.cells import DECIMALS
from registry.column import AnyRow, Kind, KindName
from registry.columns import KINDS
from registry.sheets import quoted
from store import registry_people_view as people
from store import registry_view as store

TEXT_FORMAT: Final = "@"
"""Excel leaves a cell of this format alone: a code stays a code."""
DAY_FORMAT: Final = "yyyy-mm-dd"
_MOST_ROWS: Final = 1_048_575
"""Rows below the header that a sheet can hold."""
_EVERY: Final[dict[KindName, Callable[[psycopg.Connection], Iterator[AnyRow]]]] = {
    "regions": store.every_region,
    "homes": store.every_home,
    "gateways": lambda connection: store.every_device(connection, gateways=True),
    "devices": lambda connection: store.every_device(connection, gateways=False),
    "organisations": people.every_organisation,
    "contacts": people.every_contact,
    "duties": people.every_duty,
    "substitutes": people.every_substitute,
}


def export(connection: psycopg.Connection, target: Path) -> dict[KindName, int]:
    """Writes everything as it is at one moment; returns how many rows of each kind.

    `target` ends in .xlsx, or is a folder, made where it is not there. Files are 0600: they hold phone numbers and
    names. Raises SettingsError for a target that is there already or cannot be written.
    """
    refuse_target(target, "a folder or a file that ends in .xlsx")
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        try:
            return _workbook(connection, target) if _is_workbook(target) else _folder(connection, target)
        except OSError as failed:
            raise SettingsError(f"{target}: {failed.strerror}", do="name a place that can be written") from None


def refuse_target(target: Path, expected: str) -> None:
    """Raises SettingsError for a file that is there, and for one of another form."""
    if not _is_workbook(target) and target.suffix and not target.is_dir():
        raise SettingsError(f"{target} is neither a folder nor .xlsx", do=f"name {expected}")
    if target.is_file() or (target.is_dir() and any(target.glob("*.csv"))):
        raise SettingsError(f"{target} is there already", do="name another one, or move it away")


def cell_text(value: object) -> str:
    """A value as it stands in a CSV cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        rounded = round(value, DECIMALS)
        return str(int(rounded)) if rounded.is_integer() else str(rounded)
    return quoted(value) if isinstance(value, str) else str(value)


def _is_workbook(target: Path) -> bool:
    return target.suffix.lower() == ".xlsx"


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A file beside `target`, 0600, that takes its place when the block ends well and is gone when not."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_csv(file: IO[str], kind: Kind, rows: Iterable[AnyRow]) -> int:
    """One kind as CSV. Returns how many rows."""
    names = [column.name for column in kind.columns]
    written = 0
    writer = csv.writer(file)
    writer.writerow(names)
    for row in rows:
        writer.writerow([cell_text(getattr(row, name)) for name in names])
        written += 1
    return written


def write_workbook(file: IO[bytes], rows: Mapping[KindName, Iterable[AnyRow]]) -> dict[KindName, int]:
    """A sheet a kind. Raises SettingsError for more rows than a sheet can hold."""
    book = Workbook(write_only=True)
    counts: dict[KindName, int] = {}
    for kind in KINDS:
        sheet = book.create_sheet(kind.name)
        sheet.freeze_panes = "A2"
        names = [column.name for column in kind.columns]
        sheet.append(names)
        counts[kind.name] = 0
        for row in rows[kind.name]:
            counts[kind.name] += 1
            if counts[kind.name] > _MOST_ROWS:
                raise SettingsError(f"a sheet cannot hold more than {_MOST_ROWS} {kind.name}", do="name a folder")
            sheet.append([_cell(sheet, getattr(row, name)) for name in names])
    book.save(file)
    return counts


def _folder(connection: psycopg.Connection, target: Path) -> dict[KindName, int]:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    counts: dict[KindName, int] = {}
    for kind in KINDS:
        # with its mark in front, so that Excel reads Chinese
        with whole_file(target / f"{kind.name}.csv") as path, path.open("w", encoding="utf-8-sig", newline="") as file:
            counts[kind.name] = write_csv(file, kind, _EVERY[kind.name](connection))
    return counts


def _workbook(connection: psycopg.Connection, target: Path) -> dict[KindName, int]:
    with whole_file(target) as path, path.open("wb") as file:
        return write_workbook(file, {kind.name: _EVERY[kind.name](connection) for kind in KINDS})


def _cell(sheet: Any, value: object) -> Any:
    """A cell of a workbook: numbers and days as such, everything else as text that Excel leaves alone."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value, DECIMALS)
    content: Any = value if isinstance(value, date) else cell_text(value)
    cell = WriteOnlyCell(sheet, value=content)
    cell.number_format = DAY_FORMAT if isinstance(value, date) else TEXT_FORMAT
    return cell

"""Files → grids of cells: CSV in UTF-8 or GB18030, XLSX with what Excel calculated and merged. Knows no columns."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from foundation.errors import SettingsError
from registry.cells import Cell, Unreadable

Line = tuple[int, tuple[Cell, ...]]
"""Number of the line or row as the person sees it, and its cells."""

DANGEROUS: Final = "=+-@＝＋－＠"
"""A text that begins so is a formula to a spreadsheet program."""
LONGEST_RECORD: Final = 20
"""Lines of one CSV record; more is a quotation mark that was never closed."""
_FORCED_TEXT: Final = re.compile(r'="(.*)"', re.DOTALL)
"""What other programs write so that Excel takes a code for text."""
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*?\bref="([A-Z]+\d+:[A-Z]+\d+)"')


@dataclass(frozen=True, slots=True)
class Grid:
    """The lines of one CSV file or one sheet (`sheet` is empty for CSV); empty lines are left out."""

    file: str
    sheet: str
    lines: list[Line]
    broken: list[tuple[int, str]]
    """Lines that could not be told apart, and why."""


def quoted(text: str) -> str:
    """The text so that no spreadsheet program runs it: with ' in front where it begins like a formula."""
    return f"'{text}" if text[:1] in {*DANGEROUS, "'"} and text else text


def unquoted(text: str) -> str:
    """What `quoted` was given; also undoes ="…"."""
    if text[:1] == "'" and text[1:2] in {*DANGEROUS, "'"} and len(text) > 1:
        return text[1:]
    forced = _FORCED_TEXT.fullmatch(text)
    return forced[1] if forced else text


def read(path: Path) -> list[Grid]:
    """Every sheet of a file. Raises SettingsError for what is no CSV or XLSX."""
    try:
        content = path.read_bytes()
    except OSError as failed:
        raise SettingsError(f"{path}: {failed.strerror}", do="name a CSV or XLSX file") from None
    if content.startswith(b"PK\x03\x04"):
        return read_xlsx(content, path.name)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise SettingsError(f"{path.name} is an old or encrypted Excel file", do="save it as .xlsx without a password")
    return [read_csv(content, path.name)]


def read_csv(content: bytes, file: str) -> Grid:
    """The lines of a CSV file, whatever it is encoded in and separated by. Raises SettingsError."""
    lines = list(io.StringIO(_decode(content, file), newline=""))
    separator = max(",\t;", key=next(iter(lines), "").count)
    grid = Grid(file, "", [], [])
    begin = 0
    while begin < len(lines):
        begin = _read_records(grid, lines, begin, separator)
    return grid


def _read_records(grid: Grid, lines: list[str], begin: int, separator: str) -> int:
    """Reads from line `begin` (from 0) on; returns where to go on: at the end, or behind a line that is broken."""
    source = iter(lines[begin:])
    records = csv.reader(source, delimiter=separator)
    before = 0
    while True:
        try:
            record = next(records)
        except StopIteration:
            return len(lines)
        except csv.Error as wrong:
            grid.broken.append((begin + before + 1, str(wrong)))
            return begin + before + 1
        if records.line_num - before > LONGEST_RECORD:
            grid.broken.append((begin + before + 1, "a quotation mark is opened and not closed"))
            return begin + before + 1
        cells = tuple(map(unquoted, record))
        if any(cell.strip() for cell in cells):
            grid.lines.append((begin + before + 1, cells))
        before = records.line_num


def _decode(content: bytes, file: str) -> str:
    # Excel saves "Unicode text" as UTF-16, "CSV UTF-8" with a mark in front, and "CSV" in China as GB18030
    for encoding in ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SettingsError(f"{file} is neither UTF-8 nor GB18030", do="save it as CSV UTF-8, or as .xlsx")


def read_xlsx(content: bytes, file: str) -> list[Grid]:
    """Every sheet of a workbook: values that Excel has calculated, merged cells filled downwards.

    Raises SettingsError for what is no workbook.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which do not matter here
            return list(_sheets(content, file))
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, ParseError, EOFError) as wrong:
        raise SettingsError(
            f"{file} is no workbook that can be read: {wrong}", do="open it in Excel, save it as .xlsx"
        ) from None


def _sheets(content: bytes, file: str) -> Iterator[Grid]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    workbook = load_workbook(io.BytesIO(content), read_only=True)
    calculated = None
    for sheet in workbook.worksheets:
        sheet.reset_dimensions()  # programs write wrong ones
        rows, formulas = _rows(sheet)
        if formulas:
            calculated = calculated or load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            _fill_in_results(rows, formulas, calculated[sheet.title])
        # openpyxl has no public name for it, and its read-only mode leaves merged cells out
        part: str = sheet._worksheet_path  # type: ignore[attr-defined]  # noqa: SLF001
        _fill_merged(rows, _MERGED.findall(archive.read(part)))
        yield Grid(file, sheet.title, [(row, tuple(rows[row])) for row in sorted(rows)], [])


def _rows(sheet: Any) -> tuple[dict[int, list[Cell]], list[tuple[int, int]]]:
    """The rows that hold anything, by number, and where formulas stand (row number, place in the row)."""
    rows: dict[int, list[Cell]] = {}
    formulas: list[tuple[int, int]] = []
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells: list[Cell] = []
        for place, cell in enumerate(row):
            kind, value = cell.data_type, cell.value
            if kind == "f":
                formulas.append((number, place))
                value = Unreadable("is a formula without a value")
            elif kind == "e":
                value = Unreadable(f"is the error {value}")
            elif isinstance(value, str):
                value = unquoted(value)
            cells.append(value)
        if any(value is not None and value != "" for value in cells):
            rows[number] = cells
    return rows, formulas


def _fill_in_results(rows: dict[int, list[Cell]], formulas: list[tuple[int, int]], sheet: Any) -> None:
    sheet.reset_dimensions()
    wanted: dict[int, list[int]] = {}
    for number, place in formulas:
        wanted.setdefault(number, []).append(place)
    for number, row in enumerate(sheet.iter_rows(), start=1):
        for place in wanted.get(number, ()):
            cell = row[place]
            if cell.data_type == "e":
                rows[number][place] = Unreadable(f"is the error {cell.value}")
            elif cell.value is not None:
                rows[number][place] = cell.value
            elif cell.data_type == "str":
                rows[number][place] = None  # a formula whose result is an empty text


def _fill_merged(rows: dict[int, list[Cell]], ranges: list[bytes]) -> None:
    """A cell that is merged over several rows says the same for each; merged over columns it belongs to the first."""
    for reference in ranges:
        first_column, first_row, _, last_row = range_boundaries(reference.decode())
        if first_column is None or first_row is None or last_row is None or first_row not in rows:
            continue
        place = first_column - 1
        value = rows[first_row][place] if place < len(rows[first_row]) else None
        for number in range(first_row + 1, last_row + 1):
            if number in rows and value is not None:
                cells = rows[number]
                cells.extend([None] * (place + 1 - len(cells)))
                cells[place] = value

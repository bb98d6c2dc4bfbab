"""Grids → tables: which kind of rows it is, where its header stands, which column is which."""

from __future__ import annotations

import difflib
import unicodedata
from dataclasses import dataclass
from typing import Final

from foundation.errors import SettingsError
from registry.cells import Cell, tidy
from registry.column import Column, Kind, KindName
from registry.columns import KIND, KINDS
from registry.sheets import Grid, Line

NOT_DATA: Final = frozenset({"notes", "lists"})
"""Sheets of the template that hold no rows."""
_HEADER_WITHIN: Final = 10
"""A title and an empty line or two may stand above the header."""
_OTHER_NAMES: Final[dict[str, KindName]] = {
    "区划": "regions", "户": "homes", "用户": "homes", "住户信息": "homes", "设备信息": "devices", "通讯录": "contacts",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """Lines below a header. `columns` has one entry a cell, None where the column is not read."""

    grid: Grid
    kind: Kind
    columns: tuple[Column | None, ...]
    lines: list[Line]
    notes: list[str]


def tables(grids: list[Grid], kind: KindName | None) -> list[Table]:
    """What the grids hold; the template's sheets without rows are passed over.

    `kind` says what it is where there is one grid with rows. Raises SettingsError where that cannot be told.
    """
    filled = [grid for grid in grids if (grid.lines or grid.broken) and grid.sheet.casefold() not in NOT_DATA]
    if kind is not None and len(filled) > 1:
        raise SettingsError(
            f"{filled[0].file} has {len(filled)} sheets and --kind can speak of one only",
            do=f"call the sheets {', '.join(KIND)} and leave --kind out",
        )
    return [_table(grid, KIND[kind] if kind else _named(grid)) for grid in filled]


def _table(grid: Grid, kind: Kind | None) -> Table:
    where = f"{grid.file}, sheet {grid.sheet!r}" if grid.sheet else grid.file
    found = [(place, candidate) for candidate in ([kind] if kind else KINDS) for place in _headers(grid, candidate)]
    if not kind:
        found = [(place, one) for place, one in found if _told(grid.lines[place][1], one)]
    if not found:
        raise SettingsError(
            f"{where}: {_what_is_missing(grid, kind)}", do="`nuanshao registry template` shows all columns"
        )
    place, kind = found[0]
    columns, unread = _columns(grid.lines[place][1], kind, where)
    notes = [f"{where}: {note}" for note in (_not_read(unread, kind),) if note]
    return Table(grid, kind, columns, grid.lines[place + 1 :], notes)


def _headers(grid: Grid, kind: Kind) -> list[int]:
    """Places of lines that name all columns which this kind must have."""
    return [
        place
        for place, (_, cells) in enumerate(grid.lines[:_HEADER_WITHIN])
        if all(any(_is(column, cell) for cell in cells) for column in kind.columns if column.required)
    ][:1]


def _told(header: tuple[Cell, ...], kind: Kind) -> bool:
    """Whether the header alone says that it is this kind. One of gateways never does: it could lack a column."""
    return bool(kind.told_by) and all(any(_is(kind.column[name], cell) for cell in header) for name in kind.told_by)


def _named(grid: Grid) -> Kind | None:
    """The kind by the name of the sheet, or of the file."""
    return kind_named(grid.sheet or grid.file.rpartition(".")[0])


def kind_named(text: str) -> Kind | None:
    """The kind that is called so, in English or Chinese."""
    name = _key(text)
    for kind in KINDS:
        if name in {kind.name, kind.name[:-1], kind.zh} or _OTHER_NAMES.get(name) == kind.name:
            return kind
    return None


def _columns(header: tuple[Cell, ...], kind: Kind, where: str) -> tuple[tuple[Column | None, ...], list[str]]:
    columns: list[Column | None] = []
    unread: list[str] = []
    for cell in header:
        column = next((column for column in kind.columns if _is(column, cell)), None)
        if column is not None and column in columns:
            raise SettingsError(f"{where}: column {column.name} stands there twice", do="keep one of them")
        if column is None and _key(cell):
            unread.append(tidy(str(cell)))
        columns.append(column)
    return tuple(columns), unread


def _not_read(unread: list[str], kind: Kind) -> str:
    if not unread:
        return ""
    names = [name for column in kind.columns for name in (column.name, column.zh)]
    parts = []
    for name in unread:
        close = difflib.get_close_matches(_key(name), names, n=1, cutoff=0.75)
        parts.append(f"{name!r}{f' (did you mean {close[0]!r}?)' if close else ''}")
    return f"not read: column {', '.join(parts)}"


def _what_is_missing(grid: Grid, kind: Kind | None) -> str:
    if kind is None:
        return f"neither its name nor its header says what it holds; name it, or say --kind ({', '.join(KIND)})"
    header = grid.lines[0][1] if grid.lines else ()
    missing = [
        f"{column.name} ({column.zh})"
        for column in kind.columns
        if column.required and not any(_is(column, cell) for cell in header)
    ]
    return f"no header for {kind.name} in its first {_HEADER_WITHIN} lines: column {', '.join(missing)} is missing"


def _is(column: Column, cell: Cell) -> bool:
    return _key(cell) in {column.name, _key(column.zh), *map(_key, column.aliases)}


def _key(cell: Cell) -> str:
    return unicodedata.normalize("NFKC", tidy(cell)).casefold().replace(" ", "") if isinstance(cell, str) else ""

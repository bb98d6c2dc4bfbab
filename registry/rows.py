"""Lines of a table → rows with values, or why a line is refused. Pure: what the registry holds is not asked here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from registry.cells import Cell, Wrong, is_blank, shown, tidy
from registry.column import Blank, Column, Kind
from registry.columns import GATEWAY
from registry.people import WrongRow
from registry.results import Place, Result
from registry.tables import Table

REMARK: Final = "#"
"""A row whose key begins so is a remark, as the template's notes and example."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One row of a file: its key, and the values that the file gives (not those of columns that it lacks or keeps)."""

    place: Place
    kind: Kind
    key: tuple[str, ...]
    given: dict[str, object]

    @property
    def shown(self) -> str:
        """Its key, fit to be shown."""
        return shown_key(self.key)

    def refused(self, column: str, why: str, expected: str) -> Result:
        """The row's result where it cannot be used."""
        return Result(self.place, self.kind.name, self.shown, "refused", column=column, why=why, expected=expected)


def shown_key(key: tuple[str, ...]) -> str:
    """A key without what looks like a phone number."""
    return " ".join(shown(part)[1:-1] for part in key)


def parse(table: Table) -> Iterator[Parsed | Result]:
    """Every line below the header but remarks, in order. A key that stands twice is refused the second time."""
    first: dict[tuple[str, ...], int] = {}
    for line, cells in table.lines:
        row = _parse(table, line, cells)
        if isinstance(row, Parsed):
            before = first.setdefault(row.key, line)
            if before != line:
                row = row.refused(table.kind.key[-1], f"stands in line {before} already", "each row once")
        if row is not None:
            yield row
    for line, why in table.grid.broken:
        place = Place(table.grid.file, table.grid.sheet, line)
        yield Result(place, table.kind.name, "", "refused", why=why, expected="a line of cells")


def _parse(table: Table, line: int, cells: tuple[Cell, ...]) -> Parsed | Result | None:
    place, kind = Place(table.grid.file, table.grid.sheet, line), table.kind
    if _is_remark(table, cells):
        return None
    given: dict[str, object] = {}
    wrong: tuple[str, Wrong] | None = None
    for at, column in enumerate(table.columns):
        if column is None:
            continue
        try:
            value = _value(column, cells[at] if at < len(cells) else None)
        except Wrong as this:
            wrong = wrong or (column.name, this)
            continue
        if value is not Blank.KEEP:
            given[column.name] = value
    wrong = wrong or _surplus(table, cells)
    key = tuple(str(given[name]) for name in kind.key if given.get(name))
    if wrong is None:
        try:
            key = kind.key_of(given)
        except WrongRow as whole:
            wrong = whole.column, whole
    if wrong is not None:
        why, expected = wrong[1].why, wrong[1].expected
        return Result(place, kind.name, shown_key(key), "refused", column=wrong[0], why=why, expected=expected)
    if kind.name == "gateways":
        given["type"] = GATEWAY
    return Parsed(place, kind, key, given)


def _surplus(table: Table, cells: tuple[Cell, ...]) -> tuple[str, Wrong] | None:
    if all(is_blank(cell) for cell in cells[len(table.columns) :]):
        return None
    return "", Wrong(f"has {len(cells)} cells", f"{len(table.columns)}, as the header: is a comma in a text?")


def _value(column: Column, cell: Cell) -> object:
    if is_blank(cell):
        if column.required:
            raise Wrong("is empty", column.en_note)
        return column.blank
    return column.parse(cell)


def _is_remark(table: Table, cells: tuple[Cell, ...]) -> bool:
    first = next(column for column in table.kind.columns if column in table.columns)
    at = table.columns.index(first)
    cell = cells[at] if at < len(cells) else None
    return isinstance(cell, str) and tidy(cell)[:1] in {REMARK, "＃"}

"""The empty workbook: nothing in it is imported as it stands, and its examples are good rows."""

from __future__ import annotations

import io
from datetime import date

from openpyxl import load_workbook

from registry.columns import KINDS
from registry.merging import Merged, merge
from registry.rows import Parsed, parse
from registry.sheets import Grid, read_xlsx
from registry.tables import tables
from registry.template import workbook


def content() -> bytes:
    file = io.BytesIO()
    workbook().save(file)
    return file.getvalue()


def test_as_it_stands_it_holds_no_rows() -> None:
    found = tables(read_xlsx(content(), "t.xlsx"), None)
    assert [table.kind.name for table in found] == [kind.name for kind in KINDS]
    assert [row for table in found for row in parse(table)] == []
    assert [note for table in found for note in table.notes] == []


def test_its_examples_are_good_rows() -> None:
    for grid in read_xlsx(content(), "t.xlsx"):
        if grid.sheet in {"notes", "lists"}:
            continue
        lines = [
            (line, tuple(str(cell).removeprefix("# ") if cell else None for cell in cells))
            for line, cells in grid.lines
        ]
        (table,) = tables([Grid("t.xlsx", grid.sheet, [lines[0], lines[3]], [])], None)
        (row,) = parse(table)
        assert isinstance(row, Parsed), row
        assert isinstance(merge(row, None, date(2026, 1, 15)), Merged)


def test_lists_to_choose_from_point_at_what_the_catalogue_has() -> None:
    book = load_workbook(io.BytesIO(content()))
    offered = {}
    for kind in KINDS:
        sheet = book[kind.name]
        for choose in sheet.data_validations.dataValidation:
            letter = str(choose.sqref)[0]
            name = sheet[f"{letter}1"].value
            cells = book["lists"][str(choose.formula1).removeprefix("lists!").replace("$", "")]
            offered[kind.name, name] = [cell.value for (cell,) in cells]
    for kind in KINDS:
        for column in kind.columns:
            if column.choices is not None:
                assert offered.pop((kind.name, column.name)) == [*column.choices]
    flags = [("homes", "vacant"), ("homes", "vulnerable"), ("duties", "withdrawn"), ("substitutes", "withdrawn")]
    assert offered == {key: ["yes", "no"] for key in flags}

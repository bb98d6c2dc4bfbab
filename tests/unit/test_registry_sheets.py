"""Files as people save them: encodings, separators, quotation marks, formulas, merged cells, empty rows."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from foundation.errors import SettingsError
from registry.cells import Unreadable
from registry.sheets import quoted, read_csv, read_xlsx, unquoted

TEXT = "户编号,村编码\n150521101201-001,150521101201\n"


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def sheet_of(rows: list[list[Any]]) -> Workbook:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    return book


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_every_encoding_that_excel_saves_in(encoding: str) -> None:
    assert read_csv(TEXT.encode(encoding), "homes.csv").lines == [
        (1, ("户编号", "村编码")),
        (2, ("150521101201-001", "150521101201")),
    ]


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"homes\.csv is neither UTF-8 nor GB18030"):
        read_csv(b"\xff\x00\x81\xff", "homes.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_separator_and_end_of_line(separator: str, end: str) -> None:
    grid = read_csv(end.join([f"a{separator}b", "", f"1{separator}2", separator]).encode(), "x.csv")
    assert grid.lines == [(1, ("a", "b")), (3, ("1", "2"))]


def test_a_cell_may_have_line_ends_and_strange_separators_in_it() -> None:
    grid = read_csv('a,b\n"1\n2",3\u2028\n4,5\n'.encode(), "x.csv")
    assert grid.lines == [(1, ("a", "b")), (2, ("1\n2", "3\u2028")), (4, ("4", "5"))]


def test_a_quotation_mark_that_is_not_closed_costs_its_own_line_only() -> None:
    good = "".join(f"{number},x\n" for number in range(100))
    grid = read_csv(f'a,b\n7,"open\n{good}'.encode(), "x.csv")
    assert grid.broken == [(2, "a quotation mark is opened and not closed")]
    assert len(grid.lines) == 101
    assert grid.lines[1] == (3, ("0", "x"))


@pytest.mark.parametrize("text", ["=1+1", "+86", "-1", "@x", "'x", "''", "'", "＝1", "plain", "", "1-2", '="x"', "'=1"])
def test_what_is_quoted_comes_back(text: str) -> None:
    assert unquoted(quoted(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+86", "-1", "@x", "＝1"])
def test_a_formula_is_quoted(text: str) -> None:
    assert quoted(text) == f"'{text}"


def test_text_that_was_forced_upon_excel_is_text() -> None:
    assert read_csv(b'code\n"=""00150521"""\n', "x.csv").lines[1] == (2, ("00150521",))


def test_a_workbook_with_numbers_gaps_and_formatted_empty_rows() -> None:
    book = sheet_of([["code", "area"], [150521101201.0, 86.5], [], ["a", True]])
    book.worksheets[0].cell(400, 1).number_format = "@"
    (grid,) = read_xlsx(saved(book), "x.xlsx")
    assert grid.lines == [(1, ("code", "area")), (2, (150521101201, 86.5)), (4, ("a", True))]


def test_merged_cells_say_the_same_for_each_row_they_cover() -> None:
    book = sheet_of([["village", "home"], ["v1", "h1"], [None, "h2"], [None, "h3"], ["v2", "h4"]])
    book.worksheets[0].merge_cells("A2:A4")
    (grid,) = read_xlsx(saved(book), "x.xlsx")
    assert [cells for _, cells in grid.lines[1:]] == [("v1", "h1"), ("v1", "h2"), ("v1", "h3"), ("v2", "h4")]


def with_result(content: bytes, before: bytes, after: bytes) -> bytes:
    """The workbook as Excel leaves it: with the results of its formulas."""
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as changed:
        for name in source.namelist():
            part = source.read(name)
            assert name != "xl/worksheets/sheet1.xml" or before in part
            changed.writestr(name, part.replace(before, after))
    return target.getvalue()


def test_a_formula_is_what_excel_has_calculated() -> None:
    content = saved(sheet_of([["code", "area"], ["h1", "=40+2"]]))
    calculated = with_result(content, b"<f>40+2</f><v />", b"<f>40+2</f><v>42</v>")
    assert read_xlsx(calculated, "x.xlsx")[0].lines[1] == (2, ("h1", 42))


def test_a_formula_whose_result_is_an_empty_text_is_empty() -> None:
    content = saved(sheet_of([["code", "area"], ["h1", '=""']]))
    calculated = with_result(content, b'<c r="B2"><f>""</f><v />', b'<c r="B2" t="str"><f>""</f><v></v>')
    assert read_xlsx(calculated, "x.xlsx")[0].lines[1] == (2, ("h1", None))


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (b"<f>40+2</f><v />", "is a formula without a value"),
        (b"<f>40+2</f><v></v>", "is a formula without a value"),
    ],
)
def test_a_formula_that_nobody_has_calculated_says_so(after: bytes, why: str) -> None:
    content = with_result(saved(sheet_of([["area"], ["=40+2"]])), b"<f>40+2</f><v />", after)
    cell = read_xlsx(content, "x.xlsx")[0].lines[1][1][0]
    assert isinstance(cell, Unreadable)
    assert str(cell) == why


def test_an_error_in_a_formula_is_unreadable() -> None:
    content = saved(sheet_of([["area"], ["=1/0"]]))
    broken = with_result(content, b'<c r="A2"><f>1/0</f><v />', b'<c r="A2" t="e"><f>1/0</f><v>#DIV/0!</v>')
    cell = read_xlsx(broken, "x.xlsx")[0].lines[1][1][0]
    assert isinstance(cell, Unreadable)
    assert str(cell) == "is the error #DIV/0!"


def test_a_wrong_dimension_hides_no_columns() -> None:
    content = saved(sheet_of([["a", "b", "c"], [1, 2, 3]]))
    lying = with_result(content, b'<dimension ref="A1:C2" />', b'<dimension ref="A1" />')
    assert read_xlsx(lying, "x.xlsx")[0].lines[1] == (2, (1, 2, 3))


@pytest.mark.parametrize("content", [b"PK\x03\x04 and then nothing", b"", saved(Workbook())[:200]])
def test_what_is_no_workbook_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(SettingsError, match=r"x\.xlsx is no workbook that can be read") as refused:
        read_xlsx(content, "x.xlsx")
    assert "\n" not in str(refused.value)

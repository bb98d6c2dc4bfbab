"""What becomes of a cell: Excel's numbers and dates, full-width digits, phones, and what is said of a wrong one."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from registry.cells import Cell, Parse, Unreadable, Wrong, choice, code, day, flag, is_blank, number, text, uid, whole
from registry.phones import phone


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("150521101201", "150521101201"),
        (150521101201, "150521101201"),
        (150521101201.0, "150521101201"),
        ("150521101201.0", "150521101201"),
        ("１５０５２１１０１２０１", "150521101201"),
        ("\u3000150521101201-001\t", "150521101201-001"),
        ("1.50521101201E+11", "150521101201"),
        ("1E2", "1E2"),  # a code; Excel writes at least two digits and a sign
        ("巴彦-12号", "巴彦-12号"),
        ("\ufeff１组２号", "1组2号"),
    ],
)
def test_a_code_stays_what_was_typed(cell: Cell, value: str) -> None:
    assert code(cell) == value


@pytest.mark.parametrize(
    ("cell", "why", "expected"),
    [
        ("1.50521E+11", "Excel has shortened it to 1.50521E+11", "all digits of the code: format the column as text"),
        (1505211012010001, "Excel keeps 15 digits", "all digits of the code"),
        (1.5e20, "Excel keeps 15 digits", "all digits of the code"),
        (datetime(2024, 1, 1), "Excel has made a date of it", "the code itself: format the column as text"),  # noqa: DTZ001 - as Excel has it
        (Unreadable("is the error #N/A"), "is the error #N/A", "a value"),
        ("1组 2号", "cannot be a code", "no spaces"),
        ("#12", "cannot be a code", "letters and digits first"),
        ("=1+1", "cannot be a code", "letters and digits first"),
        ("x" * 65, "has 65 signs", "at most 64"),
    ],
)
def test_a_code_that_has_lost_something_is_refused(cell: Cell, why: str, expected: str) -> None:
    with pytest.raises(Wrong) as wrong:
        code(cell)
    assert why in wrong.value.why
    assert expected in wrong.value.expected


@pytest.mark.parametrize("cell", ["KZ01-CO", "a-b", "-abcd", "kz01_co", "nuanshao-1", "drill-7-gw", "a" * 33, 1.5])
def test_a_uid_is_what_the_wire_allows(cell: Cell) -> None:
    with pytest.raises(Wrong):
        uid(cell)


def test_a_uid_of_digits_survives_excel() -> None:
    assert uid(86012345.0) == "86012345"


@pytest.mark.parametrize("cell", [None, "", "  ", "\u3000", "\ufeff", "\u200b \t"])
def test_what_nobody_sees_is_blank(cell: Cell) -> None:
    assert is_blank(cell)


@pytest.mark.parametrize("cell", [0, False, "0", "-", "\u202f\u1820"])
def test_what_somebody_sees_is_not(cell: Cell) -> None:
    assert not is_blank(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("是", True),
        ("有", True),
        ("Yes", True),
        (1, True),
        (True, True),
        ("否", False),
        ("0", False),
        ("１", True),
        (0.0, False),
    ],
)
def test_yes_and_no_in_all_the_ways(cell: Cell, value: bool) -> None:  # noqa: FBT001 - the example
    assert flag(cell) is value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2025-10-01", date(2025, 10, 1)),
        ("2025/10/1", date(2025, 10, 1)),
        ("2025.10.01", date(2025, 10, 1)),
        ("2025年10月1日", date(2025, 10, 1)),
        ("２０２５-１０-０１", date(2025, 10, 1)),
        ("2025-10-01 00:00:00", date(2025, 10, 1)),
        (datetime(2025, 10, 1, 8), date(2025, 10, 1)),  # noqa: DTZ001 - as Excel has it
        (date(2025, 10, 1), date(2025, 10, 1)),
    ],
)
def test_a_day_in_all_the_ways(cell: Cell, value: date) -> None:
    assert day(cell) == value


@pytest.mark.parametrize(
    ("parse", "cell", "why"),
    [
        (day, "2025-02-30", "is not in the calendar"),
        (day, "1900-01-00", "is not in the calendar"),
        (day, "1900-01-01", "is too long ago"),
        (day, 45931, "is no day"),
        (flag, "maybe", "is neither yes nor no"),
        (number(1, 500, "m²"), "86,5", "is no number"),
        (number(1, 500, "m²"), "1_0", "is no number"),
        (number(1, 500, "m²"), "nan", "is no number"),
        (number(1, 500, "m²"), 0, "is out of range"),
        (number(1, 500, "m²"), "9e999", "is out of range"),
        (whole(1, 86_400, "seconds"), "60.5", "is no whole number"),
        (whole(1, 86_400, "seconds"), 0, "is out of range"),
        (choice({"co_detector": "探测器"}), "co-detector", "is none of them"),
        (text, "a\x07b", "holds the sign U+0007"),
        (text, "a\ufffeb", "holds the sign U+FFFE"),
        (text, "x" * 201, "has 201 signs"),
    ],
)
def test_what_cannot_be_says_why(parse: Parse, cell: Cell, why: str) -> None:
    with pytest.raises(Wrong) as wrong:
        parse(cell)
    assert why in wrong.value.why
    assert wrong.value.expected


def test_a_choice_is_taken_in_both_languages() -> None:
    parse = choice({"co_detector": "一氧化碳燃气探测器"})
    assert parse("一氧化碳燃气探测器") == parse(" CO_Detector ") == "co_detector"


def test_text_keeps_chinese_punctuation_and_mongolian_joiners() -> None:
    assert text("  １组（东）\n2号 ") == "1组（东） 2号"
    assert text("\u182e\u200d\u202f\u1823") == "\u182e\u200d\u202f\u1823"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("13800000201", "13800000201"),
        (13800000201, "13800000201"),
        (13800000201.0, "13800000201"),
        ("138 0000 0201", "13800000201"),
        ("138-0000-0201", "13800000201"),
        ("＋８６ 13800000201", "13800000201"),
        ("+86-138-0000-0201", "13800000201"),
        ("008613800000201", "13800000201"),
        ("0475-8234567", "04758234567"),
        ("（0475）8234567", "04758234567"),
        ("+86 475 8234567", "04758234567"),
        ("010-62345678", "01062345678"),
        ("+976 99112233", "+97699112233"),
        ("1.3800000201E+10", "13800000201"),
    ],
)
def test_a_phone_number_as_it_is_dialled(cell: Cell, value: str) -> None:
    assert phone(cell) == value
    assert phone(value) == value, "written out and read again it is the same"


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("12800000201", "11 digits are no phone number"),
        ("1380000020", "10 digits are no phone number"),
        ("138000002011", "12 digits are no phone number"),
        (4758234567, "lacks the 0 before the area code"),
        ("8234567", "7 digits are no phone number"),
        ("13800000201/13800000202", "more than one number"),
        ("call me", "more than one number, or signs"),
        ("1.38E+10", "Excel has shortened it"),
        ("+86 12345", "7 digits are no phone number"),
    ],
)
def test_a_number_that_nobody_could_be_told_at_is_refused_and_not_repeated(cell: Cell, why: str) -> None:
    with pytest.raises(Wrong) as wrong:
        phone(cell)
    assert why in wrong.value.why
    assert "13800000201" not in wrong.value.why


def test_what_looks_like_a_phone_number_in_another_column_is_masked() -> None:
    with pytest.raises(Wrong) as wrong:
        number(1, 500, "m²")("王某某13800000201")
    assert "138****0201" in wrong.value.why
    assert "13800000201" not in wrong.value.why

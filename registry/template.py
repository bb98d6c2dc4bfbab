"""An empty workbook to fill in: headers, notes in two languages, lists to choose from, one example a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from foundation.errors import SettingsError
from registry.cells import day, flag
from registry.column import Column
from registry.columns import CLASSES, KINDS, LEVELS, STATE_NAMES, TYPES
from registry.exporting import DAY_FORMAT, TEXT_FORMAT, refuse_target, whole_file
from registry.people import DAYS, LANGUAGES
from registry.people_columns import ORGANISATIONS
from registry.rows import REMARK

LAST_ROW: Final = 20_000
"""How far down the lists to choose from reach."""
_YES_NO: Final = {"yes": "是", "no": "否"}
_LISTS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("level", LEVELS),
    ("type", TYPES),
    ("state", STATE_NAMES),
    ("building_class", CLASSES),
    ("flag", _YES_NO),
    ("kind", ORGANISATIONS),
    ("language", LANGUAGES),
    ("days", DAYS),
)
_HEADER: Final = (Font(bold=True), PatternFill("solid", fgColor="FFD9E2F3"))
_REMARK: Final = Font(italic=True, color="FF7F7F7F")
_NOTES: Final = (
    "一个表一类 One sheet a kind of rows: regions 区域，homes 住户，gateways 网关，devices 设备，",
    "organisations 单位，contacts 联系人，duties 值班，substitutes 替班。",
    "第一行是列名，不要改；可以删掉不用的列。The first row names the columns; leave out those that you do not need.",
    "第一格以 # 开头的行是说明和示例，不会导入。Rows whose first cell begins with # are remarks and are not read.",
    "没有的列保持原值；空格子清空原值（state、installed_on、accepted_on 除外）。A missing column leaves what is there.",
    "An empty cell empties what is there, except in state, installed_on and accepted_on.",
    "编号是文本，不是数字：太长的数字 Excel 会改掉后几位。Codes are text: Excel loses digits of long numbers.",
    "导入：nuanshao registry import FILE.xlsx --passwords passwords.csv",
)


def write_template(target: Path) -> None:
    """Writes the workbook. Raises SettingsError for a target that is there already or cannot be written."""
    if target.suffix.lower() != ".xlsx":
        raise SettingsError(f"{target} does not end in .xlsx", do="name a file that does")
    refuse_target(target, "a file that ends in .xlsx")
    try:
        with whole_file(target) as file:
            workbook().save(file)
            file.chmod(0o644)  # nothing in it is anybody's secret
    except OSError as failed:
        raise SettingsError(f"{target}: {failed.strerror}", do="name a place that can be written") from None


def workbook() -> Workbook:
    """The workbook itself."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for kind in KINDS:
        sheet = book.create_sheet(kind.name)
        sheet.freeze_panes = "A2"
        for at, column in enumerate(kind.columns, start=1):
            _column(sheet, at, column, is_key=column.name == kind.key[0])
    notes = book.create_sheet("notes")
    notes.column_dimensions["A"].width = 110
    for note in _NOTES:
        notes.append([note])
    lists = book.create_sheet("lists")
    for at, (name, names) in enumerate(_LISTS):
        for row, (value, zh) in enumerate([(name, "中文"), *names.items()], start=1):
            lists.cell(row, 2 * at + 1, value)
            lists.cell(row, 2 * at + 2, zh)
    return book


def _column(sheet: Any, at: int, column: Column, *, is_key: bool) -> None:
    letter = get_column_letter(at)
    mark = f"{REMARK} " if is_key else ""
    sheet.cell(1, at, column.name)
    sheet.cell(1, at).font, sheet.cell(1, at).fill = _HEADER
    sheet.cell(2, at, f"{mark}{column.zh}：{column.zh_note}{'（必填）' if column.required else ''}")
    sheet.cell(3, at, f"{mark}{column.en_note}{' (required)' if column.required else ''}")
    sheet.cell(4, at, f"{mark}{column.example}")
    for row in (2, 3, 4):
        sheet.cell(row, at).font = _REMARK
        sheet.cell(row, at).number_format = TEXT_FORMAT
    dimension = sheet.column_dimensions[letter]
    dimension.width = 22
    dimension.number_format = DAY_FORMAT if column.parse is day else TEXT_FORMAT
    names = _YES_NO if column.parse is flag else column.choices
    if names is not None:
        _offer(sheet, letter, dict(names))


def _offer(sheet: Any, letter: str, names: dict[str, str]) -> None:
    """A list to choose from below the remarks; what is typed instead is not refused here but at the import."""
    place = next(at for at, (_, listed) in enumerate(_LISTS) if listed == names)
    source = get_column_letter(2 * place + 1)
    choose = DataValidation(
        type="list", formula1=f"lists!${source}$2:${source}${len(names) + 1}", allow_blank=True, showErrorMessage=False
    )
    choose.add(f"{letter}5:{letter}{LAST_ROW}")
    sheet.add_data_validation(choose)

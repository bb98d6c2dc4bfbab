"""From a file's text to rows: which kind it is, which column is which, and what is said of a bad line."""

from __future__ import annotations

from datetime import date

import pytest

from foundation.errors import SettingsError
from registry.column import KindName
from registry.columns import KIND, KINDS
from registry.results import Report, Result
from registry.rows import Parsed, parse
from registry.sheets import Grid, read_csv
from registry.tables import tables


def rows(text: str, file: str = "x.csv", kind: KindName | None = None) -> list[Parsed | Result]:
    (table,) = tables([read_csv(text.encode(), file)], kind)
    return list(parse(table))


def first(text: str, file: str = "x.csv", kind: KindName | None = None) -> Parsed:
    row = rows(text, file, kind)[0]
    assert isinstance(row, Parsed), row
    return row


def refusal(text: str, file: str = "x.csv", kind: KindName | None = None) -> Result:
    (result,) = [row for row in rows(text, file, kind) if isinstance(row, Result)]
    return result


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("code,name,level,parent\n150500,通辽市,city,\n", "regions"),
        ("code,village,address\nh1,150521101201,1组\n", "homes"),
        ("户编号,村编码,地址,供暖面积（㎡）\nh1,150521101201,1组,80\n", "homes"),
        ("uid,type\nkz01-co,co_detector\n", "devices"),
        ("设备编号,设备类型,网关编号\nkz01-co,一氧化碳燃气探测器,kz01-gw\n", "devices"),
        ("region,name,phone\n150521101201,王某某,13800000201\n", "contacts"),
        ("区域编码,姓名,职务,手机号\n150521101201,王某某,值班,13800000201\n", "contacts"),
    ],
)
def test_the_header_says_the_kind(text: str, kind: str) -> None:
    assert first(text).kind.name == kind


@pytest.mark.parametrize("file", ["gateways.csv", "网关.csv", "Gateway.csv"])
def test_gateways_are_told_by_the_files_name(file: str) -> None:
    row = first("uid,model\nkz01-gw,G1\n", file)
    assert (row.kind.name, row.given["type"]) == ("gateways", "gateway")


def test_a_header_of_uids_alone_is_not_guessed_at() -> None:
    with pytest.raises(SettingsError, match="neither its name nor its header says what it holds"):
        rows("uid,model\nkz01-gw,G1\n")
    assert first("uid,model\nkz01-gw,G1\n", kind="gateways").kind.name == "gateways"


def test_a_missing_column_is_named_in_both_languages() -> None:
    with pytest.raises(SettingsError, match=r"no header for homes .* column village \(村编码\) is missing"):
        rows("code,address\nh1,1组\n", "homes.csv")


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="column village stands there twice"):
        rows("code,village,村编码\nh1,1,2\n", "homes.csv")


def test_a_title_above_the_header_does_not_matter() -> None:
    row = first("科左中旗住户登记表,,\n,,\n户编号,村编码,地址\nh1,v1,1组\n")
    assert row.place.line == 4


def test_columns_that_are_not_read_are_said_with_what_was_meant() -> None:
    (table,) = tables([read_csv("code,village,addres,备注\nh1,v1,1组,x\n".encode(), "homes.csv")], None)
    assert table.notes == ["homes.csv: not read: column 'addres' (did you mean 'address'?), '备注'"]


def test_a_value_for_each_column_and_what_an_empty_cell_means() -> None:
    text = "uid,type,home,gateway,interval_s,state,installed_on,owner\nkz01-co,co_detector,,,,,,\n"
    assert first(text).given == {
        "uid": "kz01-co", "type": "co_detector", "home": None, "gateway": None, "interval_s": None, "owner": "",
    }  # fmt: skip


def test_values_of_a_full_row() -> None:
    header = "uid,type,interval_s,state,installed_on"
    assert first(f"{header}\nkz01-co,co_detector,300,停用,2025年9月1日\n").given == {
        "uid": "kz01-co", "type": "co_detector", "interval_s": 300, "state": "stored",
        "installed_on": date(2025, 9, 1),
    }  # fmt: skip


def test_a_bad_line_says_where_which_column_why_and_what_was_expected() -> None:
    result = refusal("code,village,area_m2\nh1,v1,big\nh2,v1,80\n", "homes.csv")
    assert str(result) == (
        "homes.csv, line 2: homes h1 refused: area_m2 'big' is no number; expected a number from 1 to 500000, in m²"
    )


def test_a_bad_line_does_not_stop_the_others() -> None:
    found = rows("code,village,area_m2\nh1,v1,big\nh2,,80\nh3,v1,80\n")
    assert [getattr(row, "outcome", "taken") for row in found] == ["refused", "refused", "taken"]


def test_a_row_with_a_comma_too_many_is_refused() -> None:
    result = refusal("code,village,address\nh1,v1,1组,2号\n")
    assert (result.why, result.expected) == ("has 4 cells", "3, as the header: is a comma in a text?")


def test_a_key_that_stands_twice_is_refused_the_second_time() -> None:
    result = refusal("code,village\nh1,v1\nh2,v1\nh1,v2\n")
    assert (result.place.line, result.column, result.why) == (4, "code", "stands in line 2 already")


def test_remarks_are_not_read() -> None:
    assert len(rows("village,code\n说明,# 户编号\nv1,＃h0\n#1,h1\n")) == 1, "the key's cell makes a remark, no other"


def test_a_phone_number_is_never_shown_in_full() -> None:
    text = "region,name,phone\nv1,王某某,13800000201\nv1,李某某,13800000201\nv1,13800000202,12345\n"
    found = rows(text)
    told = [str(row if isinstance(row, Result) else row.refused("phone", "x", "y")) for row in found]
    assert all("1380000020" not in line for line in told)
    assert "v1 138****0201" in told[0]


def test_a_line_that_cannot_be_told_apart_is_a_refused_row() -> None:
    grid = Grid("homes.csv", "", [(1, ("code", "village")), (2, ("h1", "v1"))], [(3, "a quotation mark is opened")])
    (table,) = tables([grid], None)
    result = list(parse(table))[-1]
    assert isinstance(result, Result)
    assert (result.place.line, result.outcome) == (3, "refused")


def test_a_report_counts_by_kind_and_end() -> None:
    report = Report(results=[row for row in rows("code,village\nh1,v1\nh1,v1\n") if isinstance(row, Result)])
    assert report.counts() == {"homes": {"added": 0, "changed": 0, "unchanged": 0, "refused": 1}}
    assert report.as_json()["refused"][0]["line"] == 3


def test_no_header_name_means_two_columns_of_a_kind() -> None:
    for kind in KINDS:
        names = [name for column in kind.columns for name in (column.name, column.zh, *column.aliases)]
        assert len(names) == len(set(names)), kind.name


def test_columns_are_fields_of_the_rows_that_are_stored() -> None:
    for kind in KINDS:
        fields = set(kind.row.__dataclass_fields__)
        assert set(kind.column) <= fields
        if kind.name != "gateways":
            assert set(kind.column) == fields
    assert set(KIND["gateways"].row.__dataclass_fields__) - set(KIND["gateways"].column) == {
        "type", "gateway", "part_of",
    }  # fmt: skip

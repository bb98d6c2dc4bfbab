"""Who is told, from files: organisations, contacts of three kinds, rosters, substitutes; each refused row says why."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from registry.importing import import_files
from registry.results import Report
from store.connect import connect
from tests.world import VILLAGE, settle

NOW = datetime(2026, 1, 15, tzinfo=UTC)
FILES = {
    "单位": "单位编号,单位名称,单位类型,负责区域\nGAS-01,某某燃气,燃气公司,150500\n"
    "SVC,维保一队,service,150500、150521101201\n",
    "联系人": f"""区域编码,单位编号,户编号,姓名,职务,电话,语言,企业微信账号,邮箱,群机器人
{VILLAGE},,,李某某,网格员,138 0000 0202,,,,
{VILLAGE},,,村群,,,,,,wecom_robot:village-1
{VILLAGE},,,Bat,,,en,bat,bat@example.cn,
,GAS-01,,燃气值班,,0475-8234567,,,,
,,home-000,女儿,,13900000300,中文,,,
""",
    "值班": f"""区域编码,单位编号,值班电话,开始日期,结束日期,值班日,上班时间,下班时间
{VILLAGE},,13800000202,2025-10-15,2026-04-15,工作日,8:00,20:00
{VILLAGE},,bat,2025/10/15,,周六、周日,20点,８：００
,GAS-01,04758234567,2025-10-15,,,,24:00
""",
    "替班": f"区域编码,请假人电话,替班电话,开始日期,结束日期\n{VILLAGE},13800000202,bat,2026-02-15,2026-02-23\n",
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write(tmp_path, name, text) for name, text in reversed(FILES.items())]


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path


def run(url: str, paths: list[Path], **options: Any) -> Report:
    with connect(url, autocommit=True) as connection:
        return import_files(connection, paths, clock=lambda: NOW, **options)


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_everybody_who_is_told_comes_in_whatever_the_order_and_twice_is_once(
    database_url: str, files: list[Path]
) -> None:
    with connect(database_url) as connection:
        settle(connection)
    assert run(database_url, files, dry_run=True).refused == []
    assert rows(database_url, "select count(*) from organisation") == [(0,)]
    report = run(database_url, files)
    assert report.refused == []
    assert Counter(result.outcome for result in report.results) == {"added": 2 + 5 + 3 + 1}
    again = run(database_url, files)
    assert {result.outcome for result in again.results} == {"unchanged"}
    roster = "select to_char(begins, 'HH24:MI'), to_char(ends, 'HH24:MI'), days, last_day is null from duty order by id"
    assert rows(database_url, roster) == [
        ("08:00", "20:00", "workdays", False), ("20:00", "08:00", "sat,sun", True), ("00:00", "00:00", "every", True),
    ]  # fmt: skip
    assert rows(database_url, "select name, language from contact where wecom_id = 'bat'") == [("Bat", "en")]
    assert rows(database_url, "select count(*) from organisation_zone") == [(3,)]


def test_what_is_changed_is_changed_and_nothing_is_added_for_it(
    database_url: str, files: list[Path], tmp_path: Path
) -> None:
    with connect(database_url) as connection:
        settle(connection)
    run(database_url, files)
    later = [
        write(tmp_path, "organisations", "code,name,kind,zones\nSVC,维保二队,service,150500\n"),
        write(tmp_path, "contacts", f"region,name,phone,wecom_id\n{VILLAGE},李某,13800000202,li\n"),
        write(tmp_path, "duties", f"region,contact,first_day,last_day,days,begins,ends\n"
              f"{VILLAGE},bat,2025-10-15,2026-01-31,sat 周日,20:00,06:00\n"),
        write(tmp_path, "substitutes", f"region,contact,substitute,first_day,withdrawn\n"
              f"{VILLAGE},13800000202,bat,2026-02-15,yes\n"),
    ]  # fmt: skip
    changed = {result.kind: (result.outcome, result.fields) for result in run(database_url, later).results}
    assert changed == {
        "organisations": ("changed", ("name", "zones")),
        "contacts": ("changed", ("name", "wecom_id")),
        "duties": ("changed", ("last_day", "ends")),
        "substitutes": ("changed", ("withdrawn",)),
    }
    counts = "select (select count(*) from contact), (select count(*) from duty), (select count(*) from substitution)"
    assert rows(database_url, counts) == [(6, 3, 1)]
    assert rows(database_url, "select count(*) from organisation_zone") == [(2,)], "a zone that it lost is gone"


def test_each_refused_row_says_why(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        settle(connection)
    bad = [
        write(tmp_path, "organisations", "code,name,kind,zones\nO1,x,school,\nO2,x,gas,150599\n"),
        write(tmp_path, "contacts", "region,organisation,home,name,phone,email,endpoint\n"
              f"{VILLAGE},,home-000,a,13800000001,,\n,,,b,13800000001,,\n{VILLAGE},,,c,,,\n,O2,,d,13800000001,,\n"
              f",,nowhere,e,13800000001,,\n{VILLAGE},,,f,,no mail,\n{VILLAGE},,,g,,,robot-1\n"),
        write(tmp_path, "duties", "region,contact,first_day,last_day,days,begins,ends\n"
              f"{VILLAGE},13800000999,2026-01-01,,,,\n{VILLAGE},13800000001,2026-01-02,2026-01-01,,,\n"
              f"{VILLAGE},13800000001,2026-01-01,,marketday,,\n{VILLAGE},13800000001,2026-01-01,,,25:00,\n"
              f"{VILLAGE},1380000000199,2026-01-01,,,,\n"),
        write(tmp_path, "substitutes", "region,contact,substitute,first_day\n"
              f"{VILLAGE},13800000001,13800000001,2026-01-01\n"),
    ]  # fmt: skip
    report = run(database_url, bad)
    assert [(one.kind, one.column, one.why) for one in report.results] == [
        ("organisations", "kind", "'school' is none of them"),
        ("organisations", "zones", "there is no '150599'"),
        ("contacts", "home", "stands beside region"),
        ("contacts", "region", "nobody is named that it belongs to"),
        ("contacts", "phone", "there is no way to reach it"),
        ("contacts", "organisation", "'O2' stands in these files and was refused"),
        ("contacts", "home", "there is no 'nowhere'"),
        ("contacts", "email", "is no mail address"),
        ("contacts", "endpoint", "'robot-1' names no endpoint"),
        ("duties", "contact", f"there is no '{VILLAGE} 138****0999'"),
        ("duties", "last_day", "2026-01-01 lies before 2026-01-02"),
        ("duties", "days", "'marketday' is no day"),
        ("duties", "begins", "25:00 is no time of day"),
        ("duties", "contact", "13 digits are no phone number that we know"),
        ("substitutes", "substitute", "stands in for itself"),
    ]
    assert rows(database_url, "select count(*) from contact") == [(1,)]

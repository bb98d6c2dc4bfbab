"""Out of the registry and in again: the same, without anybody's password hash."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest

from foundation.errors import SettingsError
from registry import exporting
from registry.column import AnyRow
from registry.exporting import export
from registry.importing import import_files
from registry.sheets import read
from registry.step import take_step
from store.connect import connect
from store.registry import add_contact, set_credential
from store.registry_people import (
    DutyRow,
    OrganisationRow,
    SubstituteRow,
    put_duties,
    put_organisations,
    put_substitutes,
)
from store.registry_rows import (
    ContactRow,
    DeviceRow,
    HomeRow,
    RegionRow,
    put_contacts,
    put_devices,
    put_homes,
    register,
)
from store.registry_view import every_device

PEOPLE = {"organisations": 1, "contacts": 5, "duties": 3, "substitutes": 1}
NOW = datetime(2030, 1, 1, tzinfo=UTC)
"""Later than the days that the log has from the database's own clock."""


def fill(url: str) -> None:
    """A county as several hands have left it."""
    with connect(url) as connection:
        register(
            connection,
            regions=[RegionRow("v1", "=甲村", "village", "150521"), RegionRow("150521", "科左中旗", "county")],
            homes=[
                HomeRow("h1", "v1", "-1组1号", "@王某某", area_m2=86.5, vulnerable=True),
                HomeRow("h2", "v1", "'", building_class="school", heat_load_w_m2=70.25, vacant=True),
            ],
            devices=[
                DeviceRow("mec-1-hp", "air_source_heat_pump", home="h2", gateway="kz01-gw", part_of="mec-1"),
                DeviceRow("mec-1", "multi_energy_centre", home="h2", state="installed"),
                DeviceRow(
                    "kz01-co", "co_detector", "+JT", "某某电气", "0042", home="h1", interval_s=77, state="accepted"
                ),
                DeviceRow("kz02-rs", "room_sensor", gateway="kz01-gw", state="retired"),
                DeviceRow("kz01-gw", "gateway", home="h2", owner="镇政府"),
            ],
        )
        add_contact(connection, region="v1", name="王某某", role="村委会值班", phone="13800000201")
        add_contact(connection, region="150521", name="Bat", role="", phone="+97699112233")
        put_organisations(connection, [OrganisationRow("GAS-01", "=燃气公司", "gas", "150521 v1")])
        put_contacts(
            connection,
            [
                ContactRow("v1", "李某某", "", None, "en", wecom_id="li", email="li@example.cn"),
                ContactRow(None, "值班室", "", "04758234567", organisation="GAS-01", endpoint="wecom_robot:gas"),
                ContactRow(None, "女儿", "", "13800000300", home="h1"),
            ],
        )
        winter = date(2025, 10, 15), date(2026, 4, 15)
        put_duties(
            connection,
            [
                DutyRow("v1", None, "13800000201", *winter, days="workdays", begins="20:00", ends="08:00"),
                DutyRow("v1", None, "li", *winter, days="sat,sun", withdrawn=True),
                DutyRow(None, "GAS-01", "04758234567", date(2025, 10, 1)),
            ],
        )
        put_substitutes(connection, [SubstituteRow("v1", None, "13800000201", "li", *winter)])
        set_credential(connection, "kz01-co", "$7$101$salt$a-hash-that-stays-here")
        connection.execute(
            "insert into drill (name, scenario, homes, started_by, started_at, ends_at)"
            " values ('x', 'x', 1, 'x', now(), now() + interval '1 hour')"
        )
        put_devices(connection, [DeviceRow("drill-1-1-co-detector", "co_detector", home="h1")])
        connection.execute("update device set drill_id = 1 where left(uid, 6) = 'drill-'")
        connection.commit()
        take_step(connection, "mec-1", "accepted", by="张工")
        take_step(connection, "mec-1", "in_service", by="张工")


def content(target: Path) -> dict[str, list[tuple[object, ...]]]:
    files = sorted(target.glob("*.csv")) if target.is_dir() else [target]
    return {grid.sheet or grid.file: [cells for _, cells in grid.lines] for file in files for grid in read(file)}


@pytest.mark.parametrize("name", ["registry.xlsx", "registry"])
def test_export_import_export_is_the_same(make_database: Callable[[], str], tmp_path: Path, name: str) -> None:
    first, second = tmp_path / f"first-{name}", tmp_path / f"second-{name}"
    full, empty = make_database(), make_database()
    fill(full)
    with connect(full, autocommit=True) as connection:
        counts = export(connection, first)
    assert counts == {"regions": 2, "homes": 2, "gateways": 1, "devices": 4, **PEOPLE}, "a drill's twin is none"
    with connect(empty, autocommit=True) as connection:
        report = import_files(connection, [first], passwords=tmp_path / "p.csv", clock=lambda: NOW)
        assert report.refused == []
        assert export(connection, second) == counts
    assert content(first) == content(second)
    if first.is_dir():
        assert [file.read_bytes() for file in sorted(first.iterdir())] == [
            file.read_bytes() for file in sorted(second.iterdir())
        ]
    with connect(full, autocommit=True) as connection:
        again = import_files(connection, [first], clock=lambda: NOW)
        assert {result.outcome for result in again.results} == {"unchanged"}


def test_what_begins_like_a_formula_is_quoted_and_no_hash_is_there(database_url: str, tmp_path: Path) -> None:
    fill(database_url)
    with connect(database_url, autocommit=True) as connection:
        export(connection, tmp_path / "csv")
        export(connection, tmp_path / "r.xlsx")
    text = "".join(file.read_text(encoding="utf-8-sig") for file in (tmp_path / "csv").iterdir())
    with zipfile.ZipFile(tmp_path / "r.xlsx") as archive:
        book = "".join(archive.read(part).decode() for part in archive.namelist())
    for written in (text, book):
        for quoted in ("'=甲村", "'-1组1号", "'@王某某", "''", "'+JT", "'+97699112233"):
            assert quoted in written
        assert "$7$" not in written
    assert "<f>" not in book


def test_files_are_for_their_owner_and_overwrite_nothing(database_url: str, tmp_path: Path) -> None:
    with connect(database_url, autocommit=True) as connection:
        for target in (tmp_path / "csv", tmp_path / "r.xlsx"):
            export(connection, target)
            with pytest.raises(SettingsError, match="is there already"):
                export(connection, target)
        with pytest.raises(SettingsError, match=r"is neither a folder nor \.xlsx"):
            export(connection, tmp_path / "r.ods")
    files = [tmp_path / "r.xlsx", *(tmp_path / "csv").iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["csv", "r.xlsx"], "nothing half-written is left"


def test_everything_is_as_it_was_at_one_moment(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url)

    def meanwhile(connection: psycopg.Connection) -> Iterator[AnyRow]:
        with connect(database_url) as other:
            put_homes(other, [HomeRow("h3", "v1")])
            put_devices(other, [DeviceRow("kz03-co", "co_detector", home="h3")])
        return every_device(connection, gateways=False)

    monkeypatch.setitem(exporting._EVERY, "devices", meanwhile)
    with connect(database_url, autocommit=True) as connection:
        counts = export(connection, tmp_path / "csv")
    assert (counts["homes"], counts["devices"]) == (2, 4), "no device whose home is not there"


def test_an_empty_registry_comes_back_empty(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert set(export(connection, tmp_path / "r.xlsx").values()) == {0}
        assert import_files(connection, [tmp_path / "r.xlsx"]).results == []

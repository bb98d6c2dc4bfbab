"""Files into the real registry: every row with its end, twice the same, and the same end after a crash."""

from __future__ import annotations

import base64
import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

import cli
from catalogue.device_types import DEVICE_TYPE
from foundation.errors import DatabaseUnavailable, SettingsError
from foundation.sealing import unseal
from registry.importing import CHUNK, import_files
from registry.passwords import mosquitto_hash
from registry.results import Report
from store.connect import connect
from store.registry_rows import only_import
from tests.beside import environment

REGIONS = """区域编码,名称,级别,上级编码
150521101201,巴彦塔拉嘎查村,村,150521101
150521101,宝龙山镇,乡镇,150521
150521,科左中旗,县,150500
150500,通辽市,市,
"""
HOMES = """户编号,村编码,地址,户主,空置,重点照护,建筑类别,供暖面积,热负荷指标,责任单位
h1,150521101201,１组１号,王某某,否,是,农村传统住宅,86.5,,科左中旗清洁取暖办公室
h2,150521101201,1组2号,,是,否,school,1200,70,
"""
GATEWAYS = "uid,home,vendor\nbytl-gw,h2,某某电气\n"
DEVICES = """uid,type,model,vendor,serial,home,gateway,part_of,interval_s,state,installed_on,accepted_on
bytl-mec-hp,air_source_heat_pump,,,,h2,,bytl-mec,,,,
bytl-001-co,co_detector,JT-CO1,某某电气,SN1,h1,,,999,in_service,2025-09-20,2025-10-10
bytl-001-rs,room_sensor,,,,h1,bytl-gw,,,planned,,
bytl-mec,multi_energy_centre,,,,h2,,,,,,
bytl-002-cs,clean_coal_stove,,,,h2,,,,,,
"""
CONTACTS = "region,name,role,phone\n150521101201,王某某,村委会值班,138 0000 0201\n150521,李某某,旗值班,0475-8234567\n"
FILES = {"devices": DEVICES, "contacts": CONTACTS, "homes": HOMES, "gateways": GATEWAYS, "regions": REGIONS}
AFTER = datetime(2026, 1, 15, 4, 0, tzinfo=UTC)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def county(tmp_path: Path) -> list[Path]:
    """A file a kind, children before their parents."""
    return [write(tmp_path / f"{kind}.csv", text) for kind, text in FILES.items()]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def run(connection: psycopg.Connection, paths: list[Path], **options: Any) -> Report:
    options.setdefault("passwords", paths[0].parent / "secret" / "passwords.csv")
    if options["passwords"] is not None:
        options["passwords"].parent.mkdir(exist_ok=True)
    return import_files(connection, paths, clock=lambda: AFTER, **options)


def ends(report: Report) -> Counter[str]:
    return Counter(result.outcome for result in report.results)


def one(connection: psycopg.Connection, query: str, *parameters: object) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None


def passwords_in(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["uid"], row["password"]) for row in csv.DictReader(file)]
    assert len(rows) == len(dict(rows)), "one row a device"
    return dict(rows)


def demanded(connection: psycopg.Connection) -> dict[str, str]:
    return dict(connection.execute("select uid, hash from device_credential").fetchall())


def fits(password: str, hashed: str) -> bool:
    return mosquitto_hash(password, base64.b64decode(hashed.split("$")[3])) == hashed


def test_a_county_in_five_files_whatever_their_order(connection: psycopg.Connection, county: list[Path]) -> None:
    report = run(connection, county)
    assert report.refused == []
    assert ends(report) == {"added": 4 + 2 + 1 + 5 + 2}
    assert [result.place.file for result in report.results][:1] == ["devices.csv"], "results stand as the files do"
    home = connection.execute(
        "select address, resident, vacant, vulnerable, building_class, area_m2, heat_load_w_m2 from home order by code"
    ).fetchall()
    assert home == [
        ("1组1号", "王某某", False, True, "rural_traditional", 86.5, None),
        ("1组2号", "", True, False, "school", 1200, 70),
    ]
    ties = connection.execute(
        "select d.uid, g.uid, w.uid, d.state, d.interval_s from device d left join device g on g.id = d.gateway_id"
        " left join device w on w.id = d.part_of_id order by d.uid"
    ).fetchall()
    assert ties == [
        ("bytl-001-co", None, None, "in_service", 999),
        ("bytl-001-rs", "bytl-gw", None, "planned", DEVICE_TYPE["room_sensor"].interval_s),
        ("bytl-002-cs", None, None, "in_service", DEVICE_TYPE["clean_coal_stove"].interval_s),
        ("bytl-gw", None, None, "in_service", DEVICE_TYPE["gateway"].interval_s),
        ("bytl-mec", None, None, "in_service", DEVICE_TYPE["multi_energy_centre"].interval_s),
        ("bytl-mec-hp", None, "bytl-mec", "in_service", DEVICE_TYPE["air_source_heat_pump"].interval_s),
    ]
    assert unseal(one(connection, "select phone from contact where name = '李某某'")) == "04758234567"
    days = connection.execute(
        "select to_state, at at time zone 'Asia/Shanghai' from device_state_log l join device d on d.id = l.device_id"
        " where d.uid = 'bytl-001-co' and to_state <> 'in_service' order by at"
    ).fetchall()
    assert days == [("installed", datetime(2025, 9, 20)), ("accepted", datetime(2025, 10, 10))]  # noqa: DTZ001 - China's


def test_who_logs_in_has_a_password_that_fits_and_nobody_else_has_one(
    connection: psycopg.Connection, county: list[Path], tmp_path: Path
) -> None:
    report = run(connection, county)
    hashes, passwords = demanded(connection), passwords_in(tmp_path / "secret" / "passwords.csv")
    # not behind a gateway, and with a connection at all
    assert hashes.keys() == passwords.keys() == {"bytl-001-co", "bytl-gw", "bytl-mec", "bytl-mec-hp"}
    assert all(fits(passwords[uid], hashed) for uid, hashed in hashes.items())
    assert report.passwords == 4


def test_the_same_files_again_change_nothing(connection: psycopg.Connection, county: list[Path]) -> None:
    run(connection, county)
    before, log = demanded(connection), one(connection, "select count(*) from device_state_log")
    for passwords in ({}, {"passwords": None}):
        report = run(connection, county, **passwords)
        assert ends(report) == {"unchanged": 14}
    assert demanded(connection) == before
    assert one(connection, "select count(*) from device_state_log") == log


def test_a_change_says_which_fields_and_leaves_the_rest(connection: psycopg.Connection, county: list[Path]) -> None:
    run(connection, county)
    before = demanded(connection)
    changes = write(county[0].parent / "x.csv", "uid,type,model,state\nbytl-001-co,co_detector,JT-CO2,stored\n")
    (result,) = run(connection, [changes]).results
    assert (result.outcome, result.fields) == ("changed", ("model", "state"))
    assert demanded(connection) == before, "a credential that is there is never changed"
    row = connection.execute("select model, vendor, interval_s, state from device where uid = 'bytl-001-co'").fetchone()
    assert row == ("JT-CO2", "某某电气", 999, "stored")
    last = connection.execute(
        "select from_state, to_state, by, note from device_state_log order by id desc limit 1"
    ).fetchone()
    assert last == ("in_service", "stored", "import", "x.csv")


def test_a_corrected_day_is_corrected_in_the_log(connection: psycopg.Connection, county: list[Path]) -> None:
    run(connection, county)
    count = one(connection, "select count(*) from device_state_log")
    changes = write(county[0].parent / "x.csv", "uid,type,installed_on\nbytl-001-co,co_detector,2025-09-21\n")
    assert [result.fields for result in run(connection, [changes]).results] == [("installed_on",)]
    assert one(connection, "select count(*) from device_state_log") == count
    assert ends(run(connection, [changes])) == {"unchanged": 1}


def test_a_bad_row_says_why_and_stops_nobody(connection: psycopg.Connection, county: list[Path]) -> None:
    run(connection, county)
    bad = write(
        county[0].parent / "x.csv",
        "uid,type,home,state\nbytl-001-rs,room_sensor,h1,in_service\nbytl-101-co,co_detector,h9,\n"
        "bytl-102-co,co_detectr,h1,\nbytl-103-co,co_detector,h1,\n",
    )
    report = run(connection, [bad])
    assert [(one.outcome, one.column, one.why) for one in report.results] == [
        ("refused", "state", "planned → in_service leaves out installed, accepted"),
        ("refused", "home", "there is no 'h9'"),
        ("refused", "type", "'co_detectr' is none of them"),
        ("added", "", ""),
    ]


def test_a_row_that_only_the_database_refuses_is_found_and_refused_alone(
    connection: psycopg.Connection, county: list[Path]
) -> None:
    run(connection, county)
    connection.execute("alter table home add constraint no_sevens check (code not like '%7')")
    lines = "".join(f"new-{number},150521101201\n" for number in range(100))
    report = run(connection, [write(county[0].parent / "x.csv", f"code,village\n{lines}")])
    assert ends(report) == {"added": 90, "refused": 10}
    assert all("no_sevens" in result.why and result.key.endswith("7") for result in report.refused)
    assert one(connection, "select count(*) from home where left(code, 4) = 'new-'") == 90


def test_a_dry_run_says_the_same_and_writes_nothing(
    connection: psycopg.Connection, county: list[Path], tmp_path: Path
) -> None:
    report = run(connection, county, dry_run=True)
    assert ends(report) == {"added": 14}
    assert one(connection, "select count(*) from device") == one(connection, "select count(*) from region") == 0
    assert not (tmp_path / "secret" / "passwords.csv").exists()


def test_new_devices_without_a_place_for_their_passwords_are_refused_before_anything_is_written(
    connection: psycopg.Connection, county: list[Path]
) -> None:
    with pytest.raises(SettingsError, match="4 new devices log in themselves and need a password"):
        run(connection, county, passwords=None)
    assert one(connection, "select count(*) from region") == 0


def test_a_device_that_comes_out_from_behind_its_gateway_gets_a_password(
    connection: psycopg.Connection, county: list[Path], tmp_path: Path
) -> None:
    run(connection, county)
    out = [write(tmp_path / "x.csv", "uid,type,gateway\nbytl-001-rs,room_sensor,\n")]
    (refused,) = run(connection, out, passwords=None).results
    assert (refused.outcome, refused.column, refused.expected) == ("refused", "gateway", "--passwords FILE")
    (taken,) = run(connection, out).results
    assert taken.fields == ("gateway",)
    password = passwords_in(tmp_path / "secret" / "passwords.csv")["bytl-001-rs"]
    assert fits(password, demanded(connection)["bytl-001-rs"])


def test_a_credential_that_is_there_stays_also_for_a_device_that_comes_out(
    connection: psycopg.Connection, county: list[Path], tmp_path: Path
) -> None:
    run(connection, county)
    connection.execute("insert into device_credential (uid, hash) values ('bytl-001-rs', '$7$101$its$own')")
    out = [write(tmp_path / "x.csv", "uid,type,gateway\nbytl-001-rs,room_sensor,\n")]
    assert ends(run(connection, out)) == {"changed": 1}
    assert demanded(connection)["bytl-001-rs"] == "$7$101$its$own"
    assert "bytl-001-rs" not in passwords_in(tmp_path / "secret" / "passwords.csv")


def test_a_drills_twin_can_neither_be_imported_nor_spoken_of(
    connection: psycopg.Connection, county: list[Path], tmp_path: Path
) -> None:
    run(connection, county)
    bad = write(tmp_path / "x.csv", "uid,type,gateway\ndrill-1-co,co_detector,\nkz01-co,co_detector,drill-1-gw\n")
    assert [(one.column, one.why) for one in run(connection, [bad]).results] == [
        ("uid", "'drill-1-co' is reserved"),
        ("gateway", "'drill-1-gw' is reserved"),
    ]


def test_one_import_at_a_time(connection: psycopg.Connection, county: list[Path], database_url: str) -> None:
    with connect(database_url, autocommit=True) as other:
        with only_import(other) as mine:
            assert mine
            with pytest.raises(SettingsError, match="another import is under way"):
                run(connection, county)
        assert ends(run(connection, county)) == {"added": 14}


def test_a_folder_stands_for_its_files_that_are_called_after_a_kind(
    connection: psycopg.Connection, county: list[Path], tmp_path: Path
) -> None:
    write(tmp_path / "results.csv", "file,sheet,line\n")
    report = import_files(connection, [county[0].parent], passwords=tmp_path / "passwords.csv")
    assert ends(report) == {"added": 14}
    assert report.notes == [f"{tmp_path / 'results.csv'}: not read, it is not called after a kind"]


# -- many rows, and what a crash leaves -----------------------------------------------------------------------------


def many(folder: Path, devices: int) -> list[Path]:
    """The county, and a file of many more devices in its home."""
    lines = "".join(f"kz-{number:05}-co,co_detector,h1\n" for number in range(devices))
    files = [write(folder / f"{kind}.csv", text) for kind, text in FILES.items() if kind != "devices"]
    return [*files, write(folder / "many.csv", f"uid,type,home\n{lines}")]


def test_ten_thousand_devices(connection: psycopg.Connection, tmp_path: Path) -> None:
    files = many(tmp_path, 10_000)
    report = run(connection, files)
    assert ends(report) == {"added": 10_009}
    assert len(demanded(connection)) == 10_001
    assert ends(run(connection, files)) == {"unchanged": 10_009}


def test_ingest_hears_of_each_chunk_once(connection: psycopg.Connection, tmp_path: Path, database_url: str) -> None:
    with connect(database_url, autocommit=True) as listener:
        listener.execute("listen nuanshao_registry")
        run(connection, many(tmp_path, 3 * CHUNK))
        heard = Counter(notice.payload for notice in listener.notifies(timeout=0.2))
    assert heard == {"device": 1 + 3, "device_credential": 1 + 3}, "the gateway's chunk and three more"


class PlugPulledError(Exception):
    pass


def everything(connection: psycopg.Connection) -> list[Any]:
    return connection.execute(
        "select d.uid, d.type, d.state, h.code, g.uid, (select count(*) from device_state_log where device_id = d.id)"
        " from device d left join home h on h.id = d.home_id left join device g on g.id = d.gateway_id order by d.uid"
    ).fetchall()


def assert_complete(connection: psycopg.Connection, passwords: Path, devices: int) -> None:
    hashes, known = demanded(connection), passwords_in(passwords)
    assert hashes.keys() == known.keys()
    assert len(hashes) == devices + 1
    assert all(fits(known[uid], hashed) for uid, hashed in hashes.items())


def test_an_import_that_breaks_off_between_chunks_goes_on_where_it_was(
    connection: psycopg.Connection, tmp_path: Path
) -> None:
    files = many(tmp_path, 3 * CHUNK)

    def pull(done: int, _of: int) -> None:
        if done > 2 * CHUNK:
            raise PlugPulledError

    with pytest.raises(PlugPulledError):
        run(connection, files, progress=pull)
    there = one(connection, "select count(*) from device")
    assert CHUNK <= there < 3 * CHUNK
    report = run(connection, files)
    assert ends(report)["unchanged"] == 4 + 2 + there  # regions, homes; contacts come last
    assert report.refused == []
    assert_complete(connection, tmp_path / "secret" / "passwords.csv", 3 * CHUNK)


def test_a_database_that_goes_away_is_said_in_one_line(database_url: str, tmp_path: Path) -> None:
    files = many(tmp_path, 2 * CHUNK)
    with connect(database_url, autocommit=True) as connection:

        def cut(done: int, _of: int) -> None:
            if done > CHUNK:
                connection.close()

        with pytest.raises(DatabaseUnavailable, match="run the same import again"):
            run(connection, files, progress=cut)


KILLED = """
import os, signal, sys
from pathlib import Path
from registry.importing import import_files
from store import registry_rows
from store.connect import connect

put, calls = registry_rows.put_credentials, []

def killing(connection, rows):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)  # the passwords are on the disk, the registry does not demand them yet
    put(connection, rows)

registry_rows.put_credentials = killing
with connect(sys.argv[1], autocommit=True) as connection:
    import_files(connection, [Path(name) for name in sys.argv[3:]], passwords=Path(sys.argv[2]))
"""


def test_killed_at_the_worst_moment_and_run_again_it_comes_to_the_same_end(
    connection: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    files, passwords = many(tmp_path, 3 * CHUNK), tmp_path / "secret" / "passwords.csv"
    passwords.parent.mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, database_url, str(passwords), *map(str, files)],
        env=environment(), check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert one(connection, "select count(*) from device") == 1 + CHUNK
    assert len(passwords_in(passwords)) == 1 + 2 * CHUNK
    with passwords.open("a", encoding="utf-8") as file:
        file.write("kz-00999-co,torn-off")  # and the plug was pulled while a row was being written
    run(connection, files)
    assert_complete(connection, passwords, 3 * CHUNK)
    assert ends(run(connection, files)) == {"unchanged": 3 * CHUNK + 9}


# -- as a person calls it -------------------------------------------------------------------------------------------


def nuanshao(database_url: str, *arguments: str) -> tuple[int, str, str]:
    os.environ["NUANSHAO_DATABASE_URL"] = database_url
    try:
        result = CliRunner().invoke(cli.app, arguments)
    finally:
        del os.environ["NUANSHAO_DATABASE_URL"]
    return result.exit_code, result.stdout, result.stderr


def test_the_command_its_exit_code_results_and_masked_phones(
    database_url: str, county: list[Path], tmp_path: Path
) -> None:
    contacts = tmp_path / "contacts.csv"
    contacts.write_text(CONTACTS + "150521101209,张某某,值班,13800000209\n", encoding="utf-8")
    results, passwords = tmp_path / "results.csv", tmp_path / "passwords.csv"
    options = ["--passwords", str(passwords), "--results", str(results)]
    code, out, err = nuanshao(database_url, "registry", "import", *map(str, county), *options)
    assert code == 1
    assert "contacts  2 added, 1 refused" in out
    assert "4 passwords were added" in out
    assert (
        "contacts.csv, line 4: contacts 150521101209 138****0209 refused: region there is no '150521101209';"
        " expected one of the regions in the registry or in these files"
    ) in err
    written = results.read_text(encoding="utf-8-sig")
    assert written.count("\n") == 1 + 15
    assert "13800000209" not in out + err + written
    assert all(password not in out + err + written for password in passwords_in(passwords).values())


def test_the_command_as_json_and_without_refusals(database_url: str, county: list[Path], tmp_path: Path) -> None:
    options = ["--passwords", str(tmp_path / "p.csv"), "--json"]
    code, out, _ = nuanshao(database_url, "registry", "import", *map(str, county), *options)
    told = json.loads(out)
    assert code == 0
    assert told["counts"]["devices"] == {"added": 5, "changed": 0, "unchanged": 0, "refused": 0}
    code, out, _ = nuanshao(database_url, "registry", "tree", "--json")
    (city,) = json.loads(out)["regions"]
    assert (code, city["homes"], city["devices"]) == (0, 2, {"planned": 1, "in_service": 5})
    code, out, _ = nuanshao(database_url, "device", "list", "--region", "150521", "--state", "planned", "--json")
    assert [row["uid"] for row in json.loads(out)] == ["bytl-001-rs"]


def test_a_device_is_taken_through_its_life_by_the_command(
    database_url: str, county: list[Path], tmp_path: Path
) -> None:
    nuanshao(database_url, "registry", "import", *map(str, county), "--passwords", str(tmp_path / "p.csv"))
    code, out, _ = nuanshao(
        database_url, "device", "state", "bytl-001-rs", "installed", "--by", "张工", "--note", "换到东屋"
    )
    assert (code, out) == (0, "bytl-001-rs: planned → installed\n")
    shown = json.loads(nuanshao(database_url, "device", "show", "bytl-001-rs", "--json")[1])
    assert [(step["from_state"], step["to_state"], step["by"], step["note"]) for step in shown["life"]] == [
        (None, "planned", "import", "devices.csv"),
        ("planned", "installed", "张工", "换到东屋"),
    ]
    assert (shown["gateway"], shown["may_log_in"]) == ("bytl-gw", False)

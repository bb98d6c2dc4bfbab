from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from catalogue.metrics import METRIC_NAMES
from cli import main
from foundation.errors import DatabaseUnfit
from runtime.services import Services
from store import columns, migrate
from store.migrate import Migration, pending
from store.migrate import migrate as run


@pytest.fixture
def empty_url(services: Services) -> str:
    assert services.postgres is not None
    name = "empty_for_migrate"
    with psycopg.connect(services.postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(f"drop database if exists {name} with (force)".encode())
        admin.execute(f"create database {name}".encode())  # as a person makes it: without the extension
    return services.postgres.url(name)


def test_telemetry_is_a_hypertable_with_a_column_for_each_metric(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        named = connection.execute("select hypertable_name from timescaledb_information.hypertables").fetchall()
        assert ("telemetry",) in named
        found = [
            row[0]
            for row in connection.execute(
                "select column_name from information_schema.columns where table_name = 'telemetry'"
                " order by ordinal_position"
            )
        ]
    assert tuple(found[-len(METRIC_NAMES) :]) == METRIC_NAMES
    assert set(found) == set(columns.TELEMETRY_COLUMNS)


def test_a_second_run_changes_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        again = run(connection)
    assert (again.applied, again.columns) == ([], [])


def test_two_at_once_apply_each_file_once(empty_url: str) -> None:
    def one(_: int) -> list[str]:
        with psycopg.connect(empty_url) as connection:
            return run(connection).applied

    with ThreadPoolExecutor(3) as pool:
        applied = list(pool.map(one, range(3)))
    assert sorted(map(len, applied)) == [0, 0, len(migrate.migrations())]


def test_a_new_metric_is_a_new_row_and_nothing_else(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "METRIC_NAMES", (*METRIC_NAMES, "soot_mg"))
    with psycopg.connect(database_url) as connection:
        assert run(connection).columns == ["telemetry.soot_mg", "device_latest.soot_mg"]
        connection.execute("select soot_mg from telemetry")


def test_a_changed_file_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = migrate.migrations()
    changed = [Migration(first.name, first.text + "-- changed"), *others]
    monkeypatch.setattr(migrate, "migrations", lambda: changed)
    with psycopg.connect(database_url) as connection, pytest.raises(DatabaseUnfit, match="was changed after"):
        run(connection)


def test_a_database_from_the_future_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into migration (name, checksum) values ('9999_future.sql', '')")
        connection.commit()
        with pytest.raises(DatabaseUnfit, match=r"9999_future\.sql"):
            run(connection)


def test_a_migration_that_fails_leaves_nothing_behind(
    make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_database()
    broken = Migration("9000_broken.sql", "create table half_done (); select 1 / 0;")
    known = [*migrate.migrations(), broken]
    monkeypatch.setattr(migrate, "migrations", lambda: known)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.DivisionByZero):
        run(connection)
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('half_done')").fetchone() == (None,)
        assert pending(connection) == ["9000_broken.sql"]


def everything(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    """The schema, as far as `migrate` makes it."""
    return connection.execute(
        "select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns"
        " where table_schema = 'public' order by table_name, column_name"
    ).fetchall()


def test_a_plan_changes_nothing_and_does_the_same_as_migrate(empty_url: str, database_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        plan = migrate.plan(connection)
        assert connection.execute("select count(*) from pg_class where relname = 'telemetry'").fetchone() == (0,)
        assert plan.pending == [migration.name for migration in migrate.migrations()]
        assert f"telemetry.{METRIC_NAMES[0]}" in plan.columns
        connection.execute(plan.sql.encode())
    with psycopg.connect(empty_url) as by_hand, psycopg.connect(database_url) as by_migrate:
        done = run(by_hand)
        assert (done.applied, done.columns) == ([], [])
        assert everything(by_hand) == everything(by_migrate)


def test_a_plan_shows_the_columns_of_a_new_metric(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(database_url) as connection:
        assert migrate.plan(connection).sql.startswith("-- nothing to do")
        monkeypatch.setattr(columns, "METRIC_NAMES", (*METRIC_NAMES, "soot_mg"))
        plan = migrate.plan(connection)
        assert (plan.pending, plan.columns) == ([], ["telemetry.soot_mg", "device_latest.soot_mg"])
        assert 'alter table "telemetry"\n    add column "soot_mg" real;' in plan.sql
        assert run(connection).columns == plan.columns, "what was planned is what is done"


def test_a_plan_refuses_what_migrate_refuses(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into migration (name, checksum) values ('9999_future.sql', '')")
        connection.commit()
        with pytest.raises(DatabaseUnfit, match=r"9999_future\.sql"):
            migrate.plan(connection)


def test_the_command_shows_the_plan(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", database_url)
    monkeypatch.setattr(columns, "METRIC_NAMES", (*METRIC_NAMES, "soot_mg"))
    for options, shown in (([], '    add column "soot_mg" real;'), (["--json"], '"telemetry.soot_mg"')):
        monkeypatch.setattr("sys.argv", ["nuanshao", "migrate", "--plan", *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert shown in capsys.readouterr().out
    with psycopg.connect(database_url) as connection:
        assert columns.named(columns.missing(connection)) == ["telemetry.soot_mg", "device_latest.soot_mg"]

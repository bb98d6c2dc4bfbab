"""Which programs are taken: the host's where they are fit, else the bundle's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foundation.errors import ServiceMissing
from runtime import host
from runtime.bundle import Bundle


def program(path: Path, printed: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{printed}'\n", encoding="ascii")
    path.chmod(0o755)


def postgres(folder: Path, version: str, *, timescaledb: bool = True) -> Path:
    bin_folder = folder / "lib" / "postgresql" / version.partition(".")[0] / "bin"
    for name in ("initdb", "psql", "pg_dump", "pg_restore"):
        program(bin_folder / name, name)
    program(bin_folder / "postgres", f"postgres (PostgreSQL) {version} (Debian {version}-1)")
    program(bin_folder / "pg_config", f"{bin_folder}/../share")
    extension = bin_folder.parent / "share" / "extension"
    extension.mkdir(parents=True)
    if timescaledb:
        (extension / "timescaledb.control").touch()
    return bin_folder


def mosquitto(folder: Path, version: str) -> None:
    program(folder / "mosquitto", f"mosquitto version {version}")
    for name in ("mosquitto_pub", "mosquitto_sub", "mosquitto_passwd"):
        program(folder / name, name)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose installed programs are those below tmp_path, with a bundle of PostgreSQL 17 at hand."""
    bundle = Bundle(tmp_path / "bundle")
    made = postgres(tmp_path / "made", "17.6")
    bundle.postgres_bin.parent.mkdir(parents=True)
    made.rename(bundle.postgres_bin)
    mosquitto(bundle.program("mosquitto_pub").parent, "2.0.21")
    mosquitto(bundle.program("mosquitto").parent, "2.0.21")
    monkeypatch.setattr(host, "ensure_bundle", lambda _: bundle)
    monkeypatch.setattr(host, "_INSTALLED", ((str(tmp_path / "lib" / "postgresql"), "*/bin"),))
    monkeypatch.setattr(host, "_SYSTEM_PATH", "")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{tmp_path / 'nothing'}")
    return tmp_path


def quiet(_: str) -> None:
    return


def test_an_empty_machine_gets_the_bundle(machine: Path) -> None:
    found = host.find_programs(quiet)
    assert found.source == "bundle"
    assert found.versions == {"postgres": "17.6", "mosquitto": "2.0.21"}
    assert found.psql.parent == found.database.postgres.parent


def test_the_newest_postgresql_with_timescaledb_wins(machine: Path) -> None:
    postgres(machine, "15.4")
    fit = postgres(machine, "16.9")
    postgres(machine, "18.1", timescaledb=False)
    found = host.find_database_programs(quiet)
    assert (found.postgres.parent, found.version, found.source) == (fit, "16.9", "host")


def test_a_postgresql_that_is_too_old_is_not_taken(machine: Path) -> None:
    postgres(machine, "14.19")
    assert host.find_database_programs(quiet).source == "bundle"


def test_the_share_folder_is_guessed_where_pg_config_is_missing(machine: Path) -> None:
    folder = postgres(machine, "16.9")
    (folder / "pg_config").unlink()
    assert host.find_database_programs(quiet).source == "host"


@pytest.mark.parametrize(("version", "source"), [("2.0.11", "host"), ("2.1.0", "host"), ("1.6.12", "bundle")])
def test_the_hosts_mosquitto_must_be_2(machine: Path, version: str, source: str) -> None:
    mosquitto(machine / "bin", version)
    found = host.find_programs(quiet)
    assert found.broker.source == source
    assert found.source == ("mixed" if source == "host" else "bundle")


def test_a_mosquitto_without_its_clients_is_not_taken(machine: Path) -> None:
    mosquitto(machine / "bin", "2.0.11")
    (machine / "bin" / "mosquitto_sub").unlink()
    assert host.find_broker_programs(quiet).source == "bundle"


def test_a_bundle_that_does_not_run_here_gives_one_line(machine: Path) -> None:
    for file in (machine / "bundle").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
    with pytest.raises(ServiceMissing, match="noexec") as refused:
        host.find_programs(quiet)
    assert "\n" not in str(refused.value)

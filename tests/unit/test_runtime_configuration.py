"""What the services are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.probe import connect_packet, probe
from foundation.errors import BrokerUnavailable, SettingsError
from runtime import mosquitto, postgres
from runtime.host import version_of
from runtime.process import pause_before
from runtime.spawn import last_line


def settings_of(text: str) -> dict[str, str]:
    rows = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {key: value.strip() for key, _, value in rows}


def test_the_broker_keeps_what_ingest_has_not_taken_yet() -> None:
    told = settings_of(mosquitto.render_configuration(Path("/x"), 1883))
    assert told["listener"] == "1883 127.0.0.1"
    assert told["allow_anonymous"] == "false"
    assert told["persistence"] == "true"
    assert int(told["max_queued_messages"]) >= 1_000_000
    assert int(told["max_packet_size"]) > 1_000_000 + 1000
    assert told["password_file"] == "/x/passwords"


def test_the_shared_settings_name_no_path_and_no_port() -> None:
    told = settings_of(mosquitto.SAFETY_SETTINGS.read_text(encoding="ascii"))
    assert not any("/" in value for value in told.values())
    assert not {"listener", "port", "password_file", "acl_file"} & set(told)


def test_every_access_pattern_is_bound_to_the_user() -> None:
    rows = [line.split() for line in mosquitto.ACCESS_LIST.read_text(encoding="ascii").splitlines()]
    patterns = [row for row in rows if row and row[0] == "pattern"]
    assert {row[1] for row in patterns} == {"read", "write"}
    assert all(row[2].startswith("heat/v1/%u/") for row in patterns)
    assert [row[2] for row in patterns if row[1] == "read"] == ["heat/v1/%u/cmd"]


def test_a_durable_server_syncs_and_a_test_server_does_not() -> None:
    assert "fsync" not in postgres.render_configuration(5432, durable=True)
    assert "fsync = 'off'" in postgres.render_configuration(5432, durable=False)


@pytest.mark.parametrize(("memory_gb", "buffers"), [(0.25, "64MB"), (2, "256MB"), (64, "512MB")])
def test_buffers_follow_the_machine(memory_gb: float, buffers: str) -> None:
    text = postgres.render_configuration(5432, durable=True, memory=int(memory_gb * 2**30))
    assert f"shared_buffers = '{buffers}'" in text


def test_no_server_listens_beyond_loopback() -> None:
    assert "listen_addresses = '127.0.0.1'" in postgres.render_configuration(1, durable=True)


def test_versions() -> None:
    assert version_of("postgres (PostgreSQL) 17.11 (Debian 17.11-0+deb13u1)") == (17, 11)
    assert version_of("mosquitto version 2.0.21") >= (2, 0)
    assert version_of("no number") == ()


def test_restarts_back_off() -> None:
    assert [pause_before(failures) for failures in (1, 2, 3, 4, 20)] == [0.5, 1.0, 2.0, 4.0, 30.0]


def test_the_telling_line_of_a_log() -> None:
    log = 'LOG:  starting\nFATAL:  data directory "/x" has wrong ownership\nHINT:  do this\nLOG:  bye\n'
    assert last_line(log) == 'FATAL:  data directory "/x" has wrong ownership'
    assert last_line("one\ntwo\n\n") == "two"
    assert last_line("") == ""


def test_a_connect_packet_as_the_standard_writes_it() -> None:
    assert connect_packet("c", "u", "p") == b"\x10\x13\x00\x04MQTT\x04\xc2\x00\x0a\x00\x01c\x00\x01u\x00\x01p"


def test_a_probe_never_shows_the_password() -> None:
    with pytest.raises(BrokerUnavailable) as refused:
        probe("mqtt://u:secret-word@127.0.0.1:1")
    assert "secret-word" not in str(refused.value)
    with pytest.raises(SettingsError):
        probe("127.0.0.1:1883")

"""Settings: from the environment, secrets also from files; a wrong one is one clear line; no secret is ever shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from foundation import settings as module
from foundation.errors import SettingsError
from foundation.settings import PREFIX, Settings, required, settings

SECRETS = sorted(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of our variables is set, and none that a test sets stays."""
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)})
    settings.cache_clear()
    yield
    settings.cache_clear()


def set_in_environment(**values: str) -> None:
    os.environ.update({f"{PREFIX}{name.upper()}": value for name, value in values.items()})


def refused() -> str:
    with pytest.raises(SettingsError) as error:
        settings()
    text = str(error.value)
    assert "\n" not in text
    assert error.value.__cause__ is None
    return text


def test_nothing_secret_has_a_default() -> None:
    assert {name for name in SECRETS if getattr(settings(), name).get_secret_value()} == set()
    assert {"database_url", "mqtt_url", "api_token", "aliyun_access_key_secret"} <= set(SECRETS)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_setting_comes_from_its_variable() -> None:
    set_in_environment(api_port="9000", timezone="Asia/Urumqi", mqtt_url="mqtt://ingest:pw@broker:1884")
    assert (settings().api_port, settings().timezone) == (9000, "Asia/Urumqi")
    assert required("mqtt_url") == "mqtt://ingest:pw@broker:1884"
    assert required("worker") == "ingest-0"


def test_empty_means_not_set() -> None:
    set_in_environment(api_port="", worker="")
    assert (settings().api_port, settings().worker) == (8080, "ingest-0")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_its_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  s3cr3t 密\n", encoding="utf-8")
    set_in_environment(**{f"{name}_file": str(file)})
    assert required(name) == "s3cr3t 密"


def test_the_variable_wins_over_the_file_and_an_empty_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file", encoding="utf-8")
    set_in_environment(api_token_file=str(file), api_token="from the variable")
    assert required("api_token") == "from the variable"
    settings.cache_clear()
    set_in_environment(api_token="")
    assert required("api_token") == "from the file"


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("tl-0001-co:hash", encoding="utf-8")
    set_in_environment(mqtt_password_file=str(file), worker_file=str(file))
    assert settings().mqtt_password_file == str(file), "this one is a path itself"
    assert settings().worker == "ingest-0"


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    set_in_environment(database_url_file=str(tmp_path / "gone"))
    text = refused()
    assert text.startswith("NUANSHAO_DATABASE_URL_FILE: ")
    assert "gone" in text
    assert text.endswith("point it at a readable file")


def test_a_file_that_is_no_text_is_one_clear_line_without_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"s3cr3t\xff\xfe")
    set_in_environment(database_url_file=str(file))
    text = refused()
    assert text.startswith("NUANSHAO_DATABASE_URL_FILE: ")
    assert "s3cr3t" not in text


def test_wrong_settings_are_named_in_one_line_without_their_values() -> None:
    set_in_environment(api_port="s3cr3t")
    text = refused()
    assert text.startswith("NUANSHAO_API_PORT: Input should be a valid integer")
    assert "s3cr3t" not in text


@pytest.mark.parametrize("name", [*SECRETS, "aliyun_access_key_id", "mqtt_password_file"])
def test_what_is_required_and_missing_is_named_by_its_variable(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^NUANSHAO_{name.upper()} is not set: "):
        required(name)


def test_no_secret_is_shown() -> None:
    set_in_environment(**dict.fromkeys(SECRETS, "s3cr3t"))
    found = settings()
    assert {required(name) for name in SECRETS} == {"s3cr3t"}
    for shown in (repr(found), str(found), found.model_dump_json(), str(found.model_dump())):
        assert "s3cr3t" not in shown


def test_settings_are_read_once() -> None:
    first = settings()
    set_in_environment(api_port="9000")
    assert settings() is first
    assert module.settings().api_port == 8080

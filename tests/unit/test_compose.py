"""docker-compose.yml and what it needs: settings that exist, secrets without defaults, images that are pinned."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from foundation.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ONE_SHOTS = {"migrate"}
OPEN_TO_THE_NETWORK = {"broker"}
SECRET = re.compile("PASSWORD$|SECRET|TOKEN|PHONE_KEY$")
OPTIONAL_SECRETS = {f"{PREFIX}TENCENT_SECRET_ID", f"{PREFIX}TENCENT_SECRET_KEY"}
"""Of carriers that a deployment may go without: empty is no account, and `alerts` refuses half of one."""
BESIDE_SETTINGS = {f"{PREFIX}LOG_LEVEL"}
"""Read by foundation/logs.py before there are settings."""
NOT_ASKED_BY_REQUIRED = {
    "migrate": {"reader_password", "phone_key", "phone_key_old"},
    "alerts": {"aliyun_access_key_secret", "phone_key", "phone_key_old", "public_url", "link_key"},
    "api": {
        "api_host",
        "api_token",
        "carrier_secret_path",
        "phone_key",
        "phone_key_old",
        "public_url",
        "link_key",
    },
    "canary": {"phone_key", "phone_key_old"},
}
"""What a process in a container needs besides what it asks for with `required(…)`."""


def each_service() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", SERVICES)


def asked_for(command: str) -> set[str]:
    """The settings that a command of cli.py cannot do without, read from its code."""
    tree = ast.parse((ROOT / "cli.py").read_text(encoding="utf-8"))
    function = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == command.replace("-", "_")
    )
    names = set()
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            if call.func.id == "required" and isinstance(call.args[0], ast.Constant):
                names.add(str(call.args[0].value))
            elif call.func.id == "database_url":
                names.add("database_url")
    return names


@pytest.mark.parametrize(
    "file",
    [
        "docker-compose.yml",
        ".env.example",
        "deploy/carriers.env.example",
        "dashboards/provisioning/datasources/nuanshao.yaml",
    ],
)
def test_every_setting_exists(file: str) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | BESIDE_SETTINGS
    # a secret may come from a file
    fields = Settings.model_fields.items()
    known |= {f"{PREFIX}{name.upper()}_FILE" for name, field in fields if field.annotation is SecretStr}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", (ROOT / file).read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("name", OURS)
def test_every_process_gets_what_it_needs(name: str) -> None:
    (command,) = OURS[name]["command"]
    given = {variable.removeprefix(PREFIX).lower() for variable in OURS[name]["environment"]}
    assert asked_for(command) | NOT_ASKED_BY_REQUIRED.get(command, set()) <= given


def test_the_key_of_telephone_numbers_is_with_those_who_need_it_only() -> None:
    with_it = {name for name, service in SERVICES.items() if f"{PREFIX}PHONE_KEY" in service["environment"]}
    assert with_it == {"migrate", "alerts", "api", "canary"}


def test_no_secret_has_a_default() -> None:
    for variable, rest in re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE):
        if variable in OPTIONAL_SECRETS:
            assert rest == ":-", f"{variable} has a default"
        elif SECRET.search(variable):
            assert rest.startswith(":?"), f"{variable} would start empty or with a default"
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if SECRET.search(variable) and variable not in OPTIONAL_SECRETS and not variable.endswith("_FILE"):
                assert ":?" in value, f"{name}: {variable} stands there"


def test_the_example_names_everything_and_gives_away_nothing() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(re.findall(r"\$\{(\w+)", COMPOSE)) == set(example)
    must = set(re.findall(r"\$\{(\w+):\?", COMPOSE)) | OPTIONAL_SECRETS
    assert {name for name, value in example.items() if name in must and value} == set()


def test_the_example_of_further_carriers_gives_away_nothing() -> None:
    lines = (ROOT / "deploy/carriers.env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    secret = {
        f"{PREFIX}{name.upper()}" for name, field in Settings.model_fields.items() if field.annotation is SecretStr
    }
    assert {name for name in secret & set(example) if example[name]} == set()
    for name in ("alerts", "api"):
        assert {"path": "deploy/carriers.env", "required": False} in SERVICES[name]["env_file"]


@each_service()
def test_images_are_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition(":")
    assert re.match(r"\d+\.\d+\.\d+", tag), SERVICES[name]["image"]


def test_the_dockerfile_is_pinned_and_locked() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert all(re.search(r"python:3\.11\.\d+-slim", line) for line in text.splitlines() if line.startswith("FROM"))
    assert "--require-hashes" in text
    assert re.search(r"^USER \d+", text, re.MULTILINE)


def test_the_image_has_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {package.partition(".")[0] for package in project["tool"]["setuptools"]["packages"]}
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    allowed = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert packages == copied
    assert packages <= allowed


@each_service()
def test_services_come_back_and_say_how_they_are(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOTS:
        assert service["restart"] == "no"
        assert "healthcheck" not in service
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


@each_service()
def test_services_are_confined(name: str) -> None:
    service = SERVICES[name]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert "privileged" not in service
    if name != "timescaledb":  # its image starts as root to hand its folder over
        assert service["cap_drop"] == ["ALL"]


@each_service()
def test_only_the_broker_is_open_to_the_network(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert name in OPEN_TO_THE_NETWORK or port.startswith("127.0.0.1:")


@each_service()
def test_mounts_and_dependencies_exist(name: str) -> None:
    service = SERVICES[name]
    named = yaml.safe_load(COMPOSE)["volumes"]
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        assert (ROOT / source).exists() if source.startswith("./") else source in named
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    for other, wanted in service.get("depends_on", {}).items():
        assert wanted["condition"] == ("service_completed_successfully" if other in ONE_SHOTS else "service_healthy")


def test_grafana_finds_the_boards_where_they_are_mounted() -> None:
    provider = yaml.safe_load((ROOT / "dashboards/provisioning/dashboards/nuanshao.yaml").read_text(encoding="utf-8"))
    path = provider["providers"][0]["options"]["path"]
    assert f"./dashboards/json:{path}:ro" in SERVICES["grafana"]["volumes"]
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].startswith(path)


def test_grafana_is_given_what_its_data_source_reads() -> None:
    text = (ROOT / "dashboards/provisioning/datasources/nuanshao.yaml").read_text(encoding="utf-8")
    read = set(re.findall(r": \$(\w+)", text))
    assert read <= set(SERVICES["grafana"]["environment"])

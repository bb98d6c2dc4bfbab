"""A short run of `nuanshao bench ingest`. Judged by what a slow machine does not change: ratios and books."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beside import environment, nuanshao

LEAST_RATIO = 0.25
"""Far below what is measured (docs/benchmarks.md): what goes below it has become slow, whatever the machine does."""
LONGEST_S = 170


@pytest.fixture(scope="module")
def report() -> Iterator[dict[str, Any]]:
    # below /tmp: the services' own account must be able to reach it, and pytest's tmp_path is closed to it
    folder = Path(tempfile.mkdtemp(prefix="nuanshao-bench-"))
    folder.chmod(0o755)
    try:
        done = subprocess.run(
            nuanshao("bench", "ingest", "--short", "--json"),
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_every_published_message_is_stored_exactly_once(report: dict[str, Any]) -> None:
    assert report["published"] == report["stored"] > 0
    assert (report["lost"], report["duplicated"], report["rejected"], report["balanced"]) == (0, 0, 0, True)


def test_durability_costs_no_more_than_its_share(report: dict[str, Any]) -> None:
    assert report["ratio"] >= LEAST_RATIO, report["pairs"]


def test_everybody_is_told_of_carbon_monoxide_under_load(report: dict[str, Any]) -> None:
    assert report["co_told"] == report["co_injected"] > 0
    assert report["co_told_saturated"] == report["co_injected_saturated"] > 0

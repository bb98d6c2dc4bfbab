"""docs/registry.md speaks of every column by all its names, of every state, and of every step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry.column import Kind
from registry.columns import KINDS
from registry.lifecycle import STATES, STEPS

PAGE = (Path(__file__).parents[2] / "docs" / "registry.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_column_and_its_other_names(kind: Kind) -> None:
    section = PAGE.split(f"### {kind.name} {kind.zh}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .*? \| (.*?) \|$", section, re.MULTILINE)
    assert [(name, also) for name, also, _ in rows] == [
        (column.name, ", ".join((column.zh, *column.aliases))) for column in kind.columns
    ]
    assert [empty == "**refused**" for _, _, empty in rows] == [column.required for column in kind.columns]


def test_every_state_and_step() -> None:
    assert re.findall(r"^\| `(\w+)` \| (\S+) \| (?:yes|no) \|", PAGE, re.MULTILINE) == [
        (state.name, state.zh) for state in STATES
    ]
    drawn = re.findall(r"^  (\w+) --> (\w+)", PAGE, re.MULTILINE)
    assert set(drawn) == STEPS

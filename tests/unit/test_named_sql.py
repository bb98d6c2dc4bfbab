"""SQL with a name: what the code asks for is there, what is there is asked for, and each block can be filled."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from psycopg import sql as pg

from store.named_sql import blocks, sql

PROJECT = Path(__file__).parents[2]
ROOMS = ("alerts", "api", "bench", "canary", "chaos", "demo", "foundation", "ingest", "runtime", "store")
FORWARDING = {
    "sql": 0,
    "rows": 1,
    "_load": 1,
    "_copy": 1,
    "_copy_block": 1,
    "_answer": 1,
    "_row": 1,
    "statement": 0,
    "hold": 1,
}
"""Functions that take a block's name, and in which place."""


@lru_cache(maxsize=1)
def trees() -> dict[str, ast.Module]:
    paths = [PROJECT / "cli.py", *(path for room in ROOMS for path in sorted((PROJECT / room).rglob("*.py")))]
    return {str(path.relative_to(PROJECT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def asked() -> Iterator[tuple[str, str]]:
    """(file, name) of each block that is asked for by a literal name."""
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = FORWARDING.get(called)
            if place is None or len(node.args) <= place:
                continue
            argument = node.args[place]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield file, argument.value


def test_every_block_that_is_asked_for_is_there() -> None:
    assert sorted({(file, name) for file, name in asked() if name not in blocks()}) == []
    assert len(set(asked())) > 40, "the scan has lost sight of the calls"


def test_every_block_is_asked_for() -> None:
    assert sorted(blocks().keys() - {name for _, name in asked()}) == []


def test_a_name_that_comes_from_a_variable_goes_through_a_function_known_here() -> None:
    """Otherwise the two tests above would not see it."""
    for file, tree in trees().items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Call)
                    and getattr(node.func, "id", "") == "sql"
                    and not isinstance(node.args[0], ast.Constant)
                ):
                    assert function.name in FORWARDING, f"{file}: {function.name}"


def test_no_name_stands_twice() -> None:
    names = [
        name
        for path in sorted((PROJECT / "store" / "sql").iterdir())
        for name in re.findall(r"^-- name: *(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert set(names) == blocks().keys(), "a line that looks like a name was not read as one"


def test_a_name_that_stands_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sql").mkdir()
    for file in ("a.sql", "b.sql"):
        (tmp_path / "sql" / file).write_text("-- name: same\nselect 1\n", encoding="utf-8")
    monkeypatch.setattr("store.named_sql.files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=r"store/sql/b\.sql: block 'same' stands twice"):
        blocks.__wrapped__()


@pytest.mark.parametrize("name", sorted(blocks()))
def test_a_block_is_sql_with_known_places(name: str) -> None:
    body = blocks()[name]
    code = "\n".join(line for line in body.splitlines() if not line.startswith("--"))
    assert code.strip(), "nothing but comments"
    assert ";" not in code, "one statement a block"
    places = set(re.findall(r"\{(\w*)\}", body))
    assert places <= {"columns", "assignments", "aggregates", "metric"}
    filled = sql(name, **{place: pg.SQL("x") for place in places}).as_string(None)
    assert "{" not in filled
    # psycopg takes places by order or by name, never both, and any other % would be one
    by_order, by_name = len(re.findall(r"%s", body)), len(re.findall(r"%\(\w+\)s", body))
    assert not (by_order and by_name)
    assert body.count("%") == by_order + by_name


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="no_such_block"):
        sql("no_such_block")

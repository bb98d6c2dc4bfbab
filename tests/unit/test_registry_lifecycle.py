"""A device's life: which steps there are, and why others are not."""

from __future__ import annotations

import itertools
import re

import pytest

from registry.lifecycle import STATE, STEPS, Reason, judge_step, next_states
from store.migrate import migrations


@pytest.mark.parametrize(
    ("before", "after", "allowed", "reason", "between"),
    [
        (None, "stored", True, "first", ()),
        ("in_service", "in_service", True, "same", ()),
        ("planned", "installed", True, "step", ()),
        ("in_service", "stored", True, "step", ()),
        ("stored", "in_service", True, "step", ()),
        ("planned", "in_service", False, "skips", ("installed", "accepted")),
        ("planned", "accepted", False, "skips", ("installed",)),
        ("in_service", "planned", False, "no_way", ()),
        ("accepted", "installed", False, "no_way", ()),
        ("retired", "in_service", False, "retired_is_final", ()),
    ],
)
def test_a_step_and_its_named_reason(
    before: str | None, after: str, *, allowed: bool, reason: Reason, between: tuple[str, ...]
) -> None:
    verdict = judge_step(before, after)
    assert (verdict.allowed, verdict.reason, verdict.between) == (allowed, reason, between)


def test_everything_can_be_retired_and_nothing_comes_back() -> None:
    assert all("retired" in next_states(state) for state in STATE if state != "retired")
    assert next_states("retired") == []


def test_the_states_between_are_a_way() -> None:
    for before, after in itertools.permutations(STATE, 2):
        verdict = judge_step(before, after)
        if verdict.reason == "skips":
            way = (before, *verdict.between, after)
            assert all((one, two) in STEPS for one, two in itertools.pairwise(way))


def test_the_database_has_the_same_steps() -> None:
    text = next(one.text for one in migrations() if one.name == "0006_registry_complete.sql")
    listed = text[text.index("insert into device_transition values") :].split(";", 1)[0]
    assert set(re.findall(r"\('(\w+)', '(\w+)'\)", listed)) == STEPS


def test_only_what_is_in_service_is_watched_and_only_what_is_retired_is_not_heard() -> None:
    assert [row.name for row in STATE.values() if row.watched] == ["in_service"]
    assert [row.name for row in STATE.values() if not row.heard] == ["retired"]

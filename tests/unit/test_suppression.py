"""What suppresses an alarm, what becomes of what was held back, how long something may be shelved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alerts.maintenance import LONGEST, Work, check
from alerts.shelving import judge_shelving
from alerts.suppression import TOLD, Facts, Outcome, after_suppression, judge
from catalogue.rules import Rule, SilenceRule, default_pack, parse_pack
from foundation.errors import CatalogueError, SettingsError

PACK = default_pack()
RULES = {rule.id: rule for rule in PACK.rules}
NOW = datetime(2026, 1, 15, 19, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=5), NOW + timedelta(hours=2)
EVERYTHING = Facts(7, "stored", True, LATER, LATER, "rule", SOON)
HOURS = {hours: timedelta(hours=hours) for hours in (1, 2, 12, 13)}

facts = st.builds(
    Facts,
    incident=st.none() | st.just(7),
    state=st.sampled_from(["planned", "installed", "accepted", "in_service", "stored", "retired"]),
    vacant=st.booleans(),
    maintenance_until=st.none() | st.just(LATER),
    shelved_until=st.none() | st.just(LATER),
    shelved_scope=st.sampled_from(["alarm", "rule", "device"]),
    flapping_until=st.none() | st.just(SOON),
    going_on=st.lists(st.sampled_from(sorted(RULES)), max_size=3).map(tuple),
)


@given(st.sampled_from([rule for rule in PACK.rules if rule.life_safety]), facts)
def test_nothing_suppresses_what_endangers_lives(rule: Rule, may: Facts) -> None:
    assert judge(rule, may) == TOLD


@given(st.sampled_from(PACK.rules), facts)
def test_what_is_suppressed_has_a_reason_that_is_there(rule: Rule, may: Facts) -> None:
    verdict = judge(rule, may)
    assert verdict.told == (verdict.reason == "")
    reasons = {
        "": True,
        "incident": may.incident is not None and isinstance(rule, SilenceRule),
        f"device_{may.state}": may.state != "in_service",
        "maintenance": may.maintenance_until is not None,
        f"{may.shelved_scope}_shelved": may.shelved_until is not None,
        "vacant_home": may.vacant and "vacant" in rule.suppressed_by,
        "flapping": may.flapping_until is not None,
    } | {f"covered_by_{other}": other in may.going_on for other in rule.covered_by}
    assert reasons[verdict.reason]


@given(st.sampled_from(PACK.rules))
def test_without_a_cause_everything_is_told(rule: Rule) -> None:
    assert judge(rule, Facts()) == TOLD


def test_the_causes_one_after_the_other() -> None:
    rule, causes, seen = RULES["co_detector_silent"], EVERYTHING, []
    for ends in ("incident", "state", "maintenance_until", "shelved_until", "vacant", "flapping_until"):
        verdict = judge(rule, causes)
        seen.append((verdict.suppression, verdict.reason, verdict.until))
        causes = replace(causes, **{ends: getattr(Facts(), ends)})
    assert seen == [
        ("inhibited", "incident", None),
        ("out_of_service", "device_stored", None),
        ("out_of_service", "maintenance", LATER),
        ("shelved", "rule_shelved", LATER),
        ("by_design", "vacant_home", None),
        ("by_design", "flapping", SOON),
    ]
    assert judge(rule, causes) == TOLD


def test_a_blackout_explains_silence_and_nothing_else() -> None:
    assert judge(RULES["boiler_flow_95"], Facts(incident=7)) == TOLD


@pytest.mark.parametrize("rule", ["co_50", "co_30", "ch4_5"])
def test_gas_below_the_level_of_danger_is_only_ever_shelved(rule: str) -> None:
    assert judge(RULES[rule], replace(EVERYTHING, shelved_until=None)) == TOLD
    assert judge(RULES[rule], EVERYTHING).reason == "rule_shelved"


def test_a_device_takes_nothing_critical_along() -> None:
    whole = Facts(shelved_until=LATER, shelved_scope="device")
    assert judge(RULES["frost_reported"], whole) == TOLD
    assert judge(RULES["lockout_reported"], whole).reason == "device_shelved"
    assert judge(RULES["frost_reported"], replace(whole, shelved_scope="rule")).reason == "rule_shelved"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [("co_detector_silent", "vacant_home"), ("offline", "vacant_home"), ("lockout_reported", "vacant_home"),
     ("room_freezing", ""), ("frost_reported", ""), ("boiler_flow_102", "")],
)  # fmt: skip
def test_what_a_vacant_home_may_keep_to_itself(rule: str, reason: str) -> None:
    assert judge(RULES[rule], Facts(vacant=True)).reason == reason


def test_a_pack_cannot_let_something_suppress_what_endangers_lives() -> None:
    rule = RULES["co_300"].model_dump(mode="json", exclude_none=True) | {"suppressed_by": ["shelving"]}
    with pytest.raises(CatalogueError, match=r"co_300: .*nothing suppresses a life_safety rule"):
        parse_pack(f"pack: p\nversion: 1\nrules: [{rule}]".replace("True", "true").replace("False", "false"), "p.yaml")


def after(**more: Any) -> Outcome:
    usual: dict[str, Any] = {
        "kind": "raised", "condition": "active", "closed": False, "acknowledged": False, "priority": "high",
        "raised_again": False,
    }  # fmt: skip
    return after_suppression(**usual | more)


def test_what_becomes_of_what_was_held_back() -> None:
    assert after() == after(condition="recovering") == "told"
    assert after(condition="normal") == "over_before_it_was_told"
    assert after(condition="normal", closed=True) == "closed_before_it_was_told"
    assert after(acknowledged=True) == "acknowledged_before_it_was_told"
    assert after(acknowledged=True, priority="critical") == "told", "the others have not heard of it"
    assert after(kind="cleared", condition="normal", closed=True) == "told"
    assert after(kind="cleared", condition="active") == "raised_again"
    assert after(kind="cleared", condition="normal", closed=True, raised_again=True) == "raised_again"


def test_every_outcome_is_a_named_one() -> None:
    seen = {
        after(kind=kind, condition=condition, closed=closed, acknowledged=acknowledged, raised_again=again)
        for kind, condition, closed, acknowledged, again in product(
            ("raised", "cleared"), ("active", "recovering", "normal"), *([(False, True)] * 3)
        )
    }
    assert seen == set(get_args(Outcome))


@pytest.mark.parametrize(
    ("rule", "lasts", "refusal"),
    [
        ("co_300", HOURS[1], "life_safety"), ("gas_detector_alarm", HOURS[1], "life_safety"),
        ("frost_reported", HOURS[1], ""), ("frost_reported", HOURS[2], "too_long"),
        ("co_50", HOURS[12], ""), ("offline", HOURS[13], "too_long"), ("offline", timedelta(0), "too_short"),
        (None, HOURS[12], ""), (None, HOURS[13], "too_long"),
    ],
)  # fmt: skip
def test_how_long_something_may_be_shelved(rule: str | None, lasts: timedelta, refusal: str) -> None:
    assert judge_shelving(RULES[rule] if rule else None, lasts) == refusal


def test_a_rule_may_keep_itself_off_the_shelf() -> None:
    never = RULES["offline"].model_copy(update={"suppressed_by": ()})
    assert judge_shelving(never, HOURS[1]) == "not_suppressible"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"by": " "}, "by whom"), ({"why": ""}, "why"), ({"home": "h"}, "exactly one"),
        ({"region": None}, "exactly one"),
        ({"region": None, "home": "h", "model": "m"}, "region"), ({"device_type": "kettle"}, "unknown device type"),
        ({"ends_at": NOW}, "later end"), ({"begins_at": LATER, "ends_at": SOON}, "later end"),
        ({"ends_at": NOW + LONGEST + timedelta(seconds=1)}, "31 days"),
    ],
)  # fmt: skip
def test_work_that_cannot_be_announced(wrong: dict[str, Any], says: str) -> None:
    work = Work(by="供电所", why="检修", begins_at=NOW, ends_at=LATER, region="150500")
    check(work, NOW)
    with pytest.raises(SettingsError, match=says):
        check(replace(work, **wrong), NOW)


def test_what_is_told_by_a_worse_alarm_is_not_told_again() -> None:
    worse = Facts(going_on=("co_detector_silent", "co_100"))
    assert judge(RULES["co_30"], worse).reason == "covered_by_co_100"
    assert judge(RULES["co_300"], worse) == TOLD, "what endangers lives is always told"
    assert judge(RULES["co_30"], Facts(going_on=("offline",))) == TOLD


def test_a_pack_cannot_cover_what_endangers_lives_nor_by_what_is_not_there() -> None:
    for rule, cover, said in (
        ("co_300", "co_100", "nothing keeps a life_safety rule from being told"),
        ("co_30", "co_10", r"p.yaml:3, rule co_30, covered_by: there is no rule 'co_10'"),
    ):
        row = RULES[rule].model_dump(mode="json", exclude_none=True) | {"covered_by": [cover]}
        row.pop("suppressed_by")
        with pytest.raises(CatalogueError, match=said):
            parse_pack(yaml.safe_dump({"pack": "p", "version": 1, "rules": [row]}, sort_keys=True), "p.yaml")

"""Rule packs: a wrong rule is named by file, rule and field; the default pack is fit to guard lives."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalogue.device_types import DEVICE_TYPES
from catalogue.event_types import EVENT_TYPE
from catalogue.metrics import METRIC
from catalogue.rules import (
    EventRule,
    ExposureRule,
    LevelRule,
    Rule,
    SilenceRule,
    ThresholdRule,
    default_pack,
    parse_pack,
    read_pack,
    shipped_pack,
    shipped_packs,
)
from foundation.errors import CatalogueError

PACK = default_pack()
LEVELS = [rule for rule in PACK.rules if isinstance(rule, LevelRule)]
RULE = {rule.id: rule for rule in PACK.rules}


def co(**more: object) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": "co_test", "kind": "threshold", "metric": "co_ppm", "raise_at": 100, "clear_at": 15,
        "priority": "critical", "latching": True, "tell": True, "tell_late": False,
        "en": "carbon monoxide", "zh": "一氧化碳", "do": "开窗", "source": "a test",
    }  # fmt: skip
    rule |= more
    return {name: value for name, value in rule.items() if value is not None}


def pack(*rules: object) -> str:
    return yaml.safe_dump({"pack": "test", "version": 3, "rules": list(rules)}, allow_unicode=True)


def event(**more: object) -> dict[str, Any]:
    return co(**{"kind": "event", "event": "co_alarm", "metric": None, "raise_at": None, "clear_at": None, **more})


def test_a_pack_names_itself_on_its_alarms() -> None:
    assert parse_pack(pack(co(), event(id="bit")), "mine.yaml").label == "test@3"
    assert PACK.label == "default@5"


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        (co(metric="co"), "mine.yaml:?, rule co_test: Value error, unknown metric 'co'"),
        (co(raise_at="much"), "mine.yaml:?, rule co_test, raise_at: "),
        (co(raise_at=float("nan")), "mine.yaml:?, rule co_test, raise_at: "),
        (co(raise_at=float("inf")), "mine.yaml:?, rule co_test, raise_at: "),
        (co(on_delay_s=-1), "mine.yaml:?, rule co_test, on_delay_s: "),
        (co(off_delay_s=float("nan")), "mine.yaml:?, rule co_test, off_delay_s: "),
        (co(raise_at=None), "mine.yaml:?, rule co_test, raise_at: Field required"),
        (co(clear_at=101), "mine.yaml:?, rule co_test: Value error, clear_at must lie on the safe side"),
        (co(direction="below", clear_at=99), "mine.yaml:?, rule co_test: Value error, clear_at must lie on the safe"),
        (
            co(on_delay_s=60, confirm_s=30),
            "mine.yaml:?, rule co_test: Value error, on_delay_s and confirm_s exclude each other",
        ),
        (co(confirm_at=90), "mine.yaml:?, rule co_test: Value error, confirm_at is for confirm_s above a level"),
        (co(confirm_s=30, confirm_at=14), "mine.yaml:?, rule co_test: Value error, confirm_at must lie between"),
        (co(priority="urgent"), "mine.yaml:?, rule co_test, priority: "),
        (co(source=""), "mine.yaml:?, rule co_test, source: "),
        (co(source=None), "mine.yaml:?, rule co_test, source: "),
        (co(zh="热" * 36), "mine.yaml:?, rule co_test, zh: "),
        (co(do="热" * 36), "mine.yaml:?, rule co_test, do: "),
        (co(id="CO!"), "mine.yaml:?, rule CO!, id: "),
        (co(colour="red"), "mine.yaml:?, rule co_test, colour: "),
        (co(types=["stove"]), "mine.yaml:?, rule co_test: Value error, unknown device type stove"),
        (co(except_types=["stove"]), "mine.yaml:?, rule co_test: Value error, unknown device type stove"),
        (event(event="smoke"), "mine.yaml:?, rule co_test: Value error, unknown event 'smoke'"),
        (co(kind="guess"), "mine.yaml:?, rule co_test: "),
        (co(kind=None), "mine.yaml:?, rule co_test: "),
        (co(id=None, priority="urgent"), "mine.yaml:?, rule 2, id: "),
        ("just text", "mine.yaml:?, rule 2: "),
    ],
)
def test_a_wrong_rule_is_named_by_file_rule_and_field(rule: object, named: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        parse_pack(pack(event(id="fine"), rule), "mine.yaml")
    assert str(refused.value).startswith(named.replace("?", str(line_of(rule, named))))
    assert "\n" not in str(refused.value)


def line_of(rule: object, named: str) -> int:
    """Where the field stands, or else the rule, in a pack with another one before it."""
    lines = pack(event(id="fine"), rule).splitlines()
    (second,) = [place for place, line in enumerate(lines) if line.startswith("- ")][1:]
    field = re.search(r"rule [^,:]+, (\w+): ", named)
    name = field.group(1) if field is not None else ""
    for place in range(second, len(lines)) if field is not None else ():
        if lines[place].removeprefix("- ").strip().startswith(f"{name}:"):
            return place + 1
        if place > second and not lines[place].startswith("  "):
            break
    return second + 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rules: [", "mine.yaml: while parsing"),
        ("", "mine.yaml:1: "),
        ("- 1", "mine.yaml:1: "),
        ("{pack: mine, version: one, rules: []}", "mine.yaml:1, version: "),
        ("pack: mine\nversion: 1\nrules: {}", "mine.yaml:3, rules: "),
        ("pack: mine\nversion: 1\nrules: []\ncolour: red", "mine.yaml:4, colour: "),
        (pack(co(), co()), "mine.yaml:1: Value error, rule co_test stands twice"),
    ],
)
def test_a_wrong_pack_is_named_by_its_file(text: str, named: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        parse_pack(text, "mine.yaml")
    assert str(refused.value).startswith(named)


@pytest.mark.parametrize(
    ("direction", "value", "beyond", "back"),
    [
        ("above", 99.9, False, False), ("above", 100, True, False), ("above", 15, False, False),
        ("above", 14.9, False, True),
        ("below", 5, False, False), ("below", 4.9, True, False), ("below", 7.9, False, False),
        ("below", 8, False, True),
    ],
)  # fmt: skip
def test_raising_and_clearing_meet_their_levels_exactly(
    direction: str, value: float, *, beyond: bool, back: bool
) -> None:
    levels = {"raise_at": 100, "clear_at": 15} if direction == "above" else {"raise_at": 5, "clear_at": 8}
    rule = ThresholdRule.model_validate(co(direction=direction, **levels))
    assert (rule.beyond(value), rule.back(value)) == (beyond, back)


@given(value=st.floats(allow_nan=False), rule=st.sampled_from(LEVELS))
def test_no_value_raises_and_clears_the_same_rule(value: float, rule: LevelRule) -> None:
    assert not (rule.beyond(value) and rule.back(value))


def test_a_rule_concerns_its_types() -> None:
    only = ThresholdRule.model_validate(co(types=["gas_wall_boiler"]))
    all_but = ThresholdRule.model_validate(co(except_types=["gas_wall_boiler"]))
    everyone = ThresholdRule.model_validate(co())
    concerned = {
        kind.name: (only.concerns(kind.name), all_but.concerns(kind.name), everyone.concerns(kind.name))
        for kind in DEVICE_TYPES
    }
    assert concerned.pop("gas_wall_boiler") == (True, False, True)
    assert set(concerned.values()) == {(False, True, True)}


@pytest.mark.parametrize("rule", PACK.rules, ids=lambda rule: rule.id)
def test_every_default_rule_can_be_traced_and_told(rule: Rule) -> None:
    assert rule.source.strip()
    assert 0 < len(rule.zh) <= 35
    assert 0 < len(rule.do) <= 35
    assert any(rule.concerns(kind.name) for kind in DEVICE_TYPES), "it looks at nothing"


@pytest.mark.parametrize("rule", LEVELS, ids=lambda rule: rule.id)
def test_a_dangerous_value_is_never_nulled(rule: LevelRule) -> None:
    metric = METRIC[rule.metric]
    assert metric.low < rule.raise_at < metric.high or metric.kind == "state"
    assert metric.low < rule.clear_at < metric.high or metric.kind == "state"
    worst = metric.high if rule.direction == "above" else metric.low
    assert rule.beyond(worst)
    assert metric.kind == "state" or abs(worst - rule.raise_at) >= 0.4 * abs(rule.raise_at), (
        "hardly anything beyond the level would be kept"
    )


@pytest.mark.parametrize("rule", LEVELS, ids=lambda rule: rule.id)
def test_a_default_rule_watches_a_metric_that_its_devices_send(rule: LevelRule) -> None:
    concerned = [kind for kind in DEVICE_TYPES if rule.concerns(kind.name)]
    assert [kind.name for kind in concerned if rule.metric in kind.all_metrics]
    if rule.types:
        assert all(rule.metric in kind.all_metrics for kind in concerned)


def test_the_deadband_of_a_default_rule_is_no_line() -> None:
    assert [rule.id for rule in LEVELS if rule.clear_at == rule.raise_at] == []


def test_carbon_monoxide_is_told_as_the_safety_page_says() -> None:
    numbers = {
        rule.id: (
            rule.raise_at,
            rule.on_delay_s,
            getattr(rule, "confirm_s", 0),
            rule.clear_at,
            rule.off_delay_s,
            rule.priority,
        )
        for rule in LEVELS
        if rule.metric == "co_ppm" and isinstance(rule, ThresholdRule | ExposureRule)
    }
    assert numbers == {
        "co_300": (300, 0, 30, 15, 900, "critical"),
        "co_100": (100, 600, 0, 15, 900, "critical"),
        "co_50": (50, 3600, 0, 15, 900, "high"),
        "co_30": (30, 7200, 0, 15, 900, "medium"),
    }
    safety = [rule for rule in LEVELS if rule.metric in {"co_ppm", "ch4_lel"}]
    assert all(rule.latching and rule.tell for rule in safety)


@pytest.mark.parametrize("kind", [kind.name for kind in DEVICE_TYPES])
def test_every_device_that_falls_silent_has_exactly_one_rule_for_it(kind: str) -> None:
    assert len([rule for rule in PACK.rules if isinstance(rule, SilenceRule) and rule.concerns(kind)]) == 1


def test_what_is_told_late_stays_until_somebody_has_seen_it() -> None:
    late = [rule for rule in PACK.rules if rule.tell_late]
    assert {"co_300", "co_detector_alarm", "gas_detector_alarm"} <= {rule.id for rule in late}
    assert all(rule.latching and rule.tell for rule in late)


def test_the_detectors_own_bits_raise_at_once() -> None:
    bits = {rule.event: rule.priority for rule in PACK.rules if isinstance(rule, EventRule)}
    assert bits["co_alarm"] == bits["gas_alarm"] == bits["fire_alarm"] == "critical"
    assert bits.keys() <= EVENT_TYPE.keys()


# -- packs in files, built upon others --------------------------------------------------------------------------------


def test_every_shipped_pack_can_be_read_and_differs_in_carbon_monoxide_alone() -> None:
    assert shipped_packs() == ("default", "gb_15322", "ul_2034")
    for name in ("gb_15322", "ul_2034"):
        other = shipped_pack(name)
        assert other.label == f"{name}@1"
        differs = {rule.id for rule in other.rules if rule not in PACK.rules}
        assert differs
        assert all(rule.startswith("co_") for rule in differs)
        assert {rule.id for rule in PACK.rules} - {rule.id for rule in other.rules} <= {
            "co_300",
            "co_100",
            "co_50",
            "co_30",
        }
        assert any(rule.life_safety for rule in other.rules if rule.id in differs)


def test_an_alarm_can_say_in_which_line_its_rule_stands() -> None:
    lines = Path(__file__).parents[2].joinpath("catalogue/packs/default.yaml").read_text(encoding="utf-8").splitlines()
    for rule in PACK.rules:
        file, line = rule.stands_at.split(":")
        assert (file, lines[int(line) - 1]) == ("default.yaml", f"- id: {rule.id}")


def test_a_pack_of_ones_own_extends_another_one(tmp_path: Path) -> None:
    village = tmp_path / "village.yaml"
    village.write_text(
        yaml.safe_dump(
            {"pack": "village", "version": 2, "extends": "default", "without": ["tamper_reported"],
             "rules": [co(id="co_100", kind="exposure", raise_at=90, mean_at=88, on_delay_s=600), co(id="co_10")]},
            allow_unicode=True,
        ), encoding="utf-8",
    )  # fmt: skip
    mine = read_pack(village)
    assert mine.label == "village@2"
    assert [rule.id for rule in mine.rules] == [r.id for r in PACK.rules if r.id != "tamper_reported"] + ["co_10"]
    replaced = mine.by_id["co_100"]
    assert isinstance(replaced, ExposureRule)
    assert (replaced.raise_at, replaced.stands_at.split(":")[0]) == (90, "village.yaml")
    above = tmp_path / "home.yaml"
    above.write_text("pack: home\nversion: 1\nextends: village.yaml\nrules: []\n", encoding="utf-8")
    assert read_pack(above).by_id["co_100"] == replaced


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("pack: a\nversion: 1\nextends: nothing\nrules: []", "there is no rule pack 'nothing'"),
        ("pack: a\nversion: 1\nextends: a.yaml\nrules: []", "a.yaml: a.yaml extends itself in the end"),
        ("pack: a\nversion: 1\nextends: b.yaml\nrules: []", "cannot read"),
        ("pack: a\nversion: 1\nextends: default\nwithout:\n- offline\n- ofline\nrules: []",
         "a.yaml:6, without: default@5 has no rule 'ofline'"),
        ("pack: a\nversion: 1\nwithout: [offline]\nrules: []", "a.yaml:3, without: nothing is extended"),
        ("pack: a\nversion: 1\nrules:\n- id: here\n  stands_at: elsewhere", "a.yaml:5, stands_at: this is found out"),
    ],
)  # fmt: skip
def test_a_pack_that_cannot_be_built_says_why(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError) as refused:
        read_pack(file)
    assert str(refused.value).startswith(named)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (co(kind="exposure", on_delay_s=60, mean_at=101), "mean_at must lie between"),
        (co(kind="exposure", on_delay_s=60), "mean_at: Field required"),
        (co(kind="exposure", mean_at=99, on_delay_s=0), "on_delay_s: "),
        (co(kind="rate", by=0, within_s=60), "by: "),
        (co(minus="co_ppm"), "co_ppm stands twice in it"),
        (co(given={"relay": {}}), "give at_least, at_most or both"),
        (co(given={"rely": {"at_most": 0}}), "unknown metric 'rely'"),
        (co(season={"begins": "10-15", "ends": "13-01"}), "season.ends: "),
        (co(hours={"since": 24, "until": 6}), "hours.since: "),
        (co(building_classes=["castle"]), "unknown building class castle"),
        (co(latching=False, tell_late=True), "tell_late is for latching rules"),
        (co(life_safety=True, regions=["150500"]), "life_safety is for every home at every hour"),
        (co(life_safety=True, nameplate=True), "life_safety looks at one metric alone"),
        (event(kind="count", at_least=1, within_s=60), "at_least: "),
        (co(kind="fault", metric=None, raise_at=None, clear_at=None, faults=["sad"]), "unknown fault sad"),
    ],
)
def test_each_kind_refuses_what_it_cannot_be(rule: object, wrong: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        parse_pack(pack(rule), "mine.yaml")
    assert wrong in str(refused.value)


def test_seasons_and_hours_run_over_their_ends() -> None:
    winter = ThresholdRule.model_validate(
        co(season={"begins": "10-15", "ends": "04-15"}, hours={"since": 22, "until": 6})
    )
    for day, hour, looked_at in (
        (date(2026, 1, 1), 23, True), (date(2026, 4, 15), 5, True), (date(2026, 4, 16), 5, False),
        (date(2026, 10, 15), 22, True), (date(2026, 10, 14), 22, False), (date(2026, 1, 1), 6, False),
        (date(2026, 1, 1), 12, False),
    ):  # fmt: skip
        assert winter.looks_at(day, hour) is looked_at, (day, hour)


def test_a_rule_covers_models_buildings_and_all_below_a_region() -> None:
    rule = ThresholdRule.model_validate(
        co(models=["KFR-*"], building_classes=["rural_traditional"], regions=["150502"])
    )
    here = ("150502001", "150502", "150500")
    assert rule.covers("kfr-72", "rural_traditional", here)
    assert not rule.covers("KF-72", "rural_traditional", here)
    assert not rule.covers("KFR-72", "school", here)
    assert not rule.covers("KFR-72", "rural_traditional", ("150503001", "150503", "150500"))

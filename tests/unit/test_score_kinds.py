"""What is scored, held against the rule pack, the faults and the catalogue."""

from __future__ import annotations

import pytest

from catalogue.device_types import DEVICE_TYPE
from catalogue.event_types import EVENT_TYPE
from catalogue.metrics import METRIC
from catalogue.rules import QUARTER_S, EventRule, ExposureRule, SilenceRule, StuckRule, ThresholdRule, default_pack
from device_sim.faults.fault_rows import FAULT, KINDS
from device_sim.score.danger import Criterion
from device_sim.score.kinds import KIND, Kind, home_kind, parse_kinds
from foundation.errors import CatalogueError

RULE = {rule.id: rule for rule in default_pack().rules}
NOT_SCORED = {
    "tamper_reported", "fire_detector_alarm", "room_heats_up",  # nothing that can be injected opens a device or burns
    "boiler_flow_inverted", "boiler_pressure_high",  # nor is there a wrong pipe or a forgotten valve
    "voltage_low", "voltage_high", "detector_battery_low", "co_detector_expired", "co_detector_self_test",
    "fault_life", "fault_damage", "fault_comfort",  # a code says what a bit or a value of some kind says too
    "room_cold",  # how warm a home is kept is its contract's affair
    "boiler_pressure_low",  # is told to nobody
}  # fmt: skip


def test_there_is_a_row_for_each_kind_that_a_fault_names_and_no_other() -> None:
    assert set(KIND) == set(KINDS)


def test_every_rule_of_the_pack_is_scored_somewhere_and_none_is_made_up() -> None:
    named = {rule for kind in KIND.values() for rule in kind.rules}
    assert named == set(RULE) - NOT_SCORED
    assert {rule for kind in KIND.values() for rule in kind.explains} <= set(RULE)


@pytest.mark.parametrize("kind", [kind for kind in KIND.values() if kind.rules], ids=lambda kind: kind.name)
def test_danger_is_what_some_rule_of_the_kind_can_notice_in_time(kind: Kind) -> None:
    rules = [RULE[rule] for rule in kind.rules]
    for criterion in kind.danger:
        if criterion.bit is not None:
            assert criterion.bit in EVENT_TYPE
            assert any(isinstance(rule, EventRule) and rule.event == criterion.bit for rule in rules), criterion
            continue
        assert criterion.metric in METRIC
        if criterion.metric in EVENT_TYPE:
            continue  # the state behind a bit: whoever shows it has sent the bit as well
        assert set(criterion.types) <= set(DEVICE_TYPE)
        assert any(isinstance(rule, ThresholdRule | ExposureRule) and notices(rule, criterion) for rule in rules), (
            criterion
        )


def notices(rule: ThresholdRule | ExposureRule, criterion: Criterion) -> bool:
    """Whether whatever fulfils the criterion fulfils the rule as well."""
    assert criterion.at is not None
    level = rule.raise_at <= criterion.at if rule.direction == "above" else rule.raise_at >= criterion.at
    same = (rule.metric, rule.direction) == (criterion.metric, criterion.direction)
    types = not rule.types or (criterion.types and set(criterion.types) <= set(rule.types))
    return bool(same and level and rule.on_delay_s <= criterion.hold_s and types)


@pytest.mark.parametrize("kind", [kind for kind in KIND.values() if kind.rules], ids=lambda kind: kind.name)
def test_every_bit_that_a_rule_of_the_kind_looks_at_is_danger(kind: Kind) -> None:
    bits = {rule.event for name in kind.rules if isinstance(rule := RULE[name], EventRule)}
    assert bits == {criterion.bit for criterion in kind.danger if criterion.bit is not None}


@pytest.mark.parametrize("kind", KIND.values(), ids=lambda kind: kind.name)
def test_a_silence_must_last_longer_than_its_rule_waits(kind: Kind) -> None:
    silences = [rule for name in kind.rules if isinstance(rule := RULE[name], SilenceRule)]
    stuck = [rule for name in kind.rules if isinstance(rule := RULE[name], StuckRule)]
    assert bool(silences or stuck or kind.incidents) == (kind.from_injection is not None)
    for slow in stuck:  # a quarter of an hour may have begun before it
        assert kind.from_injection is not None
        assert kind.from_injection.at_least_s >= slow.over_s + 2 * QUARTER_S
    for rule in silences:
        assert kind.from_injection is not None
        for interval_s in (10, 60, 300, 3600):
            assert kind.from_injection.needed_s(interval_s) > max(rule.intervals * interval_s, rule.at_least_s)


@pytest.mark.parametrize("kind", [kind for kind in KIND.values() if kind.answered], ids=lambda kind: kind.name)
def test_a_kind_that_is_to_be_told_has_something_that_tells(kind: Kind) -> None:
    tells = bool(kind.incidents) or any(RULE[rule].tell for rule in kind.rules)
    assert tells or not kind.told
    if not kind.told:
        assert not all(RULE[rule].tell for rule in kind.rules), "then it could be asked to be told"


def test_faults_without_a_rule_are_faults_of_their_kind() -> None:
    for kind in KIND.values():
        for fault in kind.no_rule_for:
            assert FAULT[fault].kind == kind.name
            assert kind.rules


def test_kinds_that_no_rule_answers_are_known() -> None:
    assert [name for name, kind in KIND.items() if not kind.answered] == ["coal"]


def test_a_shared_rule_is_at_home_in_one_kind() -> None:
    assert home_kind("co_detector_silent") == "detector"
    assert home_kind("lockout_reported") == "lockout"
    assert home_kind("village_silent") == "blackout"
    assert home_kind("tamper_reported") is None


def test_which_devices_can_show_it() -> None:
    def shown(kind: str) -> set[str]:
        return {name for name in DEVICE_TYPE if KIND[kind].criteria_for(name)}

    assert shown("co") == shown("gas") - {"gas_boiler_plant", "multi_energy_centre"} == {"co_detector"}
    assert {"room_sensor", "storage_electric_heater", "gas_wall_boiler"} <= shown("freeze")
    assert "co_detector" not in shown("lockout")
    assert shown("lockout") == {name for name, row in DEVICE_TYPE.items() if row.heats}
    flow = [c for c in KIND["overheat"].criteria_for("air_source_heat_pump") if c.metric is not None]
    assert flow == [], "a heat pump's 95 °C is no wall boiler's"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{rules: [co_300]}", "one of both"),
        ("{danger: [{metric: co_ppm, at: 3}]}", "one of both"),
        ("{rules: [co_300], danger: [{metric: co_ppm}]}", "a criterion is a metric"),
        ("{rules: [co_300], explains: [co_300], danger: [{bit: co_alarm}]}", "stands in rules and in explains"),
        ("{rules: [offline], from_injection: {at_least_s: -1}}", "from_injection.at_least_s"),
    ],
)
def test_a_row_that_cannot_be_is_named(row: str, says: str) -> None:
    text = "- {name: co, en: x, zh: x, " + row[1:]
    with pytest.raises(CatalogueError, match=r"kinds\.yaml, row 1") as refused:
        parse_kinds(text)
    assert says in str(refused.value)

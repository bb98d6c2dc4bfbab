"""A scenario's file becomes data; each mistake in it is one line with file, line and what was expected."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_sim.faults.fault_rows import FAULT
from device_sim.scenario.entries import PAST_THE_END_S
from device_sim.scenario.parse import parse_scenario
from device_sim.scenario.scenario import Choice, Named
from foundation.errors import ScenarioError

HEAD = "name: night\nen: a night\nzh: 一夜\nlasts: 01:00\n"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as wrong:
        parse_scenario(text, "night.yaml")
    return wrong.value.what.splitlines()


def mistake_in(entry: str) -> str:
    """The one mistake of an entry, without file and line, which are checked."""
    found = mistakes(f"{HEAD}timeline:\n  - {{at: 00:05, {entry}}}\n")
    assert len(found) == 1, found
    place, _, text = found[0].partition(": ")
    assert place == "night.yaml:6"
    assert "; expected " in text
    return text


def test_a_whole_file() -> None:
    scenario = parse_scenario(
        """\
name: night
en: a night
zh: 一夜
lasts: 10:05
starts: 2026-01-15 22:00
weather: {offset_k: -5, seed: 4}
fleet: {technologies: [gas_wall_boiler, loose_coal], villages: 2, interval_s: 10, detectors: all, gateways: yes}
clocks: drifting
timeline:
  - {at: 10:04, fault: blocked_flue, home: 150521101201-004, strength: 0.5}
  - id: dark
    at: 5m
    fault: power_cut
    for: 1h
    villages: {count: 2}
    back_within: 10s
  - {at: 90s, fault: co_leak, homes: {same_as: dark, share: 0.5, occupied: true, with: co_detector}, unseen: true}
  - {at: 00:00, fault: hourly_batches, devices: {all: true, types: [room_sensor], not_in: dark}, backlog: backfill}
  - {at: 00:00, fault: cold_wave}
expect:
  co: {recall: 1.0, messages_per_event: 3}
  messages: 9
""",
        "night.yaml",
    )
    assert (scenario.name, scenario.zh, scenario.lasts_s) == ("night", "一夜", 10 * 3600 + 5 * 60)
    assert scenario.starts is not None
    assert scenario.starts.isoformat() == "2026-01-15T22:00:00+08:00"
    assert (scenario.weather.offset_k, scenario.weather.seed) == (-5.0, 4)
    fleet = scenario.fleet
    assert fleet.technologies == ("gas_wall_boiler", "loose_coal")
    assert (fleet.villages, fleet.interval_s, fleet.detectors, fleet.gateways) == (2, 10, "all", True)
    assert scenario.drifting_clocks
    flue, cut, leak, batches, wave = scenario.timeline
    assert [entry.number for entry in scenario.timeline] == [0, 1, 2, 3, 4]
    assert [entry.line for entry in scenario.timeline] == [10, 11, 17, 18, 19]
    # YAML 1.1 would read 10:04 as 604 and 00:05 as 5
    assert (flue.at_s, flue.ends_s, flue.strength) == (36_240, scenario.lasts_s + PAST_THE_END_S, 0.5)
    assert flue.where == Named("home", "150521101201-004", 10)
    assert (cut.at_s, cut.ends_s, cut.id, cut.back_within_s) == (300, 3900, "dark", 10)
    assert cut.where == Choice("villages", 15, count=2)
    assert leak.where == Choice("homes", 17, share=0.5, same_as="dark", occupied=True, having=("co_detector",))
    assert (leak.strength, leak.unseen) == (FAULT["co_leak"].default, True)
    assert batches.where == Choice("homes", 18, everything=True, types=("room_sensor",), not_in=("dark",))
    assert batches.backfill
    assert wave.where is None
    assert (scenario.expected.kinds["co"].recall, scenario.expected.kinds["co"].messages_per_event) == (1.0, 3.0)
    assert scenario.expected.messages == 9


def test_a_scenario_may_be_quiet() -> None:
    scenario = parse_scenario(HEAD, "night.yaml")
    assert scenario.timeline == ()
    assert scenario.starts is None
    assert not scenario.drifting_clocks


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("fault: blocked_flu, home: x", "unknown fault 'blocked_flu'; expected blocked_flue"),
        ("fault: overheat, home: x, strength: 500", "strength is '500'; expected a number from 90 to 130 (°C that"),
        ("fault: overheat, home: x, strength: hot", "strength is 'hot'; expected a number from 90 to 130"),
        ("fault: overheat, home: x, strength: nan", "strength is 'nan'; expected a number from 90 to 130"),
        ("fault: co_leak, home: x, for: 2h", "it runs until 02:05; expected at most 01:00, when the scenario ends"),
        ("fault: co_leak, home: x, for: 00:55:01", "it runs until 01:00:01; expected at most 01:00, when the scenario"),
        ("fault: co_leak, home: x, for: 0s", "for is 0; expected more"),
        ("fault: co_leak, home: x, for: soon", "for is 'soon', which is no time; expected hh:mm"),
        ("fault: co_leak", "co_leak is placed nowhere; expected one of home, homes"),
        ("fault: co_leak, home: x, homes: {count: 1}", "co_leak is placed by home and homes; expected one of"),
        ("fault: co_leak, village: 1", "co_leak hits a home; expected home or homes instead of 'village'"),
        ("fault: power_cut, homes: {count: 1}", "power_cut hits a village; expected village or villages"),
        ("fault: cold_wave, home: x", "cold_wave is weather and hits everybody; expected no 'home'"),
        ("fault: co_leak, homes: {}", "homes has no amount; expected one of count: 2, share: 0.1 or all: true"),
        ("fault: co_leak, homes: {count: 1, share: 1}", "homes has count and share; expected one of"),
        ("fault: co_leak, homes: {count: 0}", "count is '0'; expected a whole number from 1 to 1000000"),
        ("fault: co_leak, homes: {share: 2}", "share is '2'; expected a number from 1e-06 to 1"),
        ("fault: co_leak, homes: {all: false}", "all is false; expected true, or count or share instead"),
        ("fault: co_leak, homes: 3", "homes is '3'; expected fields: count, share, all"),
        ("fault: co_leak, homes: {count: 1, size: 3}", "homes has no field 'size'; expected"),
        ("fault: co_leak, homes: {count: 1, occupied: maybe}", "occupied is 'maybe'; expected true or false"),
        ("fault: co_leak, homes: {count: 1, with: dog}", "unknown device type 'dog'; expected"),
        ("fault: co_leak, homes: {count: 1, types: [room_sensor]}", "homes has no field 'types'; expected"),
        (
            "fault: co_leak, homes: {same_as: leak-a}",
            "no entry above has the id 'leak-a'; expected an entry with an id",
        ),
        ("fault: co_leak, homes: {count: 1, not_in: leak-a}", "no entry above has the id 'leak-a'; expected"),
        (
            "fault: blocked_flue, homes: {count: 1, heating: heating_film}",
            "blocked_flue cannot happen with heating_film; expected gas_wall_boiler, pellet_stove",
        ),
        (
            "fault: detector_dead, devices: {count: 1, types: room_sensor}",
            "unknown device type that can have it 'room_sensor'; expected one of co_detector",
        ),
        (
            "fault: co_leak, home: x, wrong: 1",
            "an entry of the timeline has no field 'wrong'; expected a name such as at, fault",
        ),
        (
            "fault: co_leak, home: x, fault: co_leak",
            "'fault' stands twice in an entry of the timeline; expected it once",
        ),
        ("fault: co_leak, home: x, id: a b", "id is 'a b'; expected at most 32 letters"),
        ("fault: co_leak, home: x, backlog: backfill", "co_leak keeps nothing for later; expected backlog with"),
        ("fault: co_leak, home: x, back_within: 9s", "co_leak takes no network away; expected back_within with"),
        ("fault: link_down, device: x, back_within: 2h", "back_within is out of range; expected at most 01:00"),
        ("fault: link_down, device: x, backlog: post", "unknown backlog 'post'; expected one of telemetry, backfill"),
        ("fault: co_leak, home: ", "home is nothing; expected text"),
        ("fault: [co_leak], home: x", "fault is a list; expected text"),
    ],
)
def test_a_mistake_in_an_entry(entry: str, text: str) -> None:
    assert mistake_in(entry).startswith(text) or text in mistake_in(entry)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("starts: tomorrow", "night.yaml:5: starts is 'tomorrow', which is no time; expected local time as 2026-01-15"),
        ("weather: {wind: 3}", "night.yaml:5: weather has no field 'wind'; expected one of offset_k, seed"),
        ("fleet: {technologies: [coal]}", "night.yaml:5: unknown technology 'coal'; expected"),
        ("fleet: {technologies: []}", "night.yaml:5: technologies is an empty list; expected technology"),
        ("fleet: {interval_s: 0.5}", "night.yaml:5: interval_s is '0.5'; expected a whole number from 1 to 86400"),
        ("fleet:\n  detectors: some", "night.yaml:6: unknown detectors 'some'; expected one of usual, all, none"),
        ("clocks: broken", "night.yaml:5: unknown clocks 'broken'; expected one of exact, drifting"),
        ("expect: {fun: {recall: 1}}", "night.yaml:5: expect has no field 'fun'; expected"),
        ("expect: {co: {recall: 2}}", "night.yaml:5: recall is '2'; expected a number from 0 to 1"),
        ("timeline: {at: 1}", "night.yaml:5: timeline is fields; expected a list, each line beginning with '- '"),
        ("timeline: [1]", "night.yaml:5: an entry of the timeline is '1'; expected fields: at, fault"),
        ("lasts: 02:00", "night.yaml:5: 'lasts' stands twice in the scenario; expected it once"),
    ],
)
def test_a_mistake_beside_the_timeline(lines: str, text: str) -> None:
    found = mistakes(HEAD + lines + "\n")
    assert len(found) == 1
    assert found[0].startswith(text)


def test_all_mistakes_come_together_and_in_order() -> None:
    found = mistakes(
        """\
name: Night!
en: a night
lasts: 00:30
when: now
timeline:
  - {at: 00:45, fault: co_leak, homes: {count: 1}}
  - {at: 7, fault: co_leek, home: x}
  - {id: a, at: 00:01, fault: power_cut, village: 1}
  - {id: a, at: 00:01, fault: power_cut, village: 2}
  - {fault: power_cut, villages: {same_as: b}}
"""
    )
    assert [line.split(":")[1] for line in found] == ["1", "1", "4", "6", "7", "7", "9", "10", "10"]
    assert "name is 'Night!'" in found[0]
    assert "the scenario has no 'zh'; expected one" in found[1]
    assert "the scenario has no field 'when'" in found[2]
    assert "it begins at 00:45; expected before 00:30, when the scenario ends" in found[3]
    assert "unknown fault 'co_leek'; expected co_leak" in found[4]
    assert "at is '7', which is no time" in found[5]
    assert "the id 'a' stands above already" in found[6]
    assert "has no 'at'; expected one" in found[7]
    assert "no entry above has the id 'b'; expected one of a" in found[8]


def test_villages_cannot_be_the_same_as_homes() -> None:
    entries = """\
  - {id: a, at: 1s, fault: co_leak, homes: {count: 1}}
  - {at: 1s, fault: power_cut, villages: {same_as: a}}
"""
    assert mistakes(f"{HEAD}timeline:\n{entries}") == [
        "night.yaml:7: the entry 'a' hits no villages; expected one that does"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: [a", 1), ("name: a\n\tx: 1", 2), ("", 1), ("- a", 1), ("a: 1\n--- \nb: 2", 2), ("x: \x00", 1),
        ("a: *b", 1), ("[" * 3000, 1), ("just text", 1),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_one_line(text: str, line: int) -> None:
    found = mistakes(text)
    assert len(found) == 1
    assert found[0].startswith(f"night.yaml:{line}: ")
    assert "; expected " in found[0]


@given(st.text(max_size=300))
@example("? [a]\n: b")
@example('"two\\nlines": "and\\nmore"')
@example("a: &x [*x]")
@example("timeline: [{homes: {count: {}}, fault: co_leak, at: []}]")
def test_no_text_gets_past_as_something_else(text: str) -> None:
    assert all(line.startswith("night.yaml:") for line in mistakes(text))

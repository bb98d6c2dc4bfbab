"""The shipped scenarios can be played on a small county, do what they promise, and stand in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device_sim.faults.fault_rows import FAULT, KINDS
from device_sim.fleet.fleet import Fleet
from device_sim.fleet.plan import TECHNOLOGIES, plan
from device_sim.scenario import entries, page, parse
from device_sim.scenario.entries import PAST_THE_END_S
from device_sim.scenario.scenario import Choice, FleetWish
from device_sim.scenario.shelf import Staged, list_scenarios, load_scenario, shipped_names, stage
from foundation.errors import NotFound, ScenarioError

NAMES = shipped_names()


def fleet_of(wish: FleetWish, homes: int = 300) -> Fleet:
    return plan(
        42,
        homes,
        villages=max(homes // 100, wish.villages or 1),
        technologies=wish.technologies or TECHNOLOGIES,
        detectors=wish.detectors,
        interval_s=wish.interval_s,
        gateways=wish.gateways,
    )


def staged(name: str, seed: int = 42) -> Staged:
    return stage(name, fleet_of, seed)


def test_what_the_issue_asks_for_is_there() -> None:
    asked = {
        "winter-day", "cold-wave", "blackout", "co-night", "gas-shortage", "hourly-batches", "clock-chaos",
        "flapping-modems", "coal-again", "summer-storage", "demo",
    }  # fmt: skip
    assert asked <= set(NAMES)
    assert [each.name for each in list_scenarios()] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 42])
def test_each_can_be_played_on_300_homes(name: str, seed: int) -> None:
    story = staged(name, seed)
    assert story.injections == staged(name, seed).injections
    assert {each.number for each in story.injections} == {entry.number for entry in story.scenario.timeline}
    assert all(each.ends_s <= story.scenario.lasts_s + PAST_THE_END_S for each in story.injections)
    assert all(len(text) > 20 for text in (story.scenario.en, story.scenario.zh))
    assert re.search("[一-鿿]", story.scenario.zh)
    assert not re.search("[一-鿿]", story.scenario.en)


@pytest.mark.parametrize("name", NAMES)
def test_no_home_is_in_two_entries_but_on_purpose(name: str) -> None:
    story = staged(name)
    taken: set[int] = set()
    for entry in story.scenario.timeline:
        if isinstance(entry.where, Choice) and not entry.where.everything and entry.where.same_as is None:
            homes = [home for each in story.injections if each.number == entry.number for home in each.homes]
            assert len(homes) == len(set(homes))
            assert not taken & set(homes)
            taken |= set(homes)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_expected_is_about_something_that_happens(name: str) -> None:
    scenario = load_scenario(name)
    happens = {FAULT[entry.fault].kind for entry in scenario.timeline if not entry.unseen}
    assert scenario.expected.kinds.keys() <= happens
    if scenario.expected.messages == 0:
        assert happens == {None}


def test_both_ends_of_the_blackout_fall_together() -> None:
    injections = staged("blackout").injections
    cut, outage = (next(each for each in injections if each.fault == name) for name in ("power_cut", "cell_outage"))
    assert cut.ends_s == outage.ends_s
    assert not set(cut.homes) & set(outage.homes)
    dark = [each for each in injections if each.fault == "home_dark"]
    assert len(dark) == 3
    assert all(set(each.homes) < set(cut.homes) and each.at_s == cut.ends_s for each in dark)


def test_the_page_has_the_tables_of_now() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.with_tables(text) == text, "run `python -m device_sim.scenario.page` and commit what changed"
    for name in FAULT:
        assert f"| `{name}` |" in text
    for name in NAMES:
        assert f"| `{name}` |" in text
    with pytest.raises(ValueError, match="expected one '<!-- faults -->'"):
        page.with_tables(text.replace("<!-- faults -->", ""))


def test_the_page_names_every_field() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    fields = {
        *parse.FIELDS, *parse.FLEET_FIELDS, *parse.WEATHER_FIELDS, *parse.FLOOR_FIELDS, *entries.ENTRY_FIELDS,
        *entries.HOMES_FIELDS, *entries.VILLAGES_FIELDS, *entries.KEEPS_BACKLOG, "types",
    } - {"all"}  # fmt: skip
    assert [name for name in sorted(fields) if f"`{name}`" not in text] == []
    assert "`all: true`" in text
    assert all(f"`{kind}`" in text for kind in KINDS)


def test_the_page_s_example_can_be_played_and_its_mistakes_are_said_as_shown(tmp_path: Path) -> None:
    example, said = re.findall(r"```(?:yaml)?\n(.*?)```", page.PAGE.read_text(encoding="utf-8"), re.DOTALL)[:2]
    file = tmp_path / "two-leaks.yaml"
    file.write_text(example, encoding="utf-8")
    assert len(stage(str(file), lambda wish: fleet_of(wish, 200), 1).injections) == 3
    lines = example.splitlines()
    lines[8] = lines[8].replace("co_leak", "co_leek")
    lines[9] = lines[9].replace('"00:02"', "5 past")
    lines[10] = re.sub(r"homes: {.*?}", "home: 150521101201-104", lines[10])
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ScenarioError) as wrong:
        stage(str(file), lambda wish: fleet_of(wish, 200), 1)
    assert wrong.value.what.replace(str(file), "two-leaks.yaml") == said.strip()


def test_a_scenario_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"scenario co-nite is not there: expected a file, or co-night"):
        load_scenario("co-nite")
    with pytest.raises(NotFound, match=r"file .*/x.yaml is not there"):
        load_scenario(str(tmp_path / "x.yaml"))
    with pytest.raises(NotFound, match=r"file .* is not there"):
        load_scenario(str(tmp_path))


def test_a_file_of_other_bytes(tmp_path: Path) -> None:
    file = tmp_path / "gbk.yaml"
    file.write_bytes("name: a\nzh: 烟".encode("gbk"))
    with pytest.raises(ScenarioError, match=r"gbk.yaml:2: bytes that are no UTF-8; expected text in UTF-8"):
        load_scenario(str(file))

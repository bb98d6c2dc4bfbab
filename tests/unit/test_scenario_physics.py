"""What shipped scenarios promise comes true in the physics: causes become dangerous in time, decoys never do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pytest

from device_sim.climate.weather import Weather
from device_sim.county import County, waves
from device_sim.faults.fault_rows import FAULT
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import Fleet
from device_sim.fleet.plan import TECHNOLOGIES, plan
from device_sim.scenario.scenario import FleetWish
from device_sim.scenario.shelf import Staged, load_scenario, shipped_names, stage
from device_sim.score.danger import Watch
from device_sim.score.kinds import KIND

DECOYS = ("cooking_peak", "window_open")
LOOK_EVERY_S = 10
NEEDS_S = 60
"""A confirming sample and a message must fit before the end."""


def staged(name: str, seed: int) -> Staged:
    def planned(wish: FleetWish) -> Fleet:
        technologies = wish.technologies or TECHNOLOGIES
        return plan(42, 300, villages=wish.villages or 3, technologies=technologies, detectors=wish.detectors)

    return stage(name, planned, seed)


@dataclass
class Seen:
    """By home: since when what its detector showed was dangerous, the most that it showed, whether it sounded."""

    dangerous_s: dict[int, float] = field(default_factory=dict)
    top_ppm: dict[int, float] = field(default_factory=dict)
    sounded: set[int] = field(default_factory=set)


def watched(story: Staged, seed: int, from_s: float, until_s: float, step_s: float) -> Seen:
    """Every detector of a scenario between two of its moments, judged by the criteria of the scorer."""
    fleet, scenario = story.fleet, story.scenario
    assert scenario.starts is not None
    here = [replace(each, at_s=max(each.at_s - from_s, 0), ends_s=each.ends_s - from_s) for each in story.injections]
    county = County(
        fleet,
        seed,
        scenario.starts + timedelta(seconds=from_s),
        [each for each in here if each.ends_s > 0],
        offset_k=scenario.weather.offset_k,
    )
    rows = fleet.rows_of("co_detector")
    watches = {int(row): Watch(KIND["co"].criteria_for("co_detector")) for row in rows}
    seen = Seen()
    # in the very moment of its end a fault is over
    while county.now_s + step_s < until_s - from_s:
        happened = county.step(step_s)
        now_ms = round(county.now_s * 1000)
        looks = [
            (bit.device, watches[bit.device].bit(bit.type, now_ms, on=bit.on))
            for bit in happened.alarms
            if bit.device in watches
        ]
        seen.sounded |= {int(fleet.device_home[bit.device]) for bit in happened.alarms if bit.type == "co_alarm"}
        if county.now_s % LOOK_EVERY_S == 0:
            (batch,) = county.measure(rows[county.powered[rows]], now_ms)
            for device, ppm in zip(batch.device.tolist(), batch.columns["co_ppm"].tolist(), strict=True):
                home = int(fleet.device_home[device])
                seen.top_ppm[home] = max(seen.top_ppm.get(home, 0.0), ppm)
                looks.append((device, watches[device].reading(now_ms, {"co_ppm": ppm})))
        for device, look in looks:
            if look.dangerous_ms is not None:
                seen.dangerous_s.setdefault(int(fleet.device_home[device]), from_s + look.dangerous_ms / 1000)
    return seen


def causes(story: Staged) -> dict[int, Injection]:
    """What must be alarmed as carbon monoxide, by home."""
    counted = [each for each in story.injections if FAULT[each.fault].kind == "co" and not each.unseen]
    return {each.homes[0]: each for each in counted}


def homes_with(story: Staged, *faults: str) -> set[int]:
    return {home for each in story.injections if each.fault in faults for home in each.homes}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_cause_of_the_co_night_is_dangerous_in_time_and_no_decoy_is(seed: int) -> None:
    story = staged("co-night", seed)
    counted = causes(story)
    expected = ["back_draught", "blocked_flue", "blocked_flue", "co_leak", "smouldering"]
    assert sorted(each.fault for each in counted.values()) == expected
    decoys, blind = homes_with(story, *DECOYS), homes_with(story, "detector_dead")
    assert len(decoys) == 2
    assert len(blind) == 1
    assert not (decoys | blind) & counted.keys()
    lasts_s = story.scenario.lasts_s
    seen = watched(story, seed, 0, lasts_s, 5.0)
    # nobody else, and nobody whose detector is dead
    assert seen.dangerous_s.keys() == counted.keys()
    assert all(seen.top_ppm[home] >= 300 for home in counted)
    assert all(counted[home].at_s < moment_s <= lasts_s - NEEDS_S for home, moment_s in seen.dangerous_s.items())
    assert seen.sounded == counted.keys()
    # it says nothing after its death, and the leak begins later
    assert all(seen.top_ppm[home] < 30 for home in blind)


def test_below_the_dead_detector_the_leak_is_real() -> None:
    story = staged("co-night", 1)
    (blind,) = homes_with(story, "detector_dead")
    assert story.scenario.starts is not None
    county = County(story.fleet, 1, story.scenario.starts, story.injections)
    while county.now_s + 30 < story.scenario.lasts_s:
        county.step(30.0)
    assert county.air.ppm[blind] > 300


WANT_CO = [name for name in shipped_names() if name != "co-night" and "co" in load_scenario(name).expected.kinds]


@pytest.mark.parametrize("name", WANT_CO)
def test_a_scenario_that_wants_co_alarmed_makes_it_dangerous_in_time(name: str) -> None:
    story = staged(name, 1)
    counted = causes(story)
    begins_s = min(each.at_s for each in counted.values())
    ends_s = max(each.ends_s for each in counted.values())
    seen = watched(story, 1, max(begins_s - 10, 0), ends_s, 10.0 if ends_s - begins_s > 600 else 2.0)
    assert seen.dangerous_s.keys() == counted.keys()
    assert all(counted[home].at_s < moment_s < counted[home].ends_s for home, moment_s in seen.dangerous_s.items())


@pytest.mark.parametrize("name", ["co-night", "winter-day", "coal-again"])
def test_a_stove_that_is_lit_peaks_and_is_no_danger(name: str) -> None:
    story = staged(name, 1)
    peaks = [each for each in story.injections if each.fault == "cooking_peak"]
    lit = {home for each in peaks for home in each.homes}
    from_s = peaks[0].at_s - 60
    seen = watched(story, 1, from_s, min(from_s + 3600, story.scenario.lasts_s), 10.0)
    assert not lit & seen.dangerous_s.keys()
    tops = [seen.top_ppm[home] for home in lit & seen.top_ppm.keys()]
    assert tops
    assert all(40 < top < 75 for top in tops)


def test_the_cold_wave_reaches_30_below() -> None:
    story = staged("cold-wave", 1)
    scenario = story.scenario
    assert scenario.starts is not None
    assert scenario.weather.seed is not None
    weather = Weather(scenario.weather.seed, scenario.starts, waves(story.injections), scenario.weather.offset_k)
    coldest_c = min(weather.outdoor_c(at_s) for at_s in np.arange(0.0, scenario.lasts_s, 600.0))
    assert -33 <= coldest_c <= -30

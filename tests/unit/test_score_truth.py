"""The truth file: who is hit, when it was dangerous, when it ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import Fleet
from device_sim.fleet.plan import plan
from device_sim.score import truth as truth_module
from device_sim.score.truth import Truth, read_truth
from foundation.errors import NotFound, SettingsError

AT = datetime(2026, 1, 15, 4, tzinfo=UTC)
FLEET = plan(1, 40, villages=2, technologies=("gas_wall_boiler", "air_source_heat_pump"))
GAS, PUMP = 0, 1


def ms(seconds: float) -> int:
    return int(AT.timestamp() * 1000 + seconds * 1000)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def homes_of(village: int) -> tuple[int, ...]:
    return tuple(int(home) for home in np.flatnonzero(FLEET.home_village == village))


def device(home: int, suffix: str, fleet: Fleet = FLEET) -> int:
    return next(row for row in fleet.devices_of(home) if fleet.uid(row).endswith(suffix))


def in_homes(fault: str, *homes: int, unseen: bool = False) -> Injection:
    rows = tuple(row for home in homes for row in FLEET.devices_of(home))
    return Injection(fault, 0.0, 600.0, 1.0, homes, rows, unseen=unseen)


def on_village(fault: str, village: int) -> Injection:
    homes = homes_of(village)
    rows = tuple(row for home in homes for row in FLEET.devices_of(home))
    return Injection(fault, 0.0, 600.0, 1.0, homes, rows, FLEET.villages[village].code)


def test_a_line_stands_from_the_beginning_on_and_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    home = homes_of(GAS)[3]
    detector = device(home, "-co")
    truth = Truth(file, FLEET, [in_homes("co_leak", home), on_village("power_cut", PUMP)])
    assert read_truth(file) == []
    truth.began(0, AT)
    truth.began(1, later(30))
    truth.measured(detector, ms(20), {"co_ppm": 299.0})
    truth.measured(detector, ms(25), {"co_ppm": 300.0})
    truth.measured(detector, ms(30), {"co_ppm": 320.0})
    truth.ended(1, later(90))
    leak, cut = [json.loads(line) for line in file.read_text().splitlines()]
    assert leak == {
        "number": 0,
        "fault": "co_leak",
        "kind": "co",
        "hits": "home",
        "homes": [FLEET.homes[home].code],
        "village": FLEET.villages[GAS].code,
        "devices": [FLEET.uid(detector)],
        "interval_s": 10,
        "back_within_s": 0.0,
        "unseen": False,
        "injected_at": "2026-01-15T04:00:00Z",
        "dangerous_at": "2026-01-15T04:00:25Z",
        "last_shown_at": "2026-01-15T04:00:30Z",
        "ended_at": None,
    }
    assert (cut["homes"], cut["devices"], cut["village"]) == ([], [], FLEET.villages[PUMP].code)
    assert (cut["kind"], cut["dangerous_at"], cut["ended_at"]) == ("blackout", None, "2026-01-15T04:01:30Z")
    assert [event.number for event in read_truth(file)] == [0, 1]
    assert read_truth(file)[0].dangerous_at == later(25)
    assert list(tmp_path.iterdir()) == [file]


def test_one_injection_in_many_homes_is_an_event_each_and_each_has_its_own_danger(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    first, second, third = homes_of(GAS)[:3]
    truth = Truth(file, FLEET, [in_homes("blocked_flue", first, second, third)])
    truth.began(0, AT)
    truth.measured(device(second, "-co"), ms(40), {"co_ppm": 400.0})
    truth.measured(device(third, "-rs"), ms(41), {"co_ppm": 400.0})
    events = read_truth(file)
    assert [event.homes for event in events] == [(FLEET.homes[home].code,) for home in (first, second, third)]
    assert [event.dangerous_at for event in events] == [None, later(40), None]


def test_only_what_can_show_it_is_watched_and_only_while_it_matters() -> None:
    home = homes_of(GAS)[3]
    detector = device(home, "-co")
    injections = [in_homes("co_leak", home), on_village("power_cut", PUMP), in_homes("cooking_peak", home)]
    truth = Truth(None, FLEET, injections)
    assert set(truth.watching()) == set()
    for number in range(3):
        truth.began(number, AT)
    assert set(truth.watching()) == {detector}, "silence is not measured, and a decoy is not looked for"
    truth.measured(detector, ms(10), {"co_ppm": 200.0})
    truth.ended(0, later(60))
    truth.measured(detector, ms(50), {"co_ppm": 0.0})
    assert set(truth.watching()) == {detector}, "measured before the end: says nothing of afterwards"
    truth.measured(detector, ms(70), {"co_ppm": 150.0})
    assert set(truth.watching()) == {detector}, "the gas outlasts its source"
    truth.measured(detector, ms(80), {"co_ppm": 29.0})
    assert set(truth.watching()) == set()


def test_danger_that_comes_after_the_cause_is_gone_counts(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    home = homes_of(GAS)[3]
    detector = device(home, "-co")
    truth = Truth(file, FLEET, [in_homes("co_leak", home)])
    truth.began(0, AT)
    truth.measured(detector, ms(10), {"co_ppm": 150.0})
    truth.ended(0, later(60))
    truth.measured(detector, ms(620), {"co_ppm": 110.0})
    (event,) = read_truth(file)
    assert event.dangerous_at == later(610)
    assert event.last_shown_at == later(620)


def test_a_reading_from_before_the_event_says_nothing_of_it(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    home = homes_of(GAS)[3]
    truth = Truth(file, FLEET, [in_homes("co_leak", home)])
    truth.began(0, AT)
    truth.measured(device(home, "-co"), ms(-5), {"co_ppm": 500.0})
    truth.bit(device(home, "-co"), "co_alarm", ms(-5), on=True)
    assert read_truth(file)[0].dangerous_at is None
    truth.bit(device(home, "-co"), "co_alarm", ms(5), on=True)
    assert read_truth(file)[0].dangerous_at == later(5)


def test_a_heater_shows_its_lockout_by_metric_or_bit(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    boiler, pump = homes_of(GAS)[2], homes_of(PUMP)[2]
    truth = Truth(file, FLEET, [in_homes("ignition_failed", boiler), in_homes("compressor_failed", pump)])
    truth.began(0, AT)
    truth.began(1, AT)
    assert set(truth.watching()) == {device(boiler, "-gb"), device(pump, "-hp")}
    truth.measured(device(boiler, "-gb"), ms(10), {"lockout": 0.0})
    truth.measured(device(boiler, "-gb"), ms(20), {"lockout": 1.0})
    truth.bit(device(pump, "-hp"), "lockout", ms(30), on=True)
    assert [event.dangerous_at for event in read_truth(file)] == [later(20), later(30)]


def test_a_villages_event_is_dangerous_with_its_first_home(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    truth = Truth(file, FLEET, [on_village("gas_cut", GAS)])
    truth.began(0, AT)
    assert len(truth.watching()) == len(homes_of(GAS))
    truth.measured(device(homes_of(GAS)[5], "-gb"), ms(50), {"lockout": 1.0})
    truth.measured(device(homes_of(GAS)[1], "-gb"), ms(40), {"lockout": 1.0})
    (event,) = read_truth(file)
    assert (event.kind, event.dangerous_at) == ("lockout", later(40))


def test_devices_that_are_hit_by_themselves(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    home = homes_of(GAS)[3]
    detector, boiler = device(home, "-co"), device(home, "-gb")
    dead = Injection("detector_dead", 0, 600, 1, (home,), (detector,))
    mute = Injection("link_down", 0, 600, 1, (home,), (boiler,), back_within_s=90.0)
    truth = Truth(file, FLEET, [dead, mute, in_homes("co_leak", home, unseen=True)])
    for number in range(3):
        truth.began(number, AT)
    first, second, leak = read_truth(file)
    assert (first.kind, first.devices) == ("detector", (FLEET.uid(detector),))
    assert (second.kind, second.devices, second.back_within_s) == ("offline", (FLEET.uid(boiler),), 90.0)
    assert leak.unseen


def test_a_decoy_is_one_line_and_names_its_homes_while_they_are_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "truth.jsonl"
    monkeypatch.setattr(truth_module, "MOST_NAMED", 2)
    gas, pump = homes_of(GAS), homes_of(PUMP)
    injections = [
        in_homes("cooking_peak", *gas[:2]),
        in_homes("cooking_peak", *gas[:3]),
        in_homes("window_open", gas[0], pump[0], pump[1]),
        on_village("low_voltage", GAS),
        Injection("cold_wave", 0, 600, -12, (), ()),
    ]
    truth = Truth(file, FLEET, injections)
    for number in range(len(injections)):
        truth.began(number, AT)
    village = FLEET.villages[GAS].code
    assert [(event.kind, len(event.homes), event.village) for event in read_truth(file)] == [
        (None, 2, village),
        (None, 0, village),
        (None, 0, ""),
        (None, 0, village),
        (None, 0, ""),
    ]


def test_the_newest_showing_reading_is_written_once_a_minute_and_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    home = homes_of(GAS)[3]
    truth = Truth(file, FLEET, [in_homes("co_leak", home)])
    truth.began(0, AT)
    for at in range(0, 120, 10):
        truth.measured(device(home, "-co"), ms(at), {"co_ppm": 60.0})
    assert read_truth(file)[0].last_shown_at == later(60)
    truth.close()
    assert read_truth(file)[0].last_shown_at == later(110)


def test_a_file_that_is_no_truth_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no truth file none\.jsonl"):
        read_truth(tmp_path / "none.jsonl")
    file = tmp_path / "truth.jsonl"
    Truth(file, FLEET, [in_homes("co_leak", 0)]).began(0, AT)
    file.write_text(file.read_text() + '{"kind": "co"}\n')
    with pytest.raises(SettingsError, match=r"truth\.jsonl, line 2"):
        read_truth(file)
    file.write_text(file.read_text().splitlines()[0].replace('"co"', '"ghosts"') + "\n")
    with pytest.raises(SettingsError, match=r"line 1: there is no kind 'ghosts'"):
        read_truth(file)

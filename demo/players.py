"""The simulator put together with the registry, the broker and the scorer: what `nuanshao simulate` calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast, get_args

import msgspec
from rich.console import Console

from catalogue.device_types import DEVICE_TYPE
from demo.county import passwords_for
from demo.scoring import conclude
from demo.verdict import read_ledger
from device_sim.climate.weather import LOCAL
from device_sim.network.uplink import Through
from device_sim.runs.cast import Asked, Cast, cast_scenario, cast_story
from device_sim.runs.live import Files, Show, main, run
from device_sim.runs.progress import clock_text, progress
from device_sim.runs.recorded import Contents, Refused
from device_sim.runs.recording import open_recording
from device_sim.runs.replay import Shift, choose_shift, replay, too_old
from device_sim.scenario.shelf import load_scenario
from device_sim.score.floors import Floor, floors_of, parse_floor
from device_sim.score.tally import Tally
from foundation.clock import utc_now
from foundation.errors import NotFound, SettingsError
from foundation.settings import required
from registry.step import take_step
from store import registry_rows
from store.connect import connect, database_url
from store.registry_rows import DeviceRow

_STORED_WITHIN_S: Final = 45.0
"""How long the end waits for the next reading to be stored; as long as some are, it waits on."""
_LOOK_EVERY_S: Final = 0.5
_SHOWN: Final = 8
"""Unknown devices that are named."""
_TOLD_WITHIN_S: Final = 90.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What `simulate live` was told; `speed` simulated seconds pass in a real one, `minutes` are real."""

    scenario: str | None = None
    events: bool = True
    minutes: float | None = None
    speed: float = 1.0
    passwords: Path | None = None
    truth: Path | None = None
    counters: Path | None = None
    report: Path | None = None
    floors: Sequence[str] = ()
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """A run that is over; `code` is 0 when everything went well."""

    tally: Tally
    code: int

    def as_json(self) -> dict[str, Any]:
        """The final counts."""
        return asdict(self.tally)


def play_live(asked: Asked, options: LiveOptions, say: Say) -> Played:
    """Plays, and scores where a report is asked for. Raises NuanshaoError of whatever cannot be had."""
    played = _cast(asked, options)
    floors = scenario_floors(options.scenario, options.floors)
    if options.floors and options.report is None:
        raise SettingsError("--floor judges a report", do="add --report FILE.json")
    minutes = options.minutes
    if minutes is None and played.lasts_s is not None:
        minutes = played.lasts_s / options.speed / 60.0
    if options.report is not None and minutes is None:
        say("without --minutes the report is written after Ctrl-C")
    say(played.why)
    passwords = read_passwords(options.passwords) if options.passwords else passwords_for(played.show.fleet)
    store_for_summer(played.show)
    truth = options.truth or (options.report.with_suffix(".truth.jsonl") if options.report else None)
    before = _received() if options.report else 0
    since = utc_now()
    tally = main(
        lambda stop: run(
            played.show,
            passwords,
            required("mqtt_url"),
            minutes=minutes,
            speed=options.speed,
            files=Files(truth, options.counters),
            stop=stop,
            progress=progress(as_json=options.as_json),
        )
    )
    until = utc_now()
    say(f"{tally.published} of {tally.sent} readings and events published by {tally.devices} devices")
    code = 0 if tally.published == tally.sent else 1
    if truth is not None:
        begun, over = (moment.astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M:%S") for moment in (since, until))
        say(f"to score it later: nuanshao simulate score --truth {truth} --from {begun} --to {over}")
    if options.report is not None and truth is not None:
        _await_stored(before + tally.published, say)
        fleet = played.show.fleet
        code |= conclude(
            database_url(),
            truth,
            since=since,
            until=until,
            floors=floors,
            report=options.report,
            within_s=_TOLD_WITHIN_S,
            devices=[fleet.uid(row) for row in range(len(fleet.device_home))],
            console=Console(stderr=options.as_json),
        )
    return Played(tally, code)


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What `simulate replay` was told."""

    map_file: Path | None = None
    speed: float = 1.0
    shift: str | None = None
    register: bool = False
    counters: Path | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replay that is over; `code` is 0 when everything that could be read has been published."""

    tally: Tally
    refused: Refused
    code: int

    def as_json(self) -> dict[str, Any]:
        """The final counts."""
        return {**asdict(self.tally), "unreadable": self.refused.many, "first_unreadable": self.refused.first}


def play_replay(file: Path, options: ReplayOptions, say: Say) -> Replayed:
    """Plays a recording. Raises NuanshaoError for a file that is none, and for devices that are not registered."""
    shift = choose_shift(options.speed, shift_of(options.shift))
    recording = open_recording(file, options.map_file)
    say(f"looking through {file.name}")
    contents = recording.contents()
    say(f"{contents.rows} readings of {len(contents.devices)} devices over {clock_text(contents.span_s)}")
    warning = too_old(contents, shift, utc_now())
    if warning:
        say(warning)
    _demand_registered(contents, options, say)
    tally = main(
        lambda stop: replay(
            recording,
            contents,
            required("mqtt_url"),
            speed=options.speed,
            shift=shift,
            counters_file=options.counters,
            stop=stop,
            progress=progress(as_json=options.as_json),
        )
    )
    refused = recording.refused
    say(f"{tally.published} of {tally.sent} readings published, {refused.many} rows could not be read")
    for line in refused.first:
        say(line)
    return Replayed(tally, refused, 0 if tally.published == tally.sent else 1)


def shift_of(text: str | None) -> Shift | None:
    """What --shift was given. Raises SettingsError."""
    if text is None or text in get_args(Shift):
        return cast("Shift | None", text)
    raise SettingsError(f"--shift {text}: there is no such way", do=f"use one of {', '.join(get_args(Shift))}")


def _demand_registered(contents: Contents, options: ReplayOptions, say: Say) -> None:
    """All devices of a recording are in the registry, or are put there where that is wished."""
    if not contents.devices:
        raise SettingsError("nothing in this file can be read as a reading", do="look at its columns and the map")
    with connect(database_url()) as connection:
        known = registry_rows.present_devices(connection, list(contents.devices))
        unknown = [uid for uid in contents.devices if uid not in known]
        if unknown and not options.register:
            others = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            raise NotFound(
                f"not registered: {', '.join(unknown[:_SHOWN])}{others}", do="register them, or add --register"
            )
        untyped = [uid for uid in unknown if contents.devices[uid][0] not in DEVICE_TYPE]
        if untyped:
            raise SettingsError(f"nothing says what {untyped[0]} is", do="name a device type: in the map, or the file")
        homes = registry_rows.homes_there(connection, [home for _, home in contents.devices.values() if home])
        registry_rows.say_whose_hand(connection, "simulator")
        registry_rows.register(connection, devices=(_row(uid, *contents.devices[uid], homes) for uid in unknown))
    if unknown:
        say(f"{len(unknown)} devices registered, without a login of their own")


def _row(uid: str, device_type: str | None, home: str | None, homes: AbstractSet[str]) -> DeviceRow:
    known_type = device_type or ""
    return DeviceRow(
        uid, known_type, home=home if home in homes else None, interval_s=DEVICE_TYPE[known_type].interval_s
    )


def through_of(text: str) -> Through:
    """What --through was given. Raises SettingsError."""
    for way in get_args(Through):
        if text == way:
            return cast("Through", way)
    raise SettingsError(f"--through {text}: there is no such way", do=f"use one of {', '.join(get_args(Through))}")


def store_for_summer(show: Show) -> None:
    """What the scenario unplugs stands as stored in the registry, as it would: its silence is nobody's alarm."""
    rows = sorted({row for each in show.injections if each.fault == "unplugged" for row in each.devices})
    if not rows:
        return
    with connect(database_url()) as connection:
        for row in rows:
            take_step(connection, show.fleet.uid(row), "stored", by="simulate", note="unplugged by the scenario")


def scenario_floors(scenario: str | None, asked: Sequence[str]) -> tuple[Floor, ...]:
    """What a scenario expects, and what was asked for beside it: the latter counts where both name a measure."""
    expected = () if scenario is None else floors_of(load_scenario(scenario).expected)
    own = tuple(parse_floor(text) for text in asked)
    named = {(floor.kind, floor.measure) for floor in own}
    return (*(floor for floor in expected if (floor.kind, floor.measure) not in named), *own)


def read_passwords(file: Path) -> dict[str, str]:
    """Passwords by uid from a JSON file. Raises NotFound or SettingsError."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        raise NotFound(f"there is no file {file.name}", do="leave --passwords out to register the devices") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SettingsError(f"{file.name} holds no passwords", do='write {"uid": "password", …} as JSON') from None


def _cast(asked: Asked, options: LiveOptions) -> Cast:
    if options.scenario is not None:
        return cast_scenario(asked, options.scenario)
    minutes = None if options.minutes is None else options.minutes * options.speed
    return cast_story(asked, minutes, events=options.events)


def _received() -> int:
    """Readings and events that the system has received so far."""
    with connect(database_url(), autocommit=True) as connection:
        return read_ledger(connection).received


def _await_stored(expected: int, say: Say) -> None:
    """Waits until the ledger holds what the broker has acknowledged, as long as it still grows."""
    received, grew = -1, time.monotonic()
    while received < expected:
        now = _received()
        if now > received:
            received, grew = now, time.monotonic()
        elif time.monotonic() - grew > _STORED_WITHIN_S:
            say(f"{expected - received} readings have not been stored; the score is of what was")
            return
        if received < expected:
            time.sleep(_LOOK_EVERY_S)

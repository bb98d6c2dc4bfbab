"""`nuanshao simulate …`. Thin: options, one call, what came of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from foundation import logs

simulate_app = typer.Typer(
    help="Homes that behave like homes: live over MQTT, as history, or from a recording.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Seed = Annotated[int, typer.Option(help="The same seed plays the same county.")]
Homes = Annotated[int, typer.Option(min=1, max=1_000_000, help="Homes in all villages together.")]
Villages = Annotated[int | None, typer.Option(min=1, help="Without: about 100 homes each.")]
Interval = Annotated[
    int | None, typer.Option(min=1, help="Seconds between two readings of a device; without: the scenario's, or 10.")
]
Floors = Annotated[
    list[str] | None, typer.Option("--floor", help="What must be reached beside what the scenario expects: co.recall=1")
]
Counters = Annotated[Path | None, typer.Option(help="Keep the counts of published readings here, as JSON.")]


def say(line: str) -> None:
    """One line where it does not get into the way of output."""
    typer.echo(f"nuanshao: {line}", err=True)


@simulate_app.command("live")
def live(
    seed: Seed = 1,
    homes: Homes = 300,
    villages: Villages = None,
    *,
    scenario: Annotated[
        str | None, typer.Option(help="A shipped scenario (`nuanshao simulate scenarios`), or a file.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="End after so many real minutes; without: with the scenario, or at Ctrl-C."),
    ] = None,
    speed: Annotated[float, typer.Option(min=0.01, max=3600, help="Simulated seconds in a real one.")] = 1.0,
    interval: Interval = None,
    through: Annotated[
        str, typer.Option(help="devices: a connection each. gateways: one a village. auto: up to 10 000 devices each.")
    ] = "auto",
    passwords: Annotated[
        Path | None, typer.Option(help="JSON file of uid → password; without it the devices are registered first.")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="Write what was injected, as JSON lines.")] = None,
    counters: Counters = None,
    report: Annotated[Path | None, typer.Option(help="Score the run afterwards and write this JSON.")] = None,
    floor: Floors = None,
    events: Annotated[
        bool, typer.Option(help="Without a scenario: a CO leak, an overheating boiler, a village without power.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Play a county of homes over MQTT, with real clients. Exit code 1 when something was lost or missed."""
    from demo.players import LiveOptions, play_live, through_of
    from device_sim.runs.cast import Asked

    logs.configure(process="simulate")
    played = play_live(
        Asked(seed, homes, villages, interval, through_of(through)),
        LiveOptions(
            scenario=scenario,
            events=events,
            minutes=minutes,
            speed=speed,
            passwords=passwords,
            truth=truth,
            counters=counters,
            report=report,
            floors=floor or (),
            as_json=as_json,
        ),
        say,
    )
    if as_json:
        _print_json(played.as_json())
    raise typer.Exit(played.code)


@simulate_app.command("generate")
def generate(
    begin: Annotated[str, typer.Option("--from", help="First day (or moment), local time: 2026-01-01.")],
    until: Annotated[
        str | None, typer.Option("--to", help="The end, not included; without: as long as the scenario lasts.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A Parquet file to write.")] = None,
    seed: Seed = 1,
    homes: Homes = 300,
    villages: Villages = None,
    scenario: Annotated[
        str | None, typer.Option(help="A shipped scenario (`nuanshao simulate scenarios`), or a file.")
    ] = None,
    interval: Annotated[int, typer.Option(min=1, help="Seconds between two readings of a device.")] = 60,
    truth: Annotated[Path | None, typer.Option(help="Write what was injected, as JSON lines.")] = None,
    *,
    into_database: Annotated[
        bool, typer.Option("--into-database", help="Store the readings in this environment's database instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Months of history, as fast as the machine goes: into a Parquet file or into the database."""
    from demo.history import HistoryOptions, local_time, play_history
    from device_sim.runs.cast import Asked

    logs.configure(process="simulate")
    done = play_history(
        Asked(seed, homes, villages, interval),
        HistoryOptions(
            begin=local_time(begin),
            until=None if until is None else local_time(until),
            interval_s=interval,
            scenario=scenario,
            file=out,
            into_database=into_database,
            truth=truth,
            as_json=as_json,
        ),
    )
    if as_json:
        _print_json(done.as_json())
    else:
        say(done.sentence)
    raise typer.Exit(done.code)


@simulate_app.command("plots")
def plots(
    folder: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("docs/pictures"),
) -> None:
    """Draw the physics for the documents: COP, a week in three homes, carbon monoxide (needs matplotlib)."""
    from device_sim.plots import write

    for file in write(folder):
        typer.echo(file)


@simulate_app.command("replay")
def replay(
    file: Annotated[Path, typer.Argument(help="Parquet of `simulate generate`, JSON lines, or any CSV or Parquet.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML that says what a foreign file's columns are.")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="Seconds of the recording in a real one; 0: as fast as it is acknowledged.")
    ] = 1.0,
    shift: Annotated[
        str | None, typer.Option(help="now: it begins at the present. keep: its own times, as history.")
    ] = None,
    counters: Counters = None,
    *,
    register: Annotated[bool, typer.Option("--register", help="Register devices that are not known.")] = False,
    as_json: Json = False,
) -> None:
    """Play a recorded or foreign file to the broker, with our own account. Exit code 1 when something was lost."""
    from demo.players import ReplayOptions, play_replay

    logs.configure(process="simulate")
    played = play_replay(file, ReplayOptions(map_file, speed, shift, register, counters, as_json), say)
    if as_json:
        _print_json(played.as_json())
    raise typer.Exit(played.code)


@simulate_app.command("score")
def score(
    truth: Annotated[Path, typer.Option(help="What was injected, as `simulate live --truth` wrote it.")],
    report: Annotated[Path | None, typer.Option(help="Write the score to this file, as JSON.")] = None,
    scenario: Annotated[str | None, typer.Option(help="Judge by what this scenario expects.")] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="When the run began, local time; without: a little before the first event."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="When it ended: what falls silent later is not the run's.")
    ] = None,
    floor: Floors = None,
) -> None:
    """Score a run that is over against this database. Exit code 1 when a floor was not reached."""
    from demo.history import local_time
    from demo.players import scenario_floors
    from demo.scoring import conclude
    from store.connect import database_url

    raise typer.Exit(
        conclude(
            database_url(),
            truth,
            since=None if begin is None else local_time(begin),
            until=None if until is None else local_time(until),
            floors=scenario_floors(scenario, floor or ()),
            report=report,
        )
    )


@simulate_app.command("scenarios")
def scenarios(
    name: Annotated[str | None, typer.Argument(help="One of them, or a file; without: all that are shipped.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """What can be rehearsed: each scenario with its length, or one with its timeline."""
    from device_sim.runs.playbill import playbill, scenario_json, title
    from device_sim.scenario.shelf import list_scenarios, load_scenario

    chosen = list_scenarios() if name is None else (load_scenario(name),)
    if as_json:
        rows = [scenario_json(one) for one in chosen]
        _print_json(rows if name is None else rows[0])
    elif name is None:
        for one in chosen:
            typer.echo(title(one))
    else:
        typer.echo("\n".join(playbill(chosen[0])))


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")

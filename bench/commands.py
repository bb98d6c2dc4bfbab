"""`nuanshao bench …`. Thin: options, one call, what came of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

bench_app = typer.Typer(
    help="Measure this machine: what ingest, engine, queries and the simulator can do.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@bench_app.command("ingest")
def ingest(
    seconds: Annotated[float | None, typer.Option(min=1, help="Each phase; without: 15.")] = None,
    pairs: Annotated[int | None, typer.Option(min=1, help="How often the phases are repeated; without: 3.")] = None,
    devices: Annotated[int | None, typer.Option(min=30, max=900_000, help="Without: 20 000.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=1, help="Messages a second while latency is measured; without: 10 000.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers of ingest.")] = 1,
    *,
    short: Annotated[bool, typer.Option("--short", help="A few seconds a phase, for CI.")] = False,
    as_json: Json = False,
) -> None:
    """Durable rate against the throw-away rate, CPU a message, latency, alarms under load; exit code 1 when lost."""
    from bench.ingest import Options, bench_ingest
    from bench.show import show_ingest

    chosen = Options.short() if short else Options()
    chosen = replace(
        chosen,
        seconds=seconds or chosen.seconds,
        pairs=pairs or chosen.pairs,
        devices=devices or chosen.devices,
        rate=rate or chosen.rate,
        workers=workers,
    )
    report = bench_ingest(Path.cwd(), chosen, _say)
    if as_json:
        _print_json(report)
    else:
        show_ingest(report)
    for wrong in report["shortcomings"]:
        _say(f"NOT GOOD: {wrong}")
    raise typer.Exit(1 if report["shortcomings"] else 0)


@bench_app.command("telling")
def telling(
    messages: Annotated[int, typer.Option(min=100, max=10_000)] = 10_000,
    processes: Annotated[int, typer.Option(min=1, max=8, help="Alerts processes that carry them.")] = 2,
    *,
    as_json: Json = False,
) -> None:
    """How many messages a second go from the outbox to a carrier, each once; exit code 1 when not."""
    from bench.telling import Options, bench_telling

    report = bench_telling(Path.cwd(), Options(messages, processes), _say)
    if as_json:
        _print_json(report)
    else:
        _say(
            f"{report['messages']:,} messages by {report['processes']} processes: {report['sends_per_s']} a second;"
            f" without an outbox {report['bare_sends_per_s']} (ratio {report['ratio']});"
            f" sent twice {report['sent_twice']}, missing {report['missing']}"
        )
    for wrong in report["shortcomings"]:
        _say(f"NOT GOOD: {wrong}")
    raise typer.Exit(1 if report["shortcomings"] else 0)


@bench_app.command("soak")
def soak(
    minutes: Annotated[float, typer.Option(min=0.1)] = 20.0,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second.")] = 20_000.0,
    devices: Annotated[int, typer.Option(min=30, max=900_000)] = 20_000,
    *,
    as_json: Json = False,
) -> None:
    """One rate for long: whether memory stays flat and nothing is lost; exit code 1 when not."""
    from bench.soak import bench_soak

    report = bench_soak(Path.cwd(), minutes=minutes, rate=rate, devices=devices, say=_say)
    if as_json:
        _print_json(report)
    else:
        _say(", ".join(f"{name} {report[name]}" for name in ("rate_kept", "published", "stored", "lost")))
        _say(f"memory at most {report['memory_mb_most']} MB, growth {report['memory_growth_mb']} MB")
    for wrong in report["shortcomings"]:
        _say(f"NOT GOOD: {wrong}")
    raise typer.Exit(1 if report["shortcomings"] else 0)


@bench_app.command("engine")
def engine(
    seconds: Annotated[float, typer.Option(min=0.1, help="For each of the two figures.")] = 5.0,
    devices: Annotated[int, typer.Option(min=100, help="Whose memory is counted.")] = 100_000,
    *,
    as_json: Json = False,
) -> None:
    """Judging of ordinary readings by the whole rule pack, and decoding, in memory on one core; memory of a device."""
    from bench.engine import bench_engine
    from bench.show import show_engine

    report = bench_engine(seconds, devices)
    if as_json:
        _print_json(report)
    else:
        show_engine(report)


@bench_app.command("backtest")
def backtest(
    homes: Annotated[int, typer.Option(min=10, max=200_000)] = 500,
    days: Annotated[float, typer.Option(min=0.05, max=366, help="How long ago its readings begin.")] = 1.0,
    interval: Annotated[int, typer.Option(min=1, help="Seconds between two readings of a device.")] = 60,
    times: Annotated[int, typer.Option(min=1, help="How often it is played; the best counts.")] = 3,
    *,
    as_json: Json = False,
) -> None:
    """A simulated county's stored readings through two rule packs, as `nuanshao rules backtest` plays them."""
    from bench.backtest import Options, bench_backtest
    from bench.show import show_backtest

    report = bench_backtest(Path.cwd(), Options(homes, days, interval, times), _say)
    if as_json:
        _print_json(report)
    else:
        show_backtest(report)


@bench_app.command("simulator")
def simulator(
    homes: Annotated[int, typer.Option(min=100, max=1_000_000)] = 150_000,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a minute that are measured.")] = 30,
    *,
    as_json: Json = False,
) -> None:
    """A minute of a whole county's physics: how long it takes, and the memory of a home."""
    from bench.show import show_simulator
    from bench.simulator import bench_simulator

    report = bench_simulator(homes, steps)
    if as_json:
        _print_json(report)
    else:
        show_simulator(report)


@bench_app.command("query")
def query(
    homes: Annotated[int, typer.Option(min=10, max=200_000)] = 2_000,
    days: Annotated[float, typer.Option(min=0.05, max=366, help="How long ago its readings begin.")] = 1.0,
    interval: Annotated[int, typer.Option(min=1, help="Seconds between two readings of a device.")] = 300,
    times: Annotated[int, typer.Option(min=1, help="How often each query is asked.")] = 20,
    *,
    as_json: Json = False,
) -> None:
    """Every panel of the boards over a simulated county's readings, as the boards' own account."""
    from bench.query import Options, bench_query
    from bench.show import show_query

    report = bench_query(Path.cwd(), Options(homes, days, interval, times), _say)
    if as_json:
        _print_json(report)
    else:
        show_query(report)


def _say(line: str) -> None:
    """One line where it does not get into the way of output."""
    typer.echo(f"nuanshao: {line}", err=True)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))

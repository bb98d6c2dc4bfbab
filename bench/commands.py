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
    given = {"seconds": seconds, "pairs": pairs, "devices": devices, "rate": rate}
    chosen = replace(chosen, workers=workers, **{name: value for name, value in given.items() if value is not None})
    report = bench_ingest(Path.cwd(), chosen, _say)
    if as_json:
        _print_json(report)
    else:
        show_ingest(report)
    for wrong in report["shortcomings"]:
        _say(f"NOT GOOD: {wrong}")
    raise typer.Exit(1 if report["shortcomings"] else 0)


def _say(line: str) -> None:
    """One line where it does not get into the way of output."""
    typer.echo(f"nuanshao: {line}", err=True)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))

"""`nuanshao regions set|unset|list`: what a county's contract says otherwise than the rules. Thin."""

from __future__ import annotations

import getpass
import json
from typing import Annotated

import typer

regions_app = typer.Typer(help="Numbers that a region sets for itself.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(help="Code of a region; the value holds for all below it too.")]
Name = Annotated[str, typer.Argument(help="A parameter, as comfort_c (°C).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@regions_app.command("set")
def set_(
    code: Code,
    name: Name,
    value: Annotated[float, typer.Argument()],
    source: Annotated[str, typer.Option(help="Where it is written, as the county's contract.")],
    by: Annotated[str | None, typer.Option(help="Whose decision it is; without: your account.")] = None,
) -> None:
    """Set a number for a region, e.g. `comfort_c 18`. It is judged by from the next hour on."""
    from foundation.clock import utc_now
    from store.connect import connect, database_url
    from store.region_parameters import set_parameter

    with connect(database_url()) as connection:
        set_parameter(connection, code, name, value, source=source, by=by or getpass.getuser(), now=utc_now())
    typer.echo(f"{code}: {name} is {value:g}")


@regions_app.command("unset")
def unset(code: Code, name: Name) -> None:
    """Take a region's number away; the one of the region above counts again, or the rule's own."""
    from store.connect import connect, database_url
    from store.region_parameters import unset_parameter

    with connect(database_url()) as connection:
        unset_parameter(connection, code, name)
    typer.echo(f"{code} has no {name} of its own any more")


@regions_app.command("list")
def list_(*, as_json: Json = False) -> None:
    """What regions have set, and what may be set."""
    from catalogue.region_parameters import PARAMETERS
    from store.connect import connect, database_url
    from store.region_parameters import list_parameters

    with connect(database_url()) as connection:
        found = list_parameters(connection)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    for row in found:
        typer.echo(
            f"{row['code']:<14} {row['region']:<16} {row['name']} {row['value']:g}"
            f"  {row['source']}  ({row['set_by']}, {row['set_at']:%Y-%m-%d})"
        )
    if not found:
        for each in PARAMETERS:
            typer.echo(f"nothing is set; may be: {each.name} ({each.en}, {each.low:g} to {each.high:g} {each.unit})")

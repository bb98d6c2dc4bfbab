"""`nuanshao registry …` and `nuanshao device list|show|state`. Thin: options, one call, what came of it."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from registry.importing import Progress
    from registry.results import Report

registry_app = typer.Typer(help="The register of the county: files in and out.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SHOWN_REFUSALS = 20


@registry_app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV or XLSX files, or a folder of CSV.")],
    kind: Annotated[
        str | None, typer.Option(help="What the rows are, as homes or contacts; without: by name or header.")
    ] = None,
    passwords: Annotated[
        Path | None, typer.Option(help="CSV of uid and password that new devices' passwords are added to.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Write each row's result to this CSV.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take rows into the registry; the same files twice change nothing. Exit code 1 when rows were refused."""
    from foundation.errors import SettingsError
    from registry.columns import KIND
    from registry.importing import import_files
    from registry.results import write_results
    from store.connect import connect, database_url

    chosen = next((name for name in KIND if name == kind), None)
    if kind is not None and chosen is None:
        raise SettingsError(f"there is no kind {kind!r}", do=f"use one of {', '.join(KIND)}")
    with connect(database_url(), autocommit=True) as connection, _bar() as progress:
        report = import_files(connection, files, kind=chosen, passwords=passwords, dry_run=dry_run, progress=progress)
    if results is not None:
        write_results(results, report.results)
    if as_json:
        _print_json(report.as_json())
    else:
        _show(report, results)
    raise typer.Exit(1 if report.refused else 0)


@registry_app.command("export")
def export_(
    target: Annotated[Path, typer.Argument(help="FILE.xlsx, or a folder for one CSV a kind.")],
    *,
    as_json: Json = False,
) -> None:
    """Write the whole registry to files that can be imported again. They hold names and phone numbers."""
    from registry.exporting import export
    from store.connect import connect, database_url

    with connect(database_url(), autocommit=True) as connection:
        counts = export(connection, target)
    if as_json:
        _print_json(counts)
    else:
        typer.echo(f"{target}: {', '.join(f'{number} {kind}' for kind, number in counts.items())}")


@registry_app.command("reseal")
def reseal(*, as_json: Json = False) -> None:
    """Seal telephone numbers with the new key; NUANSHAO_PHONE_KEY_OLD opens those of the old one."""
    from store.connect import connect, database_url
    from store.phones import phones_kept, refuse_wrong_key, seal_phones

    with connect(database_url()) as connection:
        done = seal_phones(connection)
        refuse_wrong_key(connection)
        kept = phones_kept(connection)
    if as_json:
        _print_json({"sealed": done.sealed, "readable": kept.readable, "foreign": kept.foreign})
    else:
        typer.echo(f"{done.sealed} numbers sealed anew, {kept.readable} in all")
        if kept.foreign:
            typer.echo(f"{kept.foreign} cannot be read: import them again, if no old key opens them")
    raise typer.Exit(1 if kept.foreign else 0)


@registry_app.command("template")
def template(target: Annotated[Path, typer.Argument(help="FILE.xlsx")]) -> None:
    """Write an empty workbook to fill in, with notes, lists to choose from and examples."""
    from registry.template import write_template

    write_template(target)
    typer.echo(target)


@registry_app.command("tree")
def tree(*, as_json: Json = False) -> None:
    """The regions with their homes, and devices by state."""
    from registry.tree import grow, lines, states
    from store.connect import connect, database_url
    from store.registry_view import count_devices, count_homes, every_region

    with connect(database_url()) as connection:
        devices = count_devices(connection)
        branches = grow(list(every_region(connection)), count_homes(connection), devices)
    homeless = states(devices.get(None, {}))
    if as_json:
        _print_json({"regions": [branch.as_json() for branch in branches], "devices_without_home": homeless})
        return
    for line in lines(branches):
        typer.echo(line)
    if homeless:
        typer.echo(f"without a home: {', '.join(f'{number} {name}' for name, number in homeless.items())} devices")


def device_list(
    device_type: Annotated[str | None, typer.Option("--type", help="A device type of the catalogue.")] = None,
    state: Annotated[
        str | None, typer.Option(help="planned, installed, accepted, in_service, stored, retired.")
    ] = None,
    home: Annotated[str | None, typer.Option(help="Code of a home.")] = None,
    region: Annotated[str | None, typer.Option(help="Code of a region; what lies below it counts.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    *,
    as_json: Json = False,
) -> None:
    """Registered devices, by uid."""
    from registry.lifecycle import refuse_unknown
    from store.connect import connect, database_url
    from store.registry_view import list_devices

    if state is not None:
        refuse_unknown(state)
    with connect(database_url()) as connection:
        found = list_devices(
            connection, device_type=device_type, state=state, home=home, region=region, limit=limit + 1
        )
    if as_json:
        _print_json(found[:limit])
        return
    for row in found[:limit]:
        place = " ".join(row[name] for name in ("village", "home") if row[name])
        behind = f" behind {row['gateway']}" if row["gateway"] else ""
        heard = f"heard {row['heard_at']:%Y-%m-%d %H:%M:%S%z}" if row["heard_at"] else "not heard yet"
        typer.echo(f"{row['uid']:<32} {row['type']:<24} {row['state']:<10} {heard}  {place}{behind}")
    if len(found) > limit:
        typer.echo(f"… and more: --limit {limit * 10}", err=True)


def device_show(uid: Annotated[str, typer.Argument()], *, as_json: Json = False) -> None:
    """Everything that the registry knows of a device, and its life."""
    from store.connect import connect, database_url
    from store.registry_view import show_device

    with connect(database_url()) as connection:
        found = show_device(connection, uid)
    if as_json:
        _print_json(found)
        return
    life = found.pop("life")
    for name, value in found.items():
        if value not in (None, "", []):
            typer.echo(f"{name:<17}{', '.join(value) if isinstance(value, list) else value}")
    for step in life:
        note = f"  {step['note']}" if step["note"] else ""
        typer.echo(
            f"{step['at']:%Y-%m-%d %H:%M:%S%z}  {step['from_state'] or ''} → {step['to_state']}  {step['by']}{note}"
        )


def device_state(
    uid: Annotated[str, typer.Argument()],
    new_state: Annotated[str, typer.Argument(help="planned, installed, accepted, in_service, stored or retired.")],
    by: Annotated[str | None, typer.Option(help="Whose decision it is; without: your account.")] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Take a device a step further in its life, e.g. `stored` for the summer. Refused steps say what lies between."""
    from registry.step import take_step
    from store.connect import connect, database_url

    with connect(database_url()) as connection:
        before = take_step(connection, uid, new_state, by=by or getpass.getuser(), note=note)
    if as_json:
        _print_json({"uid": uid, "from": before, "to": new_state})
    else:
        typer.echo(f"{uid}: {before} → {new_state}" if before != new_state else f"{uid} is {new_state} already")


def add_to(device_app: typer.Typer) -> None:
    """Gives the group `device` what it has from here."""
    device_app.command("list")(device_list)
    device_app.command("show")(device_show)
    device_app.command("state")(device_state)


def _show(report: Report, results: Path | None) -> None:
    for note in report.notes:
        typer.echo(f"nuanshao: {note}", err=True)
    for result in report.refused[:_SHOWN_REFUSALS]:
        typer.echo(f"nuanshao: {result}", err=True)
    if len(report.refused) > _SHOWN_REFUSALS:
        where = f"all of them in {results}" if results else "--results FILE.csv writes all of them"
        typer.echo(f"nuanshao: … {len(report.refused)} rows were refused; {where}", err=True)
    for kind, counts in report.counts().items():
        counted = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
        typer.echo(f"{kind:<9} {counted}{' (dry run)' if report.dry_run else ''}")
    if not report.results:
        typer.echo("nuanshao: no rows stand below the headers", err=True)
    if report.passwords:
        typer.echo(f"{report.passwords} passwords were added to the file of passwords; keep it safe")


@contextmanager
def _bar() -> Iterator[Progress]:
    """A bar on a terminal, silence elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        "import",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("import", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))

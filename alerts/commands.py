"""`nuanshao rules …`. Thin: options, one call, what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

rules_app = typer.Typer(help="The rules that raise alarms.", no_args_is_help=True)


@rules_app.callback()
def _rules() -> None:
    """A group, also while it has one command."""


@rules_app.command("try")
def try_rules(
    device_type: Annotated[str, typer.Option("--type", help="Device type, as `nuanshao catalogue` names it.")],
    readings: Annotated[Path, typer.Option(help="CSV: ts and columns named as metrics or alarm bits.")],
    pack: Annotated[Path | None, typer.Option(help="A rule pack (YAML); without: the one that is shipped.")] = None,
    interval_s: Annotated[
        float | None, typer.Option(min=1, help="How often the device samples; without: as the file does.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """One device's readings through the alarm engine, offline: what is raised, when, and why."""
    from alerts.recording import read_recording
    from alerts.trial import try_rules as play
    from catalogue.device_types import DEVICE_TYPE
    from catalogue.rules import READING_KINDS, default_pack, read_pack
    from foundation.errors import SettingsError

    if device_type not in DEVICE_TYPE:
        raise SettingsError(f"unknown device type {device_type!r}", do="nuanshao catalogue shows them")
    rules = default_pack() if pack is None else read_pack(pack)
    raised = play(rules, read_recording(readings, device_type, interval_s))
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in raised], ensure_ascii=False, indent=1))
        return
    typer.echo(f"{rules.label}: {len(raised)} alarm{'' if len(raised) == 1 else 's'}")
    for one in raised:
        until = "still open" if one.cleared_at is None else f"to {one.cleared_at:%Y-%m-%d %H:%M:%S}"
        typer.echo(f"{one.raised_at:%Y-%m-%d %H:%M:%S} {until:24} {one.priority:8} {one.rule:24} {one.reason}")
    left_out = [rule.id for rule in rules.rules if not isinstance(rule, READING_KINDS) and rule.concerns(device_type)]
    if left_out:
        typer.echo(f"no part of a trial, judged in the database over hours: {', '.join(left_out)}", err=True)

"""`nuanshao rules …`. Thin: options, one call, what came of it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
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


@rules_app.command("backtest")
def backtest_rules(
    pack: Annotated[Path, typer.Option(help="The new rule pack (YAML).")],
    since: Annotated[str, typer.Option("--from", help="Date or time, as 2026-01-15 or 2026-01-15T22:00.")],
    until: Annotated[str | None, typer.Option("--to", help="Not with it; without: now.")] = None,
    against: Annotated[Path | None, typer.Option(help="The present pack; without: the one that is shipped.")] = None,
    region: Annotated[str | None, typer.Option(help="Code of a region; without: everything.")] = None,
    acknowledge_after: Annotated[
        str | None, typer.Option(help="Each alarm is acknowledged so long after it was raised, as 10m. Without: never.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Stored readings through a new pack and the present one: what would have been raised and told, by village."""
    from rich.console import Console

    from alerts.backtest.run import Options, backtest
    from alerts.backtest.show import show
    from catalogue.rules import default_pack, read_pack
    from foundation.clock import utc_now
    from store.connect import database_url

    options = Options(
        present=default_pack() if against is None else read_pack(against),
        new=read_pack(pack),
        begin=_moment(since),
        end=utc_now() if until is None else _moment(until),
        region=region,
        acknowledge_after=None if acknowledge_after is None else _duration(acknowledge_after),
    )
    said = Console(stderr=True)
    with said.status("reading …") as status:
        done = backtest(
            database_url(), options, lambda day, many: status.update(f"{day:%Y-%m-%d}: {many:,} readings so far")
        )
    if as_json:
        typer.echo(json.dumps(done.as_json(), ensure_ascii=False))
    else:
        show(done, Console())


def _moment(text: str) -> datetime:
    """A time as people write it; without an offset it is that of the messages' zone."""
    from zoneinfo import ZoneInfo

    from foundation.errors import SettingsError
    from foundation.settings import settings

    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings().timezone))
    except ValueError:
        raise SettingsError(f"{text[:40]!r} is no date", do="write 2026-01-15 or 2026-01-15T22:00") from None


def _duration(text: str) -> timedelta:
    from foundation.errors import SettingsError

    found = re.fullmatch(r"(\d{1,5})(s|m|h|d)", text)
    if found is None:
        raise SettingsError(f"{text[:40]!r} is no span of time", do="write 90s, 10m, 2h or 1d")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return timedelta(**{unit: int(found[1])})

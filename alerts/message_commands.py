"""`nuanshao messages …`. Thin: options, one call, what came of it."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Annotated

import typer

messages_app = typer.Typer(help="Messages to people.", no_args_is_help=True)


@messages_app.callback()
def _messages() -> None:
    """A group, also while it has one command."""


@messages_app.command("reach")
def show_reach(
    day: Annotated[str | None, typer.Option(help="As 2026-01-15, the villages' own day; without: today.")] = None,
    region: Annotated[str | None, typer.Option(help="Code of a region; what lies below it counts.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Whether people were reached: messages sent, delivered and failed, alarms told and acknowledged, by village."""
    from zoneinfo import ZoneInfo

    from alerts.reach import Reach
    from alerts.reach_print import as_data, show
    from alerts.reach_read import reach
    from foundation import logs
    from foundation.clock import utc_now
    from foundation.settings import settings
    from store.connect import connect_async, database_url

    logs.configure(process="messages", level="WARNING")
    zone = settings().timezone
    asked = utc_now().astimezone(ZoneInfo(zone)).date() if day is None else _day(day)

    async def read() -> Reach:
        async with await connect_async(database_url(), autocommit=True) as database:
            return await reach(database, asked, zone, region)

    found = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps(as_data(found), ensure_ascii=False))
    else:
        show(found, zone)


def _day(text: str) -> date:
    from foundation.errors import SettingsError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text[:40]!r} is no day", do="write 2026-01-15") from None

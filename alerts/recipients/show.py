"""`nuanshao duty`: who is told now, at each level, in which way and why. Thin."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from alerts.recipients.board import Board, as_data, boards
from catalogue.organisation_kinds import ORGANISATION_KIND
from foundation.clock import utc_now
from foundation.errors import SettingsError
from foundation.settings import settings

LEVELS: Final = {"village": "村 village", "township": "乡镇 township", "county": "县 county", "city": "市 city"}
WHY: Final = {
    "contact": "no roster: all contacts",
    "on_duty": "on duty 值班",
    "substitute": "substitute 替班",
    "nobody_on_duty": "nobody on duty: all contacts",
    "region_above": "region above: none of its own",
}


def show_duty(region: str | None, at: str | None, *, as_json: bool) -> None:
    """Prints it. Raises NotFound for a region, SettingsError for a time that cannot be read."""
    zone = ZoneInfo(settings().timezone)
    now = moment(at, zone)
    found = asyncio.run(_read(now, region))
    if as_json:
        print(json.dumps({"at": now.isoformat(), "regions": as_data(found)}, ensure_ascii=False))  # noqa: T201 (a command prints)
        return
    console = Console()
    console.print(f"{now:%Y-%m-%d %H:%M} {settings().timezone}")
    console.print(table(found))


def moment(at: str | None, zone: ZoneInfo) -> datetime:
    """The moment that is asked for, in the villages' own time where it names no zone. Raises SettingsError."""
    if at is None:
        return utc_now().astimezone(zone)
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        raise SettingsError(f"{at!r} is no time", do="give one such as 2026-02-15T03:00") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(zone)


def table(found: list[Board]) -> Table:
    """One line a person."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for header in ("region", "step", "who", "role", "phone", "ways", "why"):
        shown.add_column(header, overflow="fold")
    for board in found:
        before = None
        for card in board.cards:
            kind = ORGANISATION_KIND.get(card.step)
            step = LEVELS.get(card.step) or (f"{kind.zh} {kind.en}" if kind else card.step)
            shown.add_row(
                f"{board.name} {board.code}" if before is None else "",
                step if step != before else "",
                f"{card.name} ({card.of})" if card.of != board.name else card.name,
                card.role, card.phone, " ".join(card.ways) or "[red]none[/red]", WHY.get(card.why, card.why),
            )  # fmt: skip
            before = step
        if not board.cards:
            shown.add_row(f"{board.name} {board.code}", "", "[red]nobody can be reached[/red]")
        shown.add_section()
    return shown


async def _read(now: datetime, region: str | None) -> list[Board]:
    from store.connect import connect_async, database_url

    async with await connect_async(database_url()) as connection:
        return await boards(connection, now, region)

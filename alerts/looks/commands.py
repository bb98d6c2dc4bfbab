"""`nuanshao coal-again`. Thin."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import typer

HINT = "A hint for a visit, never a proof: sun, guests or a fan heater look the same. No one is charged with anything."


def coal_again(days: int, limit: int, *, as_json: bool) -> None:
    """Prints the homes that may be burning coal again, of so many days."""
    from foundation.clock import utc_now
    from store.coal_again import coal_again as read
    from store.connect import connect, database_url
    from store.rollup import DAY_ZONE

    with connect(database_url()) as connection:
        found = read(connection, utc_now().astimezone(DAY_ZONE).date() - timedelta(days=days), limit)
    if as_json:
        typer.echo(json.dumps({"note": HINT, "homes": found}, ensure_ascii=False, default=str))
        return
    for row in found:
        where = f"{row['village']} {row['address'] or row['home']}"
        typer.echo(
            f"{row['day']}  {row['score']:4.0%}  {row['home']:<14} {where}  {'; '.join(in_words(row['evidence']))}"
        )
    typer.echo(HINT if found else "nothing of the kind has been seen")


def in_words(evidence: dict[str, dict[str, Any]]) -> list[str]:
    """The evidence for a person."""
    said = []
    if (warm := evidence.get("warm_without_energy")) is not None:
        said.append(
            f"{warm['hours']} h in the dark with all heaters off at {warm['outdoor_c']:g} °C outside: the room"
            f" ({warm['room_c']:g} °C) fell by {warm['fell_c']:g} K instead of {warm['expected_fall_c']:g} K"
        )
    if (smoke := evidence.get("co_while_off")) is not None:
        said.append(f"CO up to {smoke['peak_ppm']} ppm in {smoke['quarters']} quarters of an hour with all heaters off")
    return said

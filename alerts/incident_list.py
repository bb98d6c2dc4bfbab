"""Incidents and their homes as people and programs read them: the rows of the queries, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from alerts.cause import HINTS
from store.named_sql import sql

Row = dict[str, Any]


def with_words(row: Mapping[str, Any]) -> Row:
    """A row of `list_incidents`, with its hint in Chinese; empty where the cause is not one of alerts/cause.py."""
    hints = {hint.reason: hint.zh for hint in HINTS.values()}
    return {**row, "hint_zh": hints.get(row["cause"], "")}


def by_home(devices: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows of `devices_of_incident` by their homes, in the order in which the homes first come.

    A home is silent since the first of its devices is, and back when the first of them is: somebody has power there.
    """
    homes: dict[str, Row] = {}
    for row in devices:
        home = homes.setdefault(
            row["home"] or row["uid"],
            {name: row[name] for name in ("home", "address", "village", "vulnerable")} | {"devices": []},
        )
        home["devices"].append({name: row[name] for name in ("uid", "type", "silent_since", "back_at")})
    for home in homes.values():
        for name in ("silent_since", "back_at"):
            home[name] = min((one[name] for one in home["devices"] if one[name] is not None), default=None)
    return sorted(homes.values(), key=lambda home: (home["back_at"] is not None, not home["vulnerable"]))


@dataclass(frozen=True, slots=True)
class Listed:
    """An incident and its homes."""

    incident: Row
    homes: list[Row]

    def as_json(self) -> Row:
        """For programs: times in ISO 8601."""
        found: Row = _plain({**self.incident, "affected": self.homes})
        return found

    def as_lines(self, zone: str) -> list[str]:
        """For people."""
        one = self.incident
        what = f" {one['subject']}" if one["subject"] else ""
        over = "" if one["ended_at"] is None else f", over {_clock(one['ended_at'], zone)}"
        head = (
            f"{one['id']:>4}  {one['kind']:<15} {'演练·' if one['drill'] else ''}{one['village']}{what}: {one['homes']}"
            f" of {one['of_homes']} homes since {_clock(one['began_at'], zone)}, {one['homes_back']} back{over}"
            f"; {one['hint'] or one['cause']}{answered(one)}"
        )
        lines = [head]
        for home in self.homes:
            state = "silent" if home["back_at"] is None else f"back {_clock(home['back_at'], zone)}"
            since = "" if home["silent_since"] is None else f"since {_clock(home['silent_since'], zone)}"
            mark = " !" if home["vulnerable"] else "  "
            uids = " ".join(device["uid"] for device in home["devices"])
            place = f"{home['village'] or ''} {home['address'] or home['home'] or ''}".strip()
            lines.append(f"     {mark} {place:<24} {since}  {state:<24} {uids}")
        return lines


def answered(row: Mapping[str, Any]) -> str:
    """What people have said of an alarm or incident, for people: `, 王某某 has it`."""
    said = (("acknowledged_by", "has it"), ("false_alarm_by", "says false alarm"), ("help_asked_by", "asked for help"))
    return "".join(f", {row[column]} {words}" for column, words in said if row[column])


def read_incidents(connection: psycopg.Connection, incident_id: int | None, *, everything: bool) -> list[Listed]:
    """Open incidents (or all, or one) with their homes, the newest first; drills too, which say so."""
    places = {
        "everything": everything or incident_id is not None, "drill": None, "incident": incident_id, "part_of": None,
    }  # fmt: skip
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(sql("list_incidents"), places).fetchall()
        return [
            Listed(
                with_words(row),
                by_home(cursor.execute(sql("devices_of_incident"), {"incident": row["id"]}).fetchall()),
            )
            for row in found
        ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _clock(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%m-%d %H:%M:%S}"

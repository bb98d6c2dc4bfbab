"""Count what a run has come to: from the database, the carrier and /health, without knowing what should be there."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import psycopg

from catalogue.wire import TOPIC_ROOT
from chaos.books import Tables
from chaos.county import Device
from chaos.sent import Injected, key, keys
from chaos.verdict import Told
from store.health import LedgerCounts
from store.named_sql import sql

_MOST_MESSAGES = 10_000
"""All that the emulated carrier remembers."""


@dataclass(frozen=True)
class UnderWay:
    """How far the system has come, at one moment."""

    ledger: LedgerCounts
    open: int
    receipts: int
    told: int


def under_way(connection: psycopg.Connection, injected: Sequence[Injected], silent_from: datetime) -> UnderWay:
    """A cheap look, for who waits. `silent_from`: when villages are silent because the load has ended."""
    ledger = read_ledger(connection)
    is_open, receipts = _row(connection, "messages_under_way", silent_from)
    accepted = {uid for uid, _, at in connection.execute(sql("critical_alarms")) if at is not None}
    return UnderWay(ledger, is_open, receipts, sum(one.uid in accepted for one in injected))


def read_ledger(connection: psycopg.Connection) -> LedgerCounts:
    """The ledger of the whole deployment."""
    return LedgerCounts(*_row(connection, "read_ledger"))


def tables(connection: psycopg.Connection, devices: Sequence[Device]) -> Tables:
    """Everything that is stored and rejected, as keys of the devices' places. What names no device of ours is −1."""
    place = {device.uid: number for number, device in enumerate(devices)}
    by_id = {number: place.get(uid, -1) for number, uid in connection.execute(sql("devices_by_id"))}
    rows = np.array(connection.execute(sql("what_is_stored")).fetchall(), dtype=np.int64).reshape(-1, 3)
    whose = np.array([by_id[number] for number in rows[:, 0].tolist()], dtype=np.int64)
    rejected = [_key(topic, payload, place) for topic, payload in connection.execute(sql("what_is_rejected"))]
    return Tables(keys(whose, rows[:, 1]), rows[:, 2], np.array(rejected, dtype=np.int64))


def told(
    connection: psycopg.Connection, messages: Sequence[dict[str, Any]], injected: Sequence[Injected]
) -> tuple[tuple[Told, ...], int]:
    """What became of each injected carbon monoxide; and how many critical alarms are of other devices."""
    copies = Counter(str(message["out_id"]) for message in messages)
    alarms: dict[str, list[tuple[str | None, datetime | None]]] = defaultdict(list)
    for uid, name, accepted_at in connection.execute(sql("critical_alarms")):
        alarms[uid].append((name, accepted_at))
    found = []
    for one in injected:
        rows = alarms.pop(one.uid, [])
        accepted = [at for _, at in rows if at is not None]
        sent = sum(copies[name] for name, _ in rows if name is not None)
        found.append(Told(one.uid, one.at, one.way, len(rows), min(accepted, default=None), sent))
    return tuple(found), sum(map(len, alarms.values()))


def incidents(connection: psycopg.Connection, silent_from: datetime) -> int:
    """How many villages were called silent before they were."""
    (count,) = _row(connection, "count_incidents", silent_from)
    return int(count)


def carriers_messages(carrier_url: str) -> list[dict[str, Any]]:
    """What the phones received."""
    with httpx.Client(trust_env=False, timeout=10.0) as http:
        answer = http.get(f"{carrier_url}/messages.json", params={"limit": _MOST_MESSAGES})
        found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


def health(api_url: str) -> list[str]:
    """What the system says is wrong with it."""
    try:
        with httpx.Client(trust_env=False, timeout=5.0) as http:
            answer = http.get(f"{api_url}/health")
            return [] if answer.is_success else [f"/health: {line}" for line in answer.json()["problems"]]
    except (httpx.HTTPError, ValueError, KeyError) as failed:
        return [f"/health does not answer: {failed}"]


def _key(topic: str, payload: bytes, place: dict[str, int]) -> int:
    """Whose a rejected item is, and of when; −1 for one that is none of those that were sent to be rejected."""
    uid = topic.removeprefix(f"{TOPIC_ROOT}/").partition("/")[0]
    try:
        item = json.loads(payload)
        return key(place[item.get("id", uid)], item["ts"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return -1


def _row(connection: psycopg.Connection, block: str, *places: object) -> tuple[Any, ...]:
    row = connection.execute(sql(block), places).fetchone()
    if row is None:
        raise ValueError(f"{block} gave no row")
    return row

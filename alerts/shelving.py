"""Shelving: a person takes an alarm, a rule of a device or a whole device off everybody's phones, until a given time.

ISA-18.2 has it temporary, by a person who is named, and leaves to the alarm philosophy what may not be shelved. Ours:
12 hours at most, one shift; what is critical by name only and for an hour; nothing that endangers lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import psycopg

from alerts.suppression_watch import SuppressionWatch
from catalogue.rules import Rule, RulePack
from foundation.errors import NotFound, SettingsError
from store.named_sql import sql

LONGEST: Final = timedelta(hours=12)
LONGEST_CRITICAL: Final = timedelta(hours=1)
SHORTEST: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to shelve: `alarm`, or `device` (a uid) with a `rule` or with all of its rules."""

    by: str
    why: str
    lasts: timedelta
    alarm: int | None = None
    device: str | None = None
    rule: str | None = None


Refusal = Literal["", "life_safety", "not_suppressible", "too_long", "too_short"]


def judge_shelving(rule: Rule | None, lasts: timedelta) -> Refusal:
    """Whether a rule (None: all of a device) may be shelved for so long: an empty text, or the named reason why not."""
    if rule is not None and rule.life_safety:
        return "life_safety"
    if rule is not None and "shelving" not in rule.suppressed_by:
        return "not_suppressible"
    if lasts < SHORTEST:
        return "too_short"
    return "too_long" if lasts > longest(rule) else ""


def longest(rule: Rule | None) -> timedelta:
    """The longest time on the shelf."""
    return LONGEST_CRITICAL if rule is not None and rule.priority == "critical" else LONGEST


async def shelve(connection: psycopg.AsyncConnection, pack: RulePack, wish: Wish, now: datetime) -> int:
    """Puts it on the shelf at once. Returns the shelving's number.

    A whole device takes nothing critical along. Raises SettingsError for what may not be shelved, NotFound for what is
    not there.
    """
    if not wish.by.strip() or not wish.why.strip():
        raise SettingsError("a shelving needs to say by whom and why", do="give both")
    async with connection.transaction():
        device_id, rule = await _what(connection, pack, wish)
        if refusal := judge_shelving(rule, wish.lasts):
            raise SettingsError(_in_words(refusal, rule), do=_advice(refusal, rule))
        # who has this device in hand is waited for: what he raises is seen below
        await connection.execute(sql("lock_devices"), ([device_id],))
        columns = (
            wish.alarm, None if wish.alarm is not None else device_id, wish.rule if wish.alarm is None else None,
            wish.why.strip(), wish.by.strip(), now, now + wish.lasts,
        )  # fmt: skip
        row = await (await connection.execute(sql("insert_shelving"), columns)).fetchone()
    await SuppressionWatch(pack).look(connection, now)
    return int(row[0]) if row else 0


async def unshelve(
    connection: psycopg.AsyncConnection, pack: RulePack, shelving: int, *, by: str, now: datetime
) -> bool:
    """Takes it off the shelf before its time; what is still active is told at once. False if it had ended.

    Raises NotFound when there is no such shelving.
    """
    row = await (await connection.execute(sql("end_shelving"), (now, by, shelving))).fetchone()
    if row is None:
        if await (await connection.execute(sql("shelving_exists"), (shelving,))).fetchone() is None:
            raise NotFound(f"there is no shelving {shelving}", do="nuanshao alarms list shows them")
        return False
    await SuppressionWatch(pack).look(connection, now)
    return True


async def _what(connection: psycopg.AsyncConnection, pack: RulePack, wish: Wish) -> tuple[int, Rule | None]:
    """The device that it is about, and the rule unless it is about all of them."""
    rules = pack.by_id
    if wish.alarm is not None:
        if wish.device is not None or wish.rule is not None:
            raise SettingsError("an alarm is of one device and rule already", do="leave device and rule out")
        row = await (await connection.execute(sql("alarm_for_shelving"), (wish.alarm,))).fetchone()
        if row is None:
            raise NotFound(f"there is no open alarm {wish.alarm}", do="nuanshao alarms list shows them")
        return row[0], rules.get(row[1])
    if wish.device is None:
        raise SettingsError("nothing to shelve", do="name an alarm or a device")
    if wish.rule is not None and wish.rule not in rules:
        raise NotFound(f"there is no rule {wish.rule!r}", do=f"use one of {', '.join(rules)}")
    row = await (await connection.execute(sql("device_for_shelving"), (wish.device,))).fetchone()
    if row is None:
        raise NotFound(f"there is no device {wish.device!r}", do="nuanshao device list shows them")
    return row[0], rules[wish.rule] if wish.rule is not None else None


def _in_words(refusal: Refusal, rule: Rule | None) -> str:
    match refusal:
        case "life_safety":
            return f"{rule.id if rule else 'it'} endangers lives and cannot be shelved"
        case "not_suppressible":
            return f"{rule.id if rule else 'it'} cannot be shelved (its suppressed_by does not name shelving)"
        case "too_short":
            return "shelving takes a minute or more"
        case _:
            what = "what is critical" if rule is not None and rule.priority == "critical" else "it"
            return f"{what} is shelved for {longest(rule).total_seconds() / 3600:g} h at most"


def _advice(refusal: Refusal, rule: Rule | None) -> str:
    if refusal in {"life_safety", "not_suppressible"}:
        return "acknowledge it, and have the cause mended"
    return f"give 1 minute to {longest(rule).total_seconds() / 3600:g} hours"

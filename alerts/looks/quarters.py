"""Rules on stuck sensors and on shares of the time, over `telemetry_15m`, a slice of the devices at a time.

What the newest quarter of an hour says rules out almost everybody; only for the rest is the rule's whole time read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql as pg

from alerts.looks.book import Book
from alerts.looks.regions import Regions
from alerts.looks.share import judge_share
from alerts.looks.stuck import Quarters, judge_stuck, may_be_stuck
from alerts.looks.verdict import Verdict
from catalogue.device_types import DEVICE_TYPES
from catalogue.rules import QUARTER_S, ShareRule, StuckRule
from store.named_sql import sql

SLICE: Final = 10_000
"""Devices in one transaction (source: our choice)."""
SETTLED: Final = timedelta(minutes=5)
"""So long after its end a quarter is looked at: late readings and the rollups have come (source: our choice)."""
QUARTER: Final = timedelta(seconds=QUARTER_S)
HOUR: Final = timedelta(hours=1)

QuarterRule = StuckRule | ShareRule


@dataclass(frozen=True, slots=True)
class Slice:
    """What a look at a slice did: the last device of it, None when it was the last slice; alarms raised."""

    last: int | None
    raised: int


def newest_to_look_at(rule: QuarterRule, now: datetime) -> datetime:
    """The quarter that is looked at now: the newest settled one; a share moves slowly and is looked at once an hour."""
    every = HOUR if isinstance(rule, ShareRule) else QUARTER
    settled = now - SETTLED
    over = timedelta(seconds=settled.timestamp() % every.total_seconds())
    return settled - over - QUARTER


def types_of(rule: QuarterRule) -> list[str]:
    """The device types that it concerns and that measure what it looks at."""
    return [kind.name for kind in DEVICE_TYPES if rule.concerns(kind.name) and set(rule.needs) <= set(kind.all_metrics)]


async def look_at_slice(
    connection: psycopg.AsyncConnection, rule: QuarterRule, pack: str, bucket: datetime, after: int, now: datetime
) -> Slice:
    """Judges the devices that follow `after`, by id. Call in a transaction."""
    cursor = await connection.execute(
        sql("newest_quarter", columns=_newest(rule)),
        {"after": after, "most": SLICE, "types": types_of(rule), "bucket": bucket},
    )
    found = await cursor.fetchall()
    if not found:
        return Slice(None, 0)
    regions = await Regions.load(connection, rule.parameter if isinstance(rule, ShareRule) else "")
    book = await Book.open(connection, rule, pack, now)
    if isinstance(rule, StuckRule):
        verdicts = await _stuck(connection, rule, found, bucket, book, regions)
    else:
        verdicts = await _share(connection, rule, found, bucket, book, regions, now)
    raised = await book.enter(connection, verdicts)
    return Slice(found[-1][0] if len(found) == SLICE else None, raised)


async def _stuck(
    connection: psycopg.AsyncConnection,
    rule: StuckRule,
    found: Sequence[tuple[Any, ...]],
    bucket: datetime,
    book: Book,
    regions: Regions,
) -> dict[int, Verdict]:
    verdicts: dict[int, Verdict] = {}
    intervals: dict[int, int] = {}
    for device_id, _, model, interval_s, building_class, region, _, low, high in found:
        if not _covers(rule, model, building_class, region, regions):
            verdicts[device_id] = Verdict("clear", "no_longer_looked_at")
        elif may_be_stuck(low, high, rule):
            intervals[device_id] = interval_s
        elif low is not None and device_id in book.held:
            verdicts[device_id] = Verdict("clear", "changed_again" if low != high else "at_rest", high)
    since = bucket + QUARTER - timedelta(seconds=rule.over_s)
    for device_id, low, high, quarters, readings, *averages in await _together(
        connection, _whole(rule), list(intervals), since - QUARTER, bucket
    ):
        seen = Quarters(low, high, quarters, readings, dict(zip(rule.given_avg, averages, strict=True)))
        verdicts[device_id] = judge_stuck(rule, intervals[device_id], seen, since)
    return verdicts


async def _share(
    connection: psycopg.AsyncConnection,
    rule: ShareRule,
    found: Sequence[tuple[Any, ...]],
    bucket: datetime,
    book: Book,
    regions: Regions,
    now: datetime,
) -> dict[int, Verdict]:
    verdicts: dict[int, Verdict] = {}
    levels: dict[int, float] = {}
    beyond_now: dict[int, bool] = {}
    for device_id, _, model, _, building_class, region, vacant, average in found:
        if (vacant and not rule.vacant_homes) or not _covers(rule, model, building_class, region, regions):
            verdicts[device_id] = Verdict("clear", "no_longer_looked_at")
        elif average is not None:
            level = regions.value(rule.parameter, region, rule.level)
            beyond_now[device_id] = rule.beyond(average, level)
            if beyond_now[device_id] or device_id in book.held:
                levels[device_id] = level
    if levels:
        cursor = await connection.execute(
            sql("share_beyond", columns=_counted(rule)),
            {
                "devices": list(levels), "levels": list(levels.values()), "until": bucket,
                "after": bucket - timedelta(seconds=rule.over_s),
            },
            prepare=False,
        )  # fmt: skip
        for device_id, beyond, known, serves_since in await cursor.fetchall():
            verdicts[device_id] = judge_share(
                rule,
                beyond=beyond,
                known=known,
                beyond_now=beyond_now[device_id],
                in_service_since=serves_since,
                now=now,
            )
    return verdicts


async def _together(
    connection: psycopg.AsyncConnection, columns: pg.Composed, devices: list[int], after: datetime, until: datetime
) -> list[tuple[Any, ...]]:
    if not devices:
        return []
    cursor = await connection.execute(
        sql("quarters_together", columns=columns),
        {"devices": devices, "after": after, "until": until},
        prepare=False,  # a plan for these very hours leaves out all chunks but theirs
    )
    return await cursor.fetchall()


def _covers(rule: QuarterRule, model: str, building_class: str, region: int | None, regions: Regions) -> bool:
    return not rule.scoped or rule.covers(model, building_class, regions.above(region))


def _newest(rule: QuarterRule) -> pg.Composed:
    wanted = ("min", "max") if isinstance(rule, StuckRule) else ("avg",)
    return pg.SQL(", ").join(pg.Identifier(f"{rule.metric}_{suffix}") for suffix in wanted)


def _whole(rule: StuckRule) -> pg.Composed:
    own = pg.SQL("min({low}), max({high}), count({n}), coalesce(sum({n}), 0)").format(
        low=pg.Identifier(f"{rule.metric}_min"),
        high=pg.Identifier(f"{rule.metric}_max"),
        n=pg.Identifier(f"{rule.metric}_n"),
    )
    averages = [
        pg.SQL("sum({avg} * {n}) / nullif(sum({n}), 0)").format(
            avg=pg.Identifier(f"{name}_avg"), n=pg.Identifier(f"{name}_n")
        )
        for name in rule.given_avg
    ]
    return pg.SQL(", ").join([own, *averages])


def _counted(rule: ShareRule) -> pg.Composed:
    average = pg.Identifier(f"{rule.metric}_avg")
    beyond = pg.SQL(
        "count(*) filter (where {} >= d.level)" if rule.direction == "above" else "count(*) filter (where {} < d.level)"
    )
    return pg.SQL(", ").join([beyond.format(average), pg.SQL("count({})").format(average)])

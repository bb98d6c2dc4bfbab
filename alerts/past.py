"""What rules that look back need of the readings and events stored before, asked once a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import sql as pg

from alerts.judgement import Judgement, Observed, ObservedEvent
from catalogue.rules import CountRule, RateRule
from foundation.clock import from_ms
from store.named_sql import sql

_Span = tuple[int, str, int, int]
"""Device id, metric or event, after and until in ms."""


class StoredPast:
    """The answers to what a batch asks of the past; a question that was not foreseen has none."""

    def __init__(self) -> None:
        self._extremes: dict[_Span, tuple[float, float]] = {}
        self._times_on: dict[_Span, int] = {}

    def extremes(self, device_id: int, metric: str, after_ms: int, until_ms: int) -> tuple[float, float] | None:
        """The lowest and the highest value stored."""
        return self._extremes.get((device_id, metric, after_ms, until_ms))

    def times_on(self, device_id: int, event: str, after_ms: int, until_ms: int) -> int:
        """How often the alarm bit was stored as having come on."""
        return self._times_on.get((device_id, event, after_ms, until_ms), 0)

    async def ask_extremes(self, connection: psycopg.AsyncConnection, metric: str, spans: Sequence[_Span]) -> None:
        """Reads the extremes of one metric."""
        cursor = await connection.execute(sql("extremes_in", metric=pg.Identifier(metric)), _columns(spans))
        for place, lowest, highest in await cursor.fetchall():
            self._extremes[spans[place - 1]] = lowest, highest

    async def ask_times_on(self, connection: psycopg.AsyncConnection, event: str, spans: Sequence[_Span]) -> None:
        """Reads how often one alarm bit came on."""
        cursor = await connection.execute(sql("times_on_in"), (*_columns(spans), event))
        for place, times in await cursor.fetchall():
            self._times_on[spans[place - 1]] = times


async def past_of(
    connection: psycopg.AsyncConnection,
    judgement: Judgement,
    readings: Iterable[Observed],
    events: Iterable[ObservedEvent],
) -> StoredPast:
    """Asks what the judgement of these readings and events will want to know."""
    past = StoredPast()
    values: dict[str, list[_Span]] = {}
    for reading in readings:
        for one in judgement.watching(reading.device.type):
            value = one.quantity(reading.values)
            if isinstance(one.rule, RateRule) and value is not None and one.lowest.beyond(value):
                span = _span(reading.device.id, one.rule.metric, one.rule.within_s, reading.judged_ms)
                values.setdefault(one.rule.metric, []).append(span)
    bits: dict[str, list[_Span]] = {}
    for event in events:
        for rule in judgement.on_event(event):
            if isinstance(rule, CountRule) and event.on:
                bits.setdefault(rule.event, []).append(
                    _span(event.device.id, rule.event, rule.within_s, event.judged_ms)
                )
    for metric, spans in values.items():
        await past.ask_extremes(connection, metric, spans)
    for bit, spans in bits.items():
        await past.ask_times_on(connection, bit, spans)
    return past


def _span(device_id: int, what: str, within_s: float, until_ms: int) -> _Span:
    return device_id, what, until_ms - round(within_s * 1000), until_ms


def _columns(spans: Sequence[_Span]) -> tuple[list[object], list[object], list[object]]:
    return (
        [device_id for device_id, _, _, _ in spans],
        [from_ms(after_ms) for _, _, after_ms, _ in spans],
        [from_ms(until_ms) for _, _, _, until_ms in spans],
    )

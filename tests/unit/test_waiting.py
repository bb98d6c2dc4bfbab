"""Waiting for an event: the event, the time, and being told to stop."""

from __future__ import annotations

import asyncio

import pytest

from foundation.waiting import until


async def test_the_event_or_the_time_ends_it() -> None:
    event = asyncio.Event()
    await until(event, at_most_s=0.001)
    waiting = asyncio.create_task(until(event, at_most_s=3600))
    await asyncio.sleep(0)
    event.set()
    await waiting


async def test_told_to_stop_as_the_event_is_set_it_stops() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(until(event, at_most_s=3600))
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

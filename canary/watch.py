"""`nuanshao canary`: a run on each beat, until it is told to stop.

A process of its own: a task of the alerts process could not tell that this one has died.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Final

import structlog

from canary.metrics import CanaryMetrics
from canary.outside import Outside, words
from canary.runner import Canary, CanaryBusy
from canary.verdict import next_run
from foundation.clock import Clock, utc_now
from store.canary import Run

log = structlog.get_logger()

FIRST_AFTER: Final = timedelta(seconds=20)
"""Who starts everything at once is not to be told that the others are not up yet."""
TEND_EVERY: Final = timedelta(seconds=30)


class CanaryWatch:
    """Runs it for good. Without `outside` nobody hears of a failure but who looks."""

    def __init__(
        self,
        canary: Canary,
        outside: Outside | None,
        every: timedelta,
        *,
        first_after: timedelta = FIRST_AFTER,
        clock: Clock = utc_now,
    ) -> None:
        self._canary = canary
        self._outside = outside
        self._every = every
        self._first_after = first_after
        self._clock = clock
        self.metrics = CanaryMetrics()
        self._last: Run | None = None
        self._untold = False

    def problems(self) -> list[str]:
        """What is wrong now, one line each."""
        found = [] if self._last is None or self._last.well else [f"the alarm path: {words(self._last)}"]
        if self._outside is None:
            found.append("NUANSHAO_CANARY_PING_URL is not set: nobody outside hears when the canary fails or dies")
        elif self._untold:
            found.append("NUANSHAO_CANARY_PING_URL does not answer: nobody outside has heard of the last run")
        return found

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; a run under way is given up, and nothing of it stays open."""
        if self._outside is None:
            log.warning("canary_tells_nobody_outside", do="set NUANSHAO_CANARY_PING_URL")
        working = asyncio.create_task(self._beat(), name="canary")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done():
            working.result()
            return
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await self._canary.tend()

    async def once(self) -> Run | None:
        """One run, told to whoever is to hear of it; None where another one is under way."""
        try:
            run = await self._canary.run()
        except CanaryBusy as busy:
            log.warning("canary_skipped", why=busy.what)
            return None
        self._last = run
        self.metrics.ran(run)
        if not run.well:
            log.error("alarm_path_broken", outcome=run.outcome, leg=run.leg, reason=run.reason)
        if self._outside is not None:
            became = await self._outside.tell(run)
            self._untold = became == "not_told"
            self.metrics.pinged(became)
        return run

    async def _beat(self) -> None:
        due = self._clock() + self._first_after
        while True:
            await self._wait_until(due)
            await self.once()
            due = next_run(due, self._every, self._clock())

    async def _wait_until(self, due: datetime) -> None:
        while True:
            await self._canary.tend()
            left = due - self._clock()
            if left <= timedelta(0):
                return
            await asyncio.sleep(min(left, TEND_EVERY).total_seconds())

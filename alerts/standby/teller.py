"""Hands the journal's letters to the carrier, as the courier does with the outbox, but without the database."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from alerts.channels.channel import Channel, LookupFailed
from alerts.delivery import Retry, Sent, after_failed_lookup, after_lookup, after_sending
from alerts.policy.verdict import End
from alerts.standby.journal import Journal
from alerts.standby.letter import Letter
from foundation.clock import Clock
from foundation.sealing import masked

log = structlog.get_logger()

AT_ONCE: Final = 50
"""Letters that are handed over at the same time."""


class Teller:
    """Each letter is written down before it is handed over. One that was found under way is looked up first."""

    def __init__(self, journal: Journal, channel: Channel, clock: Clock) -> None:
        self._journal = journal
        self._channel = channel
        self._clock = clock

    async def round(self) -> int:
        """Tells everything that is due now. Returns how many letters that were."""
        told = 0
        while due := self._due():
            begun = [letter.begun(self._clock()) for letter in due]
            await self._journal.record(letters=begun)
            ends = await asyncio.gather(*map(self._carry, due, begun), return_exceptions=True)
            after = []
            for letter, end in zip(begun, ends, strict=True):
                if isinstance(end, BaseException):  # it is looked up when its time is over; the others are not to blame
                    log.error("letter_failed", key=letter.key, exc_info=end)
                else:
                    after.append(end)
            await self._journal.record(letters=after)
            told += len(due)
        return told

    def _due(self) -> list[Letter]:
        now = self._clock()
        due = [letter for letter in self._journal.letters.values() if letter.open and letter.next_at <= now]
        return sorted(due, key=lambda letter: letter.created_at)[:AT_ONCE]

    async def _carry(self, found: Letter, letter: Letter) -> Letter:
        step: Sent | Retry | End | None = None
        if found.state == "sending":
            step = await self._look_up(letter)
            if isinstance(step, Retry) and step.reason == "carrier_never_had_it":
                step = None
        if step is None:
            outcome = await self._channel.send(letter.message)
            step = after_sending(outcome, "critical", letter.attempts, letter.created_at, self._clock())
        after = letter.after(step, self._clock())
        log.warning(
            "letter", key=after.key, to=masked(after.phone), rule=after.rule, became=after.state,
            reason=after.reason,
        )  # fmt: skip
        return after

    async def _look_up(self, letter: Letter) -> Sent | Retry | End:
        try:
            found = await self._channel.lookup(letter.message, letter.created_at)
        except LookupFailed as failed:
            return after_failed_lookup(str(failed), None, letter.created_at, self._clock())
        return after_lookup(found, None, letter.created_at, self._clock())

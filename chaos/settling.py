"""When a run has come to its end: everything acknowledged, stored and told, or nothing more to be hoped for. Pure."""

from __future__ import annotations

from typing import Final

from chaos.counting import UnderWay
from chaos.sent import Sent
from store.health import LedgerCounts

RECEIPTS_WITHIN_S: Final = 15.0
"""How long receipts are waited for besides; one that met a dead database is repeated by the carrier a minute later."""
STILL_S: Final = 20.0
"""After a killed broker something will never come: when nothing has come for so long, nothing will."""


class Settling:
    """Asked again and again, with `now` in seconds of a clock that runs evenly. `loses`: the broker was killed."""

    def __init__(self, *, loses: bool) -> None:
        self._loses = loses
        self._ledger: LedgerCounts | None = None
        self._moved_at = 0.0
        self._there_at: float | None = None

    def over(self, seen: UnderWay, sent: Sent, outstanding: int, now: float) -> bool:
        """Whether there is nothing to wait for any more. `outstanding`: items that the broker has not acknowledged."""
        if seen.ledger != self._ledger:
            self._ledger, self._moved_at = seen.ledger, now
        if outstanding or seen.open or not (self._all_there(seen, sent) or self._nothing_more(now)):
            return False
        if self._there_at is None:
            self._there_at = now
        return not seen.receipts or now - self._there_at > RECEIPTS_WITHIN_S

    @staticmethod
    def _all_there(seen: UnderWay, sent: Sent) -> bool:
        stored = seen.ledger.stored >= sent.readable and seen.ledger.rejected >= sent.unreadable
        return stored and seen.told >= len(sent.injected)

    def _nothing_more(self, now: float) -> bool:
        return self._loses and now - self._moved_at > STILL_S

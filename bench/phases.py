"""The phases of a run: the same publisher against the throw-away subscriber, against ingest, and at a fixed rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg

from bench.bed import LOOK_EVERY_S, STORED_WITHIN_S, Bed
from bench.board import Board, Number
from bench.publisher import AHEAD, LAST_ACKS_S, SLICE_S, Order
from bench.usage import machine_busy_s
from foundation.clock import utc_now
from store.connect import connect
from store.health import LedgerCounts
from store.named_sql import sql

OPEN_WINDOW: Final = 50_000
"""At a fixed rate only the packet ids limit what is not acknowledged."""
SOCKETS: Final = 1
"""More cost the broker more a message (measured: 36 µs with 4, 30 µs with 1), and nothing is won."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a phase came to. `done` messages in `seconds`; `published` in the whole phase, warm-up too.

    `others_cpu_s`: what anybody else on the machine has used meanwhile.
    """

    done: int
    seconds: float
    cpu_s: dict[str, float]
    others_cpu_s: float
    published: int
    began: datetime
    ended: datetime

    @property
    def per_s(self) -> float:
        """Messages a second."""
        return self.done / self.seconds if self.seconds else 0.0


class Phases:
    """Plays phases on a bed, one after the other."""

    def __init__(self, bed: Bed, *, devices: int, warm_up_s: float, seconds: float) -> None:
        self._bed = bed
        self._devices = devices
        self._warm_up_s = warm_up_s
        self._seconds = seconds
        self._number = 0

    def throwaway(self) -> Measured:
        """Closed loop against the throw-away subscriber; ingest must not be at work."""
        with self._bed.fresh_broker(), self._board() as board:
            subscriber = self._bed.run("throwaway", "-m", "bench.throwaway", str(board.path))
            self._bed.wait(lambda: board[Number.READY] > 0, "the throw-away subscriber")
            board[Number.READY] = 0
            measured = self._play(board, self._order(board), lambda: board[Number.PROGRESS], self._seconds)
            self._bed.wait(lambda: board[Number.PROGRESS] >= measured.published, "the broker to hand over everything")
            self._bed.stop(subscriber)
            return measured

    def durable(self) -> Measured:
        """Closed loop against ingest, which must be at work; returns when all is stored."""
        return self._stored(self._order, self._seconds, lambda: 0)

    def at_rate(self, rate: float, seconds: float, beside: Callable[[], int], *, ahead: int = 0) -> Measured:
        """So many messages a second. `beside` says how many others have been published meanwhile.

        With `ahead` no more than so many are published before they are stored: a machine that cannot keep the rate
        shows that in `rate_kept`, and does not fill the broker.
        """

        def order(board: Board) -> Order:
            strip = max(1, round(rate * SLICE_S))
            return self._order(board, strip=strip, window=OPEN_WINDOW, ahead=ahead, rate=rate)

        return self._stored(order, seconds, beside)

    def saturated(self, seconds: float, beside: Callable[[], int]) -> Measured:
        """As `durable`, for so long and with others beside it."""
        return self._stored(self._order, seconds, beside)

    def _stored(self, order: Callable[[Board], Order], seconds: float, beside: Callable[[], int]) -> Measured:
        with self._board() as board, connect(self._bed.database_url, autocommit=True) as connection:
            before = read_ledger(connection).received

            def progress() -> int:
                done = read_ledger(connection).received - before
                board[Number.PROGRESS] = done
                return done

            measured = self._play(board, order(board), progress, seconds)
            self._bed.wait(
                lambda: progress() >= measured.published + beside(), "ingest to store everything", STORED_WITHIN_S
            )
            return measured

    def _play(self, board: Board, order: Order, progress: Callable[[], int], seconds: float) -> Measured:
        publisher = self._bed.run("publisher", "-m", "bench.publisher", order.text())
        self._bed.wait(lambda: board[Number.READY] > 0, "the publisher")
        self._until(progress, self._warm_up_s)
        began, began_at, cpu, busy_s, done = time.monotonic(), utc_now(), self._cpu(), machine_busy_s(), progress()
        began, done = self._step(progress, done) or (began, done)
        self._until(progress, seconds)
        ended, done_then = self._step(progress, progress()) or (time.monotonic(), progress())
        cpu_then, busy_then_s, ended_at = self._cpu(), machine_busy_s(), utc_now()
        self._bed.note_memory()
        board[Number.STOP] = 1
        while publisher.running:
            progress()
            time.sleep(LOOK_EVERY_S)
        self._bed.finish(publisher, LAST_ACKS_S)
        spent = {name: cpu_then[name] - cpu.get(name, 0.0) for name in cpu_then}
        others_s = max(0.0, busy_then_s - busy_s - sum(spent.values()))
        return Measured(done_then - done, ended - began, spent, others_s, board[Number.ACKED], began_at, ended_at)

    def _until(self, progress: Callable[[], int], seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            progress()
            self._bed.look_after()
            time.sleep(LOOK_EVERY_S)

    @staticmethod
    def _step(progress: Callable[[], int], before: int) -> tuple[float, int] | None:
        """The moment at which the count next goes up: batches are counted whole. None when it does not within 2 s."""
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            done = progress()
            if done != before:
                return time.monotonic(), done
            time.sleep(0.005)
        return None

    def _cpu(self) -> dict[str, float]:
        return {name: used.cpu_s for name, used in self._bed.usage().items()}

    @contextmanager
    def _board(self) -> Iterator[Board]:
        self._number += 1
        with Board(self._bed.folder / f"board-{self._number}", fresh=True) as board:
            yield board

    def _order(
        self, board: Board, *, strip: int = 500, window: int = 8_000, ahead: int = AHEAD, rate: float = 0.0
    ) -> Order:
        strip = min(strip, max(1, self._devices // 3))
        return Order(str(board.path), self._devices, 10 + self._number % 90, strip, SOCKETS, window, ahead, rate)


def read_ledger(connection: psycopg.Connection) -> LedgerCounts:
    """The ledger of the whole deployment."""
    row = connection.execute(sql("read_ledger")).fetchone()
    return LedgerCounts(*row) if row else LedgerCounts(0, 0, 0, 0)

"""The throw-away subscriber: takes what ingest would take, acknowledges it at once and forgets it.

Run as `python -m bench.throwaway BOARD`. It is the most that broker and codec can give: what durability costs is
measured against it.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from pathlib import Path

import uvloop

from bench.board import Board, Number
from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from catalogue.wire import FROM_DEVICE, TOPIC_ROOT
from foundation.errors import NuanshaoError
from foundation.settings import required
from ingest.lane import BREATH_S

FILTERS = tuple(f"{TOPIC_ROOT}/+/{channel}" for channel in FROM_DEVICE if channel != "cmd_ack")


class Throwaway:
    """Counts what arrives and acknowledges it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._count = 0
        self.connection = Connection(1, self._take, breath_s=BREATH_S)

    def _take(self, arrived: list[Delivery]) -> None:
        self.connection.acknowledge(arrived)
        self._count += len(arrived)
        self._board[Number.PROGRESS] = self._count


async def run(board: Board, broker: Broker) -> None:
    """Until SIGTERM. Raises BrokerUnavailable, BrokerRefused."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    throwaway = Throwaway(board)
    await connect(throwaway.connection, broker, Login(f"bench-throwaway-{secrets.token_hex(6)}", FILTERS, keep=False))
    board[Number.READY] = 1
    pings = asyncio.create_task(throwaway.connection.keep_alive())
    await stop.wait()
    pings.cancel()
    throwaway.connection.disconnect()


def main(arguments: list[str]) -> int:
    """The process."""
    try:
        uvloop.run(run(Board(Path(arguments[0])), Broker.parse(required("mqtt_url"))))
    except NuanshaoError as failed:
        sys.stderr.write(f"throwaway: {failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

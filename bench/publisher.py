"""The publisher: all devices of a county through a few sockets of our own account, at almost no cost.

Run as `python -m bench.publisher ORDER`, ORDER being JSON of `Order`; the broker's address comes from the environment.
It publishes with QoS 1 until the board says STOP, waits for what is not acknowledged yet, and prints one line of JSON.

Closed loop: as fast as the broker acknowledges and the consumer keeps up, `ahead` messages ahead of it at most. So the
broker's queue is always that long and never longer. Open loop (`rate`): so many a second, whoever keeps up or not; a
reading's `ts` is then when it was due, so that a publisher that was held up does not hide it.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.board import Board, Number
from bench.packets import PACKET_IDS, Bytes, Load
from broker.address import Broker
from broker.probe import connect_packet
from foundation.errors import BrokerRefused, BrokerUnavailable, NuanshaoError
from foundation.settings import required

KEEP_ALIVE_S: Final = 1200
"""A closed window must not look like a dead client. Mosquitto 2.0.21 ends a client whose keep-alive is just what
`max_keepalive` allows within a second."""
SLICE_S: Final = 0.005
"""At a fixed rate it looks, sends what is due, and sleeps so long."""
CLOSED_SLICE_S: Final = 0.01
"""In a closed loop; short against what lies ahead of the consumer. Each look costs, and is a message's worth of CPU."""
LAST_ACKS_S: Final = 60.0
AHEAD: Final = 30_000
"""In a closed loop; more than ingest may have in flight, so that the broker always has something for it."""
SEND_WITHIN_S: Final = 30
_CONNACK: Final = b"\x20\x02\x00\x00"
_PUBACK: Final = 0x40
_PUBACK_BYTES: Final = 4
_AT_A_TIME: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Order:
    """What a publisher is told.

    `strip`: messages that are written at once. `window`: messages without PUBACK at most. `ahead`: messages before
    the consumer at most; 0 for no limit. `rate`: messages a second; 0 for a closed loop. `boot`: two digits that every
    reading carries, so that phases can be told apart.
    """

    board: str
    devices: int
    boot: int
    strip: int = 500
    sockets: int = 1
    window: int = 8_000
    ahead: int = AHEAD
    rate: float = 0.0

    def text(self) -> str:
        """As the process takes it."""
        return json.dumps(asdict(self))


def room(order: Order, *, sent: int, acked: int, done: int, upcoming: int) -> bool:
    """Whether the windows let `upcoming` more messages go."""
    if sent + upcoming - acked > order.window:
        return False
    return not order.ahead or sent + upcoming - done <= order.ahead


class Line:
    """One socket to the broker: packets out, PUBACKs counted."""

    def __init__(self, broker: Broker) -> None:
        self.sent = 0
        self.acked = 0
        self._next_id = 1
        self._half = b""
        where = f"{broker.host}:{broker.port}"
        try:
            self._socket = socket.create_connection((broker.host, broker.port), 10.0)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # the kernel's time-out, not Python's, which would wait in front of every look for PUBACKs
            self._socket.settimeout(None)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_WITHIN_S, 0))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SEND_WITHIN_S, 0))
            name = f"bench-publisher-{secrets.token_hex(6)}"
            password = (broker.password or b"").decode()
            self._socket.sendall(connect_packet(name, broker.username or "", password, KEEP_ALIVE_S))
            answer = self._socket.recv(len(_CONNACK), socket.MSG_WAITALL)
        except OSError as failed:
            raise BrokerUnavailable(f"no MQTT broker at {where}: {failed}", do="is it running?") from failed
        if answer != _CONNACK:
            raise BrokerRefused(f"the broker at {where} refuses us: {answer.hex()}", do="check NUANSHAO_MQTT_URL")

    @property
    def next_id(self) -> int:
        """The packet id of the next message."""
        return self._next_id

    def send(self, packets: Bytes) -> None:
        """Writes whole packets; waits where the broker does not read."""
        try:
            self._socket.sendall(packets.data)
        except OSError as failed:
            raise BrokerUnavailable(f"the broker took no more: {failed}", do="look into its log") from failed
        self.sent += len(packets)
        self._next_id = (self._next_id - 1 + len(packets)) % PACKET_IDS + 1

    def take_acks(self) -> int:
        """Counts the PUBACKs that have come since."""
        if self.acked == self.sent:
            return 0
        try:
            data = self._socket.recv(_AT_A_TIME, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as failed:
            raise BrokerUnavailable(f"the connection was lost: {failed}", do="look into the broker's log") from failed
        if not data:
            raise BrokerUnavailable("the broker closed the connection", do="look into its log")
        data = self._half + data
        whole = len(data) // _PUBACK_BYTES
        self._half = data[whole * _PUBACK_BYTES :]
        if whole and data[0] != _PUBACK:
            raise BrokerUnavailable(f"the broker said {data[:4].hex()}, no PUBACK", do="look into its log")
        self.acked += whole
        return whole

    def close(self) -> None:
        """DISCONNECT."""
        self._socket.sendall(b"\xe0\0")
        self._socket.close()


class Publisher:
    """Publishes `order` until the board says STOP."""

    def __init__(self, order: Order, broker: Broker) -> None:
        self._order = order
        self._board = Board(Path(order.board))
        self._load = Load(order.devices, order.strip, order.boot)
        self._lines = [Line(broker) for _ in range(order.sockets)]
        self._turn = 0
        self._sent = 0
        self._acked = 0
        # one look at the clock, then only forward: a clock that is set meanwhile makes no reading twice
        self._began = time.monotonic()
        self._began_ms = time.time() * 1000

    def run(self) -> None:
        """Until STOP, and until everything is acknowledged. Raises BrokerUnavailable where that takes too long."""
        board, order = self._board, self._order
        slice_s = SLICE_S if order.rate else CLOSED_SLICE_S
        board[Number.READY] = 1
        while not board[Number.STOP]:
            self._count()
            self._send_what_may_go()
            time.sleep(slice_s)
        until = time.monotonic() + LAST_ACKS_S
        while self._acked < self._sent:
            if time.monotonic() > until:
                missing = self._sent - self._acked
                raise BrokerUnavailable(f"{missing} messages were never acknowledged", do="look into the broker's log")
            time.sleep(SLICE_S)
            self._count()
        for line in self._lines:
            line.close()

    def _send_what_may_go(self) -> None:
        board, order = self._board, self._order
        while not board[Number.STOP]:
            upcoming = self._load.upcoming
            at_s = time.monotonic() - self._began
            if order.rate:
                due_s = (self._sent + upcoming) / order.rate
                if due_s > at_s:
                    return
                at_s = due_s
            if not room(order, sent=self._sent, acked=self._acked, done=board[Number.PROGRESS], upcoming=upcoming):
                return
            line = self._lines[self._turn]
            self._turn = (self._turn + 1) % len(self._lines)
            line.send(self._load.next(int(self._began_ms + at_s * 1000), line.next_id))
            self._sent += upcoming
            board[Number.SENT] = self._sent

    def _count(self) -> None:
        self._acked += sum(line.take_acks() for line in self._lines)
        self._board[Number.ACKED] = self._acked


def main(arguments: list[str]) -> int:
    """The process."""
    try:
        publisher = Publisher(Order(**json.loads(arguments[0])), Broker.parse(required("mqtt_url")))
        publisher.run()
    except NuanshaoError as failed:
        sys.stderr.write(f"publisher: {failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

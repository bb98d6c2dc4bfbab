"""MQTT 3.1.1 byte by byte, as OASIS writes it down, and what a connection makes of silence."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.network import mqtt311
from device_sim.network.broker import Address, Broker
from device_sim.network.connection import Connection
from device_sim.network.mqtt311 import Answers, Login, NotMqtt, Will
from device_sim.network.mqtt_device import MqttDevice
from device_sim.network.outbox import Item
from foundation.clock import utc_now


def test_connect_with_a_will() -> None:
    packet = mqtt311.connect(Login("dev1", "dev1", "pw"), Will("t/s", b"off"), keepalive_s=60)
    assert packet == (
        b"\x10\x24"  # CONNECT, 36 bytes follow
        b"\x00\x04MQTT\x04"  # protocol, level 4
        b"\xee"  # user, password, will retained, will QoS 1, will, clean session
        b"\x00\x3c"  # keep-alive 60 s
        b"\x00\x04dev1\x00\x03t/s\x00\x03off\x00\x04dev1\x00\x02pw"
    )


def test_connect_without_a_will() -> None:
    packet = mqtt311.connect(Login("c", "u", "p"), None, keepalive_s=300)
    assert packet == b"\x10\x13\x00\x04MQTT\x04\xc2\x01\x2c\x00\x01c\x00\x01u\x00\x01p"


def test_a_password_is_not_shown() -> None:
    assert "geheim" not in repr(Login("c", "u", "geheim"))


def test_publish_retained_and_repeated() -> None:
    assert mqtt311.publish("a/b", b"x", 10) == b"\x32\x08\x00\x03a/b\x00\x0ax"
    assert mqtt311.publish("a/b", b"x", 10, retain=True)[0] == 0x33
    assert mqtt311.publish("a/b", b"x", 10, again=True) == b"\x3a\x08\x00\x03a/b\x00\x0ax"


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (120, b"\x7f"),
        (121, b"\x80\x01"),
        (16_376, b"\xff\x7f"),
        (16_377, b"\x80\x80\x01"),
    ],
)
def test_remaining_lengths_at_their_edges(size: int, length: bytes) -> None:
    # topic (3 + 2) and packet id (2) come on top
    packet = mqtt311.publish("abc", b"x" * size, 1)
    assert packet[1 : 1 + len(length)] == length
    assert len(packet) == 1 + len(length) + 7 + size


@given(st.lists(st.integers(1, 9), min_size=1))
def test_answers_are_read_however_the_network_cuts_them(cuts: list[int]) -> None:
    stream = b"\x20\x02\x01\x00" + b"\x40\x02\x00\x07" + b"\xd0\x00" + b"\x40\x02\xff\xff"
    answers, found, start = Answers(), [], 0
    for cut in [*cuts, len(stream)]:
        found += list(answers.feed(stream[start : start + cut]))
        start += cut
    assert found == [(mqtt311.CONNACK, 0), (mqtt311.PUBACK, 7), (mqtt311.PINGRESP, 0), (mqtt311.PUBACK, 65_535)]


@pytest.mark.parametrize("strange", [b"HTTP/1.1 400", b"\x30\x04\x00\x01ax", b"\x40\x03\x00\x01\x00"])
def test_what_is_no_answer_is_said(strange: bytes) -> None:
    with pytest.raises(NotMqtt):
        list(Answers().feed(strange))


class Wire(asyncio.Transport):
    """What was written, and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True


async def connected() -> tuple[Connection, Wire, list[int]]:
    acknowledged: list[int] = []
    connection, wire = Connection(acknowledged.append), Wire()
    connection.connection_made(wire)
    connection.data_received(b"\x20\x02\x00\x00")
    assert connection.welcome.result() == 0
    return connection, wire, acknowledged


async def test_packet_ids_begin_again_after_the_last_and_are_never_zero() -> None:
    connection, _, acknowledged = await connected()
    connection._next_id = mqtt311.LAST_PACKET_ID - 1
    assert [connection.publish("t", b""), connection.publish("t", b"")] == [65_535, 1]
    connection.data_received(b"\x40\x02\xff\xff\x40\x02\x00\x01")
    assert acknowledged == [65_535, 1]


async def test_what_was_on_its_way_when_the_connection_broke_is_marked_as_a_repetition() -> None:
    device = MqttDevice("gb-001", "secret", Broker(Address("127.0.0.1", 1, None), 1), utc_now, lambda _: None)
    device._connection, first, _ = await connected()
    device.offer_reading(Item(b"x"))
    device.offer_reading(Item(b"y"))
    device._flying.clear()
    device._connection, second, _ = await connected()
    device.flush()
    device._answered(1)
    heads = [[packet[0] for packet in wire.said] for wire in (first, second)]
    assert heads == [[0x32], [0x3A, 0x32]], "the second payload was never sent before"


class Hand:
    """A clock that the test moves."""

    def __init__(self, start_s: float) -> None:
        self.now_s = start_s

    def __call__(self) -> float:
        return self.now_s


async def test_a_quiet_client_pings_and_an_unanswered_one_hangs_up() -> None:
    connection, wire, _ = await connected()
    hand = connection._time = Hand(connection._time())
    aborted = []
    for later_s in (31, 19, 12):
        hand.now_s += later_s
        connection.look()
        aborted.append(wire.aborted)
    assert wire.said == [mqtt311.PINGREQ]
    assert aborted == [False, False, True], "19 s without an answer are no reason yet"
    assert connection.lost.result() == "the broker does not answer"


async def test_a_ping_that_is_answered_keeps_the_connection() -> None:
    connection, wire, _ = await connected()
    hand = connection._time = Hand(connection._time())
    for _ in range(19):
        hand.now_s += 31
        connection.look()
        connection.data_received(b"\xd0\x00")
    assert wire.said == [mqtt311.PINGREQ] * 19
    assert not wire.aborted


async def test_a_broker_that_speaks_something_else_is_left() -> None:
    connection, wire = Connection(lambda _: None), Wire()
    connection.connection_made(wire)
    connection.data_received(b"HTTP/1.1 400 Bad Request\r\n")
    assert wire.aborted
    assert "no MQTT 3.1.1" in connection.lost.result()

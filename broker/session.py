"""One MQTT 5 connection to the broker: a persistent session, QoS 1, acknowledged when the caller says so.

The codec is `mqtt5` (Rust); this is the small asyncio protocol around it, because no Python client acknowledges late
enough at the rate that a city needs (DESIGN §7: 45 µs a message for paho-mqtt, 7-9 µs here).
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import mqtt5

from broker.address import Broker
from broker.delivery import Delivery
from foundation.errors import BrokerRefused, BrokerUnavailable

KEEP_ALIVE_S = 10
"""A half-open connection is given up within 25 s: before a device with an interval of 10 s counts as silent (30 s).
With 30 s here every village was called silent, because we did not notice that it was us who heard nothing."""
RECEIVE_MAX = 20_000
"""Messages that the broker may have in flight to us, unacknowledged; with the bytes below it bounds our memory."""
PAUSE_ABOVE_BYTES = 64 * 1024 * 1024
"""Unacknowledged bytes above which we stop reading from the socket."""
SESSION_EXPIRY_S = 30 * 24 * 3600
"""How long the broker keeps messages for us while we are away."""

_GRANTED = (
    mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE,
    mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE,
    mqtt5.SubAckReasonCode.GRANTED_QOS_EXACTLY_ONCE,
)
_TAKEN = (mqtt5.PubAckReasonCode.SUCCESS, mqtt5.PubAckReasonCode.NO_MATCHING_SUBSCRIBERS)
_BUSY = (
    mqtt5.ConnAckReasonCode.SERVER_UNAVAILABLE,
    mqtt5.ConnAckReasonCode.SERVER_BUSY,
    mqtt5.ConnAckReasonCode.QUOTA_EXCEEDED,
    mqtt5.ConnAckReasonCode.CONNECTION_RATE_EXCEEDED,
)
"""What a broker says in a storm of reconnects: worth trying again."""
_PUBACK = struct.Struct("!BBH")
_PUBLISH_TYPE = 3
_SUBSCRIBE_ID = 1
_FIRST_PUBLISH_ID = 2
_LAST_PACKET_ID = 65_535


@dataclass(frozen=True)
class Login:
    """What a connection asks of the broker.

    `keep`: the broker keeps session and messages while we are away; without it everything ends with the connection.
    `receive_max`: messages that may be in flight to us, unacknowledged.
    """

    client_id: str
    filters: tuple[str, ...]
    keep: bool = True
    receive_max: int = RECEIVE_MAX

    def subscription(self) -> bytes:
        """The SUBSCRIBE packet."""
        return mqtt5.SubscribePacket(
            _SUBSCRIBE_ID,
            [
                mqtt5.TopicFilter(
                    pattern,
                    max_qos=mqtt5.QoS.AT_LEAST_ONCE,
                    retain_handling=mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
                )
                for pattern in self.filters
            ],
        ).write()


class Connection(asyncio.Protocol):
    """The protocol of one connection. `lost` is set when it has ended, for whatever reason."""

    def __init__(self, number: int, on_delivery: Callable[[Delivery], None]) -> None:
        self.number = number
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.session_present = False
        self._on_delivery = on_delivery
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._login: Login | None = None
        self._said: dict[int, asyncio.Future[None]] = {}
        self._next_id = _FIRST_PUBLISH_ID
        self._rest = b""
        self._unacknowledged = 0
        self._paused = False
        self._heard = time.monotonic()

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by behaviour only

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._end(str(exc) if exc else "the broker closed the connection")

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with whatever has arrived."""
        self._heard = time.monotonic()
        buffer = self._rest + data if self._rest else data
        view = memoryview(buffer)
        received_ms = time.time_ns() // 1_000_000
        start = 0
        while True:
            try:
                packet, length = mqtt5.read(view[start:])
            except IndexError:
                break
            except BaseException as broken:
                if isinstance(broken, KeyboardInterrupt | SystemExit | asyncio.CancelledError):
                    raise
                packet, length = None, self._unreadable(view[start:], received_ms, broken)
                if length == 0:
                    return
            start += length
            if isinstance(packet, mqtt5.PublishPacket):
                self._publish(packet, received_ms)
            elif packet is not None:
                self._control(packet)
        self._rest = bytes(view[start:])

    # -- ours ---------------------------------------------------------------------------------------------------

    async def log_in(self, login: Login, broker: Broker) -> None:
        """CONNECT and SUBSCRIBE; returns when the broker has granted both. Raises BrokerRefused."""
        self._login = login
        self._write(
            mqtt5.ConnectPacket(
                login.client_id,
                username=broker.username,
                password=broker.password,
                clean_start=not login.keep,
                keep_alive=KEEP_ALIVE_S,
                session_expiry_interval=SESSION_EXPIRY_S if login.keep else 0,
                receive_max=login.receive_max,
            ).write()
        )
        await asyncio.wait_for(self._ready, timeout=10)

    def acknowledge(self, packet_ids: Iterable[int], size: int) -> None:
        """PUBACK for messages that are now in the database. `size` is the sum of their payloads in bytes."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(b"".join(_PUBACK.pack(0x40, 2, packet_id) for packet_id in packet_ids))
        self._unacknowledged -= size
        if self._paused and self._unacknowledged < PAUSE_ABOVE_BYTES // 2:
            self._paused = False
            self._heard = time.monotonic()
            self._transport.resume_reading()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publishes with QoS 1; returns when the broker has it. Raises BrokerUnavailable, BrokerRefused."""
        packet_id = self._next_id
        self._next_id = packet_id + 1 if packet_id < _LAST_PACKET_ID else _FIRST_PUBLISH_ID
        said = self._said[packet_id] = asyncio.get_running_loop().create_future()
        if self.lost.done():
            said.set_exception(BrokerUnavailable(self.lost.result(), do="is it running?"))
        self._write(mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write())
        try:
            await said
        finally:
            del self._said[packet_id]

    async def keep_alive(self) -> None:
        """Pings until cancelled; a broker that says nothing for two intervals is given up (a half-open socket)."""
        while True:
            await asyncio.sleep(KEEP_ALIVE_S / 2)
            if not self._paused and time.monotonic() - self._heard > 2 * KEEP_ALIVE_S:
                self.abort("the broker has been silent for two keep-alive intervals")
                return
            self._write(mqtt5.PingReqPacket().write())

    def disconnect(self) -> None:
        """Leaves politely; the broker keeps the session."""
        self._write(mqtt5.DisconnectPacket().write())
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """Drops the connection at once."""
        self._end(why)
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _publish(self, packet: mqtt5.PublishPacket, received_ms: int) -> None:
        self._deliver(
            Delivery(self.number, packet.packet_id or 0, packet.topic, packet.payload, packet.duplicate, received_ms)
        )

    def _deliver(self, delivery: Delivery) -> None:
        self._unacknowledged += len(delivery.payload)
        if not self._paused and self._unacknowledged > PAUSE_ABOVE_BYTES and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._on_delivery(delivery)

    def _unreadable(self, view: memoryview, received_ms: int, broken: BaseException) -> int:
        """A packet that the codec cannot read: a PUBLISH goes on as a message with a wrong topic, to be rejected.

        Returns the packet's length, or 0 when the connection had to be given up.
        """
        length, shift, at = 0, 0, 1
        while at < len(view):
            length |= (view[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not view[at - 1] & 0x80:
                break
        body = bytes(view[at : at + length])
        topic_length = int.from_bytes(body[:2])
        if view[0] >> 4 != _PUBLISH_TYPE or len(body) < length or len(body) < topic_length + 4:
            self.abort(f"the broker sent what is no MQTT 5: {broken}")
            return 0
        packet_id = int.from_bytes(body[2 + topic_length : 4 + topic_length]) if view[0] & 0x06 else 0
        topic = body[2 : 2 + topic_length].decode(errors="replace")
        self._deliver(
            Delivery(self.number, packet_id, f"unreadable:{topic}", body[4 + topic_length :], False, received_ms)
        )
        return at + length

    def _control(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.ConnAckPacket):
            self._welcome(packet)
        elif isinstance(packet, mqtt5.SubAckPacket):
            refused = [code.name.lower() for code in packet.reason_codes if code not in _GRANTED]
            if refused:
                self._refuse(f"the broker refused the subscription: {refused[0]}")
            elif not self._ready.done():
                self._ready.set_result(None)
        elif isinstance(packet, mqtt5.PubAckPacket):
            self._said_ends(packet)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self.abort(f"the broker disconnected us: {packet.reason_code.name.lower()}")

    def _welcome(self, packet: mqtt5.ConnAckPacket) -> None:
        if packet.reason_code in _BUSY:
            self.abort(f"the broker is busy: {packet.reason_code.name.lower()}")
            return
        if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            self._refuse(f"the broker refused us: {packet.reason_code.name.lower()}")
            return
        self.session_present = packet.session_present
        wants = self._login is not None and bool(self._login.filters)
        if (packet.session_present or not wants) and not self._ready.done():
            # the session has its subscriptions; its SUBACK comes behind a backlog that may be longer than we read
            # before something is acknowledged
            self._ready.set_result(None)
        if self._login is not None and wants:
            self._write(self._login.subscription())

    def _said_ends(self, packet: mqtt5.PubAckPacket) -> None:
        said = self._said.get(packet.packet_id)
        if said is None or said.done():
            return
        if packet.reason_code in _TAKEN:
            said.set_result(None)
        else:
            why = f"the broker refused a message of ours: {packet.reason_code.name.lower()}"
            said.set_exception(BrokerRefused(why, do="check the broker's ACL (runtime/mosquitto.acl)"))

    def _refuse(self, why: str) -> None:
        if not self._ready.done():
            self._ready.set_exception(
                BrokerRefused(why, do="check the account in NUANSHAO_MQTT_URL and the broker's ACL")
            )
        self.abort(why)

    def _end(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)
        for waiting in (self._ready, *self._said.values()):
            if not waiting.done():
                waiting.set_exception(BrokerUnavailable(why, do="is it running?"))


async def connect(connection: Connection, broker: Broker, login: Login) -> None:
    """Opens the connection, logs in and subscribes. Raises BrokerUnavailable or BrokerRefused.

    Deliveries may come before this returns: the broker sends what it has kept as soon as it knows us.
    """
    loop = asyncio.get_running_loop()
    context = broker.context()
    try:
        async with asyncio.timeout(10):
            await loop.create_connection(lambda: connection, broker.host, broker.port, ssl=context)
            try:
                await connection.log_in(login, broker)
            except BaseException:
                connection.abort("not logged in")
                raise
    except (OSError, TimeoutError) as failed:
        reason = " ".join(str(failed).split()) or "no answer within 10 s"
        raise BrokerUnavailable(
            f"the broker at {broker.host}:{broker.port} does not answer: {reason}", do="is it running?"
        ) from failed

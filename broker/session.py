"""One MQTT 5 connection to the broker: a persistent session, QoS 1, acknowledged when the caller says so.

The codec is `mqtt5` (Rust); this is the small asyncio protocol around it, because no Python client acknowledges late
enough at the rate that a city needs (DESIGN §7: 45 µs a message for paho-mqtt, 7-9 µs here).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import mqtt5
import numpy as np

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
_FULL_READING = 48 * 1024
"""So many bytes at once say that more is waiting."""
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
_PUBACKS = np.dtype([("head", ">u2"), ("id", ">u2")])
_PUBACK_HEAD = 0x4002
_PUBLISH_TYPE = 3
_SUBSCRIBE_ID, _UNSUBSCRIBE_ID, _FIRST_PUBLISH_ID = 1, 2, 3
_LAST_PACKET_ID = 65_535


@dataclass(frozen=True)
class Login:
    """What a connection asks of the broker.

    `keep`: the broker keeps session and messages for `keep_s` seconds while we are away; without it everything ends
    with the connection.
    `divisible` are filters that are shared with the other connections of `group` if `share` says so: each message then
    goes to one of them. A session may have had them the other way before.
    `left` are filters that a kept session may still have from another time and is to have no more.
    `receive_max`: messages that may be in flight to us, unacknowledged.
    """

    client_id: str
    filters: tuple[str, ...] = ()
    divisible: tuple[str, ...] = ()
    group: str = ""
    share: bool = False
    left: tuple[str, ...] = ()
    keep: bool = True
    keep_s: int = SESSION_EXPIRY_S
    receive_max: int = RECEIVE_MAX

    def subscriptions(self) -> list[bytes]:
        """The packets that bring the session's subscriptions to what they should be."""
        ours, others = self.divisible, tuple(f"$share/{self.group}/{pattern}" for pattern in self.divisible)
        if self.share:
            ours, others = others, ours
        wanted, unwanted = [*self.filters, *ours], [*self.left, *others]
        packets = []
        if wanted:
            packets.append(mqtt5.SubscribePacket(_SUBSCRIBE_ID, [_filter(pattern) for pattern in wanted]).write())
        if unwanted:
            # behind the other one: what both match comes twice rather than not at all
            packets.append(mqtt5.UnsubscribePacket(_UNSUBSCRIBE_ID, unwanted).write())
        return packets


def _filter(pattern: str) -> mqtt5.TopicFilter:
    return mqtt5.TopicFilter(
        pattern,
        max_qos=mqtt5.QoS.AT_LEAST_ONCE,
        retain_handling=mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
    )


class Connection(asyncio.Protocol):
    """The protocol of one connection. `lost` is set when it has ended, for whatever reason.

    `breath_s`: after each reading of the socket we wait so long before the next one. A broker writes each message by
    itself; woken for each, reader and broker spend more on that than on the message.
    """

    def __init__(self, number: int, on_deliveries: Callable[[list[Delivery]], None], *, breath_s: float = 0.0) -> None:
        self.number = number
        self._breath_s = breath_s
        self._breathing = False
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.session_present = False
        self.allowed_in_flight = _LAST_PACKET_ID
        """Messages that the broker lets us have under way to it, unacknowledged."""
        self._on_deliveries = on_deliveries
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
        number, read = self.number, mqtt5.read
        arrived: list[Delivery] = []
        start = 0
        while True:
            try:
                packet, length = read(view[start:])
            except IndexError:
                break
            except BaseException as broken:
                if isinstance(broken, KeyboardInterrupt | SystemExit | asyncio.CancelledError):
                    raise
                delivery, length = self._unreadable(view[start:], received_ms, broken)
                if delivery is None:
                    start = len(buffer)
                    break
                packet = None
                arrived.append(delivery)
            start += length
            if type(packet) is mqtt5.PublishPacket:
                arrived.append(
                    Delivery(number, packet.packet_id or 0, packet.topic, packet.payload, packet.duplicate, received_ms)
                )
            elif packet is not None:
                self._control(packet)
        self._rest = bytes(view[start:])
        if arrived:
            self._deliver(arrived)
            if self._breath_s and len(data) < _FULL_READING:
                self._breathe()

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
                session_expiry_interval=login.keep_s if login.keep else 0,
                receive_max=login.receive_max,
            ).write()
        )
        async with asyncio.timeout(10):
            await self._ready

    @property
    def unacknowledged_bytes(self) -> int:
        """Bytes of payload that we have and the broker still keeps for us."""
        return self._unacknowledged

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """PUBACK for messages that are now in the database; those of another connection are passed over."""
        if self._transport is None or self._transport.is_closing():
            return
        mine = [delivery for delivery in deliveries if delivery.connection == self.number]
        ids = [delivery.packet_id for delivery in mine if delivery.packet_id]
        answers = np.empty(len(ids), dtype=_PUBACKS)
        answers["head"], answers["id"] = _PUBACK_HEAD, ids
        self._transport.write(answers.tobytes())
        self._unacknowledged -= sum(len(delivery.payload) for delivery in mine)
        if self._paused and self._unacknowledged < PAUSE_ABOVE_BYTES // 2:
            self._paused = False
            self._heard = time.monotonic()
            if not self._breathing:
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

    def disconnect(self, *, for_good: bool = False) -> None:
        """Leaves politely; the broker keeps the session, unless it is `for_good`."""
        self._write(mqtt5.DisconnectPacket(session_expiry_interval=0 if for_good else None).write())
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """Drops the connection at once."""
        self._end(why)
        if self._transport is not None:
            self._transport.abort()

    def _breathe(self) -> None:
        if self._transport is None or self._breathing or self._paused or self._transport.is_closing():
            return
        self._breathing = True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(self._breath_s, self._breathed)

    def _breathed(self) -> None:
        self._breathing = False
        if self._transport is not None and not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _deliver(self, arrived: list[Delivery]) -> None:
        self._unacknowledged += sum(len(delivery.payload) for delivery in arrived)
        if not self._paused and self._unacknowledged > PAUSE_ABOVE_BYTES and self._transport is not None:
            self._paused = True
            if not self._breathing:
                self._transport.pause_reading()
        self._on_deliveries(arrived)

    def _unreadable(self, view: memoryview, received_ms: int, broken: BaseException) -> tuple[Delivery | None, int]:
        """A packet that the codec cannot read: a PUBLISH goes on as a message with a wrong topic, to be rejected.

        Returns it with the packet's length, or (None, 0) when the connection had to be given up.
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
            return None, 0
        packet_id = int.from_bytes(body[2 + topic_length : 4 + topic_length]) if view[0] & 0x06 else 0
        topic = body[2 : 2 + topic_length].decode(errors="replace")
        body = body[4 + topic_length :]
        return Delivery(self.number, packet_id, f"unreadable:{topic}", body, False, received_ms), at + length

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
        self.allowed_in_flight = packet.receive_max
        login = self._login
        if login is not None and login.share and not packet.shared_subscription_available:
            self._refuse("the broker has no shared subscriptions", do="run one ingest worker, or another broker")
            return
        packets = login.subscriptions() if login is not None else []
        if (packet.session_present or not packets) and not self._ready.done():
            # the session has its subscriptions; its SUBACK comes behind a backlog that may be longer than we read
            # before something is acknowledged
            self._ready.set_result(None)
        for one in packets:
            self._write(one)

    def _said_ends(self, packet: mqtt5.PubAckPacket) -> None:
        said = self._said.get(packet.packet_id)
        if said is None or said.done():
            return
        if packet.reason_code in _TAKEN:
            said.set_result(None)
        else:
            why = f"the broker refused a message of ours: {packet.reason_code.name.lower()}"
            said.set_exception(BrokerRefused(why, do="check the broker's ACL (runtime/mosquitto.acl)"))

    def _refuse(self, why: str, *, do: str = "check the account in NUANSHAO_MQTT_URL and the broker's ACL") -> None:
        if not self._ready.done():
            self._ready.set_exception(BrokerRefused(why, do=do))
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

"""The MQTT connection, fed byte by byte over a transport that only takes notes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import mqtt5
import pytest

from broker import session
from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login
from foundation.errors import BrokerRefused, BrokerUnavailable, SettingsError

codec_panics = pytest.mark.filterwarnings("ignore:Exception ignored in. None")
"""At a topic that is no UTF-8 the codec also complains to the interpreter; what we make of it is what is tested."""
LOGIN = Login(
    "nuanshao-ingest",
    filters=("heat/v1/+/telemetry", "heat/v1/+/event", "heat/v1/+/status", "heat/v1/+/backfill"),
)
BROKER = Broker("broker", 1883, "ingest", b"s3cr3t", tls=False)
CONNACK = mqtt5.ConnAckPacket(session_present=True).write()
SUBACK = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * 4).write()


@pytest.fixture(autouse=True)
def no_backtraces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the codec's panics: 50 ms each."""
    monkeypatch.setenv("RUST_BACKTRACE", "0")


class Notes(asyncio.Transport):
    """A transport that writes down what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.did: list[str] = []

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return "close" in self.did or "abort" in self.did

    def close(self) -> None:
        self.did.append("close")

    def abort(self) -> None:
        self.did.append("abort")

    def pause_reading(self) -> None:
        self.did.append("pause")

    def resume_reading(self) -> None:
        self.did.append("resume")


class Line:
    """A connection with its transport and what it delivered."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.connection = Connection(7, self.deliveries.extend)
        self.transport = Notes()
        self.connection.connection_made(self.transport)

    def hears(self, *chunks: bytes) -> None:
        for chunk in chunks:
            if not self.transport.is_closing():
                self.connection.data_received(chunk)

    def said(self) -> list[mqtt5.Packet]:
        """The packets that we have written since the last look."""
        packets, rest = [], self.transport.written
        self.transport.written = b""
        while rest:
            packet, length = mqtt5.read(memoryview(rest))
            packets.append(packet)
            rest = rest[length:]
        return packets

    def told(self) -> list[tuple[int, str, bytes, bool]]:
        return [(one.packet_id, one.topic, one.payload, one.duplicate) for one in self.deliveries]

    @property
    def why_lost(self) -> str:
        return self.connection.lost.result()


def publish(packet_id: int, payload: bytes = b"{}", *, topic: str = "heat/v1/tl-0001-co/telemetry") -> bytes:
    return mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


def raw_publish(topic: bytes, packet_id: int, payload: bytes, *, first: int = 0x32) -> bytes:
    """A PUBLISH as no codec would write it."""
    number = packet_id.to_bytes(2) if first & 0x06 else b""
    body = len(topic).to_bytes(2) + topic + number + b"\0" + payload
    assert len(body) < 128
    return bytes([first, len(body)]) + body


# -- logging in -----------------------------------------------------------------------------------------------------


async def settled() -> None:
    """Everybody has gone on who can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def start(line: Line) -> asyncio.Task[None]:
    logging = asyncio.create_task(line.connection.log_in(LOGIN, BROKER))
    await asyncio.sleep(0)
    return logging


async def test_a_login_asks_for_a_session_that_outlives_us_and_for_what_devices_send() -> None:
    line = Line()
    logging = await start(line)
    (connect,) = line.said()
    assert isinstance(connect, mqtt5.ConnectPacket)
    assert (connect.client_id, connect.username, connect.password) == ("nuanshao-ingest", "ingest", b"s3cr3t")
    assert (connect.clean_start, connect.session_expiry_interval) == (False, 30 * 24 * 3600)
    assert connect.receive_max == session.RECEIVE_MAX
    line.hears(mqtt5.ConnAckPacket(session_present=False).write())
    (subscribe,) = line.said()
    assert isinstance(subscribe, mqtt5.SubscribePacket)
    assert [(one.pattern, one.max_qos) for one in subscribe.topic_filters] == [
        (f"heat/v1/+/{channel}", mqtt5.QoS.AT_LEAST_ONCE) for channel in ("telemetry", "event", "status", "backfill")
    ]
    await settled()
    assert not logging.done(), "the subscription has not been granted yet"
    line.hears(SUBACK)
    await logging
    assert not line.connection.session_present
    assert not line.connection.lost.done()


async def test_a_session_that_is_there_has_its_subscription() -> None:
    """Its SUBACK comes behind a backlog that may be longer than we read before something is acknowledged."""
    line = Line()
    logging = await start(line)
    line.hears(CONNACK)
    await logging
    assert line.connection.session_present


@pytest.mark.parametrize(
    "code",
    [
        mqtt5.ConnAckReasonCode.NOT_AUTHORIZED,
        mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
        mqtt5.ConnAckReasonCode.BANNED,
    ],
)
async def test_a_broker_that_refuses_us_is_not_asked_again(code: mqtt5.ConnAckReasonCode) -> None:
    line = Line()
    logging = await start(line)
    line.hears(mqtt5.ConnAckPacket(reason_code=code).write())
    with pytest.raises(BrokerRefused, match=f"refused us: {code.name.lower()}") as refused:
        await logging
    assert not refused.value.retryable
    assert "s3cr3t" not in str(refused.value)
    assert line.transport.did == ["abort"]


@pytest.mark.parametrize(
    "code",
    [
        mqtt5.ConnAckReasonCode.SERVER_BUSY,
        mqtt5.ConnAckReasonCode.SERVER_UNAVAILABLE,
        mqtt5.ConnAckReasonCode.QUOTA_EXCEEDED,
        mqtt5.ConnAckReasonCode.CONNECTION_RATE_EXCEEDED,
    ],
)
async def test_a_broker_that_is_busy_is_asked_again(code: mqtt5.ConnAckReasonCode) -> None:
    line = Line()
    logging = await start(line)
    line.hears(mqtt5.ConnAckPacket(reason_code=code).write())
    with pytest.raises(BrokerUnavailable, match=f"busy: {code.name.lower()}"):
        await logging
    assert line.transport.did == ["abort"]


async def test_a_refused_subscription_is_named() -> None:
    line = Line()
    logging = await start(line)
    codes = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * 3 + [mqtt5.SubAckReasonCode.NOT_AUTHORIZED]
    line.hears(mqtt5.ConnAckPacket(session_present=False).write(), mqtt5.SubAckPacket(1, codes).write())
    with pytest.raises(BrokerRefused, match="refused the subscription: not_authorized"):
        await logging
    assert line.transport.did == ["abort"]


async def test_a_connection_lost_while_logging_in_may_be_tried_again() -> None:
    line = Line()
    logging = await start(line)
    line.connection.connection_lost(None)
    with pytest.raises(BrokerUnavailable, match="the broker closed the connection"):
        await logging


# -- receiving ------------------------------------------------------------------------------------------------------


async def online() -> Line:
    line = Line()
    logging = await start(line)
    line.hears(CONNACK, SUBACK)
    await logging
    line.said()
    return line


MESSAGES = [
    publish(1, b'{"m":{"co_ppm":320}}'),
    raw_publish(b"heat/v1/\xff/telemetry", 2, b"broken"),
    mqtt5.PublishPacket("heat/v1/tl-0001-co/event", b"", qos=mqtt5.QoS.AT_MOST_ONCE).write(),
    mqtt5.PublishPacket(
        "heat/v1/tl-0001-co/status", b"on", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=65_535, duplicate=True, retain=True
    ).write(),
    mqtt5.PingRespPacket().write(),
    publish(3, b"x" * 200),
]
TOLD = [
    (1, "heat/v1/tl-0001-co/telemetry", b'{"m":{"co_ppm":320}}', False),
    (2, "unreadable:heat/v1/\N{REPLACEMENT CHARACTER}/telemetry", b"\0broken", False),
    (0, "heat/v1/tl-0001-co/event", b"", False),
    (65_535, "heat/v1/tl-0001-co/status", b"on", True),
    (3, "heat/v1/tl-0001-co/telemetry", b"x" * 200, False),
]


@codec_panics
async def test_many_packets_in_one_chunk() -> None:
    line = await online()
    line.hears(b"".join(MESSAGES))
    assert line.told() == TOLD
    assert {one.connection for one in line.deliveries} == {7}
    assert not line.connection.lost.done()


@codec_panics
async def test_packets_cut_in_two_anywhere() -> None:
    stream = b"".join(MESSAGES)
    for at in range(1, len(stream)):
        line = await online()
        line.hears(stream[:at], stream[at:])
        assert line.told() == TOLD, f"cut at byte {at}"


@codec_panics
async def test_packets_that_trickle_in_byte_by_byte() -> None:
    line = await online()
    line.hears(*(bytes([byte]) for byte in b"".join(MESSAGES)))
    assert line.told() == TOLD
    line.hears(publish(4))
    assert line.told()[-1][0] == 4, "nothing is left over"


async def test_a_login_and_messages_in_one_chunk() -> None:
    line = Line()
    logging = await start(line)
    line.hears(CONNACK + SUBACK + publish(1))
    await logging
    assert [one.packet_id for one in line.deliveries] == [1]


async def test_received_is_when_it_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.session.time.time_ns", lambda: 1_770_000_000_123_456_789)
    line = await online()
    line.hears(publish(1))
    assert line.deliveries[0].received_ms == 1_770_000_000_123


# -- what cannot be read --------------------------------------------------------------------------------------------


@codec_panics
@pytest.mark.parametrize("topic", [b"heat/v1/\xff/telemetry", b"\xc3", b"heat/v1/\xed\xa0\x80/event", b""])
async def test_an_unreadable_message_is_delivered_to_be_rejected_and_acknowledged(topic: bytes) -> None:
    line = await online()
    line.hears(raw_publish(topic, 513, b"{}") + publish(2))
    bad, good = line.deliveries
    assert (bad.packet_id, bad.topic) == (513, f"unreadable:{topic.decode(errors='replace')}")
    assert good.packet_id == 2
    assert not line.connection.lost.done()


@codec_panics
async def test_an_unreadable_message_without_acknowledgement_has_no_packet_id() -> None:
    line = await online()
    line.hears(raw_publish(b"heat/v1/\xff/telemetry", 0, b"{}{}", first=0x30) + publish(2))
    assert [(one.packet_id, one.topic[:11]) for one in line.deliveries] == [(0, "unreadable:"), (2, "heat/v1/tl-")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\0", b"\xf0\0", b"\xff" * 20, b"\x30\xff\xff\xff\xff\x01", b"\x20\x02\0\0", b"\x32\x01\0",
        b"\x32\x04\xff\xff\0\0", b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100,
    ],
)  # fmt: skip
async def test_garbage_ends_the_connection(garbage: bytes) -> None:
    line = await online()
    line.hears(publish(1) + garbage + publish(2))
    assert line.transport.did == ["abort"]
    assert line.why_lost.startswith("the broker sent what is no MQTT 5: ")
    assert [one.packet_id for one in line.deliveries] == [1]


async def test_a_broker_that_says_goodbye() -> None:
    line = await online()
    line.hears(mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER).write())
    assert line.why_lost == "the broker disconnected us: session_taken_over"
    assert line.transport.did == ["abort"]


@pytest.mark.parametrize(("failed", "why"), [(OSError("reset"), "reset"), (None, "the broker closed the connection")])
async def test_the_first_reason_for_an_end_stands(failed: Exception | None, why: str) -> None:
    line = await online()
    line.connection.connection_lost(failed)
    line.connection.connection_lost(OSError("again"))
    assert line.why_lost == why


# -- acknowledging --------------------------------------------------------------------------------------------------


def held(packet_id: int, size: int, *, connection: int = 7) -> Delivery:
    return Delivery(connection, packet_id, "heat/v1/tl-0001-co/telemetry", bytes(size), False, 0)


async def test_an_acknowledgement_is_four_bytes_a_message() -> None:
    line = await online()
    line.connection.acknowledge([held(1, 0), held(513, 0), held(0, 0), held(65_535, 0), held(9, 0, connection=6)])
    assert line.transport.written == b"\x40\x02\x00\x01\x40\x02\x02\x01\x40\x02\xff\xff"
    assert [packet.packet_id for packet in line.said() if isinstance(packet, mqtt5.PubAckPacket)] == [1, 513, 65_535]


@codec_panics
async def test_nothing_is_acknowledged_by_itself() -> None:
    line = await online()
    line.hears(b"".join(MESSAGES))
    assert line.transport.written == b""


@pytest.mark.parametrize("leave", [lambda c: c.disconnect(), lambda c: c.abort("why")])
async def test_nothing_is_written_to_a_connection_that_has_ended(leave: Callable[[Connection], None]) -> None:
    line = await online()
    leave(line.connection)
    line.said()
    line.connection.acknowledge([held(1, 10)])
    line.connection.disconnect()
    assert line.transport.written == b""


async def test_leaving_politely() -> None:
    line = await online()
    line.connection.disconnect()
    (packet,) = line.said()
    assert isinstance(packet, mqtt5.DisconnectPacket)
    assert packet.reason_code == mqtt5.DisconnectReasonCode.NORMAL_DISCONNECTION, "the session must stay"
    assert line.transport.did == ["close"]


# -- when the database is slower than the broker ---------------------------------------------------------------------


async def test_reading_pauses_above_so_many_unacknowledged_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE_ABOVE_BYTES", 1000)
    line = await online()
    line.hears(publish(1, b"x" * 500), publish(2, b"x" * 500))
    assert line.transport.did == [], "exactly so many may wait"
    line.hears(publish(3, b"x"))
    assert line.transport.did == ["pause"]
    line.hears(publish(4, b"x" * 100))
    assert line.transport.did == ["pause"], "once"
    assert len(line.deliveries) == 4, "what has arrived is delivered"
    line.connection.acknowledge([held(1, 500)])
    assert line.transport.did == ["pause"], "601 wait still"
    line.connection.acknowledge([held(2, 101)])
    assert line.transport.did == ["pause"], "exactly half"
    line.connection.acknowledge([held(3, 1)])
    assert line.transport.did == ["pause", "resume"]
    line.connection.acknowledge([held(4, 499)])
    line.hears(publish(5, b"x" * 1001))
    assert line.transport.did == ["pause", "resume", "pause"], "and again"


@codec_panics
async def test_unreadable_bytes_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE_ABOVE_BYTES", 50)
    line = await online()
    line.hears(raw_publish(b"\xff", 1, b"x" * 51))
    assert line.transport.did == ["pause"]
    line.connection.acknowledge(line.deliveries)
    assert line.transport.did == ["pause", "resume"]


# -- staying alive --------------------------------------------------------------------------------------------------


class Hours:
    """Time that passes only where somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, line: Line, broker: Callable[[float], bool]) -> None:
        self.now = 1000.0
        self.began = self.now
        self._line = line
        self._broker = broker
        self._monkeypatch = monkeypatch

    async def run(self, most_s: float) -> bool:
        """Whether keep_alive gave up by itself."""

        async def sleep(seconds: float) -> None:
            self.now += seconds
            if self.now - self.began > most_s:
                raise asyncio.CancelledError
            if self._broker(self.now - self.began):
                self._line.hears(mqtt5.PingRespPacket().write())

        with self._monkeypatch.context() as patched:
            patched.setattr("broker.session.time.monotonic", lambda: self.now)
            patched.setattr("broker.session.asyncio.sleep", sleep)
            self._line.hears(mqtt5.PingRespPacket().write())
            try:
                await self._line.connection.keep_alive()
            except asyncio.CancelledError:
                return False
            return True


async def test_a_broker_that_answers_is_pinged_twice_in_each_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    line = await online()
    assert not await Hours(monkeypatch, line, lambda _: True).run(300)
    assert [type(packet) for packet in line.said()] == [mqtt5.PingReqPacket] * 60


async def test_a_broker_that_says_nothing_for_two_intervals_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    line = await online()
    hours = Hours(monkeypatch, line, lambda second: second < 100)
    assert await hours.run(3600)
    assert line.why_lost == "the broker has been silent for two keep-alive intervals"
    assert hours.now - hours.began == 120, "95 s + two intervals, seen at the next look"


async def test_a_broker_that_we_do_not_listen_to_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE_ABOVE_BYTES", 10)
    line = await online()
    line.hears(publish(1, b"x" * 11))
    assert not await Hours(monkeypatch, line, lambda _: False).run(3600)


# -- where the broker is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://broker", Broker("broker", 1883, None, None, tls=False)),
        ("mqtts://broker", Broker("broker", 8883, None, None, tls=True)),
        ("mqtt://u:p@127.0.0.1:1884", Broker("127.0.0.1", 1884, "u", b"p", tls=False)),
        ("mqtt://u%40x:p%3A%2F%E5%AF%86@h", Broker("h", 1883, "u@x", "p:/密".encode(), tls=False)),
        ("mqtts://u@[::1]:8884", Broker("::1", 8884, "u", None, tls=True)),
    ],
)
def test_an_address_is_read(url: str, broker: Broker) -> None:
    assert Broker.parse(url) == broker


@pytest.mark.parametrize(
    "url",
    [
        "", "broker", "broker:1883", "http://u:s3cr3t@broker", "mqtt://", "mqtt://u:s3cr3t@", "mqtt://u:s3cr3t@h:x",
        "mqtt://u:s3cr3t@h:99999", "mqtt://u:s3cr3t@[::1", "mqtt://u:s3cr3t/@h:1883",
    ],
)  # fmt: skip
def test_a_wrong_address_is_one_clear_line_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^NUANSHAO_MQTT_URL is no MQTT address: ") as refused:
        Broker.parse(url)
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_broker_does_not_show_its_password() -> None:
    assert "s3cr3t" not in repr(BROKER)


# -- breathing ------------------------------------------------------------------------------------------------------


async def test_between_two_readings_of_the_socket_a_breath_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE_ABOVE_BYTES", 100)
    line = await online()
    line.connection._breath_s = 0.001
    line.hears(publish(1))
    assert line.transport.did == ["pause"]
    await asyncio.sleep(0.05)
    assert line.transport.did == ["pause", "resume"]
    line.hears(publish(2, b"x" * 99))
    line.hears(publish(3, b"x" * 99))
    await asyncio.sleep(0.05)
    assert line.transport.did == ["pause", "resume", "pause"], "after the breath too much is still unacknowledged"
    line.connection.acknowledge(line.deliveries)
    assert line.transport.did == ["pause", "resume", "pause", "resume"]


async def test_a_full_reading_is_followed_by_the_next_at_once() -> None:
    line = await online()
    line.connection._breath_s = 0.001
    line.hears(b"".join(publish(number % 60_000 + 1, b"x" * 1000) for number in range(60)))
    assert line.transport.did == []


# -- publishing -----------------------------------------------------------------------------------------------------


async def test_what_we_publish_is_done_when_the_broker_says_so() -> None:
    line = await online()
    saying = asyncio.create_task(line.connection.publish("nuanshao/v1/danger", b"x"))
    await asyncio.sleep(0)
    (packet,) = line.said()
    assert isinstance(packet, mqtt5.PublishPacket)
    assert (packet.topic, packet.payload, packet.qos) == ("nuanshao/v1/danger", b"x", mqtt5.QoS.AT_LEAST_ONCE)
    assert not saying.done()
    assert packet.packet_id is not None
    line.hears(mqtt5.PubAckPacket(packet.packet_id).write())
    await saying


async def test_a_refused_or_lost_message_of_ours_is_an_error() -> None:
    line = await online()
    saying = [asyncio.create_task(line.connection.publish("nuanshao/v1/danger", b"x")) for _ in range(2)]
    await asyncio.sleep(0)
    first, _ = line.said()
    assert isinstance(first, mqtt5.PublishPacket)
    assert first.packet_id is not None
    line.hears(mqtt5.PubAckPacket(first.packet_id, reason_code=mqtt5.PubAckReasonCode.NOT_AUTHORIZED).write())
    with pytest.raises(BrokerRefused, match="not_authorized"):
        await saying[0]
    line.connection.abort("cut")
    with pytest.raises(BrokerUnavailable, match="cut"):
        await saying[1]
    with pytest.raises(BrokerUnavailable, match="cut"):
        await line.connection.publish("nuanshao/v1/danger", b"x")


async def test_a_broker_without_shared_subscriptions_is_refused_in_one_line_where_several_share() -> None:
    line = Line()
    login = Login("w", divisible=("heat/v1/+/telemetry",), group="nuanshao", share=True)
    logging = asyncio.create_task(line.connection.log_in(login, BROKER))
    await asyncio.sleep(0)
    line.hears(mqtt5.ConnAckPacket(shared_subscription_available=False).write())
    with pytest.raises(BrokerRefused, match="one ingest worker"):
        await logging

"""A webhook over real HTTP, against a receiver that verifies by code of its own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import structlog

from alerts.channels.channel import Accepted, Message, Refused, Unknown
from alerts.channels.webhook import Webhook
from alerts.channels.webhook_targets import targets

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "t0ken-in-the-address"
MESSAGE = Message("webhook:county", "critical", {"place": "向阳村"}, "alarm-1-raised-7-5-webhook", "一氧化碳超标")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Receiver:
    """Answers each request with the next of `answers`, the last one for ever; keeps what was posted."""

    answers: list[bytes] = field(default_factory=lambda: [answer(204)])
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
            lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.posted.append((headers | {"": lines[0]}, body))
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(said)
            await writer.drain()
            if not said:
                break
        writer.close()


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def listening(serve: Callable[..., Awaitable[None]]) -> AsyncIterator[str]:
    quiet: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        quiet.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in quiet:
        task.cancel()
    await asyncio.gather(*quiet, return_exceptions=True)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    async with listening(one) as url:
        one.url = url
        yield one


def channel(url: str, timeout_s: float = 1.5) -> Webhook:
    return Webhook(targets(f"county={url}/in?t={TOKEN} {SECRET}"), timeout_s=timeout_s)


def verified(headers: dict[str, str], body: bytes) -> bool:
    """As a receiver's library does it."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    age = abs(datetime.now(UTC).timestamp() - int(headers["webhook-timestamp"]))
    return age < 300 and f"v1,{wanted}" in headers["webhook-signature"].split(" ")


async def test_a_receiver_can_verify_it_and_recognise_a_repetition(receiver: Receiver) -> None:
    webhook = channel(receiver.url)
    assert [await webhook.send(MESSAGE) for _ in range(2)] == [Accepted(""), Accepted("")]
    (first, body), (second, _) = receiver.posted
    assert verified(first, body)
    assert not verified(first, body + b" ")
    assert first["webhook-id"] == second["webhook-id"] == json.loads(body)["key"] == MESSAGE.key
    assert first[""] == f"POST /in?t={TOKEN} HTTP/1.1"
    assert first["content-type"] == "application/json"
    assert await webhook.lookup(MESSAGE, datetime.now(UTC)) is None
    await webhook.close()


async def test_each_answer_becomes_what_the_table_says(receiver: Receiver) -> None:
    webhook = channel(receiver.url)
    elsewhere = Receiver()
    async with listening(elsewhere) as other:
        receiver.answers = [
            answer(429, "retry-after: 7"), answer(503), answer(410), answer(307, f"location: {other}/in"),
            answer(500, body=b"x" * 100_000), answer(200),
        ]  # fmt: skip
        said = [await webhook.send(MESSAGE) for _ in range(6)]
    assert said == [
        Refused("receiver_limit", retryable=True, after_s=7),
        Refused("receiver_error", retryable=True, after_s=5),
        Refused("receiver_gone", retryable=False),
        Refused("receiver_redirects", retryable=False),
        Refused("receiver_error", retryable=True, after_s=5),
        Accepted(""),
    ]
    assert elsewhere.posted == [], "a redirect is not followed: the message and its signature would go elsewhere"
    await webhook.close()


async def test_no_answer_leaves_it_open_and_no_connection_does_not(receiver: Receiver) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with listening(silent) as url:
        webhook = channel(url, timeout_s=0.05)
        assert await webhook.send(MESSAGE) == Unknown("carrier_timeout")
    gone = await webhook.send(MESSAGE)
    assert gone == Refused("carrier_unreachable", retryable=True, after_s=5.0, elsewhere=True)
    await webhook.close()
    async with listening(endless) as url:
        webhook = channel(url, timeout_s=0.05)
        assert await webhook.send(MESSAGE) == Unknown("carrier_timeout"), "drop by drop is no answer either"
        await webhook.close()
    receiver.answers = [b""]
    webhook = channel(receiver.url)
    assert await webhook.send(MESSAGE) == Unknown("connection_lost")
    await webhook.close()


async def test_a_name_that_no_setting_has_waits_for_the_desk(receiver: Receiver) -> None:
    webhook = channel(receiver.url)
    stranger = Message("webhook:nobody", "routine", {}, "k")
    assert await webhook.send(stranger) == Refused("receiver_unknown", retryable=True, after_s=600)
    assert await webhook.send(Message("county", "routine", {}, "k")) == Accepted("")
    assert len(receiver.posted) == 1
    await webhook.close()


async def test_no_secret_in_logs_or_words(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    webhook = channel(receiver.url)
    receiver.answers = [answer(403), answer(503), answer(200), b""]
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as events:
        for _ in range(4):
            await webhook.send(MESSAGE)
    await webhook.close()
    said = caplog.text + repr(events) + repr(webhook) + "".join(capfd.readouterr())
    assert [event["reason"] for event in events] == ["credentials_refused", "receiver_error", "connection_lost"]
    signature = receiver.posted[0][0]["webhook-signature"]
    for hidden in (SECRET, SECRET.removeprefix("whsec_"), TOKEN, signature, signature.removeprefix("v1,")):
        assert hidden not in said
    assert "county" in said

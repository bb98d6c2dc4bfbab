"""E-mail against a real SMTP server (aiosmtpd) that refuses as servers do, with and without TLS."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from alerts.channels.channel import Accepted, Message, Outcome, Refused, Unknown
from alerts.channels.mail import AT_ONCE, Mail
from alerts.channels.mail_letter import sender
from tests.integration.test_broker_tls import authority

PASSWORD = "s3cret-of-the-account"
OF = sender("暖哨 <alarm@heat.example.cn>")
READER = "wang@example.cn"
PARAMS = {"place": "向阳村\r\nBcc: x@y.cn", "what": "一氧化碳超标"}
MESSAGE = Message(
    READER, "critical", PARAMS, "alarm-1-raised-7-5-email", "向阳村\n.\n一氧化碳超标", link="https://n.cn/a/x"
)


@dataclass
class Postbox:
    """What aiosmtpd asks; `refusals` holds its reply to a command, where it is not yes."""

    refusals: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    drops: bool = False
    busy: int = 0
    busiest: int = 0

    async def handle_MAIL(self, _s: SMTP, _n: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.refusals.get("MAIL", "250 OK")

    async def handle_RCPT(self, _s: SMTP, _n: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return self.refusals.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, _n: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0.01)
        self.busy -= 1
        if self.drops:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return self.refusals.get("DATA", "250 2.0.0 Ok: queued as 4RkX1")


def lets_in(_s: SMTP, _n: Session, _e: Envelope, _mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    right = (data.login, data.password) == (b"alarm", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def server(box: Postbox, *, tls: ssl.SSLContext | None = None, **changes: Any) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(SMTP(box, loop=loop, hostname="mx.example.cn", **changes))
        return made[-1]

    listening = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for one in made:
            if isinstance(one.transport, asyncio.Transport):
                one.transport.abort()
            if (handling := one._handler_coroutine) is not None:
                handling.cancel()
                await asyncio.gather(handling, return_exceptions=True)


def channel(endpoint: str, **changes: Any) -> Mail:
    return Mail(**{"endpoint": endpoint, "of": OF, "timeout_s": 2.0, **changes})


async def sent(box: Postbox, message: Message = MESSAGE, **changes: Any) -> Outcome:
    async with server(box, **changes) as port:
        return await channel(f"smtp://127.0.0.1:{port}").send(message)


async def test_a_mail_arrives_once_and_a_repetition_has_the_same_name() -> None:
    box = Postbox()
    assert await sent(box) == Accepted("4RkX1")
    assert await sent(box) == Accepted("4RkX1")
    first, second = box.mails
    assert first["message-id"] == second["message-id"] == "<alarm-1-raised-7-5-email@heat.example.cn>"
    assert first["subject"] == "【紧急】取暖警报：向阳村 Bcc: x@y.cn，一氧化碳超标"
    assert first["bcc"] is None
    assert first.get_content().splitlines() == ["向阳村", ".", "一氧化碳超标", "", "https://n.cn/a/x"]
    mail = channel("smtp://127.0.0.1:9")
    assert await mail.lookup(MESSAGE, datetime.now(UTC)) is None
    await mail.close()


@pytest.mark.parametrize(
    ("command", "reply", "outcome"),
    [
        ("MAIL", "421 4.3.2 closing", Refused("carrier_busy", retryable=True, after_s=60, elsewhere=True)),
        ("MAIL", "552 5.3.4 too big", Refused("message_too_large", retryable=False)),
        ("RCPT", "450 4.2.0 greylisted", Refused("mailbox_busy", retryable=True, after_s=300)),
        ("RCPT", "550 5.1.1 no such user", Refused("mailbox_unknown", retryable=False)),
        ("RCPT", "552 5.2.2 over quota", Refused("mailbox_full", retryable=False)),
        ("DATA", "451 4.3.0 try again", Refused("carrier_error", retryable=True, after_s=300, elsewhere=True)),
        ("DATA", "552 5.3.4 too big", Refused("message_too_large", retryable=False)),
        ("DATA", "554 5.7.1 spam", Refused("content_refused", retryable=False)),
        ("DATA", "250-half\r\nan answer", Unknown("answer_unreadable")),
    ],
)
async def test_each_refusal_becomes_what_the_table_says(command: str, reply: str, outcome: Outcome) -> None:
    assert await sent(Postbox({command: reply})) == outcome


async def test_the_servers_own_limit_of_size_is_heard_before_the_text_is_sent() -> None:
    box = Postbox()
    assert await sent(box, data_size_limit=500) == Refused("message_too_large", retryable=False)
    assert box.mails == []


async def test_a_connection_lost_in_the_middle_of_the_text_leaves_it_open() -> None:
    box = Postbox(drops=True)
    assert await sent(box) == Unknown("connection_lost")
    assert len(box.mails) == 1, "the server has it all the same"


async def test_no_server_a_silent_one_and_one_that_says_no_at_the_door() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def full(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 4.7.0 too many connections\r\n")
        await writer.drain()
        writer.close()

    unreachable = Refused("carrier_unreachable", retryable=True, after_s=5.0, elsewhere=True)
    said = []
    for serve in (silent, full):
        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        said.append(await channel(f"smtp://127.0.0.1:{port}", timeout_s=0.1).send(MESSAGE))
        listening.close()
        await listening.wait_closed()
    said.append(await channel(f"smtp://127.0.0.1:{port}").send(MESSAGE))
    assert said == [unreachable, Refused("carrier_busy", retryable=True, after_s=60, elsewhere=True), unreachable]


async def test_what_is_no_address_is_not_even_tried() -> None:
    box = Postbox()
    outcome = await sent(box, Message("wang@x.cn>\r\nDATA", "routine", {}, "k"))
    assert outcome == Refused("address_invalid", retryable=False)
    assert box.mails == []


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """(file of an authority, the context of a server that it has signed)."""
    ca, certificate, key = authority(tmp_path_factory.mktemp("mail"), "county")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return str(ca), context


def test_an_authority_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    from foundation.errors import SettingsError

    with pytest.raises(SettingsError, match="NUANSHAO_SMTP_CA_FILE"):
        channel("smtps://mx.cn", ca_file=str(tmp_path / "gone"))


async def test_tls_from_the_first_byte_and_by_starttls_with_a_login(ours: tuple[str, ssl.SSLContext]) -> None:
    ca, context = ours
    box = Postbox()
    account = {"ca_file": ca, "user": "alarm", "password": SecretStr(PASSWORD)}
    async with server(box, tls=context, authenticator=lets_in, auth_require_tls=False) as port:
        assert await channel(f"smtps://127.0.0.1:{port}", **account).send(MESSAGE) == Accepted("4RkX1")
    options: dict[str, Any] = {"tls_context": context, "authenticator": lets_in}
    async with server(box, require_starttls=True, auth_required=True, **options) as port:
        address = f"smtp+starttls://127.0.0.1:{port}"
        assert await channel(address, **account).send(MESSAGE) == Accepted("4RkX1")
        wrong = {**account, "password": SecretStr("guess")}
        refused = Refused("credentials_refused", retryable=True, after_s=600, elsewhere=True)
        assert await channel(address, **wrong).send(MESSAGE) == refused
        assert await channel(address, ca_file=ca).send(MESSAGE) == refused, "it wants a login"
    assert len(box.mails) == 2


async def test_nothing_is_said_without_the_tls_that_was_asked_for(ours: tuple[str, ssl.SSLContext]) -> None:
    ca, context = ours
    box = Postbox()
    refused = Refused("tls_refused", retryable=True, after_s=600, elsewhere=True)
    account = {"user": "alarm", "password": SecretStr(PASSWORD)}
    async with server(box) as port:
        plain = channel(f"smtp+starttls://127.0.0.1:{port}", ca_file=ca, **account)
        assert await plain.send(MESSAGE) == refused, "it offers none"
    async with server(box, tls_context=context) as port:
        assert await channel(f"smtp+starttls://127.0.0.1:{port}", **account).send(MESSAGE) == refused, "a stranger's"
    async with server(box, tls=context) as port:
        assert await channel(f"smtps://127.0.0.1:{port}", **account).send(MESSAGE) == refused
    async with server(box) as port:
        nobody = channel(f"smtp://127.0.0.1:{port}", **account)
        assert (await nobody.send(MESSAGE)) == Refused("credentials_refused", True, 600, True)
    assert box.mails == []


async def test_few_conversations_at_one_time() -> None:
    box = Postbox()
    async with server(box) as port:
        mail = channel(f"smtp://127.0.0.1:{port}")
        said = await asyncio.gather(*(mail.send(MESSAGE) for _ in range(12)))
    assert said == [Accepted("4RkX1")] * 12
    assert box.busiest <= AT_ONCE


async def test_no_secret_and_no_whole_address_in_logs_or_words(
    ours: tuple[str, ssl.SSLContext], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ca, context = ours
    box = Postbox({"RCPT": f"550 5.1.1 <{READER}> unknown, user alarm {PASSWORD}"})
    aiosmtpd: Callable[[logging.LogRecord], bool] = lambda record: record.name != "mail.log"  # noqa: E731 - the server's
    caplog.handler.addFilter(aiosmtpd)
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as events:
        async with server(box, tls=context, authenticator=lets_in, auth_require_tls=False) as port:
            for password in (PASSWORD, "guess-of-mine"):
                mail = channel(f"smtps://127.0.0.1:{port}", ca_file=ca, user="alarm", password=SecretStr(password))
                await mail.send(MESSAGE)
    said = caplog.text + repr(events) + repr(mail) + "".join(capfd.readouterr())
    caplog.handler.removeFilter(aiosmtpd)
    assert [event["reason"] for event in events] == ["mailbox_unknown", "credentials_refused"]
    for hidden in (PASSWORD, "guess-of-mine", READER):
        assert hidden not in said
    assert "w****@example.cn" in said

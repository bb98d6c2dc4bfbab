"""E-mail over one mail server (SMTP), always with TLS beyond loopback.

A mail server's yes is the last thing that is heard of a mail: what becomes of it later is not followed.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from pydantic import SecretStr

from alerts.channels.channel import Accepted, Message, Outcome, Receipt, Refused, Unknown, Way
from alerts.channels.endpoint import RETRY_UNREACHABLE_S
from alerts.channels.mail_letter import is_address, letter, sender
from alerts.channels.mail_outcomes import BUSY, CREDENTIALS, TLS, Step, judge
from foundation.clock import Clock, utc_now
from foundation.errors import SettingsError
from foundation.loopback import is_loopback
from foundation.settings import Settings, required

log = structlog.get_logger(__name__)

SETTING: Final = "NUANSHAO_SMTP_ENDPOINT"
AT_ONCE: Final = 4
"""Conversations at one time: servers allow one client few (Postfix's anvil 50, others 10; our choice)."""
_IN_LINE_S: Final = 15.0
"""How long a message waits for one of them; with the conversation less than a courier's claim holds."""
_UNREACHABLE: Final = Refused("carrier_unreachable", retryable=True, after_s=RETRY_UNREACHABLE_S, elsewhere=True)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails go. `tls`: from the first byte, by STARTTLS, or none (loopback)."""

    host: str
    port: int
    tls: bool
    starttls: bool


_REFUSALS: Final = range(400, 600)
_KINDS: Final = {"smtps": (465, True, False), "smtp+starttls": (587, False, True), "smtp": (25, False, False)}


def server_of(address: str) -> MailServer:
    """The mail server that the setting names. Raises SettingsError for one that would carry alarms in clear."""
    parts = urlsplit(address)
    try:
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host = None, None
    if parts.scheme not in _KINDS or not host or "@" in parts.netloc or parts.path.strip("/") or parts.query:
        raise SettingsError(
            f"{SETTING} is no mail server", do="write smtps://host, or smtp+starttls://host; user and password apart"
        )
    usual, tls, starttls = _KINDS[parts.scheme]
    if not (tls or starttls or is_loopback(host)):
        raise SettingsError(
            f"{SETTING}: smtp://{host} would carry alarms in clear", do="use smtps:// or smtp+starttls://"
        )
    return MailServer(host, port or usual, tls, starttls)


class Mail:
    """One account at one mail server. `timeout_s` bounds each reply, three times that a whole conversation."""

    name = "smtp"
    way: Way = "email"
    receipts = False
    remembers = False

    def __init__(
        self,
        *,
        endpoint: str,
        of: Address,
        user: str = "",
        password: SecretStr | None = None,
        ca_file: str = "",
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._server = server_of(endpoint)
        self._of = of
        self._user = user
        self._password = password
        self._clock = clock
        self._timeout_s = timeout_s
        self._line = asyncio.Semaphore(AT_ONCE)
        try:
            self._tls = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as failed:
            raise SettingsError(f"NUANSHAO_SMTP_CA_FILE: {failed}", do="point it at a readable PEM file") from None

    def __repr__(self) -> str:
        return f"Mail({self._server.host})"

    async def send(self, message: Message) -> Outcome:
        """Hand the mail over once. Lost after its text has begun to be sent, it may have been taken."""
        if not is_address(message.to):
            return self._said(Refused("address_invalid", retryable=False), message, 0)
        try:
            async with asyncio.timeout(_IN_LINE_S):
                await self._line.acquire()
        except TimeoutError:
            return self._said(BUSY, message, 0)
        try:
            return await self._converse(message)
        finally:
            self._line.release()

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:  # noqa: ARG002 - Channel's
        """A mail server cannot be asked."""
        return None

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _converse(self, message: Message) -> Outcome:
        text = letter(message, self._of, self._clock()).as_bytes()
        step: Step = "connect"
        smtp = self._client()
        try:
            async with asyncio.timeout(3 * self._timeout_s):
                await smtp.connect()
                if self._server.starttls:
                    step = "tls"
                    await smtp.starttls()
                if self._user and self._password:
                    step = "login"
                    await smtp.login(self._user, self._password.get_secret_value())
                step = "sender"
                await smtp.ehlo()
                size = [f"SIZE={len(text)}"] if smtp.supports_extension("size") else []
                await smtp.mail(self._of.addr_spec, options=size)
                step = "recipient"
                await smtp.rcpt(message.to)
                step = "data"
                taken = await smtp.data(text)
                with suppress(SMTPException, OSError):  # it has the mail; how the goodbye ends is no matter
                    await smtp.quit()
        except (SMTPException, OSError) as error:
            code = error.code if isinstance(error, SMTPResponseException) else 0
            outcome = judge(step, code) if code in _REFUSALS else _failed(step, error)
            return self._said(outcome, message, code)
        finally:
            smtp.close()
        return Accepted(_queued_as(taken.message))

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self._server.host,
            port=self._server.port,
            # its own name needs a look into the DNS, which may hang
            local_hostname=self._of.domain,
            timeout=self._timeout_s,
            use_tls=self._server.tls,
            start_tls=False,  # _converse asks, and so tells a server without it from one that lets nobody in
            tls_context=self._tls,
        )

    def _said(self, outcome: Refused | Unknown, message: Message, code: int) -> Outcome:
        # the server's words are left out: they repeat the address, and some the account
        log.warning("mail_not_accepted", reason=outcome.reason, code=code, to=mask_address(message.to), key=message.key)
        return outcome


def _failed(step: Step, error: SMTPException | OSError) -> Refused | Unknown:
    """What a conversation that broke off means, or one in which nothing was said that can be understood."""
    lost = isinstance(error, SMTPServerDisconnected | SMTPConnectError | OSError)  # a TimeoutError is an OSError
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError) or (step == "tls" and not lost):
        return TLS
    if step == "data":
        late = isinstance(error, TimeoutError)
        return Unknown("carrier_timeout" if late else "connection_lost" if lost else "answer_unreadable")
    if step == "login" and not lost:
        return CREDENTIALS  # the server lets nobody log in, or not so as we can
    return _UNREACHABLE


def _queued_as(words: str) -> str:
    """The server's own name for the mail, as far as it says one: `2.0.0 Ok: queued as 4Rk…`."""
    return words.rpartition("queued as ")[2].strip()[:64] if "queued as " in words else ""


def mask_address(address: str) -> str:
    """A mail address as logs may show it: `w****@example.cn`."""
    user, separator, host = address.rpartition("@")
    return f"{user[:1]}****@{host}" if separator else "****"


def from_settings(chosen: Settings) -> Mail | None:
    """The account that the settings name, if any. Raises SettingsError where half of it is missing."""
    if not chosen.smtp_endpoint:
        return None
    try:
        of = sender(required("smtp_from"))
    except ValueError:
        raise SettingsError("NUANSHAO_SMTP_FROM is no mail address", do="write 暖哨 <alarm@example.cn>") from None
    return Mail(
        endpoint=chosen.smtp_endpoint,
        of=of,
        user=chosen.smtp_user,
        password=SecretStr(required("smtp_password")) if chosen.smtp_user else None,
        ca_file=chosen.smtp_ca_file,
    )

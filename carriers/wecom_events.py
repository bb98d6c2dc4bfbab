"""Calls back as WeCom does when somebody presses a button: encrypted, signed, repeated; reads the encrypted answer.

Written from WeCom's description (document/path/90968), on purpose without a look at our own code for the same.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
from functools import cached_property

import httpx
import structlog
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from carriers.chat_settings import WecomSettings
from carriers.inbox import Chat
from foundation.clock import Clock

log = structlog.get_logger(__name__)

_ATTEMPTS = 3
_ANSWER_WITHIN_S = 5.0
_RANDOM, _LENGTH = 16, 4
_BLOCK_BITS = 256


class WecomEvents:
    """One application's callback."""

    def __init__(self, settings: WecomSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        # httpx writes whole addresses at INFO, and ours hold a secret path
        logging.getLogger("httpx").addFilter(_not_an_address)

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=_ANSWER_WITHIN_S, trust_env=False)

    @property
    def callable(self) -> bool:
        """Whether anybody listens."""
        return bool(self._settings.callback_url.get_secret_value())

    async def close(self) -> None:
        """Let connections go."""
        if "_http" in self.__dict__:
            await self._http.aclose()

    async def verify(self) -> bool:
        """What the console does when the address is saved: whether our text comes back decrypted."""
        secret = base64.b64encode(os.urandom(12)).decode()
        sealed = self.seal(secret)
        answer = await self._http.get(self._url, params={**self._signed(sealed), "echostr": sealed})
        return answer.is_success and answer.text == secret

    async def press(self, chat: Chat, key: str) -> int:
        """The member presses a button; the HTTP status of the last attempt, 0 for none."""
        event = (
            f"<xml><ToUserName><![CDATA[{self._settings.corp_id}]]></ToUserName>"
            f"<FromUserName><![CDATA[{chat.to}]]></FromUserName>"
            f"<CreateTime>{int(self._clock().timestamp())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[template_card_event]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
            f"<TaskId><![CDATA[{chat.task_id}]]></TaskId><CardType><![CDATA[button_interaction]]></CardType>"
            f"<ResponseCode><![CDATA[{os.urandom(8).hex()}]]></ResponseCode>"
            f"<AgentID>{self._settings.agent_id}</AgentID></xml>"
        )
        chat.pressed = key
        status = 0
        for _ in range(_ATTEMPTS):
            status, text = await self._post(event)
            if status == httpx.codes.OK:
                said = re.search(r"<ReplaceName>(.*?)</ReplaceName>", self.opened(text))
                chat.answered = said[1] if said else ""
                break
        else:
            log.warning("wecom_callback_given_up", status=status)
        return status

    async def _post(self, event: str) -> tuple[int, str]:
        sealed = self.seal(event)
        body = (
            f"<xml><ToUserName><![CDATA[{self._settings.corp_id}]]></ToUserName>"
            f"<AgentID><![CDATA[{self._settings.agent_id}]]></AgentID><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        )
        try:
            answer = await self._http.post(
                self._url, params=self._signed(sealed), content=body.encode(), headers={"Content-Type": "text/xml"}
            )
        except httpx.HTTPError:
            return 0, ""
        return answer.status_code, answer.text

    @property
    def _url(self) -> str:
        return self._settings.callback_url.get_secret_value()

    def _signed(self, sealed: str) -> dict[str, str]:
        timestamp, nonce = f"{self._clock().timestamp():.0f}", str(int.from_bytes(os.urandom(4), "big"))
        return {"msg_signature": self._sign(timestamp, nonce, sealed), "timestamp": timestamp, "nonce": nonce}

    def _sign(self, timestamp: str, nonce: str, sealed: str) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        for part in sorted([self._settings.callback_token.get_secret_value(), timestamp, nonce, sealed]):
            digest.update(part.encode("ascii"))
        return digest.hexdigest()

    def _aes(self) -> Cipher[CBC]:
        key = base64.b64decode(self._settings.callback_aes_key.get_secret_value() + "=")
        return Cipher(AES(key), CBC(key[:16]))

    def seal(self, text: str) -> str:
        """Random, length, text, receiver; padded to 32 bytes, encrypted, in base 64."""
        words = text.encode()
        receiver = self._settings.corp_id.encode()
        padder, sealing = padding.PKCS7(_BLOCK_BITS).padder(), self._aes().encryptor()
        plain = os.urandom(_RANDOM) + len(words).to_bytes(_LENGTH, "big") + words + receiver
        return base64.b64encode(sealing.update(padder.update(plain) + padder.finalize()) + sealing.finalize()).decode()

    def opened(self, answer: str) -> str:
        """The text in an encrypted answer, or nothing where it is not ours to read or wrongly signed."""
        parts = {
            name: found[1]
            for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
            if (found := re.search(rf"<{name}>(?:<!\[CDATA\[)?([^<\]]*)", answer))
        }
        if len(parts) < 4 or self._sign(parts["TimeStamp"], parts["Nonce"], parts["Encrypt"]) != parts["MsgSignature"]:  # noqa: PLR2004 - all four
            return ""
        opening, unpadder = self._aes().decryptor(), padding.PKCS7(_BLOCK_BITS).unpadder()
        padded = opening.update(base64.b64decode(parts["Encrypt"])) + opening.finalize()
        plain = unpadder.update(padded) + unpadder.finalize()
        end = _RANDOM + _LENGTH + int.from_bytes(plain[_RANDOM : _RANDOM + _LENGTH], "big")
        return plain[_RANDOM + _LENGTH : end].decode()


def _not_an_address(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("HTTP Request:")

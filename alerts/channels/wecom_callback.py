"""What WeCom calls back: verified, decrypted, read. And the encrypted answer, which changes the pressed card.

AES-256-CBC with the EncodingAESKey (its first 16 bytes are the vector), PKCS#7 to 32 bytes; inside: 16 random bytes,
the length, the text, the corp id. Signature: SHA-1 over token, timestamp, nonce and ciphertext, sorted.
Source: developer.work.weixin.qq.com/document/path/90968.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import SecretStr

from foundation.clock import from_ms
from foundation.errors import SettingsError
from foundation.settings import Settings, required

if TYPE_CHECKING:  # a channel stands below what is answered to it
    from alerts.answer import Verb

MOST_BYTES: Final = 64 * 1024
"""Of a callback (our choice; a pressed button has less than one KiB)."""
FRESH: Final = timedelta(minutes=10)
"""How old, or how far ahead, a callback may be: WeCom repeats one within seconds (our choice)."""

_BLOCK = 32
_HEAD = 20
_KEY_LETTERS = 43
_VERBS: Final[tuple[Verb, ...]] = ("have_it", "false_alarm", "need_help")


class CallbackRefused(Exception):
    """What came is not WeCom's, or cannot be read; `reason` is bounded."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Pressed:
    """Somebody pressed a button: on the card with our `key`, in the language of which the answer is to be."""

    key: str
    verb: Verb
    language: str
    member: str


class Callback:
    """One application's callback. Raises SettingsError for an AES key that is none."""

    def __init__(self, *, corp_id: str, token: SecretStr, aes_key: SecretStr) -> None:
        text = aes_key.get_secret_value()
        try:
            key = base64.b64decode(text + "=", validate=True) if len(text) == _KEY_LETTERS else b""
        except binascii.Error:
            key = b""
        if len(key) != _BLOCK:
            raise SettingsError(
                "NUANSHAO_WECOM_CALLBACK_AES_KEY is no EncodingAESKey", do="copy its 43 letters from WeCom's console"
            )
        self._corp_id = corp_id.encode()
        self._token = token
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def opened(self, query: Query, encrypted: str, now: datetime) -> str:
        """The text within, of a callback that is WeCom's and fresh. Raises CallbackRefused."""
        wanted = self.signature(query.timestamp, query.nonce, encrypted)
        if not secrets.compare_digest(wanted.encode(), query.msg_signature.encode()):
            raise CallbackRefused("signature_wrong")
        if not query.timestamp.isdigit() or len(query.timestamp) > len("9999999999"):
            raise CallbackRefused("timestamp_unreadable")
        if abs(now - from_ms(int(query.timestamp) * 1000)) > FRESH:
            raise CallbackRefused("not_fresh")
        return self._decrypted(encrypted)

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """What WeCom calls msg_signature."""
        parts = sorted((self._token.get_secret_value(), timestamp, nonce, encrypted))
        return hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324 - WeCom's choice

    def sealed(self, text: str, now: datetime) -> str:
        """An answer as WeCom reads it: the text encrypted and signed, as XML."""
        raw = text.encode()
        plain = secrets.token_bytes(16) + struct.pack(">I", len(raw)) + raw + self._corp_id
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher.encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        encrypted = base64.b64encode(sealed).decode()
        timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(8)
        return (
            f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{self.signature(timestamp, nonce, encrypted)}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _decrypted(self, encrypted: str) -> str:
        try:
            sealed = base64.b64decode(encrypted, validate=True)
            decryptor = self._cipher.decryptor()
            plain = decryptor.update(sealed) + decryptor.finalize()
        except (binascii.Error, ValueError):
            raise CallbackRefused("not_decrypted") from None
        pad = plain[-1] if plain else 0
        if not 1 <= pad <= _BLOCK or plain[-pad:] != bytes([pad]) * pad or len(plain) - pad < _HEAD:
            raise CallbackRefused("not_decrypted")
        end = _HEAD + int(struct.unpack(">I", plain[16:_HEAD])[0])
        if plain[end:-pad] != self._corp_id:
            raise CallbackRefused("of_another_organisation")
        try:
            return plain[_HEAD:end].decode()
        except UnicodeDecodeError:
            raise CallbackRefused("not_decrypted") from None


@dataclass(frozen=True)
class Query:
    """What stands in the address of a callback."""

    msg_signature: str
    timestamp: str
    nonce: str


def fields_of(document: str | bytes) -> dict[str, str]:
    """The texts directly below `<xml>`. Raises CallbackRefused for what is too long, no XML, or brings a DOCTYPE."""
    if len(document) > MOST_BYTES:
        raise CallbackRefused("too_long")
    found: dict[str, str] = {}
    path: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        path.append(name)

    def words(text: str) -> None:
        if len(path) == 2:  # noqa: PLR2004 - <xml><Name>
            found[path[1]] = found.get(path[1], "") + text

    def refuse(*_: object) -> None:
        raise CallbackRefused("doctype")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    parser.CharacterDataHandler = words
    # no entity, not even a harmless one: without a DOCTYPE there are none to expand
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(document, True)
    except expat.ExpatError:
        raise CallbackRefused("no_xml") from None
    return {name: text.strip() for name, text in found.items()}


def pressed(event: str) -> Pressed | None:
    """The pressed button in a decrypted event; None for any other event. Raises CallbackRefused."""
    fields = fields_of(event)
    verb, _, language = fields.get("EventKey", "").partition("@")
    if fields.get("Event") != "template_card_event" or not fields.get("TaskId"):
        return None
    for known in _VERBS:
        if verb == known:
            return Pressed(fields["TaskId"], known, language, fields.get("FromUserName", ""))
    return None


def button_says(words: str, event: str, now: datetime) -> str:
    """The answer to an event that turns the card's buttons into these words."""
    fields = fields_of(event)
    return (
        f"<xml><ToUserName>{escape(fields.get('FromUserName', ''))}</ToUserName>"
        f"<FromUserName>{escape(fields.get('ToUserName', ''))}</FromUserName>"
        f"<CreateTime>{int(now.timestamp())}</CreateTime><MsgType>update_button</MsgType>"
        f"<Button><ReplaceName>{escape(words)}</ReplaceName></Button></xml>"
    )


def from_settings(chosen: Settings) -> Callback | None:
    """The callback that the settings name, if any. Raises SettingsError where half of it is missing."""
    if not chosen.wecom_callback_token.get_secret_value() and not chosen.wecom_callback_aes_key.get_secret_value():
        return None
    return Callback(
        corp_id=required("wecom_corp_id"),
        token=SecretStr(required("wecom_callback_token")),
        aes_key=SecretStr(required("wecom_callback_aes_key")),
    )

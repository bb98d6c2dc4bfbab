"""WeCom's encrypted callbacks: the published example, the stand-in's independent code, and what must be refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from alerts.channels.wecom_callback import Callback, CallbackRefused, Pressed, Query, button_says, fields_of, pressed
from api.wecom import said
from carriers.chat_settings import WecomSettings
from carriers.wecom_events import WecomEvents
from foundation.clock import utc_now
from foundation.errors import SettingsError

CORP, TOKEN, KEY = "wx5823bf96d3bd56c7", "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
AT = datetime.fromtimestamp(1409659813, UTC)
SIGNED = Query("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149")
# the example of WeCom's documentation, document/path/90968
ENCRYPTED = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3"
    "TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gs"
    "ijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUa"
    "x5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIG"
    "HBZZIs2pDBS8R07+qN+E7Q=="
)


def callback(**changes: str) -> Callback:
    values = {"corp_id": CORP, "token": TOKEN, "aes_key": KEY} | changes
    return Callback(corp_id=values["corp_id"], token=SecretStr(values["token"]), aes_key=SecretStr(values["aes_key"]))


def test_the_published_example() -> None:
    fields = fields_of(callback().opened(SIGNED, ENCRYPTED, AT))
    assert (fields["FromUserName"], fields["Content"], fields["AgentID"]) == ("mycreate", "hello", "218")


@pytest.mark.parametrize(
    ("ours", "query", "encrypted", "at", "reason"),
    [
        (callback(), Query("0" * 40, SIGNED.timestamp, SIGNED.nonce), ENCRYPTED, AT, "signature_wrong"),
        (callback(), Query("é", SIGNED.timestamp, SIGNED.nonce), ENCRYPTED, AT, "signature_wrong"),
        (callback(), Query(SIGNED.msg_signature, "1409659814", SIGNED.nonce), ENCRYPTED, AT, "signature_wrong"),
        (callback(token="other"), SIGNED, ENCRYPTED, AT, "signature_wrong"),
        (callback(), SIGNED, ENCRYPTED, AT + timedelta(minutes=11), "not_fresh"),
        (callback(), SIGNED, ENCRYPTED, AT - timedelta(minutes=11), "not_fresh"),
        (callback(aes_key="A" * 43), SIGNED, ENCRYPTED, AT, "not_decrypted"),
        (callback(corp_id="wwother"), SIGNED, ENCRYPTED, AT, "of_another_organisation"),
    ],
)
def test_what_is_not_wecoms_is_refused(ours: Callback, query: Query, encrypted: str, at: datetime, reason: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        ours.opened(query, encrypted, at)
    assert refused.value.reason == reason


@pytest.mark.parametrize("encrypted", ["", "====", "AAAA", "é", "A" * 64])
def test_nonsense_that_is_well_signed_is_refused(encrypted: str) -> None:
    ours = callback()
    with pytest.raises(CallbackRefused, match="not_decrypted"):
        ours.opened(Query(ours.signature("1409659813", "n", encrypted), "1409659813", "n"), encrypted, AT)


async def test_the_stand_in_and_we_read_each_other() -> None:
    settings = WecomSettings(corp_id=CORP, callback_token=SecretStr(TOKEN), callback_aes_key=SecretStr(KEY))
    events = WecomEvents(settings, utc_now)
    for text in ("", "短", "x" * 31, "x" * 32, "长" * 500):
        sealed = events.seal(text)
        signed = events._signed(sealed)
        query = Query(signed["msg_signature"], signed["timestamp"], signed["nonce"])
        assert callback().opened(query, sealed, utc_now()) == text
        assert events.opened(callback().sealed(text, utc_now())) == text
    assert events.opened(callback(token="other").sealed("x", utc_now())) == ""
    await events.close()


def test_a_document_with_a_doctype_is_refused_in_any_encoding() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'
    for document in (bomb, bomb.encode(), bomb.encode("utf-16"), b"\xef\xbb\xbf" + bomb.encode()):
        with pytest.raises(CallbackRefused, match="doctype"):
            fields_of(document)


@pytest.mark.parametrize(
    ("document", "reason"), [(b"<xml>" + b" " * 70_000, "too_long"), (b"{}", "no_xml"), (b"<xml><a></xml>", "no_xml")]
)
def test_a_document_that_is_none_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(CallbackRefused, match=reason):
        fields_of(document)


def event(key: str, *, kind: str = "template_card_event") -> str:
    return (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><FromUserName><![CDATA[wang]]></FromUserName>"
        f"<Event><![CDATA[{kind}]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
        "<TaskId><![CDATA[alarm-1]]></TaskId></xml>"
    )


def test_which_button_was_pressed() -> None:
    assert pressed(event("false_alarm@en")) == Pressed("alarm-1", "false_alarm", "en", "wang")
    assert pressed(event("something@en")) is None
    assert pressed(event("have_it@zh-CN", kind="enter_agent")) is None


def test_the_card_says_what_became_of_it() -> None:
    yes, no, help_me = (Pressed("k", verb, "zh-CN", "w") for verb in ("have_it", "false_alarm", "need_help"))
    assert [said(yes, "acknowledged"), said(no, "acknowledged"), said(help_me, "nothing_to_acknowledge")] == [
        "已收到", "已报误报", "已求助",
    ]  # fmt: skip
    assert said(yes, "closed_before") == "警报已结束"
    assert said(Pressed("k", "have_it", "en", "w"), "nothing_to_acknowledge") == "Nothing to answer"
    assert fields_of(button_says("<已收到>", event("have_it@en"), AT))["ToUserName"] == "wang"


@pytest.mark.parametrize("key", ["", "short", "A" * 44, "!" * 43])
def test_an_aes_key_that_is_none_is_refused_without_being_named(key: str) -> None:
    with pytest.raises(SettingsError) as refused:
        callback(aes_key=key)
    assert not key or key not in str(refused.value)

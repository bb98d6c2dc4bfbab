"""E-mails: what one looks like, which server is taken, what its codes mean."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.channel import Message, Refused
from alerts.channels.mail import MailServer, mask_address, server_of
from alerts.channels.mail_letter import is_address, letter, sender, subject
from alerts.channels.mail_outcomes import Step, judge
from foundation.errors import SettingsError

NOW = datetime(2026, 1, 15, 19, 0, tzinfo=UTC)
OF = sender("暖哨 <alarm@heat.example.cn>")
KEY = "alarm-1234567890-raised-1736967600-again-123456-email"
LINK = "https://heat.example.cn/a/x"


def message(**changes: object) -> Message:
    usual: dict[str, object] = {
        "to": "wang@example.cn", "template": "critical", "key": KEY, "text": "向阳村 1组3号 一氧化碳超标", "link": LINK,
        "params": {"place": "向阳村", "what": "一氧化碳超标（现356ppm）"},
    }  # fmt: skip
    return Message(**usual | changes)  # type: ignore[arg-type]  # a mapping of fields


def read(one: Message) -> EmailMessage:
    """As the reader's program does."""
    return message_from_bytes(letter(one, OF, NOW).as_bytes(), policy=default)


def test_a_letter_says_how_urgent_where_and_what() -> None:
    found = read(message())
    assert found["subject"] == "【紧急】取暖警报：向阳村，一氧化碳超标（现356ppm）"
    assert found["from"] == "暖哨 <alarm@heat.example.cn>"
    assert found["to"] == "wang@example.cn"
    assert found["message-id"].strip() == f"<{KEY}@heat.example.cn>"
    assert found.get_content().split("\r\n") == ["向阳村 1组3号 一氧化碳超标", "", LINK, ""]
    assert (found["importance"], found["auto-submitted"]) == ("high", "auto-generated")
    assert found["date"].datetime == NOW


def test_its_bytes_pass_any_server() -> None:
    raw = letter(message(text="长" * 2000), OF, NOW).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_languages_and_a_link_that_is_in_the_text_already() -> None:
    assert subject(message(language="en", template="routine")) == (
        "[routine] heating notice: 向阳村, 一氧化碳超标（现356ppm）"
    )
    assert subject(message(language="mn", params={})) == "【紧急】取暖警报"
    assert read(message(text=f"见 {LINK}")).get_content() == f"见 {LINK}\r\n"
    assert len(subject(message(params={"place": "村" * 500}))) == 120


@given(st.text(min_size=1), st.text(), st.text())
def test_no_name_can_begin_a_header(place: str, what: str, language: str) -> None:
    evil = f"{place}\r\nBcc: everybody@example.cn\n\n{what}\u2028X: y\x85Z: w"
    found = read(message(params={"place": evil, "what": what}, language=language, key=evil))
    assert found["bcc"] is None
    assert found["x"] is None
    assert found["to"] == "wang@example.cn"
    assert {*map(str.lower, found.keys()), "content-language"} == {
        "from", "to", "subject", "date", "message-id", "auto-submitted", "content-language", "importance", "x-priority",
        "content-type", "content-transfer-encoding", "mime-version",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "wang", "wang@", "@x.cn", "a b@x.cn", "a@x.cn, b@x.cn", "a@x.cn\nBcc: b@x.cn", "<a@x.cn>", "王@x.cn", "a@b@c"],
)
def test_what_is_no_mail_address(text: str) -> None:
    assert not is_address(text)
    assert is_address("wang.1+heat@mail-1.example.cn")


def test_senders() -> None:
    assert sender('"暖 哨" <a@x.cn>') == Address("暖 哨", addr_spec="a@x.cn")
    assert sender("a@x.cn") == Address(addr_spec="a@x.cn")
    for wrong in ("", "暖哨", "暖哨 <a@x.cn", "a@x.cn>", "a@x.cn b@x.cn", "<>"):
        with pytest.raises(ValueError, match="no mail address"):
            sender(wrong)


def test_servers() -> None:
    assert server_of("smtps://mx.cn") == MailServer("mx.cn", 465, tls=True, starttls=False)
    assert server_of("smtp+starttls://mx.cn") == MailServer("mx.cn", 587, tls=False, starttls=True)
    assert server_of("smtp+starttls://mx.cn:25/").port == 25
    assert server_of("smtp://127.0.0.1:2525") == MailServer("127.0.0.1", 2525, tls=False, starttls=False)


@pytest.mark.parametrize(
    "address",
    ["smtp://mx.cn", "https://mx.cn", "mx.cn:465", "smtps://u:hush@mx.cn", "smtps://mx.cn/hush", "smtps://:1"],
)
def test_a_server_in_clear_or_malformed_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="NUANSHAO_SMTP_ENDPOINT") as refused:
        server_of(address)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("step", "code", "reason", "retryable", "elsewhere"),
    [
        ("connect", 421, "carrier_busy", True, True),
        ("connect", 554, "account_refused", True, True),
        ("connect", 550, "account_refused", True, True),
        ("tls", 454, "tls_or_login_refused_for_now", True, True),
        ("tls", 502, "tls_refused", True, True),
        ("login", 535, "credentials_refused", True, True),
        ("login", 454, "tls_or_login_refused_for_now", True, True),
        ("login", 504, "credentials_refused", True, True),
        ("sender", 530, "credentials_refused", True, True),
        ("sender", 552, "message_too_large", False, False),
        ("sender", 553, "account_refused", True, True),
        ("sender", 451, "carrier_error", True, True),
        ("recipient", 450, "mailbox_busy", True, False),
        ("recipient", 452, "carrier_full", True, True),
        ("recipient", 550, "mailbox_unknown", False, False),
        ("recipient", 551, "mailbox_unknown", False, False),
        ("recipient", 552, "mailbox_full", False, False),
        ("recipient", 553, "address_invalid", False, False),
        ("recipient", 554, "carrier_refused_recipient", False, False),
        ("recipient", 499, "carrier_refused_for_now", True, True),
        ("recipient", 599, "carrier_refused_other", False, False),
        ("data", 421, "carrier_busy", True, True),
        ("data", 550, "content_refused", False, False),
        ("data", 552, "message_too_large", False, False),
        ("data", 554, "content_refused", False, False),
    ],
)
def test_what_a_code_means(step: Step, code: int, reason: str, *, retryable: bool, elsewhere: bool) -> None:
    found = judge(step, code)
    assert (found.reason, found.retryable, found.elsewhere) == (reason, retryable, elsewhere)
    assert (found.after_s > 0) == found.retryable
    assert isinstance(found, Refused)


def test_addresses_are_masked() -> None:
    assert mask_address("wang@example.cn") == "w****@example.cn"
    assert mask_address("nobody") == "****"

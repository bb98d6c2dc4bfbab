"""Links that answer one message for a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from alerts.links import LASTS, check_links, link_for, read
from api.allowance import Allowance
from api.page import buttons, how_it_stands, what_it_did
from api.page_words import WORDS
from foundation.errors import SettingsError
from foundation.settings import Settings, settings

NOW = datetime(2026, 1, 15, 19, 0, tzinfo=UTC)
KEY = "0123456789abcdef" * 3


@pytest.fixture(autouse=True)
def _on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUANSHAO_PUBLIC_URL", "https://warm.example.cn/n/")
    monkeypatch.setenv("NUANSHAO_LINK_KEY", KEY)
    settings.cache_clear()


def token(number: int = 4711) -> str:
    return link_for(number, NOW).rpartition("/")[2]


def test_a_link_is_short_and_lasts_a_day() -> None:
    link = link_for(4711, NOW)
    assert link.startswith("https://warm.example.cn/n/a/")
    assert len(token()) < 64
    assert read(token(), NOW) == 4711
    assert read(token(), NOW + LASTS - timedelta(seconds=1)) == 4711
    assert read(token(), NOW + LASTS) == "expired"


@given(st.integers(0, 2**63 - 1))
def test_whatever_message_it_is_about(number: int) -> None:
    assert read(token(number), NOW) == number


@given(st.text(max_size=150))
def test_anything_else_is_forged(text: str) -> None:
    assert read(text, NOW) == "forged"


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_changed_link_is_forged(place: int, sign: str) -> None:
    good = token()
    place %= len(good)
    bad = f"{good[:place]}{sign}{good[place + 1 :]}"
    # the last sign of a signature has bits that nobody reads
    assert read(bad, NOW) == ("forged" if bad[:-1] != good[:-1] else read(bad, NOW))


def test_another_key_ends_all_links(monkeypatch: pytest.MonkeyPatch) -> None:
    old = token()
    monkeypatch.setenv("NUANSHAO_LINK_KEY", "f" * 32)
    settings.cache_clear()
    assert read(old, NOW) == "forged"


def test_without_an_address_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    old = token()
    monkeypatch.delenv("NUANSHAO_PUBLIC_URL")
    settings.cache_clear()
    assert link_for(4711, NOW) == ""
    assert read(old, NOW) == "forged"


@pytest.mark.parametrize(
    ("address", "key", "wrong"),
    [
        ("http://warm.example.cn", KEY, "in clear"), ("warm.example.cn", KEY, "no web address"),
        ("https://u:p@warm.example.cn", KEY, "no web address"), ("https://warm.example.cn/?a=1", KEY, "a query"),
        ("https://warm.example.cn", "", "LINK_KEY"), ("https://warm.example.cn", "short", "LINK_KEY"),
    ],
)  # fmt: skip
def test_what_would_be_unsafe_is_refused(address: str, key: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=wrong) as refused:
        check_links(Settings(public_url=address, link_key=SecretStr(key)))
    assert not key or key not in str(refused.value)


def test_on_loopback_it_may_be_plain() -> None:
    assert check_links(Settings(public_url="http://127.0.0.1:8080", link_key=SecretStr(KEY))) is not None


def test_an_allowance_is_for_each_and_comes_back() -> None:
    allowance = Allowance(most=2, within_s=60, keys=2)
    assert [allowance.take("a", second) for second in (0, 1, 2, 59, 60, 61)] == [True, True, False, False, True, True]
    assert allowance.take("b", 61)
    assert not allowance.take("a", 62)
    assert allowance.take("c", 62), "b is forgotten: bounded"
    assert not allowance.take("a", 63)


def told(**row: object) -> dict[str, object]:
    nothing = {"over": False, "incident_id": None, "condition": "active", "stale": False}
    return {**nothing, "acknowledged_at": None, "false_alarm_at": None, **row}


@pytest.mark.parametrize(
    ("row", "standing", "left"),
    [
        (told(), "dangerous", ["have_it", "false_alarm", "need_help"]),
        (told(stale=True), "unheard", ["have_it", "false_alarm", "need_help"]),
        (told(acknowledged_at=NOW), "dangerous", ["false_alarm", "need_help"]),
        (told(acknowledged_at=NOW, false_alarm_at=NOW, condition="recovering"), "recovering", ["need_help"]),
        (told(condition="normal"), "normal", ["have_it", "false_alarm", "need_help"]),
        (told(condition=None, incident_id=7), "under_way", ["have_it", "false_alarm", "need_help"]),
        (told(over=True), "over", []),
    ],
)
def test_the_page_says_how_it_stands_and_offers_what_can_still_be_said(
    row: dict[str, object], standing: str, left: list[str]
) -> None:
    assert (how_it_stands(row), buttons(row)) == (standing, left)
    assert standing in WORDS


def test_every_end_of_an_answer_has_its_word() -> None:
    assert what_it_did("have_it", "acknowledged_before", own=True) == "acknowledged", "pressed twice"
    assert what_it_did("have_it", "acknowledged_before", own=False) == "acknowledged_before"
    assert what_it_did("false_alarm", "acknowledged_before", own=True) == "noted_false"
    for done in ("acknowledged", "acknowledged_before", "closed_before", "help_asked", "nothing_to_acknowledge"):
        assert what_it_did("have_it", done, own=False) in WORDS
    assert all({"zh-CN", "en"} == said.keys() for said in WORDS.values())

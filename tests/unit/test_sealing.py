"""Telephone numbers at rest: what the key opens, what it does not, and that no error shows a number or a key."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

import pytest

from foundation import sealing
from foundation.errors import SettingsError
from foundation.sealing import NumberUnreadable, beginnings, held, mark, marks, masked, seal, unseal
from foundation.settings import settings

NUMBER = "13800000201"
OLD, NEW = "01" * 32, "02" * 32
BASE64 = base64.b64encode(bytes([251] * 16 + [255] * 16)).decode()
"""With a + and a /, which some programs write as - and _."""

SetKeys = Callable[..., None]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> SetKeys:
    """Sets the key and the old one, as an operator's environment would."""

    def set_keys(key: str = "", old: str = "") -> None:
        monkeypatch.setenv("NUANSHAO_PHONE_KEY", key)
        monkeypatch.setenv("NUANSHAO_PHONE_KEY_OLD", old)
        settings.cache_clear()

    return set_keys


@pytest.mark.parametrize("number", [NUMBER, "04758234567", "+97699112233"])
def test_what_is_sealed_opens_again_and_looks_different_each_time(number: str) -> None:
    first, second = seal(number), seal(number)
    assert first != second
    assert number not in first
    assert base64.b64encode(number.encode()).decode().rstrip("=") not in first
    assert [unseal(first), unseal(second)] == [number, number]


def test_a_number_from_before_passes_through() -> None:
    assert unseal(NUMBER) == NUMBER
    assert masked(NUMBER) == "138****0201"


def test_numbers_are_shown_masked_and_never_as_they_are_kept() -> None:
    assert masked(seal(NUMBER)) == "138****0201"
    assert masked(f"p1:00000000:{base64.b64encode(b'0' * 40).decode()}") == "unreadable"


@pytest.mark.parametrize("written", [NUMBER, "8613800000201", "+86 138-0000-0201", "008613800000201"])
def test_a_number_has_one_mark_however_it_is_written(written: str) -> None:
    assert mark(written) == mark(NUMBER)
    assert mark(NUMBER) != mark("13800000202")


def test_the_old_key_opens_and_the_new_one_seals(keys: SetKeys) -> None:
    keys(OLD)
    before, old_mark = seal(NUMBER), mark(NUMBER)
    keys(NEW, OLD)
    assert unseal(before) == NUMBER
    assert seal(NUMBER).startswith(beginnings()[0])
    assert not before.startswith(beginnings()[0])
    assert marks(NUMBER) == [mark(NUMBER), old_mark]
    assert mark(NUMBER) != old_mark


def test_another_key_is_one_clear_line_without_the_number(keys: SetKeys) -> None:
    keys(OLD)
    sealed = seal(NUMBER)
    keys(NEW)
    with pytest.raises(NumberUnreadable) as error:
        unseal(sealed)
    said = str(error.value)
    assert "sealed with another key" in said
    assert "set NUANSHAO_PHONE_KEY to the key that it was sealed with" in said
    assert "\n" not in said
    for secret in (NUMBER, OLD, NEW, sealed):
        assert secret not in said
    assert (error.value.__cause__, error.value.__suppress_context__) == (None, False)


@pytest.mark.parametrize(
    "end", [lambda text: text[:-8], lambda text: text[:-8] + "AAAAAAAA", lambda text: text[:14] + "!"]
)
def test_what_was_changed_does_not_open(end: Callable[[str], str]) -> None:
    with pytest.raises(NumberUnreadable, match="is damaged: import its contact again"):
        unseal(end(seal(NUMBER)))


def test_a_later_version_is_not_taken_for_a_number() -> None:
    with pytest.raises(NumberUnreadable):
        unseal(f"p2:{seal(NUMBER)[3:]}")


def test_without_a_key_it_says_how_to_make_one(keys: SetKeys) -> None:
    sealed = seal(NUMBER)
    keys("")
    for work in (lambda: seal(NUMBER), lambda: mark(NUMBER), lambda: unseal(sealed), sealing.check):
        with pytest.raises(SettingsError, match=r"NUANSHAO_PHONE_KEY is not set.*openssl rand -hex 32"):
            work()
    assert unseal(NUMBER) == NUMBER


@pytest.mark.parametrize(
    "key",
    [OLD.upper(), BASE64, BASE64.replace("/", "_").replace("+", "-")],
)
def test_a_key_is_hex_or_base64(keys: SetKeys, key: str) -> None:
    keys(key)
    assert unseal(seal(NUMBER)) == NUMBER


@pytest.mark.parametrize("wrong", ["short", "01" * 31, "01" * 33, "钥匙", base64.b64encode(b"x" * 31).decode()])
def test_what_is_no_key_is_refused_and_not_shown(keys: SetKeys, wrong: str) -> None:
    for setting, given in (("NUANSHAO_PHONE_KEY", (wrong, "")), ("NUANSHAO_PHONE_KEY_OLD", (NEW, wrong))):
        keys(*given)
        with pytest.raises(SettingsError) as error:
            sealing.check()
        assert str(error.value).startswith(f"{setting} is no key: it wants 64 hex digits")
        assert wrong not in str(error.value)


def test_a_process_that_starts_a_deployment_holds_its_key(keys: SetKeys) -> None:
    keys("")
    with held(OLD):
        sealed = seal(NUMBER)
        assert unseal(sealed) == NUMBER
    keys(OLD)
    assert unseal(sealed) == NUMBER


def test_keys_do_not_show_themselves() -> None:
    raw = secrets.token_hex(32)
    assert raw not in repr(sealing._key(raw, "X"))
    assert "AESGCM" not in repr(sealing._key(raw, "X"))

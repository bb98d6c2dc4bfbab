"""Which carriers are opened by which settings; and the stand-ins of `nuanshao carriers` have the same accounts."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from alerts.channels.accounts import open_accounts
from demo.accounts import emulated_accounts
from foundation.errors import SettingsError
from foundation.settings import PREFIX, Settings, settings
from runtime.stack import emulated_carrier


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of our variables is set, and none that a test sets stays."""
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)})
    settings.cache_clear()
    yield
    settings.cache_clear()


def given(environment: dict[str, str]) -> Settings:
    os.environ.update(environment)
    settings.cache_clear()
    return settings()


def without(*words: str) -> dict[str, str]:
    return {name: value for name, value in emulated_carrier(8099).items() if not any(word in name for word in words)}


async def names(chosen: Settings) -> dict[str, list[str]]:
    accounts = open_accounts(chosen)
    for channels in accounts.values():
        for channel in channels:
            await channel.close()
    return {way: [channel.name for channel in channels] for way, channels in accounts.items()}


async def test_aliyun_comes_before_tencent() -> None:
    assert await names(given(emulated_carrier(8099))) == {
        "sms": ["aliyun_sms", "tencent_sms"], "voice": ["aliyun_voice"], "wecom_robot": ["wecom_robot"],
        "wecom": ["wecom"], "wechat": ["wechat"],
    }  # fmt: skip


async def test_each_carrier_may_be_gone_without() -> None:
    assert await names(given(without("TENCENT", "VOICE", "WECOM", "WECHAT"))) == {"sms": ["aliyun_sms"]}


async def test_tencent_alone_is_enough() -> None:
    assert await names(given(without("ALIYUN", "WECOM", "WECHAT"))) == {"sms": ["tencent_sms"]}


@pytest.mark.parametrize(
    "missing", ["TENCENT_SECRET_KEY", "TENCENT_SMS_SIGN_NAME", "VOICE_SHOW_NUMBER", "VOICE_TEMPLATE"]
)
def test_half_an_account_is_refused_by_name(missing: str) -> None:
    chosen = given(without(missing))
    with pytest.raises(SettingsError, match=missing):
        open_accounts(chosen)


def test_no_account_at_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="nobody could be told"):
        open_accounts(given({}))


def test_the_stand_ins_have_the_accounts_of_the_settings_and_call_back_at_the_secret_address() -> None:
    environment = emulated_carrier(8099)
    accounts = emulated_accounts(given(environment))
    assert accounts.tencent is not None
    assert accounts.voice is not None
    assert accounts.tencent.secret_key.get_secret_value() == environment[f"{PREFIX}TENCENT_SECRET_KEY"]
    assert accounts.voice.show_numbers == {environment[f"{PREFIX}ALIYUN_VOICE_SHOW_NUMBER"]}
    secret = environment[f"{PREFIX}CARRIER_SECRET_PATH"]
    for url in (accounts.tencent.callback_url, accounts.tencent.reply_url, accounts.voice.callback_url):
        assert f"/carriers/{secret}/" in url.get_secret_value()
    alone = emulated_accounts(given(dict.fromkeys((name for name in environment if "TENCENT" in name), "")))
    assert alone.tencent is None

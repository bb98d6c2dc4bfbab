"""What holds for every channel that a deployment can open. A new carrier joins by a row in `ACCOUNTS`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from alerts.channels import (
    accounts,
    aliyun_sms,
    aliyun_voice,
    mail,
    tencent_sms,
    webhook,
    wechat,
    wecom,
    wecom_robot,
)
from alerts.channels.channel import WAYS, Channel, Way
from foundation import settings as settings_module
from foundation.errors import SettingsError
from foundation.settings import PREFIX, Settings, settings

HUSH = "s3cret-hush"
KEY = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="


@dataclass(frozen=True)
class Account:
    """One carrier: what its settings are in a deployment, and which of them is its endpoint."""

    opener: Callable[[Settings], Channel | None]
    name: str
    way: Way
    receipts: bool
    remembers: bool
    settings: Mapping[str, str]
    endpoint: str
    loopback: str
    in_clear: str
    needed: tuple[str, ...] = ()
    """Settings without which half of the account is missing."""
    secrets: tuple[str, ...] = field(default=(HUSH,))


ACCOUNTS = [
    Account(
        aliyun_sms.from_settings, "aliyun_sms", "sms", receipts=True, remembers=True,
        settings={
            "aliyun_access_key_id": "LTAI-test", "aliyun_access_key_secret": HUSH, "aliyun_sms_sign_name": "暖哨",
            "aliyun_sms_template_critical": "SMS_1", "aliyun_sms_template_routine": "SMS_2",
        },
        endpoint="aliyun_sms_endpoint", loopback="http://127.0.0.1:9", in_clear="http://carrier.example.cn",
        needed=("aliyun_access_key_secret", "aliyun_sms_template_critical", "aliyun_sms_template_routine"),
    ),
    Account(
        mail.from_settings, "smtp", "email", receipts=False, remembers=False,
        settings={
            "smtp_endpoint": "smtps://mx.example.cn", "smtp_user": "alarm", "smtp_password": HUSH,
            "smtp_from": "alarm@example.cn",
        },
        endpoint="smtp_endpoint", loopback="smtp://127.0.0.1:9", in_clear="smtp://mx.example.cn",
        needed=("smtp_password", "smtp_from"),
    ),
    Account(
        webhook.from_settings, "webhook", "webhook", receipts=False, remembers=True,
        settings={"webhooks": f"desk=https://desk.example.cn/{HUSH} {KEY}"},
        endpoint="webhooks", loopback=f"desk=http://127.0.0.1:9/{HUSH} {KEY}",
        in_clear=f"desk=http://desk.example.cn/{HUSH} {KEY}", secrets=(HUSH, KEY, KEY.removeprefix("whsec_")),
    ),
    Account(
        tencent_sms.from_settings, "tencent_sms", "sms", receipts=True, remembers=True,
        settings={
            "tencent_secret_id": "AKID-test", "tencent_secret_key": HUSH, "tencent_sms_app_id": "1400000001",
            "tencent_sms_sign_name": "暖哨", "tencent_sms_template_critical": "1", "tencent_sms_template_routine": "2",
        },
        endpoint="tencent_sms_endpoint", loopback="http://127.0.0.1:9", in_clear="http://carrier.example.cn",
        needed=("tencent_secret_key", "tencent_sms_app_id", "tencent_sms_template_critical"),
    ),
    Account(
        aliyun_voice.from_settings, "aliyun_voice", "voice", receipts=True, remembers=True,
        settings={
            "aliyun_access_key_id": "LTAI-test", "aliyun_access_key_secret": HUSH, "aliyun_voice_template": "TTS_1",
        },
        endpoint="aliyun_voice_endpoint", loopback="http://127.0.0.1:9", in_clear="http://carrier.example.cn",
        needed=("aliyun_access_key_secret",),
    ),
    Account(
        wecom_robot.from_settings, "wecom_robot", "wecom_robot", receipts=False, remembers=False,
        settings={"wecom_robots": f"向阳村={HUSH}"},
        endpoint="wecom_robot_endpoint", loopback="http://127.0.0.1:9", in_clear="http://carrier.example.cn",
    ),
    Account(
        wecom.from_settings, "wecom", "wecom", receipts=False, remembers=True,
        settings={"wecom_corp_id": "ww-test", "wecom_agent_id": "1000002", "wecom_secret": HUSH},
        endpoint="wecom_endpoint", loopback="http://127.0.0.1:9", in_clear="http://carrier.example.cn",
        needed=("wecom_secret",),
    ),
    Account(
        wechat.from_settings, "wechat", "wechat", receipts=False, remembers=True,
        settings={
            "wechat_app_id": "wx-test", "wechat_app_secret": HUSH, "wechat_template_critical": "t1",
            "wechat_template_routine": "t2",
        },
        endpoint="wechat_endpoint", loopback="http://127.0.0.1:9", in_clear="http://carrier.example.cn",
        needed=("wechat_app_secret", "wechat_template_critical", "wechat_template_routine"),
    ),
]  # fmt: skip

each_account = pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of our variables is set, and none that a test sets stays."""
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)})
    yield
    settings_module.settings.cache_clear()


def opened(account: Account, **changes: Any) -> Channel | None:
    """The account as these settings open it; one that is changed to None is not set."""
    for name, value in {**account.settings, **changes}.items():
        variable = f"{PREFIX}{name.upper()}"
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = value
    settings_module.settings.cache_clear()
    return account.opener(settings())


def test_every_account_has_its_row() -> None:
    assert {account.opener for account in ACCOUNTS} == set(accounts._OPENERS)
    assert len({account.name for account in ACCOUNTS}) == len(ACCOUNTS), "a name tells which carrier has a message"


@each_account
async def test_what_the_courier_goes_by(account: Account) -> None:
    channel = opened(account)
    assert channel is not None
    assert (channel.name, channel.way) == (account.name, account.way)
    assert channel.way in WAYS
    assert (channel.receipts, channel.remembers) == (account.receipts, account.remembers)
    await channel.close()


@each_account
async def test_its_words_show_no_secret(account: Account) -> None:
    channel = opened(account)
    assert channel is not None
    said = f"{channel!r} {channel} {settings()!r}"
    assert [secret for secret in account.secrets if secret in said] == []
    await channel.close()


@each_account
def test_without_settings_there_is_no_account(account: Account) -> None:
    settings_module.settings.cache_clear()
    assert account.opener(settings()) is None


@each_account
async def test_in_clear_on_loopback_only(account: Account) -> None:
    channel = opened(account, **{account.endpoint: account.loopback})
    assert channel is not None
    await channel.close()
    with pytest.raises(SettingsError, match=f"{PREFIX}{account.endpoint.upper()}.*in clear") as refused:
        opened(account, **{account.endpoint: account.in_clear})
    assert [secret for secret in account.secrets if secret in str(refused.value)] == []


@pytest.mark.parametrize(
    ("account", "missing"),
    [
        pytest.param(account, name, id=f"{account.name}-{name}")
        for account in ACCOUNTS
        for name in account.needed
    ],
)  # fmt: skip
def test_half_an_account_is_refused_and_names_the_other_half(account: Account, missing: str) -> None:
    with pytest.raises(SettingsError, match=f"{PREFIX}{missing.upper()} is not set"):
        opened(account, **{missing: None})


def test_a_deployment_with_all_of_them_has_each_way_and_with_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="no carrier is set"):
        accounts.open_accounts(settings())
    for account in ACCOUNTS:
        opened(account)
    found = accounts.open_accounts(settings())
    assert {channel.name for several in found.values() for channel in several} == {one.name for one in ACCOUNTS}
    assert all(channel.way == way for way, several in found.items() for channel in several)

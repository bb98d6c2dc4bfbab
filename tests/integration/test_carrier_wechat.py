"""Our Official Account channel against the stand-in over real HTTP: each error body, bad days, tokens."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from alerts.channels.channel import Accepted, Message, Outcome, Refused, Unknown
from alerts.channels.wechat import Wechat
from alerts.channels.wechat_fields import fields_in
from carriers.app import Running, started
from carriers.chat_settings import ChatSettings, WechatSettings
from carriers.settings import CarrierSettings
from foundation.errors import SettingsError

APP, SECRET = "wx-account", "s3cret-of-the-account"
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Reads no certificates, which takes longer than a request."""
LINK = "https://alarm.example/a/signed-l1nk"
OPENID = "oAbC-123456"
FIELDS = fields_in("NUANSHAO_WECHAT_FIELDS_CRITICAL", "thing1=place+home,thing2=what,thing4=do")
TEMPLATE = "{{thing1.DATA}}\n{{thing2.DATA}}\n{{thing4.DATA}}"
CREDENTIALS = Refused("credentials_refused", retryable=True, after_s=600, elsewhere=True)
UNREACHABLE = Refused("carrier_unreachable", retryable=True, after_s=5, elsewhere=True)


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def server(watch: Watch) -> Iterator[Running]:
    account = WechatSettings(
        app_id=APP, secret=SecretStr(SECRET), templates={"T1": TEMPLATE, "T2": TEMPLATE},
        followers=frozenset({OPENID}), per_day=12,
    )  # fmt: skip
    chosen = CarrierSettings(
        access_key_id="x", access_key_secret=SecretStr("x"), sign_name="x", templates={},
        chats=ChatSettings(wechat=account),
    )  # fmt: skip
    with started(chosen, clock=watch) as running:
        yield running


@pytest.fixture
def carrier(server: Running) -> Running:
    """The server of this module, as if it had just been started."""
    tell(server, "DELETE", "/_carrier/chat")
    return server


def tell(running: Running, method: str, path: str, **more: Any) -> httpx.Response:
    return httpx.request(method, f"{running.url}{path}", trust_env=False, verify=PLAIN, **more).raise_for_status()


def misbehave(running: Running, action: str, kind: str, **more: Any) -> None:
    tell(running, "POST", "/_carrier/chat/behaviour", json={"kind": kind, "action": action, **more})


def seen(running: Running) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tell(running, "GET", "/chats.json").json()["chats"]
    return rows


def account(running: Running, watch: Watch, **changes: Any) -> Wechat:
    values: dict[str, Any] = {
        "endpoint": running.url, "app_id": APP, "secret": SecretStr(SECRET), "clock": watch, "timeout_s": 1.5,
        "templates": {"critical": "T1", "routine": "T2"}, "fields": {"critical": FIELDS, "routine": FIELDS},
    }  # fmt: skip
    return Wechat(**values | changes)


def message(key: str = "alarm-1-wechat", **changes: Any) -> Message:
    params = {"place": "向阳村", "home": "3组12号", "what": "一氧化碳超标", "since": "23:10", "do": "开窗"}
    values: dict[str, Any] = {"to": OPENID, "template": "critical", "key": key, "link": LINK, "params": params}
    return Message(**values | changes)


async def send_once(channel: Wechat, *messages: Message) -> list[Outcome]:
    try:
        return [await channel.send(each) for each in messages]
    finally:
        await channel.close()


async def test_a_follower_sees_the_template_and_a_tap_opens_the_link(carrier: Running, watch: Watch) -> None:
    sent = [message(), message("k-2", template="routine", link="")]
    assert await send_once(account(carrier, watch), *sent) == [Accepted("1"), Accepted("2")]
    second, first = seen(carrier)
    assert first["text"] == "向阳村 3组12号\n一氧化碳超标\n开窗"
    assert (first["url"], first["to"], second["url"]) == (LINK, OPENID, "")


async def test_values_are_made_to_fit(carrier: Running, watch: Watch) -> None:
    long = message(params={"place": "很长的村名" * 5, "home": "1号", "what": "超标", "do": ""})
    assert await send_once(account(carrier, watch), long) == [Accepted("1")]
    assert seen(carrier)[0]["text"].splitlines() == [("很长的村名" * 5)[:19] + "…", "超标", "—"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (45009, Refused("carrier_limit_day", True, 3600, True)),
        (43117, Refused("carrier_limit_minute", True, 60, True)),
        (43101, Refused("not_subscribed", False)),
        (47003, Refused("template_params_refused", False)),
        (40037, Refused("template_refused", True, 600, True)),
        (40164, Refused("address_not_allowed", True, 600, True)),
        (-1, Refused("carrier_busy", True, 5, True)),
        (999999, Refused("carrier_refused_other", True, 600, True)),
    ],
)
async def test_each_error_body(carrier: Running, watch: Watch, code: int, outcome: Refused) -> None:
    misbehave(carrier, "template", "refuse", code=code)
    assert await send_once(account(carrier, watch), message()) == [outcome]
    assert seen(carrier) == []


async def test_who_does_not_follow_is_not_reached(carrier: Running, watch: Watch) -> None:
    assert await send_once(account(carrier, watch), message(to="stranger")) == [Refused("not_subscribed", False)]


async def test_the_days_quota(carrier: Running, watch: Watch) -> None:
    outcomes = await send_once(account(carrier, watch), *(message(f"k-{number}") for number in range(13)))
    assert [isinstance(outcome, Accepted) for outcome in outcomes] == [True] * 12 + [False]
    assert outcomes[12] == Refused("carrier_limit_day", True, 3600, True)


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_is_not_known_is_fetched_again_once(carrier: Running, watch: Watch, code: int) -> None:
    ours = account(carrier, watch)
    misbehave(carrier, "template", "refuse", code=code)
    assert await ours.send(message()) == Accepted("1")
    misbehave(carrier, "template", "refuse", code=code, times=2)
    assert await send_once(ours, message("k-2")) == [CREDENTIALS]
    assert len(seen(carrier)) == 1


async def test_a_token_that_ends_is_renewed(carrier: Running, watch: Watch) -> None:
    ours = account(carrier, watch)
    await ours.send(message("k-1"))
    tell(carrier, "POST", "/_carrier/chat/expire_tokens")
    assert isinstance(await ours.send(message("k-2")), Accepted)
    watch.now += timedelta(hours=3)
    assert isinstance((await send_once(ours, message("k-3")))[0], Accepted)


async def test_two_processes_share_the_stable_token(carrier: Running, watch: Watch) -> None:
    ours, theirs = account(carrier, watch), account(carrier, watch)
    await ours.send(message("k-1"))
    await theirs.send(message("k-2"))
    misbehave(carrier, "token", "refuse", code=-1, times=0)  # neither has to ask again
    assert isinstance((await send_once(ours, message("k-3")))[0], Accepted)
    assert isinstance((await send_once(theirs, message("k-4")))[0], Accepted)


async def test_a_proxy_that_knows_the_plain_token_only(watch: Watch) -> None:
    asked = []
    proxy = FastAPI()

    @proxy.get("/cgi-bin/token")
    async def token(grant_type: str, appid: str, secret: str) -> dict[str, Any]:
        asked.append((grant_type, appid, secret))
        return {"access_token": "plain", "expires_in": 7200}

    @proxy.post("/cgi-bin/message/template/send")
    async def send(access_token: str) -> dict[str, Any]:
        return {"errcode": 0, "errmsg": "ok", "msgid": access_token}

    ours = account(Running("http://127.0.0.1:1", None), watch)  # type: ignore[arg-type]  # the proxy answers instead
    await ours._http.aclose()
    ours._http = httpx.AsyncClient(transport=httpx.ASGITransport(proxy))
    assert await send_once(ours, message()) == [Accepted("plain")]
    assert asked == [("client_credential", APP, SECRET)]


@pytest.mark.parametrize(("app_id", "secret"), [("wx-other", SECRET), (APP, "wrong")])
async def test_a_wrong_account(carrier: Running, watch: Watch, app_id: str, secret: str) -> None:
    wrong = account(carrier, watch, app_id=app_id, secret=SecretStr(secret))
    assert await send_once(wrong, message()) == [CREDENTIALS]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("time_out", "carrier_timeout"),
        ("drop", "connection_lost"),
        ("server_error", "carrier_error"),
        ("no_json", "answer_unreadable"),
    ],
)
async def test_after_an_answer_that_cannot_be_believed_the_repetition_is_recognised(
    carrier: Running, watch: Watch, kind: str, reason: str
) -> None:
    misbehave(carrier, "template", kind, accept=True)
    ours = account(carrier, watch)
    assert await ours.send(message()) == Unknown(reason)
    await asyncio.sleep(0.05)
    assert await ours.lookup(message(), watch()) is None
    assert isinstance((await send_once(ours, message()))[0], Accepted)
    assert len(seen(carrier)) == 1


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("time_out", UNREACHABLE), ("drop", UNREACHABLE), ("server_error", Refused("carrier_busy", True, 5, True))],
)
async def test_without_a_token_nothing_was_handed_over(
    carrier: Running, watch: Watch, kind: str, outcome: Refused
) -> None:
    misbehave(carrier, "token", kind)
    assert await send_once(account(carrier, watch), message()) == [outcome]
    assert seen(carrier) == []


def test_an_endpoint_in_clear_is_refused(watch: Watch) -> None:
    with pytest.raises(SettingsError, match="NUANSHAO_WECHAT_ENDPOINT"):
        account(Running("http://api.weixin.qq.com", None), watch)  # type: ignore[arg-type]  # never asked


async def test_no_secret_in_logs_or_words(
    carrier: Running, watch: Watch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ours = account(carrier, watch)
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as events:
        misbehave(carrier, "token", "server_error")
        misbehave(carrier, "template", "refuse", code=43101)
        misbehave(carrier, "template", "drop")
        await ours.send(message("k-0"))
        watch.now += timedelta(minutes=1)
        for number in range(1, 4):
            await ours.send(message(f"k-{number}"))
        await send_once(account(carrier, watch, secret=SecretStr("wr0ng-secret")), message())
    said = caplog.text + repr(events) + repr(ours) + repr(message()) + "".join(capfd.readouterr())
    token = ours._token._granted
    await ours.close()
    assert token is not None
    assert {event["reason"] for event in events} >= {"carrier_busy", "not_subscribed", "credentials_refused"}
    for hidden in (SECRET, "access_token=", "wr0ng-secret", "signed-l1nk", OPENID, token.token.get_secret_value()):
        assert hidden not in said

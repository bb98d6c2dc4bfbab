"""Our WeCom channels against the stand-in over real HTTP: each error body, bad days, limits, and a pressed button."""

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
from pydantic import SecretStr

from alerts.channels.channel import Accepted, Channel, Message, Outcome, Refused, Unknown
from alerts.channels.wecom import Wecom
from alerts.channels.wecom_robot import WecomRobot
from carriers.app import Running, started
from carriers.chat_settings import ChatSettings, WecomSettings
from carriers.settings import CarrierSettings
from foundation import settings as settings_module
from foundation.errors import SettingsError
from tests.world import World, rows

CORP, AGENT = "ww-corp", 1000002
SECRET, KEY, TOKEN = "s3cret-of-the-application", "0123-the-robots-key", "callback-t0ken"
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
PATH = "s3cret-path"
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Reads no certificates, which takes longer than a request."""
LINK = "https://alarm.example/a/signed-l1nk"
UNREACHABLE = Refused("carrier_unreachable", retryable=True, after_s=5, elsewhere=True)
CREDENTIALS = Refused("credentials_refused", retryable=True, after_s=600, elsewhere=True)
REFUSALS = [
    (-1, Refused("carrier_busy", retryable=True, after_s=5, elsewhere=True)),
    (40058, Refused("text_refused", retryable=False)),
    (45009, Refused("carrier_limit_minute", retryable=True, after_s=60, elsewhere=True)),
    (93000, Refused("robot_refused", retryable=True, after_s=600, elsewhere=True)),
    (60020, Refused("address_not_allowed", retryable=True, after_s=600, elsewhere=True)),
    (81013, Refused("nobody_reached", retryable=False)),
    (999999, Refused("carrier_refused_other", retryable=True, after_s=600, elsewhere=True)),
]
BAD_DAYS = [
    ("time_out", "carrier_timeout"),
    ("drop", "connection_lost"),
    ("server_error", "carrier_error"),
    ("no_json", "answer_unreadable"),
]


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)


def settings(**changes: Any) -> CarrierSettings:
    values: dict[str, Any] = {
        "robots": {"向阳村": KEY}, "corp_id": CORP, "agent_id": AGENT, "secret": SECRET, "members": {"wang", "li"},
    }  # fmt: skip
    return CarrierSettings(
        access_key_id="x", access_key_secret=SecretStr("x"), sign_name="x", templates={},
        chats=ChatSettings(wecom=WecomSettings(**values | changes)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def server(watch: Watch) -> Iterator[Running]:
    with started(settings(), clock=watch) as running:
        yield running


@pytest.fixture
def carrier(server: Running) -> Running:
    """The server of this module, as if it had just been started."""
    tell(server, "DELETE", "/_carrier/chat")
    return server


def application(running: Running, watch: Watch, **changes: Any) -> Wecom:
    values: dict[str, Any] = {
        "endpoint": running.url, "corp_id": CORP, "agent_id": AGENT, "secret": SecretStr(SECRET), "buttons": True,
        "clock": watch, "timeout_s": 1.5,
    }  # fmt: skip
    return Wecom(**values | changes)


def robot(running: Running, watch: Watch, **changes: Any) -> WecomRobot:
    values: dict[str, Any] = {
        "endpoint": running.url, "robots": {"向阳村": SecretStr(KEY)}, "clock": watch, "timeout_s": 1.5,
    }  # fmt: skip
    return WecomRobot(**values | changes)


def message(key: str = "alarm-1-wecom", **changes: Any) -> Message:
    values: dict[str, Any] = {
        "to": "wang", "template": "critical", "key": key, "text": "取暖警报：向阳村，一氧化碳超标。", "link": LINK,
        "params": {"place": "向阳村", "home": "3组12号", "what": "一氧化碳超标", "since": "23:10", "do": "开窗"},
    }  # fmt: skip
    return Message(**values | changes)


def tell(running: Running, method: str, path: str, **more: Any) -> httpx.Response:
    return httpx.request(method, f"{running.url}{path}", trust_env=False, verify=PLAIN, **more).raise_for_status()


def misbehave(running: Running, action: str, kind: str, **more: Any) -> None:
    tell(running, "POST", "/_carrier/chat/behaviour", json={"kind": kind, "action": action, **more})


def seen(running: Running) -> dict[str, Any]:
    body: dict[str, Any] = tell(running, "GET", "/chats.json").json()
    return body


async def send_once(channel: Channel, *messages: Message) -> list[Outcome]:
    try:
        return [await channel.send(each) for each in messages]
    finally:
        await channel.close()


# ---- the group robot ----


async def test_a_robot_speaks_in_its_group(carrier: Running, watch: Watch) -> None:
    sent = [message(to="wecom_robot:向阳村"), message("k-2", to="向阳村", template="routine", link="")]
    assert await send_once(robot(carrier, watch), *sent) == [Accepted(""), Accepted("")]
    second, first = seen(carrier)["chats"]
    assert (first["app"], first["to"], first["everybody"]) == ("wecom_robot", "向阳村", True)
    assert first["text"] == f"{sent[0].text}\n{LINK}"
    assert (second["text"], second["everybody"]) == (sent[1].text, False)


async def test_a_text_that_is_too_long_is_refused_by_the_carrier_and_cut_by_the_channel(
    carrier: Running, watch: Watch
) -> None:
    long = {"msgtype": "text", "text": {"content": "长" * 683}}
    raw = tell(carrier, "POST", "/cgi-bin/webhook/send", params={"key": KEY}, json=long)
    assert (raw.status_code, raw.json()["errcode"]) == (200, 40058)
    assert await send_once(robot(carrier, watch), message(to="向阳村", text="长" * 3000)) == [Accepted("")]
    shown = seen(carrier)["chats"][0]["text"]
    assert len(shown.encode()) <= 2048
    assert shown.endswith(f"…\n{LINK}")


async def test_twenty_a_minute(carrier: Running, watch: Watch) -> None:
    ours = robot(carrier, watch)
    sent = [message(f"k-{number}", to="向阳村") for number in range(21)]
    outcomes = [await ours.send(each) for each in sent]
    assert outcomes == [Accepted("")] * 20 + [Refused("carrier_limit_minute", True, 60, True)]
    # another process does not know: the carrier has the last word
    theirs = await send_once(robot(carrier, watch), sent[0])
    assert theirs == [Refused("carrier_limit_minute", True, 60, True)]
    watch.later(seconds=60)
    assert await send_once(ours, sent[20]) == [Accepted("")]
    assert len(seen(carrier)["chats"]) == 21


async def test_a_robot_that_is_not_known(carrier: Running, watch: Watch) -> None:
    assert await send_once(robot(carrier, watch), message(to="other")) == [Refused("robot_unknown", True, 600, True)]
    wrong = robot(carrier, watch, robots={"向阳村": SecretStr("another-key")})
    assert await send_once(wrong, message(to="向阳村")) == [Refused("robot_refused", True, 600, True)]


# ---- the application ----


async def test_a_card_with_buttons_or_a_text(carrier: Running, watch: Watch) -> None:
    assert await send_once(application(carrier, watch), message()) == [Accepted("m2")]
    assert isinstance((await send_once(application(carrier, watch, buttons=False), message("k-2")))[0], Accepted)
    text, card = seen(carrier)["chats"]
    assert [button["text"] for button in card["buttons"]] == ["收到", "误报", "求助"]
    assert (card["task_id"], card["url"], card["to"]) == ("alarm-1-wecom", LINK, "wang")
    assert "一氧化碳超标" in card["text"]
    assert (text["text"], text["buttons"]) == (f"{message().text}\n{LINK}", [])


@pytest.mark.parametrize("way", ["robot", "message"])
@pytest.mark.parametrize(("code", "outcome"), REFUSALS)
async def test_each_error_body(carrier: Running, watch: Watch, way: str, code: int, outcome: Refused) -> None:
    misbehave(carrier, way, "refuse", code=code)
    ours: Channel = robot(carrier, watch) if way == "robot" else application(carrier, watch)
    assert await send_once(ours, message(to="向阳村" if way == "robot" else "wang")) == [outcome]
    assert seen(carrier)["chats"] == []


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_is_not_known_is_fetched_again_once(carrier: Running, watch: Watch, code: int) -> None:
    ours = application(carrier, watch)
    misbehave(carrier, "message", "refuse", code=code)
    assert isinstance(await ours.send(message()), Accepted)
    misbehave(carrier, "message", "refuse", code=code, times=2)
    assert await send_once(ours, message("k-2")) == [CREDENTIALS]
    assert len(seen(carrier)["chats"]) == 1


async def test_a_token_that_ends_is_renewed_for_all_who_wait(carrier: Running, watch: Watch) -> None:
    ours = application(carrier, watch)
    await ours.send(message("k-0"))
    tell(carrier, "POST", "/_carrier/chat/expire_tokens")
    outcomes = await asyncio.gather(*(ours.send(message(f"k-{number}", to="li")) for number in range(1, 9)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    watch.later(hours=3)
    assert isinstance(await ours.send(message("k-9")), Accepted)
    await ours.close()


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"secret": SecretStr("wrong")}, CREDENTIALS),
        ({"corp_id": "ww-other"}, CREDENTIALS),
        ({"agent_id": 7}, Refused("account_refused", True, 600, True)),
    ],
)
async def test_a_wrong_account(carrier: Running, watch: Watch, changes: dict[str, Any], outcome: Refused) -> None:
    assert await send_once(application(carrier, watch, **changes), message()) == [outcome]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("time_out", UNREACHABLE),
        # a lost connection is no row: what is only asked, the client asks once more by itself
        ("server_error", Refused("carrier_busy", True, 5, True)),
        ("no_json", Refused("carrier_busy", True, 5, True)),
    ],
)
async def test_without_a_token_nothing_was_handed_over(
    carrier: Running, watch: Watch, kind: str, outcome: Refused
) -> None:
    misbehave(carrier, "gettoken", kind)
    ours = application(carrier, watch)
    # the second does not wait for a time-out of its own
    assert [await ours.send(message()), await ours.send(message("k-2"))] == [outcome, outcome]
    watch.later(seconds=5)
    assert isinstance((await send_once(ours, message()))[0], Accepted)


async def test_nobody_reached(carrier: Running, watch: Watch) -> None:
    ours = application(carrier, watch)
    assert await ours.send(message(to="nobody")) == Refused("nobody_reached", retryable=False)
    misbehave(carrier, "message", "invalid_user")
    assert await send_once(ours, message()) == [Refused("nobody_reached", retryable=False)]


async def test_above_thirty_a_minute_wecom_drops_without_a_word(carrier: Running, watch: Watch) -> None:
    sent = [message(f"k-{number}") for number in range(33)]
    outcomes = await send_once(application(carrier, watch), *sent)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    now = seen(carrier)
    assert (len(now["chats"]), now["dropped"]) == (30, 3)


@pytest.mark.parametrize("buttons", [True, False])
@pytest.mark.parametrize(("kind", "reason"), BAD_DAYS)
async def test_after_an_answer_that_cannot_be_believed_the_repetition_is_recognised(
    carrier: Running,
    watch: Watch,
    kind: str,
    reason: str,
    buttons: bool,  # noqa: FBT001 - a table
) -> None:
    misbehave(carrier, "message", kind, accept=True)
    ours = application(carrier, watch, buttons=buttons)
    assert await ours.send(message()) == Unknown(reason)
    await asyncio.sleep(0.05)
    assert await ours.lookup(message(), watch()) is None
    assert isinstance(await ours.send(message()), Accepted)
    watch.later(hours=5)  # the request is not recognised any more, a card's task id still is
    await send_once(ours, message())
    assert len(seen(carrier)["chats"]) == (1 if buttons else 2)


@pytest.mark.parametrize(("kind", "reason"), BAD_DAYS)
async def test_bad_days_of_a_robot(carrier: Running, watch: Watch, kind: str, reason: str) -> None:
    misbehave(carrier, "robot", kind)
    assert await send_once(robot(carrier, watch), message(to="向阳村")) == [Unknown(reason)]


async def test_a_closed_port(watch: Watch) -> None:
    nowhere = Running("http://127.0.0.1:9", None)  # type: ignore[arg-type]  # nothing runs there
    assert await send_once(robot(nowhere, watch), message(to="向阳村")) == [UNREACHABLE]
    assert await send_once(application(nowhere, watch), message()) == [UNREACHABLE]


@pytest.mark.parametrize("make", [robot, application])
def test_an_endpoint_in_clear_is_refused(watch: Watch, make: Any) -> None:
    with pytest.raises(SettingsError, match=r"NUANSHAO_WECOM.*ENDPOINT"):
        make(Running("http://qyapi.weixin.qq.com", None), watch)  # type: ignore[arg-type]  # never asked


async def test_no_secret_in_logs_or_words(
    carrier: Running, watch: Watch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    channels: list[Channel] = [robot(carrier, watch), application(carrier, watch)]
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as events:
        for way, ours in zip(("robot", "message"), channels, strict=True):
            misbehave(carrier, way, "refuse", code=45009)
            misbehave(carrier, way, "server_error")
            misbehave(carrier, way, "drop")
            for number in range(4):
                await ours.send(message(f"{way}-{number}", to="向阳村" if way == "robot" else "wang"))
        misbehave(carrier, "gettoken", "drop")
        await send_once(application(carrier, watch), message())
        await send_once(application(carrier, watch, secret=SecretStr("wr0ng-secret")), message())
    said = caplog.text + repr(events) + repr(channels) + repr(message()) + "".join(capfd.readouterr())
    for ours in channels:
        await ours.close()
    assert {event["reason"] for event in events} >= {"carrier_limit_minute", "carrier_error", "credentials_refused"}
    for hidden in (SECRET, KEY, "access_token=", "wr0ng-secret", "signed-l1nk"):
        assert hidden not in said


# ---- the button ----


@pytest.fixture
def of_the_callback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "CARRIER_SECRET_PATH": PATH, "WECOM_CORP_ID": CORP, "WECOM_CALLBACK_TOKEN": TOKEN,
        "WECOM_CALLBACK_AES_KEY": AES_KEY,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"NUANSHAO_{name}", value)
    settings_module.settings.cache_clear()
    yield
    settings_module.settings.cache_clear()


@pytest.fixture
def called(http: httpx.AsyncClient, of_the_callback: None) -> Iterator[Running]:
    """A stand-in that calls our API back."""
    address = SecretStr(f"{http.base_url}/carriers/{PATH}/wecom")
    chosen = settings(callback_url=address, callback_token=TOKEN, callback_aes_key=AES_KEY)
    with started(chosen) as running:
        yield running


async def test_a_pressed_button_acknowledges(
    world: World, http: httpx.AsyncClient, called: Running, caplog: pytest.LogCaptureFixture
) -> None:
    await world.read("gb-000", 0, flow_c=110)
    alarm, key = await rows_of(world)
    ours = application(called, Watch())
    ours._token._clock = lambda: datetime.now(UTC)
    await send_once(ours, message(key))
    async with httpx.AsyncClient(base_url=called.url, trust_env=False, timeout=20) as person:
        assert (await person.post("/_carrier/chat/verify")).json() == {"verified": True}
        (card,) = (await person.get("/chats.json")).json()["chats"]
        pressed = (await person.post("/_carrier/chat/press", json={"id": card["id"], "key": "have_it@zh-CN"})).json()
        assert (pressed["status"], pressed["answered"]) == (200, "已收到")
        again = (await person.post("/_carrier/chat/press", json={"id": card["id"], "key": "have_it@zh-CN"})).json()
        assert again["status"] == 200
    (row,) = await rows(world.database, "select acknowledged_by, acknowledged_how from alarm where id = %s", (alarm,))
    assert row == {"acknowledged_by": "王某某", "acknowledged_how": "wecom"}
    assert PATH not in caplog.text


async def test_who_does_not_know_the_secrets_is_turned_away(http: httpx.AsyncClient, of_the_callback: None) -> None:
    query = {"msg_signature": "0" * 40, "timestamp": str(int(datetime.now(UTC).timestamp())), "nonce": "n"}
    body = "<xml><Encrypt>AAAA</Encrypt></xml>"
    assert (await http.post("/carriers/wrong/wecom", params=query, content=body)).status_code == 404
    assert (await http.post(f"/carriers/{PATH}/wecom", params=query, content=body)).status_code == 403
    assert (await http.post(f"/carriers/{PATH}/wecom", params=query, content="<!DOCTYPE x>")).status_code == 403
    assert (await http.post(f"/carriers/{PATH}/wecom", params=query, content="x" * 70_000)).status_code == 413
    echo = await http.get(f"/carriers/{PATH}/wecom", params={**query, "echostr": "AAAA"})
    assert echo.status_code == 403


async def rows_of(world: World) -> tuple[int, str]:
    """The alarm that was raised, and the key of the message about it."""
    (told,) = await rows(world.database, "select alarm_id, idempotency_key from notification where kind = 'raised'")
    return told["alarm_id"], told["idempotency_key"]

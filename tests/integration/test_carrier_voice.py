"""The stand-in for Aliyun's voice calls, driven by Aliyun's own SDK and by our channel through the same contract."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from alerts.channels.aliyun_call_reports import out_id, parse_call_reports
from alerts.channels.aliyun_voice import AliyunVoice
from alerts.channels.aliyun_voice_templates import ANSWERS, ASKS, SPEAKS, call_params, render
from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, Refused, Unknown
from carriers.app import Running, started
from carriers.phones import Phones
from carriers.quota import Quota
from carriers.settings import CarrierSettings, Limits, VoiceSettings
from foundation.errors import SettingsError
from tests.callee import Callee

SECRET = "s3cret-of-the-account"
PHONE = "13800000001"
SHOWN = "04751234567"
KEY = "alarm-17-raised-1768510000-3-voice"
PARAMS = {
    "place": "向阳村",
    "home": "王大爷家",
    "what": "一氧化碳超标（现356ppm）",
    "since": "1月7日23:10",
    "do": "马上开窗离屋并回复1",
}


def settings(**changes: Any) -> CarrierSettings:
    voice: dict[str, Any] = {
        "templates": {"TTS_1": SPEAKS, "TTS_2": ASKS, "TTS_3": ANSWERS},
        "show_numbers": frozenset({SHOWN}),
        "call_lasts_s": 0.05,
        "limits": Limits(per_day=None),
    }
    return CarrierSettings(
        access_key_id="LTAI-test",
        access_key_secret=SecretStr(SECRET),
        sign_name="暖哨",
        templates={},
        retry_after_s=(0.05, 0.05),
        voice=VoiceSettings(**voice | changes),
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with started(settings()) as running:
        yield running


@pytest.fixture
def carrier(server: Running) -> Running:
    """The server of this module: empty phones, good health, and nobody was called before."""
    server.carrier.phones = Phones(keep=1000)
    server.carrier.behaviours.clear()
    server.carrier.calls_taken = Quota(Limits(per_day=None), server.carrier.clock)
    return server


def channel(running: Running, *, asks: bool = False, **changes: Any) -> AliyunVoice:
    account: dict[str, Any] = {
        "endpoint": running.url,
        "access_key_id": "LTAI-test",
        "secret": SecretStr(SECRET),
        "template": "TTS_2" if asks else "TTS_1",
        "answer_template": "TTS_3" if asks else "",
        "show_number": SHOWN if asks else "",
        "timeout_s": 1.5,
    }
    return AliyunVoice(**account | changes)


def message(key: str = KEY, *, phone: str = PHONE, carrier_id: str = "", **params: str) -> Message:
    return Message(to=phone, template="critical", params=PARAMS | params, key=key, carrier_id=carrier_id)


async def _send(running: Running, wanted: Message, *, asks: bool = False, **changes: Any) -> Outcome:
    voice = channel(running, asks=asks, **changes)
    try:
        return await voice.send(wanted)
    finally:
        await voice.close()


def misbehave(running: Running, kind: str, action: str = "SingleCallByTts", **more: Any) -> None:
    instruction = {"kind": kind, "action": action, **more}
    httpx.post(f"{running.url}/_carrier/behaviour", json=instruction, trust_env=False).raise_for_status()


def press(running: Running, key: str) -> httpx.Response:
    return httpx.post(f"{running.url}/_carrier/press", json={"phone": PHONE, "key": key}, trust_env=False)


def calls(running: Running) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = httpx.get(f"{running.url}/messages.json", trust_env=False).json()
    return rows


class Sdk:
    """Aliyun's own client for voice, in the few calls that the contract needs."""

    def __init__(self, url: str) -> None:
        # the SDK has no types; getting it by name keeps that in one place
        self._models = importlib.import_module("alibabacloud_dyvmsapi20170525.models")
        client = importlib.import_module("alibabacloud_dyvmsapi20170525.client").Client
        config = importlib.import_module("alibabacloud_tea_openapi.utils_models").Config
        self._client = client(
            config(
                access_key_id="LTAI-test",
                access_key_secret=SECRET,
                endpoint=url.removeprefix("http://"),
                protocol="HTTP",
                read_timeout=2000,
                connect_timeout=2000,
            )
        )

    def call(self, **changes: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "called_number": PHONE,
            "tts_code": "TTS_1",
            "tts_param": json.dumps(call_params(PARAMS)),
            "play_times": 2,
            "out_id": "n-1",
        }
        request = self._models.SingleCallByTtsRequest(**asked | changes)
        body: dict[str, Any] = self._client.single_call_by_tts(request).body.to_map()
        return body

    def ask(self) -> dict[str, Any]:
        keys = [
            self._models.IvrCallRequestMenuKeyMap(key=key, code="TTS_3", tts_params=json.dumps({"answer": "已记录"}))
            for key in "123"
        ]
        request = self._models.IvrCallRequest(
            called_number=PHONE,
            called_show_number=SHOWN,
            start_code="TTS_2",
            start_tts_params=json.dumps(call_params(PARAMS)),
            menu_key_map=keys,
            play_times=2,
            timeout=8000,
            out_id="n-1",
        )
        body: dict[str, Any] = self._client.ivr_call(request).body.to_map()
        return body

    def detail(self, call_id: str, product: int, since: datetime) -> dict[str, Any]:
        request = self._models.QueryCallDetailByCallIdRequest(
            call_id=call_id, prod_id=product, query_date=int(since.timestamp() * 1000)
        )
        body: dict[str, Any] = self._client.query_call_detail_by_call_id(request).body.to_map()
        return body


# ---- the contract: what Aliyun's SDK sees is what our channel sees ----


def test_sdk_and_channel_both_call_and_the_person_hears_the_same(carrier: Running) -> None:
    answer = Sdk(carrier.url).call()
    assert (answer["Code"], answer["CallId"]) == ("OK", calls(carrier)[0]["biz_id"])
    carrier.carrier.calls_taken = Quota(Limits(per_day=None), carrier.carrier.clock)
    outcome = asyncio.run(_send(carrier, message(phone=f"+86 {PHONE}")))
    ours, sdks = calls(carrier)
    assert outcome == Accepted(ours["biz_id"])
    assert ours["text"] == sdks["text"] == render(SPEAKS, call_params(PARAMS))
    assert "356ppm" in ours["text"]
    assert "23点10分" in ours["text"]
    assert "回复" not in ours["text"]
    assert (ours["way"], ours["carrier"], ours["phone"], ours["out_id"]) == (
        "voice", "aliyun_voice", PHONE, out_id(KEY),
    )  # fmt: skip


def test_sdk_and_channel_both_ask_for_a_key(carrier: Running) -> None:
    assert Sdk(carrier.url).ask()["Code"] == "OK"
    carrier.carrier.calls_taken = Quota(Limits(per_day=None), carrier.carrier.clock)
    assert isinstance(asyncio.run(_send(carrier, message(), asks=True)), Accepted)
    ours, sdks = calls(carrier)
    assert ours["text"] == sdks["text"] == render(ASKS, call_params(PARAMS))
    assert ours["keys"] == sdks["keys"] == ["1", "2", "3"]
    assert press(carrier, "9").status_code == 409
    assert press(carrier, "2").json()["spoken"] == "好的，已记录为误报，谢谢，再见。"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"called_number": "1380000"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"called_show_number": "05710000001"}, "isv.DISPLAY_NUMBER_ILLEGAL"),
        ({"tts_code": "TTS_9"}, "isv.TTS_TEMPLATE_ILLEGAL"),
        ({"tts_param": json.dumps({"where": "向阳村"})}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"tts_param": json.dumps({"where": "村", "what": "长" * 101})}, "isv.PARAM_LENGTH_LIMIT"),
        ({"tts_param": json.dumps({"where": "村", "what": "【23:10】"})}, "isv.TEMPLATE_PARAMS_ILLEGAL"),
        ({"tts_param": "{"}, "isv.INVALID_JSON_PARAM"),
        ({"out_id": KEY}, "isv.INVALID_PARAMETERS"),
        ({"play_times": 4}, "isv.INVALID_PARAMETERS"),
    ],
)
def test_the_carriers_rules(carrier: Running, changes: dict[str, Any], code: str) -> None:
    assert Sdk(carrier.url).call(**changes)["Code"] == code
    assert calls(carrier) == []


def test_a_text_of_three_variables_needs_a_number_of_ones_own() -> None:
    with started(settings(templates={"TTS_1": "甲${a}乙${b}丙${c}"})) as running:
        spoken = json.dumps({"a": "1", "b": "2", "c": "3"})
        assert Sdk(running.url).call(tts_param=spoken)["Code"] == "isv.TTS_TEMPLATE_ILLEGAL"
        assert Sdk(running.url).call(tts_param=spoken, called_show_number=SHOWN)["Code"] == "OK"


@pytest.mark.parametrize(
    "params",
    [{"home": "长" * 600}, {"what": "【30%】#/:-¥ https://x.cn 室温-5℃"}, dict.fromkeys(PARAMS, "")],
)
def test_what_cannot_be_read_aloud_is_made_to_fit_by_the_channel(carrier: Running, params: dict[str, str]) -> None:
    assert isinstance(asyncio.run(_send(carrier, message(**params))), Accepted)


@pytest.mark.parametrize(
    ("code", "words", "outcome"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5", Refused("carrier_limit_hour", True, 3600, True)),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:20", Refused("carrier_limit_day", True, 3600, True)),
        ("isv.MOBILE_NUMBER_ILLEGAL", "", Refused("number_invalid", False)),
        ("isv.TTS_TEMPLATE_ILLEGAL", "", Refused("template_refused", True, 600, True)),
        ("isv.DISPLAY_NUMBER_ILLEGAL", "", Refused("show_number_refused", True, 600, True)),
        ("isv.TEMPLATE_MISSING_PARAMETERS", "", Refused("template_params_refused", False)),
        ("isv.PARAM_LENGTH_LIMIT", "", Refused("template_params_too_long", False)),
        ("isv.AMOUNT_NOT_ENOUGH", "", Refused("account_unpaid", True, 600, True)),
        ("isv.OUT_OF_SERVICE", "", Refused("account_unpaid", True, 600, True)),
        ("isp.RAM_PERMISSION_DENY", "", Refused("account_refused", True, 600, True)),
        ("isp.SYSTEM_ERROR", "", Unknown("carrier_error")),
    ],
)
def test_a_refusal_travels_in_http_200(carrier: Running, code: str, words: str, outcome: Outcome) -> None:
    misbehave(carrier, "refuse", code=code, message=words, times=2)
    assert Sdk(carrier.url).call()["Code"] == code
    assert asyncio.run(_send(carrier, message())) == outcome


async def test_a_wrong_secret_and_an_account_without_voice(carrier: Running) -> None:
    outcome = await _send(carrier, message(), secret=SecretStr("wrong"))
    assert outcome == Refused("credentials_refused", retryable=True, after_s=600, elsewhere=True)
    carrier.carrier.settings, whole = settings().model_copy(update={"voice": None}), carrier.carrier.settings
    outcome = await _send(carrier, message())
    carrier.carrier.settings = whole
    assert outcome == Refused("account_refused", retryable=True, after_s=600, elsewhere=True)


# ---- how often somebody may be called ----


def test_failed_calls_count_and_the_windows_roll() -> None:
    now = [datetime(2026, 1, 7, 12, tzinfo=UTC)]
    limits = VoiceSettings(templates={}).limits
    assert limits == Limits(per_minute=1, per_hour=5, per_day=20), "CHANNELS.md"
    with started(settings(limits=limits), clock=lambda: now[0]) as limited:
        misbehave(limited, "fail_receipt", times=0)
        reasons = []
        for after in (0, 59, 60, 120, 180, 240, 300, 3601):
            now[0] = datetime(2026, 1, 7, 12, tzinfo=UTC) + timedelta(seconds=after)
            outcome = asyncio.run(_send(limited, message(f"n-{after}"), clock=lambda: now[0]))
            reasons.append(getattr(outcome, "reason", "accepted"))
    accepted = ["accepted"] * 4
    assert reasons == ["accepted", "carrier_limit_minute", *accepted, "carrier_limit_hour", "accepted"]


async def test_one_process_calls_a_number_once_a_minute_and_others_at_once() -> None:
    now = [datetime(2026, 1, 7, 12, tzinfo=UTC)]
    with started(settings(limits=Limits(per_minute=1)), clock=lambda: now[0]) as strict:
        voice = channel(strict, clock=lambda: now[0])
        first, second = await asyncio.gather(voice.send(message("n-1")), voice.send(message("n-2")))
        assert isinstance(first, Accepted)
        assert isinstance(second, Refused)
        assert (second.reason, second.retryable, 60 < second.after_s <= 81) == ("carrier_limit_minute", True, True)
        assert isinstance(await voice.send(message("n-3", phone="13800000002")), Accepted)
        assert len(calls(strict)) == 2, "the carrier was not asked, or it would have cut off the first call"
        misbehave(strict, "refuse", code="isp.RAM_PERMISSION_DENY")
        now[0] += timedelta(seconds=61)
        assert await voice.send(message("n-2")) == Refused("account_refused", True, 600, True)
        assert isinstance(await voice.send(message("n-4")), Accepted), "no phone had rung: nothing to wait for"
        await voice.close()


async def test_two_processes_within_a_second_block_each_other_and_come_back_apart() -> None:
    now = datetime(2026, 1, 7, 12, tzinfo=UTC)
    with started(settings(call_lasts_s=5, limits=Limits(per_minute=1)), clock=lambda: now) as strict:
        first, *others = [await _send(strict, message(f"n-{n}"), clock=lambda: now) for n in range(4)]
        assert isinstance(first, Accepted)
        await asyncio.sleep(0.1)
        (call,) = calls(strict)
        assert (call["delivery"], call["err_code"]) == ("failed", "200119")
        assert {getattr(outcome, "reason", "") for outcome in others} == {"carrier_limit_minute"}
        assert len({getattr(outcome, "after_s", 0) for outcome in others}) == len(others)


# ---- answers that never come, and calls that are asked about ----


@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [("time_out", "carrier_timeout"), ("drop", "connection_lost"), ("server_error", "carrier_error")],
)
async def test_no_answer_is_unknown_and_without_the_carriers_name_nobody_can_be_asked(
    carrier: Running, kind: str, reason: str, *, accept: bool
) -> None:
    misbehave(carrier, kind, accept=accept)
    voice = channel(carrier)
    assert await voice.send(message()) == Unknown(reason)
    assert len(calls(carrier)) == int(accept)
    assert await voice.lookup(message(), datetime.now(UTC)) is None
    await voice.close()


@pytest.mark.parametrize("asks", [False, True])
async def test_the_carrier_tells_what_became_of_a_call(*, asks: bool) -> None:
    with started(settings(call_lasts_s=0.2, limits=Limits())) as running:
        voice, sent_at = channel(running, asks=asks), datetime.now(UTC)
        placed = await voice.send(message())
        assert isinstance(placed, Accepted)
        asked = message(carrier_id=placed.carrier_id)
        assert await voice.lookup(asked, sent_at) == placed
        await asyncio.sleep(0.3)
        found = await voice.lookup(asked, sent_at)
        assert isinstance(found, Receipt)
        assert (found.key, found.delivered, found.carrier_id) == (KEY, True, placed.carrier_id)
        assert found.reason == ("call_heard_no_key" if asks else "call_heard")
        detail = Sdk(running.url).detail(
            placed.carrier_id, 11000000300005 if asks else 11010000138001, sent_at - timedelta(minutes=1)
        )
        assert json.loads(detail["Data"])["callee"] == PHONE
        await voice.close()


@pytest.mark.parametrize("kind", ["time_out", "server_error", "refuse"])
async def test_a_lookup_that_gets_no_answer_says_so(carrier: Running, kind: str) -> None:
    misbehave(carrier, kind, action="QueryCallDetailByCallId")
    voice = channel(carrier)
    with pytest.raises(LookupFailed) as failed:
        await voice.lookup(message(carrier_id="1^1"), datetime.now(UTC))
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    await voice.close()


# ---- callbacks ----


@pytest.mark.parametrize(
    ("behaviour", "answered", "reason"),
    [
        ({}, True, "call_heard"),
        ({"kind": "fail_receipt"}, False, "call_not_answered"),
        ({"kind": "fail_receipt", "code": "200002"}, False, "call_busy"),
        ({"kind": "fail_receipt", "code": "200010"}, False, "phone_off_or_out_of_reach"),
    ],
)
def test_how_a_call_ended_is_called_back(
    callee: Callee, behaviour: dict[str, str], answered: bool, reason: str  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    with started(settings(callback_url=callee.url)) as running:
        if behaviour:
            misbehave(running, **behaviour)
        placed = asyncio.run(_send(running, message()))
        (report,) = parse_call_reports(callee.next()[1]).reports
        assert isinstance(placed, Accepted)
        assert (report.call_id, report.out_id) == (placed.carrier_id, out_id(KEY))
        assert (report.answered, report.reason, report.verb) == (answered, reason, None)
        assert abs(report.at - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_key_pressed_during_the_call_or_after_it_is_called_back(callee: Callee) -> None:
    with started(settings(callback_url=callee.url, call_lasts_s=30)) as running:
        asyncio.run(_send(running, message(), asks=True))
        for key, verb in (("3", "need_help"), ("1", "have_it")):
            assert press(running, key).status_code == 202
            (report,) = parse_call_reports(callee.next()[1]).reports
            assert (report.answered, report.reason, report.verb) == (True, "call_heard", verb)
        assert calls(running)[0]["pressed"] == "1"


# ---- secrets, settings ----


async def test_no_secret_and_no_number_in_logs_or_words(
    carrier: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    voice = channel(carrier)
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as events:
        misbehave(carrier, "refuse", code="isv.MOBILE_NUMBER_ILLEGAL", message=f"{PHONE}invalid mobile number")
        misbehave(carrier, "server_error")
        for _ in range(3):
            await voice.send(message())
        await voice.lookup(message(carrier_id=calls(carrier)[0]["biz_id"] if calls(carrier) else ""), datetime.now(UTC))
    await voice.close()
    said = caplog.text + repr(events) + repr(voice) + "".join(capfd.readouterr())
    assert [event["reason"] for event in events] == ["number_invalid", "carrier_error"]
    for hidden in (SECRET, PHONE, "Signature="):
        assert hidden not in said
    assert "138****0001" in said


def test_an_endpoint_in_clear_and_keys_without_a_number_are_refused(carrier: Running) -> None:
    with pytest.raises(SettingsError, match="NUANSHAO_ALIYUN_VOICE_ENDPOINT"):
        channel(carrier, endpoint="http://dyvmsapi.aliyuncs.com")
    with pytest.raises(SettingsError, match="SHOW_NUMBER"):
        channel(carrier, asks=True, show_number="")

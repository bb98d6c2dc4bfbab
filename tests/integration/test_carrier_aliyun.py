"""The stand-in carrier, driven by Aliyun's own SDK and by our channel through the same contract."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import queue
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from alerts.channels.aliyun_receipts import parse_replies, parse_reports
from alerts.channels.aliyun_sms import PAGE_SIZE, AliyunSms, china_days
from alerts.channels.aliyun_templates import TEMPLATES, render
from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, Refused, Unknown
from alerts.channels.sms_templates import named
from carriers.app import Running, serve, started
from carriers.phones import Delivery, Phones, Sms
from carriers.settings import CarrierSettings, Limits
from foundation.errors import ServiceFailed, SettingsError
from tests.callee import Callee

SECRET = "s3cret-of-the-account"
PHONE = "13800000001"
PATH = "/carriers/secret-path/aliyun/sms-report"
PARAMS = {
    "place": "向阳村",
    "home": "王大爷家",
    "what": "一氧化碳超标",
    "since": "1月7日23:10",
    "do": "马上开窗 & 离屋+~",
    "ack": "1",
    "wrong": "2",
    "help": "3",
}


def settings(**changes: Any) -> CarrierSettings:
    values: dict[str, Any] = {
        "access_key_id": "LTAI-test",
        "access_key_secret": SECRET,
        "sign_name": "暖哨",
        "templates": {"SMS_1": TEMPLATES["critical"], "SMS_2": TEMPLATES["routine"]},
        "receipt_delay_s": 0.02,
        "retry_after_s": (0.05, 0.05),
        "limits": Limits(per_day=1000),
    }
    return CarrierSettings(**values | changes)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with started(settings()) as running:
        yield running


@pytest.fixture
def carrier(server: Running) -> Running:
    """The server of this module, with empty phones and in good health."""
    server.carrier.phones = Phones(keep=1000)
    server.carrier.behaviours.clear()
    return server


def channel(running: Running, **changes: Any) -> AliyunSms:
    values: dict[str, Any] = {
        "endpoint": running.url,
        "access_key_id": "LTAI-test",
        "secret": SecretStr(SECRET),
        "sign_name": "暖哨",
        "templates": {"critical": "SMS_1", "routine": "SMS_2"},
        "timeout_s": 1.5,
    }
    return AliyunSms(**values | changes)


def message(key: str = "n-1", *, phone: str = PHONE, **params: str) -> Message:
    return Message(to=phone, template="critical", params=PARAMS | params, key=key)


def misbehave(running: Running, kind: str, **more: Any) -> None:
    httpx.post(f"{running.url}/_carrier/behaviour", json={"kind": kind, **more}, trust_env=False).raise_for_status()


def messages(running: Running) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = httpx.get(f"{running.url}/messages.json", trust_env=False).json()
    return rows


class Sdk:
    """Aliyun's own client, in the few calls that the contract needs."""

    def __init__(self, url: str, secret: str = SECRET) -> None:
        # the SDK has no types; getting it by name keeps that in one place
        models = importlib.import_module("alibabacloud_dysmsapi20170525.models")
        client = importlib.import_module("alibabacloud_dysmsapi20170525.client").Client
        config = importlib.import_module("alibabacloud_tea_openapi.utils_models").Config

        self._models = models
        self._client = client(
            config(
                access_key_id="LTAI-test",
                access_key_secret=secret,
                endpoint=url.removeprefix("http://"),
                protocol="HTTP",
                read_timeout=2000,
                connect_timeout=2000,
            )
        )

    def send(self, **changes: str) -> dict[str, Any]:
        request = {
            "phone_numbers": PHONE,
            "sign_name": "暖哨",
            "template_code": "SMS_1",
            "template_param": json.dumps(PARAMS, ensure_ascii=False),
            "out_id": "n-1",
        } | changes
        body: dict[str, Any] = self._client.send_sms(self._models.SendSmsRequest(**request)).body.to_map()
        return body

    def details(self, day: datetime, page: int = 1, size: int = 10) -> Any:
        request = self._models.QuerySendDetailsRequest(
            phone_number=PHONE, send_date=china_days(day)[0].strftime("%Y%m%d"), current_page=page, page_size=size
        )
        return self._client.query_send_details(request).body


# ---- the contract: what Aliyun's SDK sees is what our channel sees ----


def test_sdk_and_channel_are_both_accepted_and_the_phone_shows_the_same(carrier: Running) -> None:
    answer = Sdk(carrier.url).send()
    assert (answer["Code"], answer["Message"]) == ("OK", "OK")
    assert answer["BizId"].endswith("^0")
    outcome = asyncio.run(_send(carrier, message("n-2")))
    ours, sdks = messages(carrier)
    assert outcome == Accepted(ours["biz_id"])
    assert ours["text"] == sdks["text"] == "【暖哨】" + render("critical", PARAMS)
    assert (ours["out_id"], sdks["out_id"], ours["phone"], ours["template"]) == ("n-2", "n-1", PHONE, "SMS_1")


def test_a_reader_of_english_gets_the_english_template_where_one_is_approved(carrier: Running) -> None:
    english = Message(
        PHONE, "critical", PARAMS | {"place": "Xiangyang", "what": "CO alarm", "do": "All out, call 120"}, "n-en",
        language="en-GB",
    )  # fmt: skip
    with started(settings(templates={"SMS_1": TEMPLATES["critical"], "SMS_3": named("critical", "en")})) as running:
        asyncio.run(_send(running, english, translated={"en": {"critical": "SMS_3"}}))
        assert messages(running)[0]["text"].startswith("【暖哨】Heating ALARM: Xiangyang, 王大爷家, CO alarm, since ")
    asyncio.run(_send(carrier, english))
    assert messages(carrier)[0]["text"].startswith("【暖哨】取暖警报：Xiangyang，王大爷家，CO alarm，")
    assert messages(carrier)[0]["text"].endswith("处置：All out, call 120。回复1确认，2误报，3求助。")


async def _send(running: Running, wanted: Message, **changes: Any) -> Outcome:
    sms = channel(running, **changes)
    try:
        return await sms.send(wanted)
    finally:
        await sms.close()


@pytest.mark.parametrize(
    ("sdk_changes", "channel_changes", "wanted", "code", "reason"),
    [
        ({"phone_numbers": "1380000"}, {}, message(phone="1380000"), "isv.MOBILE_NUMBER_ILLEGAL", "number_invalid"),
        ({"sign_name": "别人"}, {"sign_name": "别人"}, message(), "isv.SMS_SIGNATURE_ILLEGAL", "sign_name_refused"),
        (
            {"template_code": "SMS_9"},
            {"templates": {"critical": "SMS_9"}},
            message(),
            "isv.SMS_TEMPLATE_ILLEGAL",
            "template_refused",
        ),
    ],
)
def test_the_carriers_rules_reach_both(
    carrier: Running,
    sdk_changes: dict[str, str],
    channel_changes: dict[str, Any],
    wanted: Message,
    code: str,
    reason: str,
) -> None:
    assert Sdk(carrier.url).send(**sdk_changes)["Code"] == code
    outcome = asyncio.run(_send(carrier, wanted, **channel_changes))
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason
    assert messages(carrier) == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"place": "x"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        (PARAMS | {"do": ""}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        (PARAMS | {"home": "长" * 36}, "isv.PARAM_LENGTH_LIMIT"),
        (PARAMS | {"home": "【王】"}, "isv.TEMPLATE_PARAMS_ILLEGAL"),
        (PARAMS | {"home": "电话13812345678"}, "isv.TEMPLATE_PARAMS_ILLEGAL"),
        (PARAMS | {"home": "www.x.cn"}, "isv.PARAM_NOT_SUPPORT_URL"),
        (PARAMS | {"home": 7}, "isv.INVALID_JSON_PARAM"),
    ],
)
def test_values_that_the_carrier_refuses_are_made_to_fit_by_the_channel(
    carrier: Running, values: dict[str, Any], code: str
) -> None:
    assert Sdk(carrier.url).send(template_param=json.dumps(values))["Code"] == code
    params = {name: str(value) for name, value in values.items()}
    outcome = asyncio.run(_send(carrier, Message(PHONE, "critical", params, "n-1")))
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize(
    ("code", "words", "outcome"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1", Refused("carrier_limit_minute", True, 60, True)),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5", Refused("carrier_limit_hour", True, 3600, True)),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:10", Refused("carrier_limit_day", True, 3600, True)),
        ("isv.DAY_LIMIT_CONTROL", "", Refused("account_limit", True, 3600, True)),
        ("isv.MOBILE_NUMBER_ILLEGAL", "", Refused("number_invalid", False)),
        ("isv.TEMPLATE_MISSING_PARAMETERS", "", Refused("template_params_refused", False)),
        ("isv.PARAM_LENGTH_LIMIT", "", Refused("template_params_too_long", False)),
        ("isv.AMOUNT_NOT_ENOUGH", "", Refused("account_unpaid", True, 600, True)),
        ("isv.OUT_OF_SERVICE", "", Refused("account_unpaid", True, 600, True)),
        ("isv.SMS_CONTENT_ILLEGAL", "", Refused("content_refused", False)),
        ("isv.SMS_SIGN_ILLEGAL", "", Refused("sign_name_refused", True, 600, True)),
        ("isp.RAM_PERMISSION_DENY", "", Refused("account_refused", True, 600, True)),
    ],
)
def test_a_refusal_travels_in_http_200(carrier: Running, code: str, words: str, outcome: Refused) -> None:
    misbehave(carrier, "refuse", code=code, message=words, times=2)
    assert Sdk(carrier.url).send()["Code"] == code
    assert asyncio.run(_send(carrier, message())) == outcome
    assert httpx.get(f"{carrier.url}/_carrier/behaviour", trust_env=False).json() == []


def test_a_wrong_secret_is_no_secret_to_both(carrier: Running) -> None:
    refused = importlib.import_module("alibabacloud_tea_openapi.exceptions").ClientException
    with pytest.raises(refused) as answer:
        Sdk(carrier.url, secret="wrong").send()
    assert (answer.value.code, answer.value.status_code) == ("SignatureDoesNotMatch", 400)
    outcome = asyncio.run(_send(carrier, message(), secret=SecretStr("wrong")))
    assert outcome == Refused("credentials_refused", retryable=True, after_s=600, elsewhere=True)
    outcome = asyncio.run(_send(carrier, message(), clock=lambda: datetime.now(UTC) - timedelta(minutes=16)))
    assert outcome == Refused("clock_wrong", retryable=True, after_s=60, elsewhere=True)


def test_the_limit_is_per_number_and_template_and_rolls(carrier: Running) -> None:
    now = [datetime(2026, 1, 7, 12, tzinfo=UTC)]
    with started(settings(limits=Limits(per_minute=1, per_day=2)), clock=lambda: now[0]) as limited:
        reasons = []
        for after in (0, 10, 61, 130, 24 * 3600 + 1):
            now[0] = datetime(2026, 1, 7, 12, tzinfo=UTC) + timedelta(seconds=after)
            outcome = asyncio.run(_send(limited, message(f"n-{after}"), clock=lambda: now[0]))
            reasons.append(getattr(outcome, "reason", "accepted"))
        assert reasons == ["accepted", "carrier_limit_minute", "accepted", "carrier_limit_day", "accepted"]
        routine = Message(PHONE, "routine", PARAMS, "r-1")
        assert isinstance(asyncio.run(_send(limited, routine, clock=lambda: now[0])), Accepted)
        other = message("o-1", phone="13800000002")
        assert isinstance(asyncio.run(_send(limited, other, clock=lambda: now[0])), Accepted)


# ---- answers that never come ----


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("time_out", "carrier_timeout"), ("drop", "connection_lost"), ("server_error", "carrier_error")],
)
@pytest.mark.parametrize("accept", [True, False])
async def test_no_answer_is_unknown_and_the_lookup_knows(
    carrier: Running, kind: str, reason: str, *, accept: bool
) -> None:
    misbehave(carrier, kind, accept=accept)
    sms = channel(carrier)
    sent_at = datetime.now(UTC)
    assert await sms.send(message("n-7")) == Unknown(reason)
    await asyncio.sleep(0.1)
    found = await sms.lookup(message("n-7"), sent_at)
    await sms.close()
    if accept:
        assert isinstance(found, Receipt)
        assert (found.key, found.delivered, found.reason) == ("n-7", True, "delivered")
        assert abs(found.at - sent_at) < timedelta(seconds=3)
    else:
        assert found is None


async def test_a_closed_port_is_refused_and_may_be_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        sms = channel(Running(url, None))  # type: ignore[arg-type]  # nothing runs there
        assert await sms.send(message()) == Refused("carrier_unreachable", retryable=True, after_s=5, elsewhere=True)
        with pytest.raises(LookupFailed, match="carrier_unreachable"):
            await sms.lookup(message(), datetime.now(UTC))
        await sms.close()


@pytest.mark.parametrize("kind", ["time_out", "server_error", "refuse"])
async def test_a_lookup_that_gets_no_answer_says_so(carrier: Running, kind: str) -> None:
    misbehave(carrier, kind, action="QuerySendDetails")
    sms = channel(carrier)
    with pytest.raises(LookupFailed) as failed:
        await sms.lookup(message(), datetime.now(UTC))
    assert PHONE not in str(failed.value)
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    await sms.close()


async def test_lookup_before_delivery_and_after_failure() -> None:
    with started(settings(receipt_delay_s=60.0)) as slow:
        misbehave(slow, "delay_receipt", delay_s=0.15)
        sms = channel(slow)
        sent_at = datetime.now(UTC)
        await sms.send(message("n-1"))
        assert await sms.lookup(message("n-1"), sent_at) == Accepted("")
        await asyncio.sleep(0.25)
        assert isinstance(await sms.lookup(message("n-1"), sent_at), Receipt)
        await sms.send(message("n-2"))
        row = slow.carrier.phones.newest(1)[0]
        row.end(datetime.now(UTC), "MOBILE_NOT_ON_SERVICE")
        receipt = await sms.lookup(message("n-2"), sent_at)
        assert isinstance(receipt, Receipt)
        assert (receipt.delivered, receipt.reason) == (False, "phone_off_or_out_of_reach")
        await sms.close()


async def test_lookup_turns_pages_and_looks_over_midnight() -> None:
    midnight = datetime(2026, 1, 7, 16, tzinfo=UTC)  # 00:00 in China
    with started(settings(), clock=lambda: midnight) as night:
        for number in range(2 * PAGE_SIZE + 5):
            night.carrier.phones.receive(_delivered(f"n-{number}", midnight - timedelta(seconds=5)))
        sms = channel(night, clock=lambda: midnight)
        for key in ("n-0", f"n-{PAGE_SIZE + 1}", f"n-{2 * PAGE_SIZE + 4}"):
            assert isinstance(await sms.lookup(message(key), midnight + timedelta(seconds=3)), Receipt)
        assert await sms.lookup(message("n-9999"), midnight) is None
        assert await sms.lookup(message("n-0"), midnight + timedelta(hours=1)) is None
        await sms.close()
        body = Sdk(night.url)
        # the SDK signs with the real clock, far from this one
        with pytest.raises(Exception, match="expired"):
            body.details(midnight)


def _delivered(key: str, at: datetime) -> Sms:
    return Sms(PHONE, "SMS_1", "【暖哨】…", key, "1^0", at, Delivery.delivered, "DELIVERED", at)


def test_the_sdk_reads_the_details(carrier: Running) -> None:
    sdk = Sdk(carrier.url)
    for number in range(3):
        sdk.send(out_id=f"n-{number}")
    rows = sdk.details(datetime.now(UTC), page=2, size=2)
    assert (rows.code, rows.total_count) == ("OK", "3")
    (oldest,) = rows.sms_send_detail_dtos.sms_send_detail_dto
    assert (oldest.out_id, oldest.phone_num, oldest.template_code) == ("n-0", PHONE, "SMS_1")
    assert oldest.content.startswith("【暖哨】取暖警报")
    assert oldest.send_status in (1, 3)


# ---- callbacks ----


def test_receipts_are_called_back_and_read(callee: Callee) -> None:
    with started(settings(callback_url=callee.url + PATH)) as running:
        outcome = asyncio.run(_send(running, message("n-5")))
        path, body = callee.next()
        (receipt,) = parse_reports(body).receipts
        assert path == PATH
        assert isinstance(outcome, Accepted)
        assert (receipt.carrier_id, receipt.key, receipt.delivered) == (outcome.carrier_id, "n-5", True)
        assert abs(receipt.at - datetime.now(UTC)) < timedelta(seconds=5)
        assert body[0]["sms_size"] == "1"


def test_a_callback_is_repeated_until_it_is_answered_with_code_0(callee: Callee) -> None:
    callee.refuse = 2
    with started(settings(callback_url=callee.url + PATH)) as running:
        asyncio.run(_send(running, message("n-6")))
        bodies = [callee.next()[1] for _ in range(3)]
        assert bodies[0] == bodies[1] == bodies[2]
        with pytest.raises(queue.Empty):
            callee.told.get(timeout=0.2)


def test_failed_and_lost_receipts(callee: Callee) -> None:
    with started(settings(callback_url=callee.url + PATH)) as running:
        misbehave(running, "lose_receipt")
        misbehave(running, "fail_receipt", code="CONTENT_KEYWORD")
        for key in ("lost", "failed"):
            asyncio.run(_send(running, message(key)))
        (receipt,) = parse_reports(callee.next()[1]).receipts
        assert (receipt.key, receipt.delivered, receipt.reason) == ("failed", False, "content_refused")
        with pytest.raises(queue.Empty):
            callee.told.get(timeout=0.2)
        assert {row["out_id"]: row["delivered"] for row in messages(running)} == {"lost": True, "failed": False}


def test_a_person_replies(callee: Callee) -> None:
    with started(settings(reply_url=callee.url + "/up")) as running:
        answer = httpx.post(f"{running.url}/_carrier/reply", json={"phone": PHONE, "content": "1"}, trust_env=False)
        assert answer.status_code == 202
        path, body = callee.next()
        (reply,) = parse_replies(body).replies
        assert (path, reply.phone, reply.content) == ("/up", PHONE, "1")


# ---- secrets, settings, the page ----


async def test_no_secret_and_no_number_in_logs_or_words(
    carrier: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    sms = channel(carrier)
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as events:
        misbehave(carrier, "refuse", code="isv.MOBILE_NUMBER_ILLEGAL", message=f"{PHONE}invalid mobile number")
        misbehave(carrier, "server_error")
        for key in ("n-1", "n-2", "n-3"):
            await sms.send(message(key))
        await sms.lookup(message("n-3"), datetime.now(UTC))
    await sms.close()
    said = caplog.text + repr(events) + repr(sms) + "".join(capfd.readouterr())
    assert [event["reason"] for event in events] == ["number_invalid", "carrier_error"]
    for hidden in (SECRET, PHONE, "Signature="):
        assert hidden not in said
    assert "138****0001" in said


@pytest.mark.parametrize(
    "endpoint",
    ["http://dysmsapi.aliyuncs.com", "ftp://127.0.0.1", "127.0.0.1:1", "https://x.cn/path", "https://u:pw@x.cn", ""],
)
def test_an_endpoint_in_clear_or_malformed_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        channel(Running(endpoint, None))  # type: ignore[arg-type]  # never asked
    assert "pw" not in str(refused.value)


async def test_the_emulator_stays_on_loopback_and_says_what_is_taken(carrier: Running) -> None:
    with pytest.raises(SettingsError, match="loopback only"):
        await serve(settings(), "0.0.0.0", 0, print)  # noqa: S104 - the address that must be refused
    port = int(carrier.url.rsplit(":", 1)[1])
    with pytest.raises(ServiceFailed, match=f"port {port}"):
        await serve(settings(), "127.0.0.1", port, print)


def test_the_page_is_whole_and_memory_is_bounded() -> None:
    with started(settings(keep=3)) as small:
        page = httpx.get(small.url, trust_env=False)
        assert "手机收到了什么" in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        for number in range(5):
            asyncio.run(_send(small, message(f"n-{number}")))
        assert [row["out_id"] for row in messages(small)] == ["n-4", "n-3", "n-2"]

"""The stand-in for Tencent SMS, driven by Tencent's own SDK and by our channel through the same contract."""

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

from alerts.channels import aliyun_templates
from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, Refused, Unknown
from alerts.channels.tencent_receipts import parse_replies, parse_reports
from alerts.channels.tencent_sms import TencentSms
from alerts.channels.tencent_templates import TEMPLATES, values
from carriers.app import Running, started
from carriers.phones import Phones
from carriers.settings import CarrierSettings, TencentLimits, TencentSettings
from foundation.errors import SettingsError
from tests.callee import Callee

SECRET = "s3cret-of-the-account"
PHONE = "13800000001"
PARAMS = {
    "place": "向阳村",
    "home": "王大爷家",
    "what": "一氧化碳超标",
    "since": "1月7日23:10",
    "do": "马上开窗 & 离屋+~",
}
NO_LIMITS = TencentLimits(same_text_in_30_s=None, per_china_day=None)


def settings(**changes: Any) -> CarrierSettings:
    account: dict[str, Any] = {
        "secret_id": "AKID-test",
        "secret_key": SECRET,
        "app_id": "1400000001",
        "sign_name": "暖哨",
        "templates": {"1001": TEMPLATES["critical"], "1002": TEMPLATES["routine"]},
        "limits": NO_LIMITS,
    }
    return CarrierSettings(
        access_key_id="LTAI-test",
        access_key_secret=SecretStr("another"),
        sign_name="暖哨",
        templates={},
        receipt_delay_s=0.02,
        retry_after_s=(0.05, 0.05),
        tencent=TencentSettings(**account | changes),
    )


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


def channel(running: Running, **changes: Any) -> TencentSms:
    account: dict[str, Any] = {
        "endpoint": running.url,
        "secret_id": "AKID-test",
        "secret": SecretStr(SECRET),
        "app_id": "1400000001",
        "sign_name": "暖哨",
        "templates": {"critical": "1001", "routine": "1002"},
        "timeout_s": 1.5,
    }
    return TencentSms(**account | changes)


def message(key: str = "n-1", *, phone: str = PHONE, carrier_id: str = "", **params: str) -> Message:
    return Message(to=phone, template="critical", params=PARAMS | params, key=key, carrier_id=carrier_id)


async def _send(running: Running, wanted: Message, **changes: Any) -> Outcome:
    sms = channel(running, **changes)
    try:
        return await sms.send(wanted)
    finally:
        await sms.close()


def misbehave(running: Running, kind: str, **more: Any) -> None:
    instruction = {"kind": kind, "carrier": "tencent", **more}
    httpx.post(f"{running.url}/_carrier/behaviour", json=instruction, trust_env=False).raise_for_status()


def messages(running: Running) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = httpx.get(f"{running.url}/messages.json", trust_env=False).json()
    return rows


class Sdk:
    """Tencent's own client, in the few calls that the contract needs."""

    def __init__(self, url: str, secret: str = SECRET) -> None:
        # the SDK has no types; getting it by name keeps that in one place
        self._models = importlib.import_module("tencentcloud.sms.v20210111.models")
        client = importlib.import_module("tencentcloud.sms.v20210111.sms_client").SmsClient
        http = importlib.import_module("tencentcloud.common.profile.http_profile").HttpProfile
        profile = importlib.import_module("tencentcloud.common.profile.client_profile").ClientProfile
        credential = importlib.import_module("tencentcloud.common.credential").Credential
        self.refused = importlib.import_module(
            "tencentcloud.common.exception.tencent_cloud_sdk_exception"
        ).TencentCloudSDKException
        address = http(protocol="http", endpoint=url.removeprefix("http://"), reqTimeout=2)
        self._client = client(credential("AKID-test", secret), "ap-guangzhou", profile(httpProfile=address))

    def send(self, numbers: list[str] | None = None, **changes: Any) -> Any:
        request = self._models.SendSmsRequest()
        asked = {
            "PhoneNumberSet": numbers or [f"+86{PHONE}"],
            "SmsSdkAppId": "1400000001",
            "TemplateId": "1001",
            "SignName": "暖哨",
            "TemplateParamSet": values("critical", PARAMS),
            "SessionContext": "n-1",
        }
        request.from_json_string(json.dumps(asked | changes))
        return self._client.SendSms(request).SendStatusSet

    def pull(self, begin: datetime) -> Any:
        request = self._models.PullSmsSendStatusByPhoneNumberRequest()
        asked = {
            "BeginTime": int(begin.timestamp()),
            "Offset": 0,
            "Limit": 10,
            "PhoneNumber": f"+86{PHONE}",
            "SmsSdkAppId": "1400000001",
        }
        request.from_json_string(json.dumps(asked))
        return self._client.PullSmsSendStatusByPhoneNumber(request).PullSmsSendStatusSet


# ---- the contract: what Tencent's SDK sees is what our channel sees ----


def test_sdk_and_channel_are_both_accepted_and_the_phone_shows_the_same(carrier: Running) -> None:
    (status,) = Sdk(carrier.url).send()
    assert (status.Code, status.PhoneNumber, status.SessionContext) == ("Ok", f"+86{PHONE}", "n-1")
    outcome = asyncio.run(_send(carrier, message("n-2", phone=f"0086 {PHONE}")))
    ours, sdks = messages(carrier)
    assert outcome == Accepted(ours["biz_id"])
    assert status.SerialNo == sdks["biz_id"]
    assert ours["text"] == sdks["text"] == "【暖哨】" + aliyun_templates.render("critical", PARAMS)
    assert (ours["out_id"], ours["phone"], ours["template"]) == ("n-2", PHONE, "1001")
    assert (ours["carrier"], ours["way"]) == ("tencent_sms", "sms")


@pytest.mark.parametrize(
    ("sdk_changes", "channel_changes", "wanted", "code", "outcome"),
    [
        ({"PhoneNumberSet": ["+861380"]}, {}, message(phone="1380"), "InvalidParameterValue.IncorrectPhoneNumber",
         Refused("number_invalid", retryable=False)),
        ({"SignName": "别人"}, {"sign_name": "别人"}, message(), "FailedOperation.SignatureIncorrectOrUnapproved",
         Refused("sign_name_refused", True, 600, True)),
        ({"TemplateId": "9"}, {"templates": {"critical": "9"}}, message(),
         "FailedOperation.TemplateIncorrectOrUnapproved", Refused("template_refused", True, 600, True)),
    ],
)  # fmt: skip
def test_the_carriers_rules_reach_both_number_by_number(
    carrier: Running,
    sdk_changes: dict[str, Any],
    channel_changes: dict[str, Any],
    wanted: Message,
    code: str,
    outcome: Refused,
) -> None:
    (status,) = Sdk(carrier.url).send(**sdk_changes)
    assert (status.Code, status.SerialNo, status.Fee) == (code, "", 0)
    assert asyncio.run(_send(carrier, wanted, **channel_changes)) == outcome
    assert messages(carrier) == []


def test_one_bad_number_costs_only_itself_and_more_than_200_are_too_many(carrier: Running) -> None:
    sdk = Sdk(carrier.url)
    codes = [status.Code for status in sdk.send(["+8613800000001", "+8612", "+8613800000002"])]
    assert codes == ["Ok", "InvalidParameterValue.IncorrectPhoneNumber", "Ok"]
    assert len(messages(carrier)) == 2
    with pytest.raises(sdk.refused) as refused:
        sdk.send([f"+861380000{number:04d}" for number in range(201)])
    assert refused.value.code == "LimitExceeded.PhoneNumberCountLimit"


def test_values_that_the_carrier_refuses_are_made_to_fit_by_the_channel(carrier: Running) -> None:
    (status,) = Sdk(carrier.url).send(TemplateParamSet=[*values("critical", PARAMS)[:7], "看 https://x.cn"])
    assert status.Code == "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
    (status,) = Sdk(carrier.url).send(TemplateParamSet=["只有一个"])
    assert status.Code == "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
    (status,) = Sdk(carrier.url).send(TemplateParamSet=["长" * 500, *values("critical", PARAMS)[1:]])
    assert status.Code == "InvalidParameterValue.ContentLengthLimit"
    for params in ({"home": "长" * 600}, {"home": "", "do": "看 https://x.cn"}):
        assert isinstance(asyncio.run(_send(carrier, message(**params))), Accepted)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("LimitExceeded.PhoneNumberThirtySecondLimit", Refused("carrier_limit_minute", True, 30, True)),
        ("LimitExceeded.PhoneNumberDailyLimit", Refused("carrier_limit_day", True, 3600, True)),
        ("FailedOperation.ContainSensitiveWord", Refused("content_refused", False)),
        ("FailedOperation.InsufficientBalanceInSmsPackage", Refused("account_unpaid", True, 600, True)),
        ("FailedOperation.PhoneNumberInBlacklist", Refused("phone_on_block_list", False, elsewhere=True)),
        ("UnauthorizedOperation.SmsSdkAppIdVerifyFail", Refused("account_refused", True, 600, True)),
        ("RequestLimitExceeded", Refused("carrier_busy", True, 2, True)),
        ("InternalError.OtherError", Unknown("carrier_error")),
    ],
)
def test_a_refusal_travels_in_http_200(carrier: Running, code: str, outcome: Outcome) -> None:
    misbehave(carrier, "refuse", code=code, times=2)
    sdk = Sdk(carrier.url)
    try:
        said = sdk.send()[0].Code
    except sdk.refused as refused:
        said = refused.code
    assert said == code
    assert asyncio.run(_send(carrier, message())) == outcome


def test_a_wrong_key_and_a_wrong_clock_are_refused_to_both(carrier: Running) -> None:
    sdk = Sdk(carrier.url, secret="wrong")
    with pytest.raises(sdk.refused) as refused:
        sdk.send()
    assert refused.value.code == "AuthFailure.SignatureFailure"
    outcome = asyncio.run(_send(carrier, message(), secret=SecretStr("wrong")))
    assert outcome == Refused("credentials_refused", retryable=True, after_s=600, elsewhere=True)
    for minutes, accepted in ((4, True), (6, False), (-6, False)):
        moment = datetime.now(UTC) + timedelta(minutes=minutes)
        outcome = asyncio.run(_send(carrier, message(), clock=lambda at=moment: at))
        assert isinstance(outcome, Accepted) == accepted
    assert outcome == Refused("clock_wrong", retryable=True, after_s=60, elsewhere=True)


def test_the_limits_are_of_a_number_and_of_its_text() -> None:
    now = [datetime(2026, 1, 7, 12, tzinfo=UTC)]
    limits = TencentLimits(per_china_day=3)
    with started(settings(limits=limits), clock=lambda: now[0]) as limited:
        reasons = []
        # the last one is in the next day of China, not 24 hours later
        for after, what in ((0, "甲"), (10, "甲"), (10, "乙"), (31, "甲"), (60, "丙"), (4 * 3600 + 1, "丙")):
            now[0] = datetime(2026, 1, 7, 12, tzinfo=UTC) + timedelta(seconds=after)
            outcome = asyncio.run(_send(limited, message(what=what), clock=lambda: now[0]))
            reasons.append(getattr(outcome, "reason", "accepted"))
        assert reasons == [
            "accepted", "carrier_limit_minute", "accepted", "accepted", "carrier_limit_day", "accepted",
        ]  # fmt: skip


# ---- answers that never come, and receipts that are asked for ----


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("time_out", "carrier_timeout"), ("drop", "connection_lost"), ("server_error", "carrier_error")],
)
async def test_no_answer_is_unknown_and_the_lookup_knows_once_the_phone_has_it(
    carrier: Running, kind: str, reason: str
) -> None:
    sms, sent_at = channel(carrier), datetime.now(UTC)
    for accept in (False, True):
        misbehave(carrier, kind, accept=accept)
        assert await sms.send(message(f"n-{accept}")) == Unknown(reason)
    await asyncio.sleep(0.1)
    assert await sms.lookup(message("n-False"), sent_at) is None
    found = await sms.lookup(message("n-True"), sent_at)
    await sms.close()
    assert isinstance(found, Receipt)
    assert (found.key, found.delivered, found.reason) == ("n-True", True, "delivered")
    assert abs(found.at - sent_at) < timedelta(seconds=3)


async def test_where_the_context_is_not_echoed_the_serial_number_finds_the_receipt() -> None:
    with started(settings(echoes_context=False)) as silent:
        sms, sent_at = channel(silent), datetime.now(UTC)
        misbehave(silent, "fail_receipt", code="MK:0024")
        misbehave(silent, "delay_receipt", delay_s=60)
        failed, waiting = [await sms.send(message(key)) for key in ("n-1", "n-2")]
        assert isinstance(failed, Accepted)
        assert isinstance(waiting, Accepted)
        await asyncio.sleep(0.1)
        assert await sms.lookup(message("n-1"), sent_at) is None, "nothing to know it by"
        receipt = await sms.lookup(message("n-1", carrier_id=failed.carrier_id), sent_at)
        assert isinstance(receipt, Receipt)
        assert (receipt.key, receipt.delivered, receipt.reason) == ("n-1", False, "phone_off_or_out_of_reach")
        assert await sms.lookup(message("n-2", carrier_id=waiting.carrier_id), sent_at) == waiting
        await sms.close()
        rows = Sdk(silent.url).pull(sent_at - timedelta(minutes=1))
        assert [(row.ReportStatus, row.SerialNo, row.SessionContext) for row in rows] == [
            ("FAIL", failed.carrier_id, "")
        ]


@pytest.mark.parametrize("kind", ["time_out", "server_error", "refuse"])
async def test_a_lookup_that_gets_no_answer_says_so(carrier: Running, kind: str) -> None:
    misbehave(carrier, kind, action="PullSmsSendStatusByPhoneNumber")
    sms = channel(carrier)
    with pytest.raises(LookupFailed) as failed:
        await sms.lookup(message(), datetime.now(UTC))
    assert PHONE not in str(failed.value)
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    await sms.close()


async def test_a_closed_port_is_refused_and_may_be_tried_elsewhere() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        sms = channel(Running(f"http://127.0.0.1:{unused.getsockname()[1]}", None))  # type: ignore[arg-type]  # nobody
        assert await sms.send(message()) == Refused("carrier_unreachable", retryable=True, after_s=5, elsewhere=True)
        await sms.close()


# ---- callbacks ----


def test_receipts_are_called_back_repeated_and_read(callee: Callee) -> None:
    callee.refuse = 1
    with started(settings(callback_url=callee.url + "/tencent/sms-report")) as running:
        misbehave(running, "lose_receipt")
        asyncio.run(_send(running, message("lost")))
        outcome = asyncio.run(_send(running, message("n-5")))
        bodies = [callee.next()[1] for _ in range(2)]
        assert bodies[0] == bodies[1]
        (receipt,) = parse_reports(bodies[0]).receipts
        assert isinstance(outcome, Accepted)
        assert (receipt.carrier_id, receipt.key, receipt.delivered) == (outcome.carrier_id, "", True)
        assert abs(receipt.at - datetime.now(UTC)) < timedelta(seconds=5)
        with pytest.raises(queue.Empty):
            callee.told.get(timeout=0.2)


def test_a_person_replies_to_who_sent_the_newest_sms(callee: Callee) -> None:
    with started(settings(reply_url=callee.url + "/tencent/sms-up")) as running:
        answer = {"phone": PHONE, "content": "1"}
        before = httpx.post(f"{running.url}/_carrier/reply", json=answer, trust_env=False)
        assert before.status_code == 409, "nobody listens to Aliyun's"
        asyncio.run(_send(running, message()))
        httpx.post(f"{running.url}/_carrier/reply", json=answer, trust_env=False).raise_for_status()
        path, body = callee.next()
        (reply,) = parse_replies(body).replies
        assert (path, reply.phone, reply.content) == ("/tencent/sms-up", PHONE, "1")


# ---- secrets, settings ----


async def test_no_secret_and_no_number_in_logs_or_words(
    carrier: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    sms = channel(carrier)
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as events:
        misbehave(
            carrier, "refuse", code="InvalidParameterValue.IncorrectPhoneNumber", message=f"+86{PHONE} is incorrect"
        )
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


@pytest.mark.parametrize("endpoint", ["http://sms.tencentcloudapi.com", "ftp://127.0.0.1", "https://x.cn/path", ""])
def test_an_endpoint_in_clear_or_malformed_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="NUANSHAO_TENCENT_SMS_ENDPOINT"):
        channel(Running(endpoint, None))  # type: ignore[arg-type]  # never asked

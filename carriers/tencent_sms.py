"""Tencent SMS: SendSms with a status per number, and PullSmsSendStatusByPhoneNumber."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from carriers.behaviour import Behaviour, fate
from carriers.carrier import Carrier
from carriers.phones import Delivery, Sms
from carriers.settings import TencentSettings
from carriers.tencent_rules import Batch, TencentRefusal, judge, national, numbers_of

WELL, BADLY = "DELIVRD", "UNDELIV"
_MOST_ROWS = 100
_MOST_DAYS = timedelta(days=7)
_WRONG_NUMBER = TencentRefusal("InvalidParameterValue.IncorrectPhoneNumber", "incorrect phone number")


def send_sms(
    carrier: Carrier, account: TencentSettings, asked: Mapping[str, object], behaviour: Behaviour | None
) -> dict[str, object] | TencentRefusal:
    """Take the message or refuse it, number by number."""
    judged = judge(asked, account)
    if isinstance(judged, TencentRefusal):
        numbers = numbers_of(asked)
        if judged.whole or isinstance(numbers, TencentRefusal):
            return judged
        return {"SendStatusSet": [not_sent(number, judged) for number in numbers]}
    return {"SendStatusSet": [_send(carrier, judged, number, behaviour) for number in judged.numbers]}


def not_sent(number: str, refusal: TencentRefusal) -> dict[str, object]:
    """The status of a number that gets nothing."""
    return _status(number, "", refusal.code, refusal.message, fee=0)


def pull_send_status(
    carrier: Carrier, account: TencentSettings, asked: Mapping[str, object], _: Behaviour | None
) -> dict[str, object] | TencentRefusal:
    """Receipts of one number within a span of the last 7 days; what has none yet is not in it."""
    begin, end, limit = asked.get("BeginTime"), asked.get("EndTime"), asked.get("Limit")
    if not isinstance(begin, int) or not isinstance(end, int | None):
        return TencentRefusal("InvalidParameterValue.BeginTimeVerifyFail", "BeginTime verify fail", whole=True)
    if not isinstance(limit, int) or not 0 < limit <= _MOST_ROWS:
        return TencentRefusal("InvalidParameterValue.LimitVerifyFail", "Limit verify fail", whole=True)
    if asked.get("Offset") != 0:
        return TencentRefusal("InvalidParameterValue.OffsetVerifyFail", "Offset verify fail", whole=True)
    if asked.get("SmsSdkAppId") != account.app_id:
        return TencentRefusal("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId verify fail", whole=True)
    earliest = (carrier.clock() - _MOST_DAYS).timestamp()
    found = [
        sms
        for sms in carrier.phones.sent_to(national(str(asked.get("PhoneNumber"))), "tencent_sms")
        if sms.reported_at is not None
        and max(begin, earliest) <= sms.accepted_at.timestamp()
        and (end is None or sms.accepted_at.timestamp() <= end)
    ]
    return {"PullSmsSendStatusSet": [_pulled(sms, echoes=account.echoes_context) for sms in found[:limit]]}


def _send(carrier: Carrier, batch: Batch, number: str, behaviour: Behaviour | None) -> dict[str, object]:
    phone = national(number)
    if not phone:
        return not_sent(number, _WRONG_NUMBER)
    if full := carrier.tencent_taken.exceeded(phone, batch.text):
        return not_sent(number, TencentRefusal(full, "the number's limit is reached"))
    carrier.tencent_taken.take(phone, batch.text)
    sms = Sms(
        phone=phone,
        template=batch.template,
        text=batch.text,
        out_id=batch.context,
        biz_id=carrier.next_id(),
        accepted_at=carrier.clock(),
        carrier="tencent_sms",
    )
    carrier.phones.receive(sms)
    carrier.callbacks.deliver(sms, fate(behaviour, after_s=carrier.settings.receipt_delay_s, well=WELL, badly=BADLY))
    return _status(number, sms.biz_id, "Ok", "send success", fee=1) | {"SessionContext": batch.context}


def _status(number: str, serial: str, code: str, message: str, *, fee: int) -> dict[str, object]:
    return {
        "SerialNo": serial,
        "PhoneNumber": number,
        "Fee": fee,
        "SessionContext": "",
        "Code": code,
        "Message": message,
        "IsoCode": "CN",
    }


def _pulled(sms: Sms, *, echoes: bool) -> dict[str, object]:
    arrived = sms.delivery is Delivery.delivered
    return {
        "UserReceiveTime": int((sms.reported_at or sms.accepted_at).timestamp()),
        "CountryCode": "86",
        "SubscriberNumber": sms.phone,
        "PhoneNumber": f"+86{sms.phone}",
        "SerialNo": sms.biz_id,
        "ReportStatus": "SUCCESS" if arrived else "FAIL",
        "Description": "DELIVRD" if arrived else sms.err_code,
        "SessionContext": sms.out_id if echoes else "",
    }

"""Aliyun SMS: SendSms and QuerySendDetails, as the official SDK speaks them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from carriers.aliyun_answers import ok, refusal
from carriers.aliyun_rules import Refusal, normal
from carriers.behaviour import Behaviour
from carriers.carrier import Carrier
from carriers.phones import CHINA, Delivery, Sms, china_time

_LARGEST_PAGE = 50
_QUERY_DAYS = 30
_STATUS = {Delivery.waiting: 1, Delivery.failed: 2, Delivery.delivered: 3}
_ILLEGAL = Refusal("isv.INVALID_PARAMETERS", "参数格式不正确")


def send_sms(carrier: Carrier, params: dict[str, str], behaviour: Behaviour | None) -> dict[str, object]:
    """Take the message or refuse it; both are HTTP 200."""
    outcome = carrier.submit(params, behaviour)
    return refusal(outcome) if isinstance(outcome, Refusal) else ok(BizId=outcome.biz_id)


def query_send_details(carrier: Carrier, params: dict[str, str], _: Behaviour | None) -> dict[str, object]:
    """What one number was sent on one China day of the last 30, newest first, in pages of at most 50."""
    try:
        day = datetime.strptime(params["SendDate"], "%Y%m%d").replace(tzinfo=CHINA).date()
        size, page = int(params["PageSize"]), int(params["CurrentPage"])
    except ValueError:
        return refusal(_ILLEGAL)
    if not (1 <= size <= _LARGEST_PAGE and page >= 1 and _recent(carrier, day)):
        return refusal(_ILLEGAL)
    phone = normal(params["PhoneNumber"])
    if not phone:
        return refusal(Refusal("isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误"))
    biz_id = params.get("BizId", "")
    found = [sms for sms in carrier.phones.on_day(phone, day) if not biz_id or sms.biz_id == biz_id]
    rows = [_detail(sms) for sms in found[(page - 1) * size : page * size]]
    return ok(TotalCount=str(len(found)), SmsSendDetailDTOs={"SmsSendDetailDTO": rows})


def _detail(sms: Sms) -> dict[str, object]:
    row: dict[str, object] = {
        "PhoneNum": sms.phone,
        "SendStatus": _STATUS[sms.delivery],
        "SendDate": china_time(sms.accepted_at),
        "TemplateCode": sms.template,
        "Content": sms.text,
        "OutId": sms.out_id,
    }
    if sms.reported_at is not None:
        row |= {"ReceiveDate": china_time(sms.reported_at), "ErrCode": sms.err_code}
    return row


def _recent(carrier: Carrier, day: date) -> bool:
    today = carrier.clock().astimezone(CHINA).date()
    return today - timedelta(days=_QUERY_DAYS) <= day <= today + timedelta(days=1)

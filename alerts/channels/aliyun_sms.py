"""SMS over Aliyun: SendSms and QuerySendDetails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import structlog
from pydantic import SecretStr

from alerts.channels.aliyun_gateway import UNANSWERED, AliyunGateway, code_of, national
from alerts.channels.aliyun_outcomes import judge
from alerts.channels.aliyun_receipts import CHINA, china_time, delivery_reason
from alerts.channels.aliyun_templates import approved_codes, fit, variables
from alerts.channels.channel import (
    Accepted,
    LookupFailed,
    Message,
    Outcome,
    Receipt,
    TemplateName,
    Way,
)
from alerts.channels.endpoint import endpoint as endpoint_of
from alerts.channels.endpoint import failed
from catalogue.language import language_of
from foundation.clock import Clock, utc_now
from foundation.logs import mask_phone
from foundation.settings import Settings, required

log = structlog.get_logger(__name__)

PAGE_SIZE = 50
"""The most that QuerySendDetails hands out at once."""
_MOST_PAGES = 40
_NEAR_MIDNIGHT = timedelta(minutes=10)
_WAITING, _FAILED, _DELIVERED = "1", "2", "3"
_PROGRESS = {_DELIVERED: 3, _WAITING: 2, _FAILED: 1}


class AliyunSms:
    """One Aliyun account. `templates` maps our template names to approved codes; `timeout_s` bounds each request.

    `translated`: the codes of other languages, where they have any.

    Raises SettingsError for an endpoint that would carry the signature and the numbers in clear over a network.
    """

    name = "aliyun_sms"
    way: Way = "sms"
    receipts = True
    remembers = True

    def __init__(
        self,
        *,
        endpoint: str,
        access_key_id: str,
        secret: SecretStr,
        sign_name: str,
        templates: Mapping[TemplateName, str],
        translated: Mapping[str, Mapping[TemplateName, str]] | None = None,
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._where = endpoint_of("NUANSHAO_ALIYUN_SMS_ENDPOINT", endpoint)
        self._sign_name = sign_name
        self._templates = dict(templates)
        self._translated = translated or {}
        self._gateway = AliyunGateway(
            self._where, access_key_id=access_key_id, secret=secret, clock=clock, timeout_s=timeout_s
        )

    def __repr__(self) -> str:
        return f"AliyunSms({self._where.host})"

    async def send(self, message: Message) -> Outcome:
        """Hand the message over once. A time-out, a lost connection and a 5xx are Unknown: it may have been taken."""
        query = {
            "PhoneNumbers": national(message.to),
            "SignName": self._sign_name,
            "TemplateCode": self._code(message),
            "TemplateParam": json.dumps(_values(message), ensure_ascii=False, separators=(",", ":")),
            "OutId": message.key,
        }
        try:
            status, body = await self._gateway.call("SendSms", query)
        except UNANSWERED as error:
            return failed(error)
        outcome = judge(status, body)
        if not isinstance(outcome, Accepted):
            log.warning(
                "sms_not_accepted",
                reason=outcome.reason,
                code=code_of(body),
                status=status,
                phone=mask_phone(message.to),
                key=message.key,
            )
        return outcome

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:
        """Search the China day of `sent_at`, and its neighbour near midnight, for OutId == message.key.

        Aliyun does not tell the BizId here, so `carrier_id` is empty. Its records lag the sending by some seconds:
        None is to be believed only a minute after `sent_at`.
        """
        found: list[Mapping[str, object]] = []
        for day in china_days(sent_at):
            found += await self._sent_on(national(message.to), day, message.key)
        if not found:
            return None
        # a repeated key means that it was sent twice: the copy that came furthest speaks for both
        best = max(found, key=lambda row: _PROGRESS.get(str(row.get("SendStatus")), 0))
        return _receipt(best, message.key, sent_at)

    async def close(self) -> None:
        """Let connections go."""
        await self._gateway.close()

    async def _sent_on(self, phone: str, day: date, key: str) -> list[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        for page in range(1, _MOST_PAGES + 1):
            rows = await self._page(phone, day, page)
            found += [row for row in rows if row.get("OutId") == key]
            if len(rows) < PAGE_SIZE:
                break
        return found

    async def _page(self, phone: str, day: date, page: int) -> list[Mapping[str, object]]:
        query = {
            "PhoneNumber": phone,
            "SendDate": day.strftime("%Y%m%d"),
            "PageSize": str(PAGE_SIZE),
            "CurrentPage": str(page),
        }
        try:
            _, body = await self._gateway.call("QuerySendDetails", query)
        except UNANSWERED as error:
            # `from None`: the chain would hold the request, and that the phone number
            raise LookupFailed(f"aliyun_sms: {failed(error).reason}") from None
        if not isinstance(body, dict) or body.get("Code") != "OK":
            raise LookupFailed(f"aliyun_sms: {code_of(body) or 'no answer that can be read'}")
        details = body.get("SmsSendDetailDTOs")
        rows = details.get("SmsSendDetailDTO") if isinstance(details, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def _code(self, message: Message) -> str:
        """The template of the reader's language; a reader of another one gets the values in the Chinese template."""
        return self._translated.get(language_of(message.language).code, {}).get(
            message.template, self._templates[message.template]
        )


def china_days(sent_at: datetime) -> list[date]:
    """The day that the carrier filed a message under, and its neighbour where clocks may disagree."""
    days = [sent_at, sent_at - _NEAR_MIDNIGHT, sent_at + _NEAR_MIDNIGHT]
    return list(dict.fromkeys(moment.astimezone(CHINA).date() for moment in days))


def _receipt(row: Mapping[str, object], key: str, sent_at: datetime) -> Receipt | Accepted:
    status = str(row.get("SendStatus"))
    if status not in (_FAILED, _DELIVERED):
        return Accepted("")
    delivered = status == _DELIVERED
    return Receipt(
        carrier_id="",
        key=key,
        delivered=delivered,
        reason=delivery_reason(str(row.get("ErrCode", "")), delivered=delivered),
        at=china_time(row.get("ReceiveDate")) or china_time(row.get("SendDate")) or sent_at,
    )


def _values(message: Message) -> dict[str, str]:
    return variables(message.template, fit(message.params, message.language))


def from_settings(chosen: Settings) -> AliyunSms | None:
    """The account that the settings name, if any. Raises SettingsError where half of it is missing."""
    if not chosen.aliyun_access_key_id or not chosen.aliyun_sms_sign_name:
        return None
    return AliyunSms(
        endpoint=chosen.aliyun_sms_endpoint,
        access_key_id=chosen.aliyun_access_key_id,
        secret=SecretStr(required("aliyun_access_key_secret")),
        sign_name=chosen.aliyun_sms_sign_name,
        templates={
            "critical": required("aliyun_sms_template_critical"),
            "routine": required("aliyun_sms_template_routine"),
        },
        translated=approved_codes(chosen),
    )

"""SMS over Tencent: SendSms, and PullSmsSendStatusByPhoneNumber for what no receipt was called back of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels.aliyun_gateway import national
from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, TemplateName, Way
from alerts.channels.endpoint import client, failed
from alerts.channels.endpoint import endpoint as endpoint_of
from alerts.channels.tencent_outcomes import code_of, judge
from alerts.channels.tencent_receipts import pulled
from alerts.channels.tencent_signing import TencentCall, signed_headers
from alerts.channels.tencent_templates import values
from foundation.clock import Clock, utc_now
from foundation.logs import mask_phone
from foundation.settings import Settings, required

log = structlog.get_logger(__name__)

VERSION = "2021-01-11"
_MOST_ROWS = 100
_CLOCKS_DIFFER = timedelta(minutes=2)
_PULLED_WITHIN = timedelta(days=7)
_PULLED_AFTER = timedelta(days=1)


class TencentSms:
    """One Tencent account and its SMS application. `templates` maps our template names to approved ids.

    `lookup` finds receipts only, by our key where Tencent echoes the SessionContext (they open that on request), else
    by the serial number in `Message.carrier_id`. A message that Tencent did not answer for, and that its phone has not
    confirmed, cannot be told from one that it never had: None.
    Raises SettingsError for an endpoint that would carry the signature and the numbers in clear over a network.
    """

    name = "tencent_sms"
    way: Way = "sms"
    receipts = True
    remembers = True

    def __init__(
        self,
        *,
        endpoint: str,
        secret_id: str,
        secret: SecretStr,
        app_id: str,
        sign_name: str,
        templates: Mapping[TemplateName, str],
        region: str = "ap-guangzhou",
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._where = endpoint_of("NUANSHAO_TENCENT_SMS_ENDPOINT", endpoint)
        self._secret_id = secret_id
        self._secret = secret
        self._app_id = app_id
        self._sign_name = sign_name
        self._templates = dict(templates)
        self._region = region
        self._clock = clock
        self._http = client(self._where, timeout_s)

    def __repr__(self) -> str:
        return f"TencentSms({self._where.host})"

    async def send(self, message: Message) -> Outcome:
        """Hand the message over once. A time-out, a lost connection and a 5xx are Unknown: it may have been taken."""
        asked = {
            "PhoneNumberSet": [_e164(message.to)],
            "SmsSdkAppId": self._app_id,
            "SignName": self._sign_name,
            "TemplateId": self._templates[message.template],
            "TemplateParamSet": values(message.template, message.params, message.language),
            "SessionContext": message.key,
        }
        try:
            status, body = await self._call("SendSms", asked)
        except httpx.HTTPError as error:
            return failed(error)
        outcome = judge(status, body)
        if not isinstance(outcome, Accepted):
            # the carrier's words are left out: they may repeat the phone number
            log.warning(
                "sms_not_accepted",
                carrier=self.name,
                reason=outcome.reason,
                code=code_of(body),
                status=status,
                phone=mask_phone(message.to),
                key=message.key,
            )
        return outcome

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:
        """Pull the receipts of the number since then, at most of 7 days, and look for that of this message."""
        now = self._clock()
        begin = max(sent_at - _CLOCKS_DIFFER, now - _PULLED_WITHIN)
        asked = {
            "PhoneNumber": _e164(message.to),
            "SmsSdkAppId": self._app_id,
            "BeginTime": int(begin.timestamp()),
            "EndTime": int(min(now + _CLOCKS_DIFFER, sent_at + _PULLED_AFTER).timestamp()),
            "Offset": 0,
            "Limit": _MOST_ROWS,
        }
        try:
            _, body = await self._call("PullSmsSendStatusByPhoneNumber", asked)
        except httpx.HTTPError as error:
            # `from None`: the chain would hold the request, and that the phone number
            raise LookupFailed(f"tencent_sms: {type(error).__name__}") from None
        response = body.get("Response") if isinstance(body, dict) else None
        rows = response.get("PullSmsSendStatusSet") if isinstance(response, dict) else None
        if not isinstance(rows, list):
            raise LookupFailed(f"tencent_sms: {code_of(body) or 'no answer that can be read'}")
        receipt = pulled(rows, key=message.key, serial=message.carrier_id, sent_at=sent_at)
        if receipt is None and message.carrier_id:
            return Accepted(message.carrier_id)
        return receipt

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    async def _call(self, action: str, asked: Mapping[str, object]) -> tuple[int, object]:
        body = json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()
        call = TencentCall("sms", self._where.host, action, VERSION, body, self._region)
        headers = signed_headers(call, secret_id=self._secret_id, secret=self._secret, at=self._clock())
        answer = await self._http.post(f"{self._where.address}/", content=body, headers=headers)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, None


def from_settings(chosen: Settings) -> TencentSms | None:
    """The account that the settings name, if any. Raises SettingsError where half of it is missing."""
    if not chosen.tencent_secret_id and not chosen.tencent_sms_sign_name:
        return None
    return TencentSms(
        endpoint=chosen.tencent_sms_endpoint,
        secret_id=required("tencent_secret_id"),
        secret=SecretStr(required("tencent_secret_key")),
        app_id=required("tencent_sms_app_id"),
        sign_name=required("tencent_sms_sign_name"),
        templates={
            "critical": required("tencent_sms_template_critical"),
            "routine": required("tencent_sms_template_routine"),
        },
        region=chosen.tencent_sms_region,
    )


def _e164(phone: str) -> str:
    number = national(phone)
    return number if number.startswith("+") else f"+86{number}"

"""SMS over Aliyun (SendSms, QuerySendDetails), with our own signing: one request, one decision, nothing hidden.

The official SDK is kept for the tests, where it proves that the stand-in carrier speaks as Aliyun does.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels.aliyun_outcomes import judge
from alerts.channels.aliyun_receipts import CHINA, china_time, delivery_reason
from alerts.channels.aliyun_signing import Call, canonical_query, signed_headers
from alerts.channels.aliyun_templates import fit
from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, Refused, TemplateName, Unknown
from foundation.clock import Clock, utc_now
from foundation.errors import SettingsError
from foundation.logs import mask_phone
from foundation.loopback import is_loopback

log = structlog.get_logger(__name__)

VERSION = "2017-05-25"
PAGE_SIZE = 50
"""The most that QuerySendDetails hands out at once."""
_MOST_PAGES = 40
_NEAR_MIDNIGHT = timedelta(minutes=10)
_WAITING, _FAILED, _DELIVERED = "1", "2", "3"
_PROGRESS = {_DELIVERED: 3, _WAITING: 2, _FAILED: 1}
_RETRY_UNREACHABLE_S = 5.0
_MAINLAND = re.compile(r"(?:\+|00)?86(?=1\d{10}$)")


class AliyunSms:
    """One Aliyun account. `templates` maps our template names to approved codes; `timeout_s` bounds each request.

    Raises SettingsError for an endpoint that would carry the signature and the numbers in clear over a network.
    """

    name = "aliyun_sms"

    def __init__(
        self,
        *,
        endpoint: str,
        access_key_id: str,
        secret: SecretStr,
        sign_name: str,
        templates: Mapping[TemplateName, str],
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._endpoint, self._host, local = _checked(endpoint)
        self._access_key_id = access_key_id
        self._secret = secret
        self._sign_name = sign_name
        self._templates = dict(templates)
        self._clock = clock
        # httpx writes whole addresses at INFO, and ours hold phone numbers
        logging.getLogger("httpx").addFilter(_not_an_address)
        self._http = httpx.AsyncClient(timeout=timeout_s, trust_env=not local)

    def __repr__(self) -> str:
        return f"AliyunSms({self._host})"

    async def send(self, message: Message) -> Outcome:
        """Hand the message over once. A time-out, a lost connection and a 5xx are Unknown: it may have been taken."""
        query = {
            "PhoneNumbers": _national(message.phone),
            "SignName": self._sign_name,
            "TemplateCode": self._templates[message.template],
            "TemplateParam": json.dumps(fit(message.params), ensure_ascii=False, separators=(",", ":")),
            "OutId": message.key,
        }
        try:
            status, body = await self._call("SendSms", query)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Refused("carrier_unreachable", retryable=True, after_s=_RETRY_UNREACHABLE_S)
        except httpx.TimeoutException:
            return Unknown("carrier_timeout")
        except httpx.HTTPError:
            return Unknown("connection_lost")
        outcome = judge(status, body)
        if not isinstance(outcome, Accepted):
            # the carrier's words are left out: some of its messages repeat the phone number
            code = str(body.get("Code", ""))[:64] if isinstance(body, dict) else ""
            log.warning(
                "sms_not_accepted",
                reason=outcome.reason,
                code=code,
                status=status,
                phone=mask_phone(message.phone),
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
            found += await self._sent_on(_national(message.phone), day, message.key)
        if not found:
            return None
        # a repeated key means that it was sent twice: the copy that came furthest speaks for both
        best = max(found, key=lambda row: _PROGRESS.get(str(row.get("SendStatus")), 0))
        return _receipt(best, message.key, sent_at)

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

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
            _, body = await self._call("QuerySendDetails", query)
        except httpx.HTTPError as failed:
            # `from None`: the chain would hold the request, and that the phone number
            raise LookupFailed(f"aliyun_sms: {type(failed).__name__}") from None
        if not isinstance(body, dict) or body.get("Code") != "OK":
            code = str(body.get("Code"))[:64] if isinstance(body, dict) else "no answer that can be read"
            raise LookupFailed(f"aliyun_sms: {code}")
        details = body.get("SmsSendDetailDTOs")
        rows = details.get("SmsSendDetailDTO") if isinstance(details, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    async def _call(self, action: str, query: Mapping[str, str]) -> tuple[int, object]:
        headers = signed_headers(
            Call(host=self._host, action=action, version=VERSION, query=query),
            access_key_id=self._access_key_id,
            secret=self._secret,
            date=self._clock(),
            nonce=uuid.uuid4().hex,
        )
        answer = await self._http.post(f"{self._endpoint}/?{canonical_query(query)}", headers=headers)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, None


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


def _national(phone: str) -> str:
    return _MAINLAND.sub("", phone.replace(" ", "").replace("-", ""), count=1)


def _checked(endpoint: str) -> tuple[str, str, bool]:
    """(address, host header, is it loopback) of an endpoint; plain HTTP only where no network carries it."""
    parts = urlsplit(endpoint)
    local = is_loopback(parts.hostname or "")
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise SettingsError("the Aliyun endpoint is no web address", do="write it as https://dysmsapi.aliyuncs.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingsError("the Aliyun endpoint has a path", do="write only scheme and host")
    if parts.scheme == "http" and not local:
        raise SettingsError(f"http://{parts.netloc} would carry alarms in clear", do="use https:// beyond loopback")
    return f"{parts.scheme}://{parts.netloc}", parts.netloc, local


def _not_an_address(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("HTTP Request:")

"""Calls back: SmsReport (receipts) and SmsUp (replies), repeated until the other side says code 0."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

import httpx
import structlog

from carriers.phones import Reply, Sms, china_time
from carriers.settings import CarrierSettings
from foundation.clock import Clock
from foundation.logs import mask_phone

log = structlog.get_logger(__name__)

_ANSWER_WITHIN_S = 5.0
_SINGLE_SMS = 70
_SEGMENT = 67


class Callbacks:
    """Background work of the carrier; `close` ends all of it."""

    def __init__(self, settings: CarrierSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        # httpx writes whole addresses at INFO, and ours hold a secret path
        logging.getLogger("httpx").addFilter(_not_an_address)
        self._http = httpx.AsyncClient(timeout=_ANSWER_WITHIN_S, trust_env=False)

    def deliver(self, sms: Sms, *, after_s: float, err_code: str, tell: bool) -> None:
        """Let the phone have it (or fail) after a while and, if `tell`, report that."""
        self._start(self._deliver(sms, after_s, err_code, tell))

    def reply(self, reply: Reply) -> None:
        """Hand a person's answer to the customer."""
        body: dict[str, object] = {
            "phone_number": reply.phone,
            "content": reply.content,
            "send_time": china_time(reply.at),
            "dest_code": "10690000",
            "sequence_id": reply.sequence,
        }
        self._start(self._reply(body, reply.phone))

    async def close(self) -> None:
        """Forget what is still to be told and let connections go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work, name="carrier-callback")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, sms: Sms, after_s: float, err_code: str, tell: bool) -> None:  # noqa: FBT001 - private
        await asyncio.sleep(after_s)
        sms.end(self._clock(), err_code)
        url = self._settings.callback_url.get_secret_value()
        if tell and url:
            sms.receipt_told = await self._post(url, sms_report(sms), sms.phone)

    async def _reply(self, body: dict[str, object], phone: str) -> None:
        await self._post(self._settings.reply_url.get_secret_value(), body, phone)

    async def _post(self, url: str, entry: dict[str, object], phone: str) -> bool:
        for wait_s in (0.0, *self._settings.retry_after_s):
            await asyncio.sleep(wait_s)
            if await self._told(url, entry):
                return True
        log.warning("callback_given_up", phone=mask_phone(phone))
        return False

    async def _told(self, url: str, entry: dict[str, object]) -> bool:
        try:
            answer = await self._http.post(url, json=[entry])
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return False
        return answer.is_success and isinstance(said, dict) and said.get("code") == 0


def sms_report(sms: Sms) -> dict[str, object]:
    """One entry of an SmsReport array."""
    return {
        "phone_number": sms.phone,
        "send_time": china_time(sms.accepted_at),
        "report_time": china_time(sms.reported_at or sms.accepted_at),
        "success": sms.err_code == "DELIVERED",
        "err_code": sms.err_code,
        "err_msg": "用户接收成功" if sms.err_code == "DELIVERED" else "用户未收到",
        "sms_size": str(segments(sms.text)),
        "biz_id": sms.biz_id,
        "out_id": sms.out_id,
    }


def segments(text: str) -> int:
    """How many SMS are billed: one up to 70 characters, then 67 each."""
    return 1 if len(text) <= _SINGLE_SMS else -(-len(text) // _SEGMENT)


def _not_an_address(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("HTTP Request:")

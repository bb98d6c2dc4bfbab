"""Calls back: receipts, call reports and replies, repeated until the other side says that it has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

import httpx
import structlog

from carriers.behaviour import Fate
from carriers.calls import Call
from carriers.phones import CarrierName, Reply, Sms
from carriers.settings import CarrierSettings
from carriers.told import aliyun_has_it, call_report, sms_report, sms_up, tencent_has_it, tencent_report, tencent_up
from foundation.clock import Clock
from foundation.logs import mask_phone

log = structlog.get_logger(__name__)

_ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True)
class _Listener:
    """Where one carrier tells its customer something, and when it believes that it was heard."""

    url: str
    has_it: Callable[[Mapping[str, object]], bool]


class Callbacks:
    """Background work of the carrier; `close` ends all of it."""

    def __init__(self, settings: CarrierSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        # httpx writes whole addresses at INFO, and ours hold a secret path
        logging.getLogger("httpx").addFilter(_not_an_address)
        self._http = httpx.AsyncClient(timeout=_ANSWER_WITHIN_S, trust_env=False)

    def deliver(self, sms: Sms, fate: Fate) -> None:
        """Let the phone have it (or fail) after a while and report that, if it is to be told."""
        self._start(self._deliver(sms, fate))

    def report(self, call: Call) -> None:
        """Tell once more how a call ended: a key was pressed after all."""
        self._start(self._told(call))

    def can_reply(self, carrier: CarrierName) -> bool:
        """Whether anybody listens to what people answer to this carrier's messages."""
        return bool(self._reply_listener(carrier).url)

    def reply(self, reply: Reply, carrier: CarrierName) -> None:
        """Hand a person's answer to the customer."""
        # Aliyun collects its callbacks in an array; Tencent's replies come one by one
        body: object = tencent_up(reply, self._sign_name()) if carrier == "tencent_sms" else [sms_up(reply)]
        self._start(self._reply(self._reply_listener(carrier), body, reply.phone))

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

    async def _deliver(self, sms: Sms, fate: Fate) -> None:
        if isinstance(sms, Call):
            await sms.over(fate.after_s)
            sms.end(self._clock(), sms.state(fate.code))
        else:
            await asyncio.sleep(fate.after_s)
            sms.end(self._clock(), fate.code)
        if fate.tell:
            await self._told(sms)

    async def _told(self, sms: Sms) -> None:
        listener = self._receipt_listener(sms.carrier)
        if listener.url:
            sms.receipt_told = await self._post(listener, [_report(sms)], sms.phone)

    async def _reply(self, listener: _Listener, body: object, phone: str) -> None:
        await self._post(listener, body, phone)

    async def _post(self, listener: _Listener, body: object, phone: str) -> bool:
        for wait_s in (0.0, *self._settings.retry_after_s):
            await asyncio.sleep(wait_s)
            if await self._heard(listener, body):
                return True
        log.warning("callback_given_up", phone=mask_phone(phone))
        return False

    async def _heard(self, listener: _Listener, body: object) -> bool:
        try:
            answer = await self._http.post(listener.url, json=body)
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return False
        return answer.is_success and isinstance(said, dict) and listener.has_it(said)

    def _receipt_listener(self, carrier: CarrierName) -> _Listener:
        voice, tencent = self._settings.voice, self._settings.tencent
        if carrier == "aliyun_voice":
            return _Listener(voice.callback_url.get_secret_value() if voice else "", aliyun_has_it)
        if carrier == "tencent_sms":
            return _Listener(tencent.callback_url.get_secret_value() if tencent else "", tencent_has_it)
        return _Listener(self._settings.callback_url.get_secret_value(), aliyun_has_it)

    def _reply_listener(self, carrier: CarrierName) -> _Listener:
        if carrier == "tencent_sms" and self._settings.tencent is not None:
            return _Listener(self._settings.tencent.reply_url.get_secret_value(), tencent_has_it)
        return _Listener(self._settings.reply_url.get_secret_value(), aliyun_has_it)

    def _sign_name(self) -> str:
        return self._settings.tencent.sign_name if self._settings.tencent else ""


def _report(sms: Sms) -> dict[str, object]:
    if isinstance(sms, Call):
        return call_report(sms)
    return tencent_report(sms) if sms.carrier == "tencent_sms" else sms_report(sms)


def _not_an_address(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("HTTP Request:")

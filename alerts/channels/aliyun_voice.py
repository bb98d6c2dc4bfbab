"""Voice calls over Aliyun: SingleCallByTts, or IvrCall, which waits for a key; QueryCallDetailByCallId.

The carrier takes one call a minute to a number and blocks both of two within a second (CHANNELS.md), so a second one
of ours waits here. Two processes may still meet; each then waits a time of its own. The carrier does not redial: who
did not answer gets another call when the courier asks for one.
"""

from __future__ import annotations

import json
import zlib
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from alerts.channels.aliyun_call_reports import out_id, outcome_of
from alerts.channels.aliyun_gateway import UNANSWERED, AliyunGateway, code_of, national
from alerts.channels.aliyun_outcomes import judge
from alerts.channels.aliyun_receipts import china_time, text
from alerts.channels.aliyun_voice_outcomes import VOICE_OUTCOMES
from alerts.channels.aliyun_voice_templates import SAID, VERBS, call_params
from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, Refused, Way
from alerts.channels.endpoint import endpoint as endpoint_of
from alerts.channels.endpoint import failed
from foundation.clock import Clock, utc_now
from foundation.errors import SettingsError
from foundation.logs import mask_phone
from foundation.settings import Settings, required

log = structlog.get_logger(__name__)

BETWEEN_CALLS = timedelta(minutes=1)
_SPREAD_S = 20
_PLAYS = "2"
"""Times that it is spoken: who is woken misses the beginning (our choice; 3 is the most)."""
_KEY_WITHIN_MS = "8000"
_SINGLE, _IVR = "11010000138001", "11000000300005"
"""ProdId of both kinds of call (help.aliyun.com/document_detail/393529.html)."""
_LIMIT = "carrier_limit_minute"
_EARLIER = timedelta(minutes=10)


class AliyunVoice:
    """One Aliyun account. `template` and `answer_template` are codes of approved texts (aliyun_voice_templates.py).

    With an `answer_template` a key can be pressed, which needs a number of our own (`show_number`); without, the call
    only speaks. Raises SettingsError for an endpoint that would carry signature and numbers in clear over a network.
    """

    name = "aliyun_voice"
    way: Way = "voice"
    receipts = True
    remembers = True

    def __init__(
        self,
        *,
        endpoint: str,
        access_key_id: str,
        secret: SecretStr,
        template: str,
        answer_template: str = "",
        show_number: str = "",
        clock: Clock = utc_now,
        timeout_s: float = 10.0,
    ) -> None:
        self._where = endpoint_of("NUANSHAO_ALIYUN_VOICE_ENDPOINT", endpoint)
        if answer_template and not show_number:
            raise SettingsError(
                "a call that waits for a key needs a number of your own",
                do="set NUANSHAO_ALIYUN_VOICE_SHOW_NUMBER, or leave NUANSHAO_ALIYUN_VOICE_ANSWER_TEMPLATE empty",
            )
        self._template = template
        self._answer_template = answer_template
        self._show_number = show_number
        self._clock = clock
        self._called: dict[str, datetime] = {}
        self._gateway = AliyunGateway(
            self._where, access_key_id=access_key_id, secret=secret, clock=clock, timeout_s=timeout_s
        )

    def __repr__(self) -> str:
        return f"AliyunVoice({self._where.host})"

    async def send(self, message: Message) -> Outcome:
        """Place the call once. A time-out, a lost connection and a 5xx are Unknown: the phone may be ringing."""
        phone = national(message.to)
        if waits := self._wait(phone, message.key):
            return waits
        outcome = await self._place(phone, message)
        if isinstance(outcome, Refused) and outcome.reason == _LIMIT:
            return _apart(outcome.after_s, message.key)
        if isinstance(outcome, Refused):
            self._called.pop(phone, None)  # no phone has rung
        return outcome

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:
        """Ask for the call by the carrier's own name for it; it knows no other, so without one the answer is None."""
        if not message.carrier_id:
            return None
        query = {
            "CallId": message.carrier_id,
            "ProdId": _IVR if self._answer_template else _SINGLE,
            "QueryDate": str(int((sent_at - _EARLIER).timestamp() * 1000)),
        }
        try:
            _, body = await self._gateway.call("QueryCallDetailByCallId", query)
        except UNANSWERED as error:
            # `from None`: the chain would hold the request
            raise LookupFailed(f"aliyun_voice: {type(error).__name__}") from None
        if not isinstance(body, dict) or body.get("Code") != "OK":
            raise LookupFailed(f"aliyun_voice: {code_of(body) or 'no answer that can be read'}")
        return _receipt(body.get("Data"), message, sent_at)

    async def close(self) -> None:
        """Let connections go."""
        await self._gateway.close()

    async def _place(self, phone: str, message: Message) -> Outcome:
        try:
            status, body = await self._gateway.call(*self._call(phone, message))
        except UNANSWERED as error:
            return failed(error)
        outcome = judge(status, body, rows=VOICE_OUTCOMES, named="CallId")
        if not isinstance(outcome, Accepted):
            log.warning(
                "call_not_accepted",
                reason=outcome.reason,
                code=code_of(body),
                status=status,
                phone=mask_phone(message.to),
                key=message.key,
            )
        return outcome

    def _call(self, phone: str, message: Message) -> tuple[str, dict[str, str]]:
        said = _json(call_params(message.params))
        common = {"CalledNumber": phone, "PlayTimes": _PLAYS, "OutId": out_id(message.key)}
        if self._show_number:
            common["CalledShowNumber"] = self._show_number
        if not self._answer_template:
            return "SingleCallByTts", common | {"TtsCode": self._template, "TtsParam": said}
        menu: dict[str, str] = {}
        for place, (key, verb) in enumerate(VERBS.items(), 1):
            menu[f"MenuKeyMap.{place}.Key"] = key
            menu[f"MenuKeyMap.{place}.Code"] = self._answer_template
            menu[f"MenuKeyMap.{place}.TtsParams"] = _json({"answer": SAID[verb]})
        asks = {"StartCode": self._template, "StartTtsParams": said, "Timeout": _KEY_WITHIN_MS}
        return "IvrCall", common | asks | menu

    def _wait(self, phone: str, key: str) -> Refused | None:
        now = self._clock()
        self._called = {one: at for one, at in self._called.items() if now - at < BETWEEN_CALLS}
        last = self._called.get(phone)
        if last is not None:
            return _apart((last + BETWEEN_CALLS - now).total_seconds(), key)
        self._called[phone] = now
        return None


def from_settings(chosen: Settings) -> AliyunVoice | None:
    """The account that the settings name, if any. Raises SettingsError where half of it is missing."""
    if not chosen.aliyun_voice_template and not chosen.aliyun_voice_answer_template:
        return None
    return AliyunVoice(
        endpoint=chosen.aliyun_voice_endpoint,
        access_key_id=required("aliyun_access_key_id"),
        secret=SecretStr(required("aliyun_access_key_secret")),
        template=required("aliyun_voice_template"),
        answer_template=chosen.aliyun_voice_answer_template,
        show_number=chosen.aliyun_voice_show_number,
    )


def _apart(after_s: float, key: str) -> Refused:
    """Wait for the minute, and some seconds that differ from message to message: two must not meet again."""
    return Refused(_LIMIT, retryable=True, after_s=after_s + 1 + zlib.crc32(key.encode()) % _SPREAD_S, elsewhere=True)


def _json(values: dict[str, str]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _receipt(data: object, message: Message, sent_at: datetime) -> Receipt | Accepted:
    try:
        call = json.loads(data) if isinstance(data, str) else None
    except ValueError:
        call = None
    if not isinstance(call, dict):
        raise LookupFailed("aliyun_voice: no details that can be read")
    state = text(call.get("state"))
    if not state:
        return Accepted(message.carrier_id)
    answered, reason = outcome_of(state)
    at = china_time(call.get("endDate")) or china_time(call.get("gmtCreate")) or sent_at
    return Receipt(message.carrier_id, message.key, answered, reason, at)

"""Aliyun voice: SingleCallByTts, IvrCall and QueryCallDetailByCallId, as the official SDK speaks them.

Two requests to one callee within a second are both blocked (CHANNELS.md): we read that as the second being refused
and the first, which was taken already, being cut off.
"""

from __future__ import annotations

import json
from datetime import timedelta

from carriers.aliyun_answers import ok, refusal
from carriers.aliyun_rules import Refusal
from carriers.behaviour import Behaviour, fate
from carriers.calls import HEARD, NO_ANSWER, NO_KEY, Call
from carriers.carrier import Carrier
from carriers.phones import Delivery, china_time
from carriers.settings import VoiceSettings
from carriers.voice_rules import Spoken, judge_ivr, judge_single

_TOGETHER = timedelta(seconds=1)
_SINGLE, _IVR = "11010000138001", "11000000300005"
"""ProdId of SingleCallByTts and of IvrCall; that of the query must be that of the call."""
_DAY_MS = 24 * 3600 * 1000
_ILLEGAL = Refusal("isv.INVALID_PARAMETERS", "参数异常")
_NO_VOICE = Refusal("isv.PRODUCT_UN_SUBSCRIPT", "未开通云通信产品的阿里云客户")


def single_call_by_tts(carrier: Carrier, params: dict[str, str], behaviour: Behaviour | None) -> dict[str, object]:
    """Call somebody and speak."""
    voice = carrier.settings.voice
    if voice is None:
        return refusal(_NO_VOICE)
    return _place(carrier, voice, judge_single(params, voice), behaviour)


def ivr_call(carrier: Carrier, params: dict[str, str], behaviour: Behaviour | None) -> dict[str, object]:
    """Call somebody, speak, and wait for a key."""
    voice = carrier.settings.voice
    if voice is None:
        return refusal(_NO_VOICE)
    return _place(carrier, voice, judge_ivr(params, voice), behaviour)


def query_call_detail(carrier: Carrier, params: dict[str, str], _: Behaviour | None) -> dict[str, object]:
    """What became of one call of the 24 hours after QueryDate; its details are JSON inside the JSON."""
    if not params["QueryDate"].isdigit():
        return refusal(_ILLEGAL)
    begin = int(params["QueryDate"])
    call = next((one for one in carrier.phones.newest(carrier.settings.keep) if one.biz_id == params["CallId"]), None)
    if not isinstance(call, Call) or params["ProdId"] != (_IVR if call.keys else _SINGLE):
        return refusal(_ILLEGAL)
    if not begin <= call.accepted_at.timestamp() * 1000 <= begin + _DAY_MS:
        return refusal(_ILLEGAL)
    return ok(Data=json.dumps(_detail(call), ensure_ascii=False))


def _place(
    carrier: Carrier, voice: VoiceSettings, judged: Spoken | Refusal, behaviour: Behaviour | None
) -> dict[str, object]:
    if isinstance(judged, Refusal):
        return refusal(judged)
    full = carrier.calls_taken.exceeded((judged.phone,))
    if carrier.calls_taken.within((judged.phone,), _TOGETHER):
        for call in carrier.phones.sent_to(judged.phone, "aliyun_voice"):
            if isinstance(call, Call) and call.block():
                break
        full = full or "触发分钟级流控Permits:1"
    if full:
        return refusal(Refusal("isv.BUSINESS_LIMIT_CONTROL", full))
    carrier.calls_taken.take((judged.phone,))
    call = Call(
        phone=judged.phone,
        template=judged.template,
        text=judged.text,
        out_id=judged.out_id,
        biz_id=carrier.next_id("^1"),
        accepted_at=carrier.clock(),
        carrier="aliyun_voice",
        show_number=judged.show_number,
        keys=judged.keys,
    )
    well = NO_KEY if judged.keys else HEARD
    carrier.phones.receive(call)
    carrier.callbacks.deliver(call, fate(behaviour, after_s=voice.call_lasts_s, well=well, badly=NO_ANSWER))
    return ok(CallId=call.biz_id)


def _detail(call: Call) -> dict[str, object]:
    heard, over = call.delivery is Delivery.delivered, call.reported_at is not None
    return {
        "caller": call.show_number,
        "callee": call.phone,
        "calleeShowNumber": call.show_number,
        "gmtCreate": china_time(call.accepted_at),
        "startDate": china_time(call.accepted_at) if heard else "",
        "endDate": china_time(call.reported_at) if heard and call.reported_at else "",
        "duration": int((call.reported_at - call.accepted_at).total_seconds()) if heard and call.reported_at else 0,
        # a call that is not over has no state yet
        "state": call.err_code if over else "",
        "stateDesc": ("执行完成" if heard else "未接通") if over else "",
        "dtmf": call.pressed,
    }

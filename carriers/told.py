"""What carriers post to their customers, each in its own words, and how they know that it was heard. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from carriers.calls import Call
from carriers.phones import Delivery, Reply, Sms, china_time

_SINGLE_SMS = 70
_SEGMENT = 67
_RINGS_FOR = timedelta(seconds=3)


def sms_report(sms: Sms) -> dict[str, object]:
    """One entry of Aliyun's SmsReport array."""
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


def sms_up(reply: Reply) -> dict[str, object]:
    """One entry of Aliyun's SmsUp array."""
    return {
        "phone_number": reply.phone,
        "content": reply.content,
        "send_time": china_time(reply.at),
        "dest_code": "10690000",
        "sequence_id": reply.sequence,
    }


def call_report(call: Call) -> dict[str, object]:
    """One entry of Aliyun's VoiceReport array: help.aliyun.com/zh/vms/voicereport-6, read 2026."""
    heard = call.delivery is Delivery.delivered
    end = call.reported_at or call.accepted_at
    entry: dict[str, object] = {
        "call_id": call.biz_id,
        "out_id": call.out_id,
        "caller": call.show_number or "05710000000",
        "callee": call.phone,
        "status_code": call.err_code,
        "status_msg": "执行完成" if heard else "未接通",
        "duration": str(int((end - call.accepted_at).total_seconds())) if heard else "0",
        "originate_time": china_time(call.accepted_at),
        "ring_time": china_time(min(call.accepted_at + _RINGS_FOR, end)),
        "start_time": china_time(call.accepted_at) if heard else "",
        "end_time": china_time(end) if heard else "",
        "hangup_direction": "机器",
        "voice_type": "voice",
        "toll_type": "UNKNOWN",
    }
    return entry | ({"dtmf": call.pressed} if call.pressed else {})


def tencent_report(sms: Sms) -> dict[str, object]:
    """One entry of Tencent's array of receipts: cloud.tencent.com/document/product/382/43547, read 2026."""
    arrived = sms.delivery is Delivery.delivered
    return {
        "user_receive_time": china_time(sms.reported_at or sms.accepted_at),
        "nationcode": "86",
        "mobile": sms.phone,
        "report_status": "SUCCESS" if arrived else "FAIL",
        "errmsg": sms.err_code,
        "description": "用户短信送达成功" if arrived else "用户短信接收失败",
        "sid": sms.biz_id,
    }


def tencent_up(reply: Reply, sign_name: str) -> dict[str, object]:
    """A reply as Tencent posts it, alone: cloud.tencent.com/document/product/382/43548, read 2026."""
    return {
        "extend": "",
        "mobile": reply.phone,
        "nationcode": "86",
        "sign": sign_name,
        "text": reply.content,
        "time": int(reply.at.timestamp()),
    }


def aliyun_has_it(said: Mapping[str, object]) -> bool:
    """Whether the customer has answered `{"code": 0}`."""
    return said.get("code") == 0


def tencent_has_it(said: Mapping[str, object]) -> bool:
    """Whether the customer has answered `{"result": 0}`."""
    return said.get("result") == 0


def segments(text: str) -> int:
    """How many SMS are billed: one up to 70 characters, then 67 each."""
    return 1 if len(text) <= _SINGLE_SMS else -(-len(text) // _SEGMENT)

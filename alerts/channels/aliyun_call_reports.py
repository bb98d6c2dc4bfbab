"""Reads what Aliyun calls back about calls: VoiceReport (a call has ended) and VoiceCallReport (it is under way).

Times are in +08:00 that does not say so, and nothing is signed, as in aliyun_receipts.py. Pure.
States: help.aliyun.com/document_detail/55085.html, read 2026.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.answer import Verb
from alerts.channels.aliyun_receipts import china_time, entries_of, text
from alerts.channels.aliyun_voice_templates import verb_of

ANSWERED: Final[dict[str, str]] = {
    "200000": "call_heard",
    "200001": "call_hung_up_early",
    "200008": "call_heard_no_key",
}
"""Somebody took the call. Who hung up early or pressed no key has been woken all the same."""

REASONS: Final[dict[str, str]] = {
    "200002": "call_busy",
    "200003": "call_not_answered",
    "200004": "number_invalid",
    "200005": "call_rejected",
    "200006": "carrier_error",
    "200007": "phone_off_or_out_of_reach",
    "200010": "phone_off_or_out_of_reach",
    "200011": "phone_account_abnormal",
    "200012": "call_not_connected",
    "200104": "show_number_refused",
    "200105": "call_rejected",
    "200117": "show_number_refused",
    "200118": "call_hours",
    "200119": "carrier_limit_minute",
    "200121": "carrier_busy",
    "400": "carrier_busy",
    "482": "number_invalid",
    "500": "carrier_error",
    "999999": "carrier_error",
}
"""State of a call that nobody took → a bounded reason; anything else is `call_failed_other`."""

_OUT_ID = 15


@dataclass(frozen=True)
class CallReport:
    """What was said of one call. `answered` is None while it is under way; `verb` what was pressed, if anything."""

    call_id: str
    out_id: str
    answered: bool | None
    reason: str
    verb: Verb | None
    at: datetime


@dataclass(frozen=True)
class CallReports:
    """Reports that could be read, and how many entries could not."""

    reports: list[CallReport]
    skipped: int


def out_id(key: str) -> str:
    """The name under which a call is placed. The carrier takes 15 bytes, and our keys are longer."""
    return hashlib.sha256(key.encode()).hexdigest()[:_OUT_ID]


def parse_call_reports(body: object) -> CallReports:
    """The reports in a decoded callback; a body that is no array is one skipped entry."""
    found = [_report(entry) for entry in entries_of(body)]
    read = [report for report in found if report is not None]
    return CallReports(read, len(found) - len(read))


def outcome_of(state: str) -> tuple[bool, str]:
    """Whether a call that has ended in this state was answered, and the bounded reason."""
    if state in ANSWERED:
        return True, ANSWERED[state]
    return False, REASONS.get(state, "call_failed_other")


def _report(entry: Mapping[str, object]) -> CallReport | None:
    call_id, named = text(entry.get("call_id")), text(entry.get("out_id"))
    state, verb = text(entry.get("status_code")), verb_of(text(entry.get("dtmf")))
    under_way = china_time(entry.get("status_time"))
    ended = china_time(entry.get("end_time")) or china_time(entry.get("originate_time"))
    if not (call_id or named) or not state:
        return None
    if under_way is not None:
        return CallReport(call_id, named, None, "", verb, under_way)
    if ended is None:
        return None
    answered, reason = outcome_of(state)
    if verb is not None and not answered:
        # who has pressed a key was there, whatever the network makes of the end
        answered, reason = True, "call_heard"
    return CallReport(call_id, named, answered, reason, verb, ended)

"""One running stand-in: its account, its phones, its mood, and the work that it still has to do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from carriers.aliyun_rules import Refusal, Submission, judge
from carriers.aliyun_signature import SignatureCheck
from carriers.behaviour import HEALTHY_CODES, Behaviour, Behaviours, fate
from carriers.callbacks import Callbacks
from carriers.phones import Phones, Sms
from carriers.quota import Quota, TencentQuota
from carriers.settings import CarrierSettings, TencentLimits, VoiceSettings
from carriers.tencent_signature import TencentCheck
from foundation.clock import Clock


@dataclass(frozen=True)
class Taken:
    """The carrier took a message under this name."""

    biz_id: str


class Carrier:
    """State of the emulated accounts; everything runs on the server's event loop."""

    def __init__(self, settings: CarrierSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.signature = SignatureCheck(settings.access_key_id, settings.access_key_secret, clock)
        self.phones = Phones(settings.keep)
        self.behaviours = Behaviours()
        self.callbacks = Callbacks(settings, clock)
        self.calls_taken = Quota((settings.voice or VoiceSettings(templates={})).limits, clock)
        self.tencent_check = TencentCheck(settings.tencent, clock)
        self.tencent_taken = TencentQuota(settings.tencent.limits if settings.tencent else TencentLimits(), clock)
        self._quota = Quota(settings.limits, clock)
        self._numbers = itertools.count(1)

    def next_id(self, end: str = "") -> str:
        """A name for what was taken now; none is used twice."""
        return f"{int(self.clock().timestamp() * 1000)}{next(self._numbers):06d}{end}"

    def submit(self, params: Mapping[str, str], behaviour: Behaviour | None) -> Taken | Refusal:
        """Judge Aliyun's SendSms, count it, and set delivery going."""
        judged = judge(params, self.settings)
        if isinstance(judged, Refusal):
            return judged
        keys = [(phone, params["SignName"], judged.template) for phone in judged.phones]
        for key in keys:
            if full := self._quota.exceeded(key):
                return Refusal("isv.BUSINESS_LIMIT_CONTROL", full)
        for key in keys:
            self._quota.take(key)
        biz_id = self.next_id("^0")
        for phone in judged.phones:
            self._receive(phone, judged, biz_id, params.get("OutId", ""), behaviour)
        return Taken(biz_id)

    def _receive(
        self, phone: str, submission: Submission, biz_id: str, out_id: str, behaviour: Behaviour | None
    ) -> None:
        sms = Sms(
            phone=phone,
            template=submission.template,
            text=submission.text,
            out_id=out_id,
            biz_id=biz_id,
            accepted_at=self.clock(),
        )
        self.phones.receive(sms)
        after_s, badly = self.settings.receipt_delay_s, HEALTHY_CODES["fail_receipt"]
        self.callbacks.deliver(sms, fate(behaviour, after_s=after_s, well="DELIVERED", badly=badly))

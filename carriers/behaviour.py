"""Bad days on demand: what the next requests meet instead of a healthy carrier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "time_out",  # never answers
    "drop",  # closes the connection without an answer
    "server_error",  # HTTP 500
    "refuse",  # HTTP 200 with a business code
    "lose_receipt",  # delivers, but never calls back
    "delay_receipt",  # delivers and calls back `delay_s` later
    "fail_receipt",  # accepts, then reports `code` as the reason of failure
]

Action = Literal[
    "SendSms", "QuerySendDetails", "PullSmsSendStatusByPhoneNumber",
    "SingleCallByTts", "IvrCall", "QueryCallDetailByCallId",
]  # fmt: skip


class Behaviour(BaseModel):
    """One instruction of a test; `times` requests meet it, 0 means all from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    action: Action = "SendSms"
    carrier: Literal["", "aliyun", "tencent"] = Field(default="", description="only requests to this one; empty: any")
    times: int = Field(default=1, ge=0)
    phone: str = Field(default="", description="only requests for this number; empty: any")
    accept: bool = Field(default=False, description="time_out, drop, server_error: the message was taken all the same")
    code: str = Field(default="", description="refuse and fail_receipt: the carrier's code")
    message: str = Field(default="", description="refuse: the carrier's words")
    delay_s: float = Field(default=60.0, ge=0, description="delay_receipt: seconds until the phone has it")


HEALTHY_CODES = {"refuse": "isv.BUSINESS_LIMIT_CONTROL", "fail_receipt": "MOBILE_NOT_ON_SERVICE"}
"""The code of a behaviour that named none; Aliyun SMS's, and Aliyun's `refuse`."""


@dataclass(frozen=True)
class Fate:
    """What becomes of a message that was taken: when, with which code of its carrier, and whether that is told."""

    after_s: float
    code: str
    tell: bool


def fate(behaviour: Behaviour | None, *, after_s: float, well: str, badly: str) -> Fate:
    """The fate under a behaviour; `well` and `badly` are the carrier's codes for a good end and for a usual bad one."""
    if behaviour is None:
        return Fate(after_s, well, tell=True)
    return Fate(
        behaviour.delay_s if behaviour.kind == "delay_receipt" else after_s,
        (behaviour.code or badly) if behaviour.kind == "fail_receipt" else well,
        tell=behaviour.kind != "lose_receipt",
    )


class Behaviours:
    """A queue: the first instruction that fits a request is used up by it."""

    def __init__(self) -> None:
        self._queue: list[tuple[Behaviour, int]] = []

    def add(self, *behaviours: Behaviour) -> None:
        """Queue instructions behind those that are waiting."""
        self._queue += [(behaviour, behaviour.times) for behaviour in behaviours]

    def clear(self) -> None:
        """Be healthy again."""
        self._queue.clear()

    def waiting(self) -> list[Behaviour]:
        """What future requests will meet."""
        return [behaviour.model_copy(update={"times": left}) for behaviour, left in self._queue]

    def take(self, action: str, phones: list[str], carrier: str = "aliyun") -> Behaviour | None:
        """The instruction for this request, if any."""
        for place, (behaviour, left) in enumerate(self._queue):
            mine = behaviour.action == action and behaviour.carrier in ("", carrier)
            if mine and (not behaviour.phone or behaviour.phone in phones):
                if left == 1:
                    del self._queue[place]
                elif left:
                    self._queue[place] = (behaviour, left - 1)
                return behaviour
        return None

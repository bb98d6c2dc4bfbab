"""Bad days of WeCom and WeChat on demand: what the next requests meet instead of a healthy carrier."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["robot", "gettoken", "message", "token", "template"]
"""WeCom's three calls, WeChat's two."""
Kind = Literal[
    "time_out",  # never answers
    "drop",  # closes the connection without an answer
    "server_error",  # HTTP 502 with a page of the gateway
    "refuse",  # HTTP 200 with `code`
    "invalid_user",  # HTTP 200, "ok", and the member named as invalid
    "no_json",  # HTTP 200 with a page in front, as hotel networks do
]


class ChatBehaviour(BaseModel):
    """One instruction of a test; `times` requests meet it, 0 means all from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    action: Action
    times: int = Field(default=1, ge=0)
    accept: bool = Field(default=False, description="time_out, drop, server_error: the message was taken all the same")
    code: int = Field(default=-1, description="refuse: the carrier's errcode")


class ChatBehaviours:
    """A queue: the first instruction that fits a request is used up by it."""

    def __init__(self) -> None:
        self._queue: list[tuple[ChatBehaviour, int]] = []

    def add(self, behaviour: ChatBehaviour) -> None:
        """Queue it behind those that are waiting."""
        self._queue.append((behaviour, behaviour.times))

    def take(self, action: Action) -> ChatBehaviour | None:
        """The instruction for this request, if any."""
        for place, (behaviour, left) in enumerate(self._queue):
            if behaviour.action == action:
                if left == 1:
                    del self._queue[place]
                elif left:
                    self._queue[place] = (behaviour, left - 1)
                return behaviour
        return None

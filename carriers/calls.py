"""Voice calls as the person called has them: they ring, are heard or not, and a key may be pressed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from carriers.phones import Delivery, Sms
from foundation.waiting import until

HEARD, NO_ANSWER, NO_KEY, BLOCKED = "200000", "200003", "200008", "200119"
"""help.aliyun.com/document_detail/55085.html: heard to the end; rang and nobody answered; waited for a key in vain;
called too often, which blocks."""
ANSWERED = frozenset({HEARD, "200001", NO_KEY})
"""Somebody took the call; 200001 hung up before the end."""


@dataclass
class Call(Sms):
    """One call to one phone; `text` is what is spoken, `biz_id` the CallId, `err_code` the state once it has ended.

    `keys`: what is spoken when a key is pressed; empty for a call that only speaks.
    """

    show_number: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    pressed: str = ""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def way(self) -> str:
        """Always voice."""
        return "voice"

    @property
    def details(self) -> dict[str, object]:
        """The keys that it waits for, and which was pressed."""
        return {"keys": sorted(self.keys), "pressed": self.pressed}

    @property
    def arrives_with(self) -> frozenset[str]:
        """The states that mean that somebody took the call."""
        return ANSWERED

    def press(self, key: str) -> None:
        """The person presses a key, which ends the call after its answer was spoken."""
        self.pressed = key
        self.hung_up.set()

    def block(self) -> bool:
        """The network cuts the call off before anybody has heard it. Returns whether it still could."""
        if self.delivery is not Delivery.waiting:
            return False
        self.err_code = BLOCKED
        self.hung_up.set()
        return True

    async def over(self, after_s: float) -> None:
        """Wait until it ends: at its length, by a key, or because it was cut off."""
        await until(self.hung_up, at_most_s=after_s)

    def state(self, otherwise: str) -> str:
        """How it has ended; `otherwise` where neither a key nor the network ended it."""
        if self.err_code == BLOCKED:
            return BLOCKED
        return HEARD if self.pressed else otherwise

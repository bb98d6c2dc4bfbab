"""What a look at a device comes to: raise, clear or leave it as it is, with a named reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Do = Literal["raise", "clear", "keep"]
Reason = Literal[
    "unchanged_for_hours", "changed_again", "at_rest", "heater_not_running", "too_little_known", "not_heard_of_late",
    "beyond_most_of_the_time", "not_beyond_now", "within_its_share", "back_within_its_share", "too_new",
    "freezes_soon", "freezes_soon_room_assumed", "freezes_later", "silent_too_briefly",
    "heard_again", "outdoor_unknown", "no_longer_looked_at",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` is what the alarm shows: the stuck value, the share of the time, the hours left; `since`: its begin."""

    do: Do
    reason: Reason
    value: float = 0.0
    since: datetime | None = None

"""The three answers, and what becomes of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Verb = Literal["have_it", "false_alarm", "need_help"]
DIGIT: Final[Mapping[Verb, str]] = {"have_it": "1", "false_alarm": "2", "need_help": "3"}
"""As one answers on a phone, and presses in a call."""

Done = Literal["acknowledged", "acknowledged_and_closed", "acknowledged_before", "closed_before", "help_asked"]
"""What an answer has done to its alarm. A false alarm is acknowledged too, and marked beside that."""
Outcome = Literal[Done, "nothing_open", "not_understood", "unknown_code", "unknown_number"]
"""The same, or why it could not do anything."""

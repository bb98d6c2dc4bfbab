"""One step of a device's life, taken in the registry."""

from __future__ import annotations

import psycopg

from foundation.errors import SettingsError
from registry.lifecycle import in_words, judge_step, next_states, refuse_unknown
from store.registry_view import set_state, state_of_device


def take_step(connection: psycopg.Connection, uid: str, after: str, *, by: str, note: str = "") -> str:
    """Takes a device into another state, in the caller's transaction; returns the state that it was in.

    Raises NotFound for a device that is not there, SettingsError for a state that is none and for an impossible step.
    """
    refuse_unknown(after)
    before = state_of_device(connection, uid)
    verdict = judge_step(before, after)
    if not verdict.allowed:
        steps = next_states(before)
        raise SettingsError(
            f"{uid}: {in_words(before, after, verdict)}",
            do=f"its next step can be {' or '.join(steps)}" if steps else "register a new device",
        )
    if verdict.reason == "step":
        set_state(connection, uid, after, by=by, note=note)
    return before

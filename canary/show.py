"""A run for the terminal and for programs. Pure but for the zone of the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from store.canary import LEGS, Leg, Run, Standing, problem

WHAT: Final[dict[Leg, str]] = {
    "published": "the broker has the reading",
    "stored": "ingest has stored it",
    "raised": "the alarm is raised",
    "queued": "its message is in the outbox",
    "accepted": "the carrier has the message",
    "delivered": "the phone has it",
}
_ASKED: Final = "the carrier answers for our account"
_WIDTH: Final = 28


def as_json(run: Run) -> dict[str, Any]:
    """For programs: seconds by leg, null where it did not come so far."""
    return {
        "ok": run.well, "outcome": run.outcome, "leg": run.leg, "reason": run.reason, "reach": run.reach,
        "started_at": run.started_at.isoformat(), "ended_at": run.ended_at.isoformat(),
        "seconds": {leg: None if leg not in run.legs else round(run.legs[leg], 3) for leg in LEGS},
    }  # fmt: skip


def as_lines(run: Run) -> Iterator[str]:
    """For people: a line a leg, with the way of the time as a bar."""
    longest = max(run.legs.values(), default=0.0) or 1.0
    for leg in LEGS:
        what = _ASKED if (leg, run.reach) == ("accepted", "account") else WHAT[leg]
        if leg in run.legs:
            bar = "━" * max(1, round(run.legs[leg] / longest * _WIDTH))
            mark = "late" if leg == run.leg and run.outcome == "late" else "ok"
            yield f"{mark:<5} {what:<36} {run.legs[leg]:>7.2f} s  {bar}"
        elif leg == run.leg:
            yield f"LOST  {what:<36}         {run.reason}"
        else:
            yield f"-     {what:<36}"
    if run.well:
        to = "to the phone" if "delivered" in run.legs else "to the carrier" if run.reach == "phone" else "no SMS sent"
        yield f"the alarm path is alive: {run.legs['accepted']:.2f} s, {to}"
    else:
        yield f"THE ALARM PATH IS BROKEN: {run.outcome} at {run.leg}, {run.reason}"


def finding(found: Standing | None, now: datetime) -> tuple[bool, str]:
    """What doctor says: whether all is well, and a line."""
    if found is None or not found.in_use:
        return (
            True,
            "none runs: set NUANSHAO_CANARY_PHONE and start `nuanshao canary`, or nobody notices a broken alarm path",
        )
    wrong = problem(found, now)
    nobody = "" if found.outside else "; nobody outside hears of a failure: set NUANSHAO_CANARY_PING_URL"
    if wrong:
        return False, wrong + nobody
    if found.last is None:
        return True, f"has not run yet{nobody}"
    last = found.last
    minutes = (now - last.ended_at).total_seconds() / 60
    went = ", ".join(f"{leg} {took:.2f} s" for leg, took in last.legs.items())
    return True, f"{minutes:.0f} min ago to the {last.reach}: {went}{nobody}"

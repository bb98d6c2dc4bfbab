"""The same trouble on many devices of one model, or behind one gateway: a bad firmware, a bad clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

NEW_AFTER = timedelta(days=7)
"""A device has a trouble newly when it has not shown it for so long: a fault that comes and goes is one fault."""
WITHIN = timedelta(hours=24)
"""A firmware is rolled out over a night; what is spread over more has no one moment (our choice)."""
FEWEST_DEVICES = 5
"""As for silence (DESIGN §6)."""
FEWEST_VILLAGES = 3
"""In one or two villages the water, the gas or the mains of the place explain it (our choice)."""
SHARE_OF_MODEL = 0.02
"""Of the model's devices: five among thousands are what wears out in any day (our choice)."""
TIMES_USUAL = 5.0
"""So many times what the model shows in an ordinary day (our choice)."""
USUAL_OVER = timedelta(days=14)
"""The days before, from which its usual rate is taken."""
TIMES_OTHERS = 5.0
"""So many times the share among other models of the same type: a cold night hits all makers (our choice)."""
QUIET = timedelta(hours=24)
"""No new device for so long: it is over (the roll-out has been stopped, or has reached everybody)."""

CLOCKS_WITHIN = timedelta(hours=1)
CLOCK_STANDS = timedelta(minutes=10)
"""After a blackout devices without a clock of their own say 1970 until they have asked the net; that mends itself
within minutes (our choice)."""

OUTSIDE = frozenset(
    {
        "communication",
        "power_low_voltage",
        "power_lost",
        "low_gas_pressure",
        "freeze_risk",
        "out_of_fuel",
        "supply_cold",
    }
)
"""Canonical faults whose cause lies outside the device: mains, gas, cold, network. No firmware brings them about."""


@dataclass(frozen=True, slots=True)
class ModelTrouble:
    """What is known of one canonical fault on one model. `others`: other models of the same type."""

    fault: str
    devices: int
    villages: int
    of_devices: int
    usual_per_day: float
    others: int
    of_others: int


ModelReason = Literal[
    "model_fault", "cause_is_outside", "too_few_devices", "too_few_villages", "small_share", "as_usual",
    "other_models_too",
]  # fmt: skip


def judge_model(trouble: ModelTrouble) -> ModelReason:
    """Whether a fault that is new on devices of one model is the model's."""
    if trouble.fault in OUTSIDE:
        return "cause_is_outside"
    if trouble.devices < FEWEST_DEVICES:
        return "too_few_devices"
    if trouble.villages < FEWEST_VILLAGES:
        return "too_few_villages"
    if trouble.devices < SHARE_OF_MODEL * trouble.of_devices:
        return "small_share"
    if trouble.devices < TIMES_USUAL * trouble.usual_per_day:
        return "as_usual"
    share = trouble.devices / max(trouble.of_devices, trouble.devices)
    if trouble.of_others and share < TIMES_OTHERS * trouble.others / trouble.of_others:
        return "other_models_too"
    return "model_fault"


ClockReason = Literal["clock_wrong", "too_few_devices", "small_share"]


def judge_clocks(devices: int, of_devices: int, *, behind_gateway: bool) -> ClockReason:
    """Whether devices whose clock went wrong within an hour share a cause: their gateway or their model.

    A gateway sets the clocks of all behind it, so five of them suffice there; of a model some are always old.
    """
    if devices < FEWEST_DEVICES:
        return "too_few_devices"
    if not behind_gateway and devices < SHARE_OF_MODEL * of_devices:
        return "small_share"
    return "clock_wrong"

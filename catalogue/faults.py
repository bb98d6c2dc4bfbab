"""Canonical faults: what can be wrong with a device whatever its maker calls it, rows of data/faults.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from catalogue.rows import Row, Text, load_rows

Subsystem = Literal[
    "ignition", "air_flue", "water", "electrical", "refrigerant", "sensor", "fuel", "overheat", "freeze", "gas", "co",
    "network",
]  # fmt: skip
Danger = Literal["none", "comfort", "damage", "life"]


class Fault(Row):
    """Something that can be wrong with a device.

    `lockout` says whether devices usually stop and stay off until somebody resets them; a maker's code may say
    otherwise (`catalogue/fault_codes.py`). `danger` is the worst that follows when nobody comes: the room is cold
    (comfort), something breaks or freezes (damage), people are hurt (life). `do` is one line for the village.
    """

    en: Text
    zh: Text
    lockout: bool
    danger: Danger
    subsystem: Subsystem
    do: Annotated[Text, Field(max_length=35)]


FAULTS: tuple[Fault, ...] = load_rows("faults.yaml", Fault)
FAULT: dict[str, Fault] = {fault.name: fault for fault in FAULTS}

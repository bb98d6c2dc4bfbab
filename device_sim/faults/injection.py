"""One thing that goes wrong, where and when: what a scenario's timeline becomes once it is laid over a fleet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault of device_sim/faults/faults.yaml on some homes or devices, from `at_s` until `ends_s` of simulated time.

    `homes`, `devices`: rows of the fleet that it hits (a village's fault lists all of them; `village` is its code).
    `strength` in the fault's own unit. `number` is its place in the scenario's timeline, `line` its line in the file.
    `unseen`: it really happens, but no device can tell; not counted among what should have been alarmed. `backfill`:
    what was kept meanwhile comes on the topic `backfill`. `back_within_s`: after a network or power fault the devices
    are back within so many seconds; None takes the network layer's own number.
    """

    fault: str
    at_s: float
    ends_s: float
    strength: float
    homes: tuple[int, ...]
    devices: tuple[int, ...]
    village: str | None = None
    number: int = 0
    line: int = 0
    unseen: bool = False
    backfill: bool = False
    back_within_s: float | None = None

    def active(self, at_s: float) -> bool:
        """Whether it runs at `at_s` (start included, end not)."""
        return self.at_s <= at_s < self.ends_s

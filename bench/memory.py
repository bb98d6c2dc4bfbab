"""What a worker holds in memory of each device so that it can judge its readings: counted by tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from typing import Any, Final

from alerts.playing import Player
from bench.copying import known
from catalogue.metrics import METRICS
from catalogue.rules import RulePack
from ingest.clocks import DeviceClocks
from ingest.judge import Judged
from store.registry import KnownDevice

DEVICES: Final = 100_000
OPEN_SHARE: Final = 0.1
"""Of so many devices every rule that can has an open alarm: no county was ever that ill (our choice)."""


def bench_memory(pack: RulePack, now_ms: int, devices: int = DEVICES) -> dict[str, Any]:
    """Bytes a device: the registry, each clock as one that is not believed and is slow, and the open alarms' states.

    States are those of `Player`: ingest itself holds them for the length of a batch only, they are rows of `alarm`.
    """
    gc.collect()
    tracemalloc.start()
    try:
        before = _held()
        registry = {uid: _as_read(device) for uid, device in known(devices).items()}
        registered = _held()
        clocks = DeviceClocks()
        for device in registry.values():
            clocks.place(device.id, now_ms)
            clocks.is_slow(device.id, device.interval_s, now_ms - 600_000, now_ms)
        clocked = _held()
        player = Player(pack.rules)
        worst: list[float | None] = [metric.high for metric in METRICS]
        every = round(1 / OPEN_SHARE)
        for device in list(registry.values())[::every]:
            reading = Judged(device, now_ms, now_ms, None, None, None, 0, None, worst)
            list(player.take(reading))
        opened = _held()
        states = len(player.states())
    finally:
        tracemalloc.stop()
    return {
        "bytes_per_device": round((opened - before) / devices),
        "bytes_per_device_registry": round((registered - before) / devices),
        "bytes_per_device_clocks": round((clocked - registered) / devices),
        "bytes_per_open_state": round((opened - clocked) / max(states, 1)),
        "memory_devices": devices,
        "memory_open_share": OPEN_SHARE,
        "memory_open_states": states,
    }


def _as_read(device: KnownDevice) -> KnownDevice:
    """With texts of its own, as the driver makes them for each row."""
    kind, state = device.type.encode().decode(), device.state.encode().decode()
    return replace(device, type=kind, state=state)


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

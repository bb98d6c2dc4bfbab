"""`nuanshao bench simulator`: a step of a whole county's physics, its memory, and what measuring it costs."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from bench.figures import percentile
from bench.machine import machine
from device_sim.county import County
from device_sim.fleet.plan import plan

NOON: Final = datetime(2026, 1, 15, 4, 0, tzinfo=UTC)
STEP_S: Final = 60.0
WARM_UP: Final = 3
SEED: Final = 1


def bench_simulator(homes: int, steps: int) -> dict[str, Any]:
    """`steps` steps of a minute of so many homes, after a few that are not counted."""
    county = County(plan(SEED, homes), SEED, NOON)
    for _ in range(WARM_UP):
        county.step(STEP_S)
    took_ms = []
    cpu = time.process_time()
    for _ in range(steps):
        began = time.perf_counter()
        county.step(STEP_S)
        took_ms.append((time.perf_counter() - began) * 1000)
    cpu_ms = (time.process_time() - cpu) * 1000 / steps
    devices = np.flatnonzero(county.powered)
    began = time.perf_counter()
    readings = sum(len(batch) for batch in county.measure(devices, int(NOON.timestamp() * 1000)))
    measuring_s = time.perf_counter() - began
    del county
    return {
        "homes": homes,
        "devices": len(devices),
        "ms_per_step": round(percentile(took_ms, 0.5) or 0.0, 2),
        "ms_per_step_max": round(max(took_ms), 2),
        "cpu_ms_per_step": round(cpu_ms, 2),
        "step_s": STEP_S,
        "steps": steps,
        "measured_readings_per_s": round(readings / measuring_s),
        "bytes_per_home": round(held_bytes(homes) / homes),
        "machine": machine(),
    }


def held_bytes(homes: int) -> int:
    """What a county holds after its first step. Counting slows it, so no time is taken of it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        county = County(plan(SEED, homes), SEED, NOON)
        county.step(STEP_S)
        held, _ = tracemalloc.get_traced_memory()
        del county
    finally:
        tracemalloc.stop()
    return held - before

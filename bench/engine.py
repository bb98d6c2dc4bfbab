"""`nuanshao bench engine`: what it costs to judge ordinary readings by the whole rule pack, in memory, on one core."""

from __future__ import annotations

import time
from typing import Any, Final

from alerts.engine import Engine
from bench import memory
from bench.copying import ROWS, blocks, deliveries, known
from bench.machine import machine
from bench.packets import KINDS
from catalogue.rules import LevelRule, default_pack
from foundation.errors import ServiceFailed
from ingest.batch import sort_out
from ingest.clocks import DeviceClocks

DEVICES: Final = ROWS * len(KINDS)
"""A block of ROWS of each kind."""


def bench_engine(seconds: float, memory_devices: int = memory.DEVICES) -> dict[str, Any]:
    """Measures each for so many seconds, then the memory of so many devices.

    Raises ServiceFailed when the engine suspects an ordinary reading.
    """
    now_ms = time.time_ns() // 1_000_000
    engine = Engine(default_pack())
    ready = blocks(DEVICES, now_ms)
    suspected = sum(int(engine.judgement.suspects(block).sum()) for block in ready)
    if suspected:
        raise ServiceFailed(
            f"{suspected} of {DEVICES} ordinary readings are beyond a threshold", do="mend bench/packets.py"
        )
    screened, began, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        # as Engine.evaluate does, up to its question to the database
        involved: set[int] = set()
        everyone: set[int] = set()
        for block in ready:
            involved.update(block.device_ids[engine.judgement.suspects(block)].tolist())
            everyone.update(block.device_ids.tolist())
        screened += len(everyone) - len(involved)
    judging_s, judging_cpu_s = time.monotonic() - began, time.process_time() - cpu
    arrived, registry, clocks = deliveries(DEVICES, now_ms), known(DEVICES), DeviceClocks()
    decoded, began, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        for first in range(0, DEVICES, ROWS):
            decoded += sort_out(arrived[first : first + ROWS], registry, clocks).received
    decoding_s, decoding_cpu_s = time.monotonic() - began, time.process_time() - cpu
    rules = engine.pack.rules
    return {
        "readings_per_s": round(screened / judging_s),
        "cpu_us_per_reading": round(judging_cpu_s / screened * 1e6, 4),
        "readings_screened": screened,
        "rules": len(rules),
        "threshold_rules": sum(isinstance(rule, LevelRule) for rule in rules),
        "decode_and_judge_per_s": round(decoded / decoding_s),
        "decode_and_judge_cpu_us": round(decoding_cpu_s / decoded * 1e6, 2),
        "messages_decoded": decoded,
        "block": ROWS,
        "payload_bytes": round(sum(len(one.payload) for one in arrived) / len(arrived)),
        "seconds": seconds,
        **memory.bench_memory(engine.pack, now_ms, memory_devices),
        "machine": machine(),
    }

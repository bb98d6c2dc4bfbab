"""Blocks as ingest makes them from the load's messages, and how fast the hypertable takes them by COPY alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from bench.packets import KINDS, Load, shares, uids
from broker.delivery import Delivery
from ingest.batch import sort_out
from ingest.clocks import DeviceClocks
from ingest.columns import Block
from store.connect import connect_async
from store.copy import store_block
from store.registry import KnownDevice

ROWS: Final = 5_000
"""Rows of one COPY: the most that ingest commits at once (ingest.worker.LARGEST_BATCH)."""
COPY_IDS: Final = 1_000_000_000
"""Device ids from here on are in no registry: what the COPY alone has written, and no book counts."""
_TOPIC_AT: Final = 5
"""Where the topic begins in a packet: behind the type, two bytes of length and two of the topic's own length."""


def known(devices: int, first_id: int = 1) -> dict[str, KnownDevice]:
    """The load's devices as ingest knows them."""
    names = [(uid, kind) for kind, many in zip(KINDS, shares(devices), strict=True) for uid in uids(kind, many)]
    return {
        uid: KnownDevice(first_id + place, uid, kind.device_type, 3600, "in_service", None)
        for place, (uid, kind) in enumerate(names)
    }


def deliveries(devices: int, now_ms: int, *, seed: int = 1) -> list[Delivery]:
    """One message of each device, as the broker would hand them over."""
    load = Load(devices, ROWS, 10, seed)
    found: list[Delivery] = []
    while len(found) < devices:
        for row in load.next(now_ms, 1):
            packet = row.tobytes()
            topic_ends = _TOPIC_AT + int.from_bytes(packet[_TOPIC_AT - 2 : _TOPIC_AT], "big")
            topic, payload = packet[_TOPIC_AT:topic_ends].decode(), packet[topic_ends + 2 :]
            found.append(Delivery(1, len(found) % 65_535 + 1, topic, payload, False, now_ms))
    return found


def blocks(devices: int, now_ms: int, first_id: int = 1) -> list[Block]:
    """What ingest makes of `deliveries`: a block a kind."""
    return sort_out(deliveries(devices, now_ms), known(devices, first_id), DeviceClocks()).blocks


def later(block: Block, ms: int) -> Block:
    """The same readings so many ms later."""
    return replace(block, ts_ms=block.ts_ms + ms, judged_ms=block.judged_ms + ms, received_ms=block.received_ms + ms)


async def copy_rate(database_url: str, seconds: float) -> float:
    """Rows a second of COPY in blocks of ROWS, each in a transaction of its own, for about so long."""
    now_ms = time.time_ns() // 1_000_000
    stored, at = 0, 0
    async with await connect_async(database_url, autocommit=True) as connection:
        ready = list(_shuffled(blocks(ROWS * len(KINDS), now_ms, COPY_IDS)))
        began = time.monotonic()
        while time.monotonic() - began < seconds or at < len(ready):
            block = later(ready[at % len(ready)], at)
            async with connection.transaction():
                await store_block(connection, block)
            stored, at = stored + len(block), at + 1
        return stored / (time.monotonic() - began)


def _shuffled(ordered: list[Block]) -> Iterator[Block]:
    # messages of many devices come in no order of theirs; an index that only ever grows at its end would flatter
    dice = np.random.default_rng(1)
    for block in ordered:
        yield block.at(dice.permutation(len(block)).astype(np.int64))

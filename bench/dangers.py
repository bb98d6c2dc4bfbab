"""Carbon monoxide beside the load: detectors that each speak once, at a random moment, and who was told when."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg

from bench.packets import packet
from bench.publisher import LAST_ACKS_S, Line
from broker.address import Broker
from catalogue.wire import topic
from foundation.errors import NuanshaoError
from store.named_sql import sql


@dataclass(frozen=True, slots=True)
class Danger:
    """One detector's word, so many seconds after the start: its own alarm bit, or a reading."""

    after_s: float
    uid: str
    event: bool

    def packet(self, at_ms: int, packet_id: int) -> bytes:
        """As the detector publishes it."""
        said: dict[str, object] = {"ts": at_ms}
        if self.event:
            said |= {"type": "co_alarm", "on": True}
            channel = topic(self.uid, "event")
        else:
            said |= {"seq": 1, "boot": 1, "m": {"co_ppm": 400, "battery_pct": 90}}
            channel = topic(self.uid, "telemetry")
        return packet(channel, json.dumps(said).encode(), packet_id)


def planned(uids: Sequence[str], seconds: float, seed: int) -> list[Danger]:
    """Every detector once within `seconds`, half of them each way. In the order of their moments."""
    dice = random.Random(seed)  # noqa: S311 (a plan that can be repeated)
    return sorted(
        (Danger(dice.uniform(0, seconds), uid, place % 2 == 0) for place, uid in enumerate(uids)),
        key=lambda danger: danger.after_s,
    )


class Dangers(threading.Thread):
    """Publishes a plan over a socket of its own."""

    def __init__(self, plan: Sequence[Danger], broker: Broker, after_s: float) -> None:
        super().__init__(name="dangers", daemon=True)
        self.published_s: dict[str, float] = {}
        """When each was written, in seconds since 1970."""
        self._acknowledged = 0
        self._failed: NuanshaoError | None = None
        self._plan = plan
        self._after_s = after_s
        self._line = Line(broker)

    def run(self) -> None:
        """The thread: ends when everything is acknowledged, or after a while."""
        try:
            self._publish()
        except NuanshaoError as failed:
            self._failed = failed

    def total(self) -> int:
        """Waits for the end; how many the broker has acknowledged. Raises what the thread met."""
        self.join()
        if self._failed is not None:
            raise self._failed
        return self._acknowledged

    def _publish(self) -> None:
        began = time.monotonic() + self._after_s
        for danger in self._plan:
            time.sleep(max(0.0, began + danger.after_s - time.monotonic()))
            now_s = time.time()
            written = np.frombuffer(danger.packet(int(now_s * 1000), self._line.next_id), dtype=np.uint8)
            self._line.send(written.reshape(1, -1))
            self.published_s[danger.uid] = now_s
            self._line.take_acks()
        until = time.monotonic() + LAST_ACKS_S
        while self._line.acked < self._line.sent and time.monotonic() < until:
            time.sleep(0.01)
            self._line.take_acks()
        self._acknowledged = self._line.acked
        self._line.close()


def told(connection: psycopg.Connection, uids: Sequence[str]) -> dict[str, float]:
    """When a carrier took the first message about each of these detectors, in seconds since 1970."""
    return {uid: at.timestamp() for uid, at in connection.execute(sql("bench_told"), (list(uids),))}

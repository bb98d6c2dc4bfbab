"""What in a batch matters to life-safety rules, for those who tell it while nothing can be stored. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from alerts.judgement import UNKNOWN_TYPE, Judgement
from alerts.standby.bulletin import Danger
from broker.delivery import Delivery
from catalogue.metrics import METRIC_INDEX
from catalogue.rules import LevelRule, RulePack
from catalogue.wire import TOPIC_ROOT, is_uid
from ingest.batch import Batch
from ingest.columns import Block
from ingest.decode import Event, Reading, decode_event, decode_readings
from ingest.judge import Judged, JudgedEvent
from store.registry import KnownDevice

UNKNOWN_INTERVAL_S: Final = 60


class Dangers:
    """Picks them, and remembers for as long as it lives which devices have been dangerous.

    Of those it passes on what is harmless too, so that whoever judges sees that it is over.
    """

    def __init__(self, pack: RulePack) -> None:
        rules = pack.life_safety
        self._judgement = Judgement(rules)
        self._metrics = list(dict.fromkeys(rule.metric for rule in rules if isinstance(rule, LevelRule)))
        self._dangerous: set[int] = set()

    def pick(self, batch: Batch) -> list[Danger]:
        """In the order of measured time. A drill's are left out: whether it is over only the database knows."""
        suspects = [reading for block in batch.blocks for reading in self._of_block(block)]
        suspects += [reading for reading in batch.readings if self._judgement.suspect(reading)]
        self._dangerous.update(reading.device.id for reading in suspects)
        for block in batch.blocks if self._dangerous else ():
            known = np.isin(block.device_ids, list(self._dangerous))
            suspects += [
                block.reading(row) for row in np.flatnonzero(known & ~self._judgement.suspects(block)).tolist()
            ]
        suspects += [
            reading for reading in batch.readings
            if reading.device.id in self._dangerous and not self._judgement.suspect(reading)
        ]  # fmt: skip
        found = [self._of_reading(reading) for reading in suspects if not reading.device.drill]
        found += [
            _of_event(event)
            for event in batch.events
            if not event.device.drill and any(self._judgement.on_event(event))
        ]
        return sorted((danger for danger in found if danger.m or danger.event), key=lambda danger: danger.ts_ms)

    def _of_block(self, block: Block) -> Iterator[Judged]:
        for row in np.flatnonzero(self._judgement.suspects(block)).tolist():
            yield block.reading(row)

    def _of_reading(self, reading: Judged) -> Danger:
        values = ((name, reading.values[METRIC_INDEX[name]]) for name in self._metrics)
        return Danger(
            reading.device.uid, reading.judged_ms, reading.received_ms, reading.late,
            {name: value for name, value in values if value is not None}, via=_via(reading.device),
        )  # fmt: skip


def _of_event(event: JudgedEvent) -> Danger:
    return Danger(
        event.device.uid, event.judged_ms, event.received_ms, event.late, event=event.type, on=event.on,
        via=_via(event.device),
    )  # fmt: skip


def _via(device: KnownDevice) -> str:
    return (device.gateway or "") if device.type == UNKNOWN_TYPE else ""


def by_owner(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    """The messages by the uid in their topic; what is on no device's topic is left out."""
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        root, _, rest = delivery.topic.partition(f"{TOPIC_ROOT}/")
        owner = rest.partition("/")[0]
        if not root and is_uid(owner):
            found.setdefault(owner, []).append(delivery)
    return found


def unchecked(owner: str, deliveries: Iterable[Delivery]) -> dict[str, KnownDevice]:
    """Everybody whom the messages of one owner speak of, taken at his word: for a worker that never saw the registry.

    Whoever judges asks his own copy of it whether the owner may speak for the device.
    """
    uids = {owner, *(uid for delivery in deliveries for uid in _named(delivery))}
    return {
        uid: KnownDevice(-1 - zlib.crc32(uid.encode()), uid, UNKNOWN_TYPE, UNKNOWN_INTERVAL_S, "in_service", owner)
        for uid in uids
    }


def _named(delivery: Delivery) -> list[str]:
    """The uids that a gateway names in its payload."""
    if b'"id"' not in delivery.payload:
        return []
    if delivery.topic.endswith("/event"):
        event = decode_event(delivery.payload)
        ids = [event.id] if isinstance(event, Event) else []
    else:
        ids = [reading.id for reading in decode_readings(delivery.payload) if isinstance(reading, Reading)]
    return [uid for uid in ids if uid is not None and is_uid(uid)]

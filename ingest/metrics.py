"""What a worker counts for Prometheus, and when its health is red. Once a batch, never once a message."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingest.batch import Batch
from ingest.commit import Counts

LAGS_AFTER_S: Final = 30.0
"""A message that waits for so long says that we do not keep up (our choice; a second is usual under full load)."""
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_MESSAGES: Final = (1, 5, 10, 50, 100, 500, 1_000, 2_500, 5_000)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a worker stands at one moment."""

    connected: bool
    waiting: int
    unacknowledged_bytes: int
    lag_s: float
    devices: int
    problem: str
    counts: Counts


class IngestMetrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self, standing: Callable[[], Standing]) -> None:
        self.registry = CollectorRegistry()
        self._items = Counter(
            "nuanshao_ingest_items", "Readings and events: received = stored + duplicate + rejected", ["became"],
            registry=self.registry,
        )  # fmt: skip
        self._rejects = Counter(
            "nuanshao_ingest_rejects", "What was not stored, by reason", ["reason"], registry=self.registry
        )
        self._messages = Histogram(
            "nuanshao_ingest_batch_messages", "Messages in a batch", buckets=_MESSAGES, registry=self.registry
        )
        self._age = Histogram(
            "nuanshao_ingest_batch_age_seconds", "From the receipt of a batch's first message to its commit",
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._commit = Histogram(
            "nuanshao_ingest_commit_seconds", "How long a commit took", buckets=_SECONDS, registry=self.registry
        )
        self._failures = Counter(
            "nuanshao_ingest_database_failures", "Commits that the database did not take", registry=self.registry
        )
        self._alarms = Counter("nuanshao_ingest_alarms_raised", "Alarms raised by readings and events",
                               registry=self.registry)  # fmt: skip
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "connected": ("Whether the broker has let us in", lambda: standing().connected),
            "waiting_messages": ("Received and not yet committed", lambda: standing().waiting),
            "unacknowledged_bytes": (
                "Payload that the broker still keeps for us", lambda: standing().unacknowledged_bytes
            ),
            "lag_seconds": ("Since the oldest message came that is not committed", lambda: standing().lag_s),
            "registry_devices": ("Devices that this worker knows", lambda: standing().devices),
        }  # fmt: skip
        for name, (help_, value) in gauges.items():
            Gauge(f"nuanshao_ingest_{name}", help_, registry=self.registry).set_function(value)

    def committed(self, batch: Batch, counts: Counts, *, messages: int, age_s: float, took_s: float) -> None:
        """A batch is in the database."""
        for became in ("received", "stored", "duplicate", "rejected"):
            self._items.labels(became).inc(getattr(counts, became))
        for reason, many in Tally(rejected.reject.reason for rejected in batch.rejects).items():
            self._rejects.labels(reason).inc(many)
        self._messages.observe(messages)
        self._age.observe(age_s)
        self._commit.observe(took_s)

    def raised(self, alarms: int) -> None:
        """So many alarms were raised in a batch."""
        self._alarms.inc(alarms)

    def failed(self) -> None:
        """The database did not take a batch."""
        self._failures.inc()


def problems(standing: Standing) -> list[str]:
    """What is wrong with a worker, one line each. Pure."""
    found = []
    if not standing.connected:
        found.append(f"not connected to the broker: {standing.problem or 'connecting'}")
    elif standing.problem:
        found.append(standing.problem)
    if standing.lag_s > LAGS_AFTER_S:
        found.append(f"{standing.waiting} messages wait, the oldest for {standing.lag_s:.0f} s")
    if not standing.counts.balanced:
        found.append("the ledger does not balance")
    return found

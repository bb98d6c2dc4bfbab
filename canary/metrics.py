"""What the canary counts for Prometheus."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from canary.outside import Pinged
from store.canary import LEGS, Run

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class CanaryMetrics:
    """The metrics of one canary, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs = Counter(
            "nuanshao_canary_runs", "Runs by how far they were to go and how they ended", ["reach", "outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._legs = Histogram(
            "nuanshao_canary_leg_seconds", "From the reading to each leg of its alarm's way", ["leg"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._last = Gauge(
            "nuanshao_canary_last_leg_seconds", "The same of the last run; NaN where it did not come so far", ["leg"],
            registry=self.registry,
        )  # fmt: skip
        self._well = Gauge("nuanshao_canary_well", "1 when the last run was well", registry=self.registry)
        self._ended = Gauge(
            "nuanshao_canary_last_run_timestamp_seconds", "When the last run ended", registry=self.registry
        )
        self._succeeded = Gauge(
            "nuanshao_canary_last_success_timestamp_seconds", "When the last good run ended", registry=self.registry
        )
        self._pings = Counter(
            "nuanshao_canary_pings", "What was said out of band: told, not_told", ["became"], registry=self.registry
        )

    def ran(self, run: Run) -> None:
        """A run has ended."""
        self._runs.labels(run.reach, run.outcome).inc()
        for leg in LEGS:
            took = run.legs.get(leg)
            self._last.labels(leg).set(float("nan") if took is None else took)
            if took is not None:
                self._legs.labels(leg).observe(took)
        self._well.set(run.well)
        self._ended.set(time.time())
        if run.well:
            self._succeeded.set(time.time())

    def pinged(self, became: Pinged) -> None:
        """Somebody outside was told of it, or could not be."""
        self._pings.labels(became).inc()

"""What the alerts process counts for Prometheus. No label names a person, a device or a number."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class AlertsMetrics:
    """The metrics of one alerts process, in a registry of their own. `problems`: how many it has now."""

    def __init__(self, problems: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._steps = Counter(
            "nuanshao_alerts_notification_steps", "What became of a message at each step: sent, retry, wait, end",
            ["became", "reason"], registry=self.registry,
        )  # fmt: skip
        self._took = Histogram(
            "nuanshao_alerts_task_seconds", "How long a turn of a task took", ["task"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._ran = Gauge(
            "nuanshao_alerts_task_last_success_timestamp_seconds", "When a task last ended well", ["task"],
            registry=self.registry,
        )  # fmt: skip
        self._failures = Counter(
            "nuanshao_alerts_task_failures", "Turns of a task that the database ended", ["task"],
            registry=self.registry,
        )  # fmt: skip
        self._broker = Gauge(
            "nuanshao_broker_counter", "What the broker says of itself below $SYS", ["name"], registry=self.registry
        )
        self._blind = Gauge(
            "nuanshao_alerts_forecast_blind_homes", "Homes with silent heaters not warned of frost: no weather",
            registry=self.registry,
        )  # fmt: skip
        self._withheld = Gauge(
            "nuanshao_alerts_withheld_messages", "Messages that a suppression holds back now", registry=self.registry
        )
        self._withheld_ends = Counter(
            "nuanshao_alerts_withheld_ends", "What became of messages that a suppression held back", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._escalations_late = Gauge(
            "nuanshao_alerts_escalations_late", "Steps of escalations that are due for more than a minute",
            registry=self.registry,
        )  # fmt: skip
        Gauge("nuanshao_alerts_problems", "What is wrong now", registry=self.registry).set_function(problems)

    def stand_by(self, acting: Callable[[], bool], unrecorded: Callable[[], int]) -> None:
        """There is a standby: whether it tells, and how many of its messages the database does not know of."""
        Gauge(
            "nuanshao_alerts_standby_acting", "1 while people are told without the database", registry=self.registry
        ).set_function(acting)
        Gauge(
            "nuanshao_alerts_standby_unrecorded_messages",
            "Messages that a carrier has taken from the standby and that the database does not know of",
            registry=self.registry,
        ).set_function(unrecorded)  # fmt: skip

    def step(self, became: str, reason: str) -> None:
        """A message has gone a step; `reason` is one of the bounded words of alerts/delivery.py and the channels."""
        self._steps.labels(became, reason.partition(":")[0]).inc()

    def escalations_late(self, steps: int) -> None:
        """So many steps should have been told."""
        self._escalations_late.set(steps)

    def withheld(self, messages: int) -> None:
        """How many messages a suppression holds back now."""
        self._withheld.set(messages)

    def withheld_ended(self, outcome: str) -> None:
        """One of them has ended; `outcome` as in alerts/suppression.py."""
        self._withheld_ends.labels(outcome).inc()

    def broker(self, name: str, value: float) -> None:
        """A counter of the broker's; names as in broker/statistics.py."""
        self._broker.labels(name).set(value)

    def blind(self, homes: int) -> None:
        """So many homes with silent heaters could not be judged: nobody near measures the weather."""
        self._blind.set(homes)

    def ran(self, task: str, took_s: float) -> None:
        """A turn of a task has ended well."""
        self._took.labels(task).observe(took_s)
        self._ran.labels(task).set(time.time())

    def failed(self, task: str) -> None:
        """A turn of a task was ended by the database."""
        self._failures.labels(task).inc()

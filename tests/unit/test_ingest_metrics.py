"""What a worker counts, and what turns its health red."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import generate_latest

from broker.delivery import Delivery
from ingest.batch import Batch, Rejected
from ingest.commit import Counts
from ingest.metrics import LAGS_AFTER_S, IngestMetrics, Standing, problems
from ingest.reject import Reject

WELL = Standing(
    connected=True, waiting=3, unacknowledged_bytes=900, lag_s=0.2, devices=5, problem="", counts=Counts(4, 2, 1, 1)
)


def test_a_worker_that_keeps_up_has_no_problem() -> None:
    assert problems(WELL) == []


def test_each_thing_that_is_wrong_is_named() -> None:
    assert problems(replace(WELL, connected=False)) == ["not connected to the broker: connecting"]
    assert problems(replace(WELL, problem="the database does not answer")) == ["the database does not answer"]
    assert problems(replace(WELL, lag_s=LAGS_AFTER_S + 1)) == ["3 messages wait, the oldest for 31 s"]
    assert problems(replace(WELL, counts=Counts(4, 2, 1, 0))) == ["the ledger does not balance"]


def test_a_batch_is_counted_once_and_no_label_names_a_device() -> None:
    metrics = IngestMetrics(lambda: WELL)
    broken = Delivery(1, 1, "heat/v1/tl-0001-co/telemetry", b"{", False, 0)
    batch = Batch(rejects=[Rejected(broken, Reject("not_json", "…")), Rejected(broken, Reject("not_json", "…"))])
    metrics.committed(batch, Counts(5, 2, 1, 2), messages=5, age_s=0.06, took_s=0.01)
    metrics.raised(1)
    metrics.failed()
    said = generate_latest(metrics.registry).decode()
    for line in (
        'nuanshao_ingest_items_total{became="received"} 5.0',
        'nuanshao_ingest_items_total{became="duplicate"} 1.0',
        'nuanshao_ingest_rejects_total{reason="not_json"} 2.0',
        "nuanshao_ingest_batch_messages_count 1.0",
        "nuanshao_ingest_alarms_raised_total 1.0",
        "nuanshao_ingest_database_failures_total 1.0",
        "nuanshao_ingest_connected 1.0",
        "nuanshao_ingest_waiting_messages 3.0",
        "nuanshao_ingest_lag_seconds 0.2",
    ):
        assert line in said.splitlines()
    assert "tl-0001" not in said

"""Whether everything is well, for people and for load balancers."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.database import Database
from api.models import Health, Ledger, WorkerHealth
from foundation.clock import utc_now
from foundation.version import VERSION
from store.health import look

router = APIRouter(tags=["health"])


@router.get("/health", responses={503: {"model": Health, "description": "something is wrong; `problems` says what"}})
async def health(database: Database, response: Response) -> Health:
    """200 when ingest and alerts live and the ledger balances, otherwise 503."""
    found = await look(database, utc_now())
    response.status_code = 503 if found.problems else 200
    ledger = found.ledger
    return Health(
        status="degraded" if found.problems else "ok",
        problems=found.problems,
        version=VERSION,
        edition=found.fitness.edition,
        timescaledb=found.fitness.timescaledb,
        postgresql=found.fitness.postgresql,
        ledger=Ledger(
            received=ledger.received,
            stored=ledger.stored,
            duplicate=ledger.duplicate,
            rejected=ledger.rejected,
            balanced=ledger.balanced,
        ),
        workers=[
            WorkerHealth(
                kind=worker.kind,
                name=worker.name,
                alive=worker.alive,
                connected_since=worker.connected_since,
                heartbeat_at=worker.heartbeat_at,
                waiting=worker.waiting,
                problem=worker.problem,
            )
            for worker in found.workers
        ],
    )

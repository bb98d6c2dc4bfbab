"""Mutated payloads through decode, judge and commit: no crash, nothing unaccounted for, no growth.

`NUANSHAO_MUTATIONS=1000000 make test ARGS=tests/bench/test_mutations.py` is the million.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from ingest.commit import Counts
from tests.mutations import deliveries
from tests.world import World, rows

MANY = int(os.environ.get("NUANSHAO_MUTATIONS", "10000"))
AT_ONCE = 5_000
MOST_GROWTH_MB = 48


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


async def test_whatever_comes_is_stored_a_duplicate_or_rejected(world: World) -> None:
    counts, growth = Counts(), []
    coming = deliveries(20260115, MANY)
    for number in itertools.count():
        batch = list(itertools.islice(coming, AT_ONCE))
        if not batch:
            break
        counts += await world.deliver(*batch)
        if number >= MANY // AT_ONCE // 5:
            growth.append(resident_mb())
    assert counts.balanced
    assert counts.received >= MANY * 0.8, "all but valid statuses are counted"
    assert min(counts.stored, counts.rejected) > MANY / 50, "some were still good, many were not"
    (ledger,) = await rows(
        world.database,
        "select (select sum(received) from ledger) as received, (select count(*) from telemetry)"
        " + (select count(*) from device_event) as stored, (select count(*) from rejects) as rejected",
    )
    assert ledger == {"received": counts.received, "stored": counts.stored, "rejected": counts.rejected}
    assert growth[-1] - growth[0] < MOST_GROWTH_MB

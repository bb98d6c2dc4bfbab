"""`kill -9` at each stage of telling: nothing is missing, and nothing comes twice but what was just in flight."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from alerts.channels.aliyun_templates import TEMPLATES
from carriers.app import Running, started
from carriers.settings import CarrierSettings
from tests.killed import SECRET, STAGES, turn
from tests.world import World, rows

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def carrier() -> Iterator[Running]:
    settings = CarrierSettings(
        access_key_id="id",
        access_key_secret=SecretStr(SECRET),
        sign_name="暖哨",
        templates={"SMS_1": TEMPLATES["critical"], "SMS_2": TEMPLATES["routine"]},
        receipt_delay_s=0.0,
    )
    with started(settings) as running:
        yield running


def received(carrier: Running) -> Counter[str]:
    """How often the carrier has each message, by our key."""
    with httpx.Client(trust_env=False) as http:
        return Counter(message["out_id"] for message in http.get(f"{carrier.url}/messages.json").json())


@pytest.mark.parametrize("stage", STAGES)
async def test_killed_at_each_stage(world: World, database_url: str, carrier: Running, stage: str) -> None:
    world.start = datetime.now(UTC) - timedelta(seconds=20)
    for seconds in (0, 10):
        await world.read("co-000", seconds, co_ppm=350)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.killed", database_url, carrier.url, stage, "0", cwd=PROJECT
    )
    assert await asyncio.wait_for(victim.wait(), 60) == -signal.SIGKILL, "it should have died at the stage"
    # its claims hold for a minute, and what it had in flight is looked up; then a survivor does the rest
    for ahead in (70.0, 400.0):
        await turn(database_url, carrier.url, "", timedelta(seconds=ahead))
    told = await rows(world.database, "select kind, step, state, idempotency_key from notification order by id")
    assert [(row["kind"], row["step"]) for row in told] == [("raised", 0), ("escalation", 1)]
    assert {row["state"] for row in told} <= {"accepted", "delivered"}
    copies = received(carrier)
    assert set(copies) == {row["idempotency_key"] for row in told}, "none is missing"
    assert sum(copies.values()) <= len(told) + 1, "at most the one in flight came twice"

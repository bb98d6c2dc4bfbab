"""`nuanshao doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from alerts.recipients.board import problems as roster_problems
from broker.address import Broker
from broker.probe import probe
from broker.queue_probe import MESSAGES, TOPIC, probe_queue
from broker.version import broker_version
from canary.show import finding
from foundation.clock import utc_now
from foundation.errors import NuanshaoError, SettingsError
from foundation.settings import required, settings
from runtime.host import version_of
from store.canary import Standing, standing
from store.connect import connect, connect_async, database_url
from store.health import Look, look
from store.migrate import pending

PROCESSES = ("ingest", "alerts", "canary")
FAST_MOSQUITTO = (2, 1)
CANARY_ALIVE = timedelta(minutes=5)
"""Its heart beats every 30 s, and not while it runs, which takes three minutes at most."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    detail: str


def examine(only: str | None = None) -> list[Finding]:
    """Looks at everything, or at one of our processes. Raises SettingsError for a process that we do not have."""
    if only is not None and only not in PROCESSES:
        raise SettingsError(f"there is no process {only!r} to look at", do=f"name one of {', '.join(PROCESSES)}")
    if only == "canary":
        return [_tried(only, lambda: asyncio.run(_canary_process()))]
    if only is not None:
        return [_tried(only, lambda: _process(asyncio.run(_look()), only))]
    findings = [_tried("database", _database), _tried("broker", _broker)]
    if findings[1].well:
        findings.append(_tried("broker queue", _broker_queue))
    if findings[0].well:
        findings.append(_tried("health", lambda: _health(asyncio.run(_look()))))
        findings.append(_tried("duty", lambda: _duty(asyncio.run(_roster_problems()))))
        findings.append(_tried("canary", lambda: finding(asyncio.run(_canary()), utc_now())))
    return findings


def _tried(what: str, work: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        well, detail = work()
    except NuanshaoError as error:
        return Finding(what, False, str(error))
    return Finding(what, well, detail)


def _database() -> tuple[bool, str]:
    from store.edition import fitness

    with connect(database_url()) as connection:
        fit = fitness(connection)
        left = pending(connection)
    said = f"TimescaleDB {fit.timescaledb} ({fit.edition}) on PostgreSQL {fit.postgresql}"
    if left:
        return False, f"{said}; {len(left)} migrations are missing: run `nuanshao migrate`"
    return True, said


def _broker() -> tuple[bool, str]:
    probe(required("mqtt_url"), ca_file=settings().mqtt_ca_file)
    said = asyncio.run(broker_version(Broker.parse(required("mqtt_url"), settings().mqtt_ca_file)))
    return True, broker_line(said)


def broker_line(said: str) -> str:
    """What is shown of a broker that lets us in and calls itself `said`. Pure."""
    name, _, version = said.partition(" version ")
    if name != "mosquitto" or not version_of(version):
        return f"lets us in ({said or 'it does not say its version'})"
    line = f"Mosquitto {version} lets us in"
    if version_of(version) >= FAST_MOSQUITTO:
        return line
    # measured on two cores with messages of QoS 1 that nobody stores
    return f"{line}; it carries half of what 2.1 does (26 000 messages/s instead of 52 000)"


def _broker_queue() -> tuple[bool, str]:
    verdict = asyncio.run(probe_queue(Broker.parse(required("mqtt_url"), settings().mqtt_ca_file)))
    if verdict.reason == "refused":
        return False, f"could not be tried: our account may not use {TOPIC}/# (runtime/mosquitto.acl)"
    if verdict.reason == "dropped":
        return False, (
            f"keeps {verdict.kept} of {MESSAGES} messages while ingest is away and drops the rest:"
            " raise max_queued_messages (runtime/mosquitto.conf)"
        )
    return True, f"keeps more than {MESSAGES} messages while ingest is away"


def _process(found: Look, kind: str) -> tuple[bool, str]:
    alive = [worker for worker in found.workers if worker.kind == kind and worker.alive]
    if not alive:
        return False, f"no {kind} process is running"
    deaf = [worker for worker in alive if kind == "ingest" and worker.connected_since is None]
    if deaf:
        return False, deaf[0].problem or "not connected to the broker"
    return True, ", ".join(worker.name for worker in alive)


def _health(found: Look) -> tuple[bool, str]:
    if found.problems:
        return False, "; ".join(found.problems)
    return True, f"{found.ledger.stored} stored, {found.ledger.rejected} rejected, the ledger balances"


def _duty(problems: list[str]) -> tuple[bool, str]:
    return (False, "; ".join(problems)) if problems else (True, "no roster has a hole now")


async def _roster_problems() -> list[str]:
    async with await connect_async(database_url()) as connection:
        return await roster_problems(connection, utc_now())


async def _canary() -> Standing | None:
    async with await connect_async(database_url()) as connection:
        return await standing(connection)


async def _canary_process() -> tuple[bool, str]:
    """Whether its process lives, however its runs end: that is the path's doing."""
    found = await _canary()
    if found is None or found.heartbeat_at is None or utc_now() - found.heartbeat_at > CANARY_ALIVE:
        return False, "no canary process is running"
    return True, f"alive at {found.heartbeat_at:%H:%M:%S} UTC"


async def _look() -> Look:
    async with await connect_async(database_url()) as connection:
        return await look(connection, utc_now())

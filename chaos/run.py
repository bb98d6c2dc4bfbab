"""`nuanshao chaos`: start everything, load it, break it, let it heal, balance the books."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg

from chaos import counting
from chaos.books import balance
from chaos.breaker import Breaker
from chaos.county import county, register
from chaos.kinds import KIND
from chaos.links import Links, host_and_port
from chaos.load import Load
from chaos.schedule import Danger, Fault, Schedule, schedule
from chaos.settling import Settling
from chaos.stage import Stage
from chaos.verdict import Facts, account, as_json, shortcomings
from device_sim.network.broker import Address
from foundation.errors import DatabaseUnavailable, ServiceFailed, SettingsError
from foundation.settings import PREFIX, Settings
from runtime.admission import admit
from runtime.lock import FolderLock
from runtime.places import state_dir
from runtime.ports import LOOPBACK
from runtime.services import named_outside
from runtime.stack import Stack
from store.connect import connect

Say = Callable[[str], None]

SETTLE_WITHIN_S: Final = 150.0
"""Longer than the 60 s after which a killed courier's claim ends, and the waits before a database is tried again."""
WELL_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True)
class Wish:
    """What a person asked for."""

    minutes: float = 10.0
    seed: int = 1
    rate: float = 1000.0
    devices: int = 600
    short: bool = False
    kill_broker: bool = False


def run(project: Path, wish: Wish, say: Say) -> dict[str, Any]:
    """Plays the schedule of a seed; returns the result. What was made is removed unless something was wrong."""
    plan = schedule(wish.seed, wish.minutes, short=wish.short, kill_broker=wish.kill_broker)
    _refuse_what_is_not_ours()
    folder = state_dir(project, "chaos")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it unless told
    try:
        facts = _play(project, folder, plan, wish, say)
    except (KeyboardInterrupt, SystemExit):
        _remove(folder)
        raise
    wrong = shortcomings(facts, plan)
    result = as_json(facts, plan, wrong)
    for line in account(result):
        say(line)
    for line in wrong:
        say(f"NOT GOOD: {line}")
    if wrong:
        say(f"logs and data are kept in {folder}")
    else:
        _remove(folder)
    return result


def _refuse_what_is_not_ours() -> None:
    """Nothing is broken that somebody else needs, and no real message is sent."""
    for variable in (f"{PREFIX}DATABASE_URL", f"{PREFIX}MQTT_URL"):
        if named_outside(variable):
            raise SettingsError(f"{variable} names a service that is not ours to break", do="unset it")
    if Settings().aliyun_access_key_id:
        raise SettingsError(f"{PREFIX}ALIYUN_ACCESS_KEY_ID names a real account", do="unset it")


def _play(project: Path, folder: Path, plan: Schedule, wish: Wish, say: Say) -> Facts:
    began = time.monotonic()
    homes = county(wish.devices, len(plan.dangers))
    with ExitStack() as undo:
        stage = undo.enter_context(Stage())
        links = Links(stage)
        undo.callback(links.close)
        stack = undo.enter_context(Stack(project, folder, say, fresh=True, detour=links.detour))
        with connect(stack.database_url) as connection:
            passwords = register(connection, homes)
        last = list(passwords)[-1]
        admit(stack.mqtt_url, last, passwords[last])
        ways = (Address(*host_and_port(stack.mqtt_url), None), Address(LOOPBACK, links["devices-broker"].port, None))
        load = Load(homes, passwords, ways, rate=wish.rate, seed=wish.seed)
        breaker = Breaker(stack, stage, links, load, say)
        stage.call(load.start)
        undo.callback(lambda: stage.run(load.leave()))
        breaker.start()
        undo.callback(breaker.heal)
        say(
            f"up after {time.monotonic() - began:.1f} s: {len(homes.devices)} devices, {wish.rate:g} readings a second,"
            f" {len(plan.faults)} faults and {len(plan.dangers)} times carbon monoxide in {plan.length_s:.0f} s"
        )
        _follow(plan, breaker, stage, load, say)
        breaker.finish()
        say("everything is whole again: waiting until all is acknowledged, stored and told")
        stage.call(load.stop_measuring)
        return _settle(stack, breaker, load, say)


def _follow(plan: Schedule, breaker: Breaker, stage: Stage, load: Load, say: Say) -> None:
    """Plays everything at its time, and returns when the load is over."""
    began = time.monotonic()
    everything: list[Fault | Danger] = [*plan.faults, *plan.dangers]
    for one in sorted(everything, key=lambda one: one.at_s):
        time.sleep(max(began + one.at_s - time.monotonic(), 0.0))
        if isinstance(one, Danger):
            stage.call(partial(load.inject, one))
        else:
            say(_line(one))
            breaker.play(one)
    time.sleep(max(began + plan.length_s - time.monotonic(), 0.0))


def _settle(stack: Stack, breaker: Breaker, load: Load, say: Say) -> Facts:
    """Waits, bounded, until nothing is under way any more; then counts."""
    settling, until = Settling(loses=bool(breaker.broker_kills_ms)), time.monotonic() + SETTLE_WITHIN_S
    while time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)
        try:
            with connect(stack.database_url, autocommit=True) as connection:
                seen = counting.under_way(connection, load.sent.injected, load.silent_from)
        except (DatabaseUnavailable, psycopg.OperationalError) as failed:
            say(f"looking again: {' '.join(str(failed).split())}")
            continue
        if settling.over(seen, load.sent, load.outstanding, time.monotonic()):
            break
    problems = _complaints(stack)
    breaker.heal()
    with connect(stack.database_url, autocommit=True) as connection:
        return _count(connection, stack, breaker, load, problems)


def _complaints(stack: Stack) -> list[str]:
    """What the system says is wrong with it, after it had some time to find that nothing is."""
    until = time.monotonic() + WELL_WITHIN_S
    while (complaints := counting.health(stack.api_url)) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)
    return complaints


def _count(connection: psycopg.Connection, stack: Stack, breaker: Breaker, load: Load, complaints: list[str]) -> Facts:
    sent = load.sent
    told, without_cause = counting.told(connection, counting.carriers_messages(stack.carrier_url), sent.injected)
    seen = counting.under_way(connection, sent.injected, load.silent_from)
    found = counting.tables(connection, load.devices)
    return Facts(
        published=sent.published,
        unacknowledged=load.outstanding,
        dropped=sent.dropped,
        books=balance(sent.to_store(), sent.to_reject(), found, breaker.broker_kills_ms),
        ledger=seen.ledger,
        told=told,
        alarms_without_cause=without_cause,
        false_incidents=counting.incidents(connection, load.silent_from),
        notifications_open=seen.open,
        receipts_awaited=seen.receipts,
        broker_kills_ms=tuple(breaker.broker_kills_ms),
        deaths=Counter(stack.deaths),
        kills=breaker.kills,
        played=breaker.played,
        problems=(*breaker.problems, *complaints),
    )


def _line(fault: Fault) -> str:
    where = f", {fault.link}" if fault.link else ""
    length = f", {fault.for_s:g} s" if fault.for_s else ""
    return f"{fault.at_s:6.1f}  {KIND[fault.kind].does}{where}{length}"


def _remove(folder: Path) -> None:
    """Unless another run has it now."""
    if folder.exists():
        with contextlib.suppress(ServiceFailed), FolderLock(folder):
            shutil.rmtree(folder, ignore_errors=True)

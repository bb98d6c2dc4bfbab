"""Plays the county in real time: one loop steps the physics, lets each device report when it is due, keeps count."""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import signal
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypedDict, Unpack

import numpy as np
import structlog

from device_sim.climate.weather import LOCAL
from device_sim.county import County
from device_sim.faults.schedule import Event
from device_sim.fleet.fleet import Fleet
from device_sim.network.broker import Broker, parse_address
from device_sim.runs.play import Play
from device_sim.runs.reporting import Reporting
from device_sim.score.tally import Tally, write_tally
from device_sim.score.truth import Truth
from foundation.clock import Clock, utc_now
from foundation.errors import NotFound, ServiceMissing

TICK_S: Final = 0.25
"""Simulated seconds of a physics step: fine enough to spread the reports, 0.7 ms of CPU for 770 devices."""
_COUNTS_EVERY_S: Final = 1.0
_LAST_ACKS_S: Final = 20.0
_GOODBYE_S: Final = 10.0
_SPARE_FILES: Final = 256

_log = structlog.get_logger()


class Options(TypedDict, total=False):
    """What `run` takes by name besides the seed."""

    interval_s: float | None
    minutes: float | None
    events: Sequence[Event]
    truth_file: Path | None
    counters_file: Path | None
    clock: Clock
    speed: float
    weather_from: datetime | None


async def run(
    fleet: Fleet,
    passwords: Mapping[str, str],
    broker_url: str,
    *,
    seed: int,
    interval_s: float | None = None,
    minutes: float | None = None,
    events: Sequence[Event] = (),
    truth_file: Path | None = None,
    counters_file: Path | None = None,
    clock: Clock = utc_now,
    speed: float = 1.0,
    stop: asyncio.Event | None = None,
    weather_from: datetime | None = None,
) -> Tally:
    """Play `fleet` against the broker for `minutes` (None: until `stop`) and return the final counts.

    `passwords` by uid; `interval_s` overrules the devices' own. Schedule, intervals and `minutes` are in simulated
    seconds, of which `speed` pass in a real one; `ts` is always `clock`'s. The weather is 15 January at the present
    local hour unless `weather_from` names a moment: a demo is always in winter.
    At the end measuring stops, outstanding acknowledgements are waited for (at most 20 s), the counts are written
    with `"final": true`, and the devices say offline. Raises NotFound for a device without password, SettingsError
    for a broker address that cannot be read, ServiceMissing when the process may not open enough sockets.
    """
    missing = [device.uid for device in fleet.devices if device.uid not in passwords]
    if missing:
        raise NotFound(f"no password for {missing[0]} and {len(missing) - 1} more", do="register the devices first")
    _allow_sockets(len(fleet.devices))
    start = weather_from or _mid_january(clock())
    broker = Broker(parse_address(broker_url), len(fleet.devices))
    intervals = np.array([interval_s or device.interval_s for device in fleet.devices], dtype=np.float64)
    play = Play(
        fleet,
        passwords,
        broker,
        county=County(fleet, seed, start, events),
        reporting=Reporting(intervals, seed),
        events=events,
        truth=Truth(truth_file, fleet, events),
        clock=clock,
    )
    stop = stop or asyncio.Event()
    tally = play.tally
    _log.info("the county comes alive", devices=tally.devices, events=len(events), minutes=minutes)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(device.run(), name=device.uid) for device in play.devices]
        counting = tasks.create_task(_count(counters_file, play.tally, broker, clock))
        await _keep_time(play, minutes, speed, stop)
        play.drain()
        await _last_acknowledgements(tally)
        counting.cancel()
        tally.connected = broker.connected
        write_tally(counters_file, tally, clock(), final=True)
        for device in play.devices:
            device.leave()
        _, late = await asyncio.wait(running, timeout=_GOODBYE_S)
        for task in late:
            task.cancel()
    _log.info("the county rests", sent=tally.sent, published=tally.published, dropped=tally.dropped)
    return tally


def main(
    fleet: Fleet, passwords: Mapping[str, str], broker_url: str, *, seed: int, **options: Unpack[Options]
) -> Tally:
    """`run` in an event loop of its own; SIGTERM and SIGINT end it cleanly."""

    async def until_told() -> Tally:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await run(fleet, passwords, broker_url, seed=seed, stop=stop, **options)

    return asyncio.run(until_told())


async def _keep_time(play: Play, minutes: float | None, speed: float, stop: asyncio.Event) -> None:
    """Tick until the end. A loop that was held up catches up without a pause: no reading is left out."""
    began = time.monotonic()
    ticks = 0
    most = math.inf if minutes is None else minutes * 60.0 / TICK_S
    while ticks < most and not stop.is_set():
        play.tick(TICK_S)
        ticks += 1
        early_s = began + ticks * TICK_S / speed - time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(early_s, 0.0))


async def _count(file: Path | None, tally: Tally, broker: Broker, clock: Clock) -> None:
    while True:
        tally.connected = broker.connected
        write_tally(file, tally, clock())
        await asyncio.sleep(_COUNTS_EVERY_S)


async def _last_acknowledgements(tally: Tally) -> None:
    """Wait until the broker has everything, but not for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_ACKS_S):
            while tally.outstanding:  # noqa: ASYNC110 - a counter of 700 clients, looked at for some ms at the end
                await asyncio.sleep(0.02)
    if tally.outstanding:
        _log.warning("the broker has not acknowledged everything", outstanding=tally.outstanding)


def _mid_january(now: datetime) -> datetime:
    return now.astimezone(LOCAL).replace(month=1, day=15)


def _allow_sockets(devices: int) -> None:
    """Raise this process's limit of open files so that every device gets its socket."""
    needed = devices + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ServiceMissing(f"{devices} devices need {needed} open files, {hard} are allowed", do="raise ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

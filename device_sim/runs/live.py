"""Plays the county in real time: one loop steps the physics, lets each device report when it is due, keeps count."""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import structlog
import uvloop

from device_sim.climate.weather import LOCAL
from device_sim.county import County
from device_sim.disorder.clocks import Clocks
from device_sim.disorder.disorder import Disorder
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import Fleet
from device_sim.network.broker import Broker, parse_address
from device_sim.network.mqtt_device import MqttDevice
from device_sim.network.uplink import Uplink
from device_sim.runs.play import Play
from device_sim.runs.progress import Progressing, Quiet, Rate, Snapshot
from device_sim.runs.reporting import Reporting
from device_sim.scenario.scenario import WeatherWish
from device_sim.score.tally import Tally, write_tally
from device_sim.score.truth import Truth
from foundation.clock import Clock, utc_now
from foundation.errors import ServiceMissing
from foundation.waiting import until

_TICK_S: Final = 0.25
"""Simulated seconds of a step at real time: fine enough to spread the reports."""
_REAL_TICK_S: Final = 0.05
"""Real seconds of a step when time runs fast."""
_LONGEST_TICK_S: Final = 5.0
_MANY_DEVICES: Final = 20_000
"""From here on a step takes tens of ms; one real second each."""
_FLUSH_EVERY_S: Final = 1.0
"""How long a reading waits in a gateway for company."""
_COUNTS_EVERY_S: Final = 1.0
_STALLED_S: Final = 20.0
"""At the end: how long the broker may acknowledge nothing before it is given up."""
_LAST_ACKS_S: Final = 120.0
_GOODBYE_S: Final = 10.0
_BEHIND_S: Final = 5.0
_SPARE_FILES: Final = 256

_log = structlog.get_logger()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Show:
    """What is played: who, what goes wrong, in which weather.

    `starts`: moment of weather and physics, None for 15 January at the present local hour: a demo is always in winter.
    `drifting`: every clock has a drift of its own.
    """

    fleet: Fleet
    injections: tuple[Injection, ...]
    seed: int
    starts: datetime | None = None
    weather: WeatherWish = field(default_factory=WeatherWish)
    drifting: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """How a run is told to end: `measuring` first, `waiting` for acknowledgements too."""

    measuring: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def press(self) -> None:
        """Ctrl-C once ends the measuring, twice the waiting."""
        (self.waiting if self.measuring.is_set() else self.measuring).set()


@dataclass(frozen=True, slots=True)
class Files:
    """Where a run writes what was injected and how many readings came through; None: nowhere."""

    truth: Path | None = None
    counters: Path | None = None


async def run(
    show: Show,
    passwords: Mapping[str, str],
    broker_url: str,
    *,
    minutes: float | None = None,
    speed: float = 1.0,
    files: Files = Files(),
    clock: Clock = utc_now,
    stop: Stop | None = None,
    progress: Progressing | None = None,
) -> Tally:
    """Play against the broker for `minutes` of real time (None: until stopped) and return the final counts.

    `passwords` by uid, of those that log in themselves. Schedule and intervals are in simulated seconds, of which
    `speed` pass in a real one; `ts` is always `clock`'s. At the end measuring stops, outstanding acknowledgements are
    waited for (as long as they come, at most 2 minutes), the counts are written with `"final": true`, and the clients
    say offline. Raises NotFound for a device without password, SettingsError for a broker address that cannot be read,
    ServiceMissing when the process may not open enough sockets.
    """
    stop = stop or Stop()
    progress = progress or Quiet()
    fleet = show.fleet
    tally = Tally(len(fleet.device_home))
    truth = Truth(files.truth, fleet, show.injections)
    broker = Broker(parse_address(broker_url), int((fleet.device_gateway < 0).sum()))
    county = _county(show, clock)
    play = Play(
        county,
        partial(Uplink, fleet, passwords, broker, clock),
        Disorder(county.faults, fleet, show.seed, speed=speed, drifting=show.drifting),
        Clocks(show.injections, tally.devices, show.seed, speed=speed, drifting=show.drifting),
        Reporting(fleet.device_interval_s.astype(np.float64), show.seed),
        truth,
        tally,
        clock,
    )
    clients = play.uplink.clients
    _allow_sockets(len(clients))
    total_s = None if minutes is None else minutes * 60.0 * speed
    _log.info("the county comes alive", devices=tally.devices, clients=len(clients), minutes=minutes)
    async with contextlib.AsyncExitStack() as undo:
        undo.enter_context(progress)
        tasks = await undo.enter_async_context(asyncio.TaskGroup())
        alive = tasks.create_task(broker.keep_alive())
        running = [tasks.create_task(client.run()) for client in clients]
        counting = tasks.create_task(_count(play, broker, tally, files.counters, clock, progress, total_s))
        await _keep_time(play, tick_s(fleet, speed), total_s, speed, stop.measuring)
        play.drain()
        await last_acknowledgements(tally, stop.waiting)
        counting.cancel()
        tally.connected = broker.connected
        truth.close()
        write_tally(files.counters, tally, clock(), final=True)
        await _leave(clients, running)
        alive.cancel()
    _log.info("the county rests", sent=tally.sent, published=tally.published, dropped=tally.dropped)
    return tally


def main(work: Callable[[Stop], Awaitable[T]]) -> T:
    """`work` in an event loop of its own; SIGTERM and SIGINT press its stop."""

    async def until_told() -> T:
        stop, loop = Stop(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.press)
        return await work(stop)

    return uvloop.run(until_told())


def tick_s(fleet: Fleet, speed: float) -> float:
    """Simulated seconds of a step: short enough for the fastest device, long enough for this machine."""
    many = len(fleet.device_home) >= _MANY_DEVICES
    wanted_s = speed * _FLUSH_EVERY_S if many else max(speed * _REAL_TICK_S, _TICK_S)
    return min(wanted_s, max(float(fleet.device_interval_s.min()) / 4, _TICK_S), _LONGEST_TICK_S)


def _county(show: Show, clock: Clock) -> County:
    start = show.starts or _mid_january(clock())
    wish = show.weather
    return County(show.fleet, show.seed, start, show.injections, offset_k=wish.offset_k, weather_seed=wish.seed)


async def _keep_time(play: Play, dt_s: float, total_s: float | None, speed: float, stop: asyncio.Event) -> None:
    """Tick until the end. A loop that was held up catches up without a pause: no reading is left out."""
    began = time.monotonic()
    parts = max(round(_FLUSH_EVERY_S * speed / dt_s), 1)
    most = math.inf if total_s is None else total_s / dt_s
    ticks, told = 0, False
    while ticks < most and not stop.is_set():
        play.tick(dt_s, parts)
        ticks += 1
        early_s = began + ticks * dt_s / speed - time.monotonic()
        if early_s < -_BEHIND_S and not told:
            told = True
            _log.warning("this machine cannot keep up, simulated time runs late", late_s=round(-early_s, 1))
        await until(stop, at_most_s=max(early_s, 0.0))


async def _count(
    play: Play,
    broker: Broker,
    tally: Tally,
    file: Path | None,
    clock: Clock,
    progress: Progressing,
    total_s: float | None,
) -> None:
    """Write and show the counts about once a second, until cancelled."""
    rate, clients = Rate(), len(play.uplink.clients)
    while True:
        tally.connected = broker.connected
        write_tally(file, tally, clock())
        faults = Counter(play.county.faults.injections[number].fault for number in play.active)
        progress.show(
            Snapshot(
                play.county.now_s,
                total_s,
                rate.at(tally.published),
                tally.published,
                tally.outstanding,
                broker.connected,
                clients,
                faults,
            )
        )
        await asyncio.sleep(_COUNTS_EVERY_S)


async def last_acknowledgements(tally: Tally, hurry: asyncio.Event) -> None:
    """Wait until the broker has everything, but not for ever."""
    began = moved = time.monotonic()
    published = tally.published
    while tally.outstanding and not hurry.is_set():
        now = time.monotonic()
        if tally.published != published:
            published, moved = tally.published, now
        if now - moved > _STALLED_S or now - began > _LAST_ACKS_S:
            break
        await until(hurry, at_most_s=0.02)
    if tally.outstanding:
        _log.warning("the broker has not acknowledged everything", outstanding=tally.outstanding)


async def _leave(clients: Iterable[MqttDevice], running: Sequence[asyncio.Task[None]]) -> None:
    """Everybody says offline; who takes too long is cut off."""
    for client in clients:
        client.leave()
    _, late = await asyncio.wait(running, timeout=_GOODBYE_S)
    for task in late:
        task.cancel()


def _mid_january(now: datetime) -> datetime:
    return now.astimezone(LOCAL).replace(month=1, day=15)


def _allow_sockets(clients: int) -> None:
    """Raise this process's limit of open files so that every client gets its socket."""
    needed = clients + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ServiceMissing(f"{clients} clients need {needed} open files, {hard} are allowed", do="raise ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

"""Plays a recording to the broker: at its own pace or faster, as if it were now or as the history that it is."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import msgspec
import structlog

from catalogue.wire import CLOCK_BEHIND_S, Channel, topic
from device_sim.network.broker import Broker, parse_address
from device_sim.network.mqtt311 import Login
from device_sim.network.publisher import Publisher
from device_sim.runs.live import Stop, last_acknowledgements
from device_sim.runs.progress import Progressing, Quiet, Rate, Snapshot
from device_sim.runs.recorded import Contents, Row
from device_sim.runs.recording import Recording
from device_sim.score.tally import Tally, write_tally
from foundation.clock import Clock, utc_now
from foundation.errors import SettingsError
from foundation.waiting import until

Shift = Literal["now", "keep"]

_COUNTS_EVERY_S: Final = 1.0
_BREATHE_EVERY: Final = 100
"""Rows after which acknowledgements are looked at."""
_AT_ONCE_S: Final = 0.002
"""What is due within this time goes with what is due now."""
_DAY_S: Final = 86_400

_log = structlog.get_logger()


def choose_shift(speed: float, shift: Shift | None) -> Shift:
    """What holds where nobody says. Raises SettingsError for what makes no sense."""
    if speed == 0 and shift == "now":
        raise SettingsError("readings that are sent all at once cannot all be of now", do="use --speed 0 --shift keep")
    return shift or ("keep" if speed == 0 else "now")


def too_old(contents: Contents, shift: Shift, now: datetime) -> str | None:
    """A warning for a recording of which ingest will not believe the times; None when it will."""
    if shift == "now" or contents.first_ms is None:
        return None
    behind_s = now.timestamp() - contents.first_ms / 1000
    if behind_s <= CLOCK_BEHIND_S:
        return None
    return (
        f"the recording begins {behind_s / _DAY_S:.0f} days ago: readings older than {CLOCK_BEHIND_S // _DAY_S} days"
        " are stored under the time at which they arrive"
    )


def our_login(broker_url: str) -> Login:
    """Our own account at the broker, which may write for every device. Raises SettingsError where the URL has none."""
    parts = urlsplit(broker_url)
    if not parts.username or parts.password is None:
        raise SettingsError("the broker's address names no account", do="write mqtt://user:password@host:port")
    # nobody else's name: a second client of the same name would end the first one's session
    return Login(f"nuanshao-replay-{secrets.token_hex(4)}", unquote(parts.username), unquote(parts.password))


class Moments:
    """When a row is due and which time it bears; `first_ms` is when the recording begins, `begin_ms` now."""

    def __init__(self, first_ms: int, begin_ms: int, speed: float, shift: Shift) -> None:
        self._first_ms, self._begin_ms, self._speed, self._shift = first_ms, begin_ms, speed, shift
        self._last_ms: dict[str, int] = {}

    def due_s(self, row: Row) -> float:
        """Real seconds after the beginning."""
        return (row.ts_ms - self._first_ms) / 1000.0 / self._speed if self._speed else 0.0

    def ts_ms(self, row: Row) -> int:
        """Two readings of one device never share a time that was made here."""
        if self._shift == "keep":
            return row.ts_ms
        shifted = self._begin_ms + round(self.due_s(row) * 1000)
        found = max(shifted, self._last_ms.get(row.uid, shifted - 1) + 1)
        self._last_ms[row.uid] = found
        return found


def payload(row: Row, ts_ms: int) -> bytes:
    """The reading as the wire contract wants it."""
    reading: dict[str, object] = {"ts": ts_ms}
    if row.seq is not None:
        reading["seq"] = row.seq
    if row.boot is not None:
        reading["boot"] = row.boot
    if row.metrics:
        reading["m"] = row.metrics
    if row.fault is not None:
        reading["fault"] = row.fault
    return msgspec.json.encode(reading)


async def replay(
    recording: Recording,
    contents: Contents,
    broker_url: str,
    *,
    speed: float = 1.0,
    shift: Shift = "now",
    counters_file: Path | None = None,
    clock: Clock = utc_now,
    stop: Stop | None = None,
    progress: Progressing | None = None,
) -> Tally:
    """Send the rows of `recording`, whose `contents` have been looked at, and return the final counts.

    `speed`: seconds of the recording in a real one, 0 for as fast as the broker acknowledges. `shift` now: the
    recording begins at the present, on `telemetry`; keep: its own times, on `backfill`. Readings are published with our
    own account. Ends as a live run does.
    """
    stop, progress = stop or Stop(), progress or Quiet()
    tally = Tally(len(contents.devices))
    broker = Broker(parse_address(broker_url), 1)

    def acknowledged() -> None:
        tally.published += 1

    publisher = Publisher(our_login(broker_url), broker, acknowledged)
    moments = Moments(contents.first_ms or 0, int(clock().timestamp() * 1000), speed, shift)
    reached = [0.0]

    async def count() -> None:
        rate = Rate()
        while True:
            tally.connected = broker.connected
            write_tally(counters_file, tally, clock())
            progress.show(
                Snapshot(reached[0], contents.span_s, rate.at(tally.published), tally.published, tally.outstanding)
            )
            await asyncio.sleep(_COUNTS_EVERY_S)

    async with contextlib.AsyncExitStack() as undo:
        undo.enter_context(progress)
        tasks = await undo.enter_async_context(asyncio.TaskGroup())
        beside = [tasks.create_task(broker.keep_alive()), tasks.create_task(count())]
        running = tasks.create_task(publisher.run())
        began = time.monotonic()
        channel: Channel = "backfill" if shift == "keep" else "telemetry"
        # reading a row group holds everything up for some tenths of a second, which TCP and the broker forgive
        for number, row in enumerate(recording.rows()):
            reached[0] = (row.ts_ms - (contents.first_ms or 0)) / 1000
            await _wait(publisher, began + moments.due_s(row) - time.monotonic(), number, stop.measuring)
            if stop.measuring.is_set():
                break
            tally.sent += 1
            publisher.publish(topic(row.uid, channel), payload(row, moments.ts_ms(row)))
        await last_acknowledgements(tally, stop.waiting)
        for task in beside:
            task.cancel()
        tally.connected = broker.connected
        write_tally(counters_file, tally, clock(), final=True)
        publisher.leave()
        await running
    _log.info("the recording is over", sent=tally.sent, published=tally.published, refused=recording.refused.many)
    return tally


async def _wait(publisher: Publisher, early_s: float, number: int, stop: asyncio.Event) -> None:
    """Until it is time and there is room, or until told to stop."""
    if early_s > _AT_ONCE_S:
        await until(stop, at_most_s=early_s)
    elif number % _BREATHE_EVERY == 0:
        await asyncio.sleep(0)
    if not publisher.has_room:
        waits = [asyncio.ensure_future(publisher.room()), asyncio.ensure_future(stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

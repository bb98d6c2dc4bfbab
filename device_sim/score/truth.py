"""What was injected and when, for whoever judges the alarms: JSON lines, one an event, kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from device_sim.faults.faults import showing_device
from device_sim.faults.schedule import Event
from device_sim.fleet.fleet import Fleet
from device_sim.score.tally import write_whole


class Injected(msgspec.Struct):
    """One injected event. Times are UTC, None until they come.

    `first_over_at` is the measured time of the first reading over the threshold (CO 300 ppm, flow 95 °C) that the
    broker has acknowledged; `ended_at` when the cause was gone, not when the danger was.
    """

    kind: str
    home: str | None
    village: str
    device: str | None
    injected_at: datetime
    first_over_at: datetime | None = None
    ended_at: datetime | None = None


class Truth:
    """The file of injected events; written as a whole at each change, an event's line stands from its beginning on."""

    def __init__(self, path: Path | None, fleet: Fleet, events: Sequence[Event]) -> None:
        self._path = path
        self._events = tuple(events)
        self.devices = tuple(showing_device(fleet, event) for event in events)
        self._lines: dict[int, Injected] = {}
        self._write()

    def began(self, number: int, at: datetime) -> None:
        """The event at place `number` has begun."""
        event = self._events[number]
        self._lines[number] = Injected(event.kind, event.home, event.village, self.devices[number], at)
        self._write()

    def over(self, number: int, ts_ms: int) -> None:
        """A reading of `ts_ms` over the threshold was acknowledged; the earliest counts."""
        line, at = self._lines[number], datetime.fromtimestamp(ts_ms / 1000, UTC)
        if line.first_over_at is None or at < line.first_over_at:
            line.first_over_at = at
            self._write()

    def ended(self, number: int, at: datetime) -> None:
        """The cause of the event is gone."""
        self._lines[number].ended_at = at
        self._write()

    def _write(self) -> None:
        if self._path is not None:
            write_whole(self._path, b"".join(msgspec.json.encode(line) + b"\n" for line in self._lines.values()))


def read_truth(path: Path) -> list[Injected]:
    """The injected events so far, in the order in which they began."""
    return [msgspec.json.decode(line, type=Injected) for line in path.read_bytes().splitlines()]

"""What was injected, when it was dangerous and when it ended, for whoever judges the alarms: JSON lines, one an event.

An event is what one injection does to one home, or to a village where the fault hits a village. A fault without a kind,
by which nobody should be alarmed, is one line for all its homes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from device_sim.faults.fault_rows import FAULT, Hits
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import TYPES, Fleet
from device_sim.score.danger import Seen, Watch
from device_sim.score.kinds import KIND, Kind
from device_sim.score.tally import write_whole
from foundation.clock import from_ms
from foundation.errors import NotFound, SettingsError

MOST_NAMED: Final = 100
"""A decoy in more homes than this names none of them: it counts as everywhere."""
_SHOWN_WITHIN_MS: Final = 60_000
"""How far `last_shown_at` in the file may lie behind."""


class TruthEvent(msgspec.Struct):
    """One injected event. Times are UTC, None until they come.

    `number`: place among the run's injections. `kind`: what is scored; None for a decoy. `hits`: home, village, device
    or county. `homes`: codes; empty where a whole village is hit. `village`: a code, "" where several or all are hit.
    `devices`: uids of those that show it, or fall silent by it; empty for a village. `interval_s`: the slowest of them.
    `back_within_s`: so long after its end the devices came back, as far as the scenario says.
    `unseen`: it really happened, and no device could tell. `dangerous_at`: when it had fulfilled a criterion of its
    kind, in measured time, told by a reading that the broker has acknowledged. `last_shown_at`: the newest reading that
    still showed it, within a minute. `ended_at`: when the cause was gone, not when the danger was.
    """

    number: int
    fault: str
    kind: str | None
    hits: Hits
    homes: tuple[str, ...]
    village: str
    devices: tuple[str, ...]
    interval_s: int
    back_within_s: float
    unseen: bool
    injected_at: datetime
    dangerous_at: datetime | None = None
    last_shown_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True, eq=False)
class _Entry:
    """An event with its line in the file, and the devices that are looked at for it."""

    event: TruthEvent
    text: bytes
    watches: dict[int, Watch]


class Truth:
    """The file of what was injected, kept up to date as a whole: an event's line stands from its beginning on.

    `injections` are numbered by their place, as `Happened` numbers them. Give `measured` and `bit` what the broker has
    acknowledged, with its true time: a device whose clock is wrong is no less in danger.
    """

    def __init__(
        self,
        path: Path | None,
        fleet: Fleet,
        injections: Sequence[Injection],
    ) -> None:
        self._path = path
        self._fleet = fleet
        self._injections = tuple(injections)
        self._entries: dict[int, list[_Entry]] = {}
        self._watched: dict[int, list[_Entry]] = defaultdict(list)
        self._written_ms = 0
        self._write()

    def began(self, number: int, at: datetime) -> None:
        """The injection at place `number` has begun."""
        injection = self._injections[number]
        kind_name = FAULT[injection.fault].kind
        kind = None if kind_name is None else KIND[kind_name]
        entries = []
        for event, rows in self._events(number, injection, kind, at):
            watches = {} if kind is None else self._watches(kind, rows)
            entries.append(_Entry(event, _line(event), watches))
            for row in watches:
                self._watched[row].append(entries[-1])
        self._entries[number] = entries
        self._write()

    def ended(self, number: int, at: datetime) -> None:
        """The cause is gone. Its devices are looked at until they show no danger any more."""
        for entry in self._entries[number]:
            entry.event.ended_at = at
            entry.text = _line(entry.event)
        self._write()

    def watching(self) -> AbstractSet[int]:
        """Rows of the devices whose readings and bits are wanted now; a live view."""
        return self._watched.keys()

    def measured(self, device: int, ts_ms: int, metrics: Mapping[str, float]) -> None:
        """The broker has a reading of this row of the fleet, measured at `ts_ms`."""
        for entry in tuple(self._watched.get(device, ())):
            if ts_ms >= _ms(entry.event.injected_at):
                self._note(entry, device, ts_ms, entry.watches[device].reading(ts_ms, metrics))

    def bit(self, device: int, event_type: str, ts_ms: int, *, on: bool) -> None:
        """The broker has an alarm bit of this row of the fleet, which changed at `ts_ms`."""
        for entry in tuple(self._watched.get(device, ())):
            if ts_ms >= _ms(entry.event.injected_at):
                self._note(entry, device, ts_ms, entry.watches[device].bit(event_type, ts_ms, on=on))

    def close(self) -> None:
        """The run is over: what has not been written yet is."""
        self._write()

    def _note(self, entry: _Entry, device: int, ts_ms: int, seen: Seen) -> None:
        event = entry.event
        if not seen.shows and event.ended_at is not None and ts_ms >= _ms(event.ended_at):
            self._watched[device].remove(entry)
            if not self._watched[device]:
                del self._watched[device]
        changed = False
        if seen.dangerous_ms is not None:
            dangerous_at = from_ms(seen.dangerous_ms)
            if event.dangerous_at is None or dangerous_at < event.dangerous_at:
                event.dangerous_at, changed = dangerous_at, True
        if seen.shows:
            event.last_shown_at = max(event.last_shown_at or from_ms(ts_ms), from_ms(ts_ms))
        if seen.shows or changed:
            entry.text = _line(event)
        if changed or (seen.shows and ts_ms - self._written_ms >= _SHOWN_WITHIN_MS):
            self._written_ms = ts_ms
            self._write()

    def _watches(self, kind: Kind, rows: Sequence[int]) -> dict[int, Watch]:
        types = self._fleet.device_type
        found = ((row, kind.criteria_for(TYPES[types[row]])) for row in rows)
        return {row: Watch(criteria) for row, criteria in found if criteria}

    def _events(
        self, number: int, injection: Injection, kind: Kind | None, at: datetime
    ) -> Iterator[tuple[TruthEvent, Sequence[int]]]:
        """Each event of an injection with the rows of the devices that may show it."""
        hits = FAULT[injection.fault].hits
        if kind is None:
            yield self._decoy(number, injection, hits, at), ()
        elif hits == "village":
            of_village: dict[str, list[int]] = {}
            for home in injection.homes:
                of_village.setdefault(self._village(home), []).extend(self._fleet.devices_of(home))
            for village, rows in of_village.items():
                event = self._event(number, injection, (), village, (), at)
                event.interval_s = self._slowest(rows)
                yield event, rows
        else:
            hit = set(injection.devices)
            for home in injection.homes:
                rows = self._fleet.devices_of(home)
                if hits == "device":
                    rows = [row for row in rows if row in hit]
                shown = [row for row in rows if not kind.danger or self._criteria(kind, row)]
                codes = (self._fleet.names.home_code(home),)
                yield self._event(number, injection, codes, self._village(home), shown, at), rows

    def _criteria(self, kind: Kind, row: int) -> bool:
        return bool(kind.criteria_for(TYPES[self._fleet.device_type[row]]))

    def _decoy(self, number: int, injection: Injection, hits: Hits, at: datetime) -> TruthEvent:
        villages = {self._village(home) for home in injection.homes}
        codes: tuple[str, ...] = ()
        if hits in {"home", "device"} and len(injection.homes) <= MOST_NAMED:
            codes = tuple(self._fleet.names.home_code(home) for home in injection.homes)
        village = injection.village or (villages.pop() if len(villages) == 1 else "")
        return self._event(number, injection, codes, village, (), at)

    def _event(
        self,
        number: int,
        injection: Injection,
        homes: tuple[str, ...],
        village: str,
        rows: Sequence[int],
        at: datetime,
    ) -> TruthEvent:
        fault = FAULT[injection.fault]
        return TruthEvent(
            number=number,
            fault=injection.fault,
            kind=fault.kind,
            hits=fault.hits,
            homes=homes,
            village=village,
            devices=tuple(self._fleet.uid(row) for row in rows),
            interval_s=self._slowest(rows),
            back_within_s=injection.back_within_s or 0.0,
            unseen=injection.unseen,
            injected_at=at,
        )

    def _slowest(self, rows: Sequence[int]) -> int:
        return max((int(self._fleet.device_interval_s[row]) for row in rows), default=0)

    def _village(self, home: int) -> str:
        return self._fleet.villages[int(self._fleet.home_village[home])].code

    def _write(self) -> None:
        if self._path is not None:
            write_whole(self._path, b"".join(entry.text for entries in self._entries.values() for entry in entries))


def read_truth(path: Path) -> list[TruthEvent]:
    """The injected events so far, in the order in which they began.

    Raises NotFound without the file, SettingsError that names the line which is none of a truth file.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise NotFound(f"there is no truth file {path.name}", do="name the one that `simulate` wrote") from None
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            event = msgspec.json.decode(line, type=TruthEvent)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise SettingsError(f"{path.name}, line {number}: {wrong}", do="use a file that `simulate` wrote") from None
        if event.kind is not None and event.kind not in KIND:
            raise SettingsError(
                f"{path.name}, line {number}: there is no kind {event.kind!r}", do="use a file of this version"
            )
        events.append(event)
    return events


def _line(event: TruthEvent) -> bytes:
    return msgspec.json.encode(event) + b"\n"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

"""The truth of a run: everything that was sent, by device and time, and how much of it the broker has acknowledged."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np

from chaos.schedule import Way

Keys = np.ndarray[Any, np.dtype[np.int64]]
"""A device's place and a time in ms as one number each."""
_MS_BITS: Final = 42
"""2^42 ms is the year 2109."""


@dataclass(frozen=True, slots=True)
class Injected:
    """Carbon monoxide at a detector, from when."""

    uid: str
    at: datetime
    way: Way


@dataclass
class Sent:
    """Kept by the load, on its own loop; to be read when that has ended."""

    published: int = 0
    """Readings and events that the broker has acknowledged, each once."""
    dropped: int = 0
    """Given up for want of memory: must stay 0, or the truth is not known."""
    injected: list[Injected] = field(default_factory=list)
    _devices: array[int] = field(default_factory=lambda: array("q"))
    _times: array[int] = field(default_factory=lambda: array("q"))
    _unreadable: array[int] = field(default_factory=lambda: array("q"))

    def note(self, device: int, ts_ms: int, *, readable: bool = True) -> None:
        """A reading or an event is on its way. One that is not readable has to be rejected."""
        if readable:
            self._devices.append(device)
            self._times.append(ts_ms)
        else:
            self._unreadable.append(key(device, ts_ms))

    @property
    def readable(self) -> int:
        """How many have to be stored."""
        return len(self._devices)

    @property
    def unreadable(self) -> int:
        """How many have to be rejected."""
        return len(self._unreadable)

    def to_store(self) -> Keys:
        """What has to be stored."""
        return keys(np.array(self._devices, dtype=np.int64), np.array(self._times, dtype=np.int64))

    def to_reject(self) -> Keys:
        """What has to be rejected."""
        return np.array(self._unreadable, dtype=np.int64)


def key(device: int, ts_ms: int) -> int:
    """One number for both."""
    return (device << _MS_BITS) | ts_ms


def keys(devices: Keys, times_ms: Keys) -> Keys:
    """`key`, for columns."""
    found: Keys = (devices << _MS_BITS) | times_ms
    return found


def time_ms(of: Keys) -> Keys:
    """The times in keys."""
    found: Keys = of & ((1 << _MS_BITS) - 1)
    return found

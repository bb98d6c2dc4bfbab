"""When a fault acts on which device, as sorted columns: any device can be looked up at any moment, the future too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, pairwise

import numpy as np

from device_sim.arrays import Bools, Floats, Ints
from device_sim.faults.injection import Injection


class Spans:
    """The spans of one fault, at most one at a time on a device; the columns' rows are spans, ordered by device.

    `start_s` ≤ t < `end_s`; `origin_s` is when the injection began that a span belongs to, `strength` its strength.
    Where injections overlap on a device the stronger acts, as in faults/active.py; with `join` they become one span,
    and strengths no longer count. `tail` says by how much a span outlasts its injection, in seconds, from the columns
    of devices and of places in `injections`.
    """

    def __init__(
        self,
        injections: Sequence[Injection],
        devices: int,
        *,
        join: bool = False,
        tail: Callable[[Ints, Ints], Floats] | None = None,
    ) -> None:
        self._devices = devices
        many = [len(each.devices) for each in injections]
        self.device = np.fromiter(chain.from_iterable(each.devices for each in injections), dtype=np.int64)
        self.start_s = np.repeat([each.at_s for each in injections], many).astype(np.float64)
        self.end_s = np.repeat([each.ends_s for each in injections], many).astype(np.float64)
        self.strength = np.repeat([each.strength for each in injections], many).astype(np.float64)
        self.backfill = np.repeat([each.backfill for each in injections], many).astype(np.bool_)
        if tail is not None:
            self.end_s += tail(self.device, np.repeat(np.arange(len(many)), many))
        self.origin_s = self.start_s.copy()
        self._take(np.lexsort((self.start_s, self.device)))
        if join:
            self._join()
        else:
            self._cut_overlaps()
        self._first = np.searchsorted(self.device, np.arange(devices + 1))
        self._most = int(np.diff(self._first).max(initial=0))
        self._first_s = float(self.start_s.min(initial=np.inf))
        self._last_s = float(self.end_s.max(initial=-np.inf))

    def __len__(self) -> int:
        return len(self.device)

    def last_begun(self, devices: Ints, at_s: Floats) -> Ints:
        """The row of the span of each device that began last by `at_s`, over or not; −1 where none has begun."""
        found = np.full(len(devices), -1, dtype=np.int64)
        if not len(self) or not len(devices) or at_s.max() < self._first_s:
            return found
        first, after = self._first[devices], self._first[devices + 1]
        for place in range(self._most):
            row = first + place
            begun = row < after
            begun &= self.start_s[np.where(begun, row, 0)] <= at_s
            if not begun.any():
                break
            found = np.where(begun, row, found)
        return found

    def acting(self, devices: Ints, at_s: Floats) -> tuple[Bools, Ints]:
        """On which of `devices` it acts at `at_s`, and for those the rows of their spans."""
        if not len(self) or not len(devices) or at_s.min() >= self._last_s:
            return np.zeros(len(devices), dtype=np.bool_), np.zeros(0, dtype=np.int64)
        rows = self.last_begun(devices, at_s)
        acts = (rows >= 0) & (at_s < self.end_s[np.maximum(rows, 0)])
        return acts, rows[acts]

    def named(self) -> Ints:
        """The devices that have a span at all, ascending."""
        return np.unique(self.device)

    def _take(self, rows: Ints) -> None:
        self.device, self.start_s, self.end_s = self.device[rows], self.start_s[rows], self.end_s[rows]
        self.strength, self.backfill, self.origin_s = self.strength[rows], self.backfill[rows], self.origin_s[rows]

    def _join(self) -> None:
        """Let spans of a device that touch or overlap become one."""
        if not len(self):
            return
        # one axis for all devices, so that a device's spans never touch another's; in whole ms it is exact
        axis = self.device * (int(self.end_s.max() * 1000) + 2)
        start, end = axis + (self.start_s * 1000).astype(np.int64), axis + (self.end_s * 1000).astype(np.int64)
        opens = np.flatnonzero(start > np.concatenate([[-1], np.maximum.accumulate(end)[:-1]]))
        end_s = np.maximum.reduceat(self.end_s, opens)
        backfill = np.logical_or.reduceat(self.backfill, opens)
        self._take(opens)
        self.end_s, self.backfill = end_s, backfill

    def _cut_overlaps(self) -> None:
        """Cut the spans of the few devices where injections overlap, so that the strongest of each moment is left."""
        same = self.device[1:] == self.device[:-1]
        clash = np.unique(self.device[1:][same & (self.start_s[1:] < self.end_s[:-1])])
        if not len(clash):
            return
        rows = np.flatnonzero(~np.isin(self.device, clash)).tolist()
        start_s, end_s = self.start_s[rows].tolist(), self.end_s[rows].tolist()
        for device in clash:
            own = np.arange(*np.searchsorted(self.device, [device, device + 1]))
            edges = np.unique(np.concatenate([self.start_s[own], self.end_s[own]]))
            for start, end in pairwise(edges):
                covers = own[(self.start_s[own] <= start) & (end <= self.end_s[own])]
                if len(covers):
                    rows.append(covers[np.argmax(np.abs(self.strength[covers]))])
                    start_s.append(float(start))
                    end_s.append(float(end))
        self._take(np.array(rows, dtype=np.int64))
        self.start_s, self.end_s = np.array(start_s), np.array(end_s)
        self._take(np.lexsort((self.start_s, self.device)))

"""When a device has a network and when it hands its readings over: outages, the storm after them, modems that flap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Ints
from device_sim.disorder.chance import chance
from device_sim.disorder.spans import Spans
from device_sim.faults.injection import Injection

OUTAGES: Final[Mapping[str, float]] = {
    "power_cut": 60.0,
    "cell_outage": 60.0,
    "gateway_loss": 60.0,
    "home_dark": 0.0,
    "unplugged": 0.0,
    "link_down": 0.0,
}
"""What takes the network away, and within how many seconds afterwards the devices are back, each at its own moment.

60 s for what hits a village: every client within a minute is the worst case that the design asks for (DESIGN.md, 8).
"""


_UP_SHARE: Final = 0.5
"""A flapping modem is up as long as it is down."""


class Links:
    """The networks of all devices. Times in seconds since the start; pure, so the future can be asked for too."""

    def __init__(self, injections: Sequence[Injection], devices: int, seed: int) -> None:
        self._devices = devices
        self._seed = seed
        cuts = [each for each in injections if each.fault in OUTAGES]

        def tail(device: Ints, cut: Ints) -> Floats:
            within = [OUTAGES[each.fault] if each.back_within_s is None else each.back_within_s for each in cuts]
            return np.array(within, dtype=np.float64)[cut] * chance(seed, "reconnect", device, cut)

        self._outages = Spans(cuts, devices, join=True, tail=tail)
        self._flaps = Spans([each for each in injections if each.fault == "flapping"], devices)
        self._troubled = np.union1d(self._outages.named(), self._flaps.named())

    def up(self, at_s: float) -> Bools:
        """Which devices have a network, shape (devices,)."""
        up = np.ones(self._devices, dtype=np.bool_)
        at = np.full(len(self._troubled), at_s)
        up[self._troubled] = self.up_from(self._troubled, at) == at
        return up

    def up_from(self, devices: Ints, at_s: Floats) -> Floats:
        """The first moment from `at_s` on at which each of `devices` has a network."""
        asked = at_s
        while True:
            before, asked = asked, self._flap_over(devices, self._outage_over(devices, asked))
            if asked is before or np.array_equal(asked, before):
                return asked

    def kept_for_backfill(self, devices: Ints, at_s: Floats) -> Bools:
        """Which are in an outage whose backlog comes as history."""
        acts, rows = self._outages.acting(devices, at_s)
        acts[acts] = self._outages.backfill[rows]
        return acts

    def _outage_over(self, devices: Ints, at_s: Floats) -> Floats:
        acts, rows = self._outages.acting(devices, at_s)
        if not len(rows):
            return at_s
        over = at_s.copy()
        over[acts] = self._outages.end_s[rows]
        return over

    def _flap_over(self, devices: Ints, at_s: Floats) -> Floats:
        acts, rows = self._flaps.acting(devices, at_s)
        if not len(rows):
            return at_s
        half_s = self._flaps.strength[rows]
        phase = chance(self._seed, "flap", self._flaps.device[rows])
        along = ((at_s[acts] - self._flaps.origin_s[rows]) / (2 * half_s) + phase) % 1.0
        up_s = at_s[acts] + (1.0 - along) * 2 * half_s
        over = at_s.copy()
        over[acts] = np.where(along < _UP_SHARE, at_s[acts], np.minimum(up_s, self._flaps.end_s[rows]))
        return over


class Beats:
    """What happens to a device again and again, every `strength` seconds of a fault: restarts, takeovers, releases."""

    def __init__(self, fault: str, injections: Sequence[Injection], devices: int, seed: int) -> None:
        self.spans = Spans([each for each in injections if each.fault == fault], devices)
        # the first beat comes within one period of the beginning, each device's at its own moment
        self._phase = 1.0 - chance(seed, fault, self.spans.device)
        spans = self.spans
        within = self._within(np.arange(len(spans)), spans.end_s)
        sums = np.concatenate([[0], np.cumsum(within)])
        first = np.searchsorted(spans.device, spans.device)
        self._earlier = sums[:-1] - sums[first]

    def so_far(self, devices: Ints, at_s: Floats) -> Ints:
        """How many beats each of `devices` has had by `at_s`."""
        rows = self.spans.last_begun(devices, at_s)
        some = np.flatnonzero(rows >= 0)
        beats = np.zeros(len(devices), dtype=np.int64)
        rows = rows[some]
        beats[some] = self._earlier[rows] + self._within(rows, np.minimum(at_s[some], self.spans.end_s[rows]))
        return beats

    def between(self, from_s: float, to_s: float) -> Ints:
        """The devices with a beat after `from_s` and by `to_s`, ascending."""
        named = self.spans.named()
        if not len(named):
            return named
        here = [self.so_far(named, np.full(len(named), at_s)) for at_s in (from_s, to_s)]
        return np.asarray(named[here[1] > here[0]], dtype=np.int64)

    def next(self, rows: Ints, at_s: Floats) -> Floats:
        """The first beat at or after `at_s` in these spans; at the latest their end."""
        period_s, origin_s = self.spans.strength[rows], self.spans.origin_s[rows]
        number = np.ceil((at_s - origin_s) / period_s - self._phase[rows])
        beat_s = origin_s + (np.maximum(number, 0.0) + self._phase[rows]) * period_s
        return np.asarray(np.clip(beat_s, at_s, self.spans.end_s[rows]), dtype=np.float64)

    def last(self, rows: Ints, at_s: Floats) -> Floats:
        """The last beat by `at_s` in these spans; the beginning of the injection where there was none."""
        period_s, origin_s = self.spans.strength[rows], self.spans.origin_s[rows]
        number = np.floor((at_s - origin_s) / period_s - self._phase[rows])
        return np.where(number < 0, origin_s, origin_s + (number + self._phase[rows]) * period_s)

    def _within(self, rows: Ints, until_s: Floats) -> Ints:
        """Beats of these spans from their start until `until_s`."""
        spans, phase = self.spans, self._phase[rows]
        period_s, origin_s = spans.strength[rows], spans.origin_s[rows]
        before, after = (np.floor((at_s - origin_s) / period_s - phase) for at_s in (spans.start_s[rows], until_s))
        return np.asarray(after - before, dtype=np.int64)

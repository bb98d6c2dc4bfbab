"""Who is registered for a run: the devices that make the load, and detectors that nobody shares a telephone with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

from bench.packets import KINDS, shares, uids
from store import registry_rows
from store.registry_rows import ContactRow, DeviceRow, HomeRow, RegionRow

CITY: Final = "150500"
LOAD_INTERVAL_S: Final = 3600
"""As registered, not as they speak: while the throw-away subscriber has them, ingest must not take them for silent."""
DETECTOR_INTERVAL_S: Final = 60
"""Too seldom for a confirming second reading, so 300 ppm raise at once."""
SETTINGS: Final = ("background", "saturated")
"""When dangers are published: each time by detectors of its own, because their alarms stay open."""


@dataclass(frozen=True, slots=True)
class County:
    """So many devices of the load, and so many detectors for each of SETTINGS."""

    devices: int
    detectors: int

    @property
    def villages(self) -> int:
        """One a detector: a telephone takes only so many messages."""
        return max(1, self.detectors * len(SETTINGS))

    @property
    def homes(self) -> int:
        """One has a device of each kind; every village has one."""
        return max(self.villages, *shares(self.devices))

    def detectors_of(self, setting: str) -> list[str]:
        """Their names."""
        return [f"bench-co-{setting[0]}-{number:04d}" for number in range(self.detectors)]

    def register(self, connection: psycopg.Connection) -> None:
        """Into an empty registry, in one transaction."""
        registry_rows.register(
            connection,
            regions=[
                RegionRow(CITY, "通辽市", "city"),
                *(RegionRow(_village(n), f"基准{n}村", "village", CITY) for n in range(self.villages)),
            ],
            homes=(HomeRow(_home(n), _village(n % self.villages), f"{n}号") for n in range(self.homes)),
            devices=self._devices(),
            contacts=(ContactRow(_village(n), "值班员", "村委会", f"138{n:08d}") for n in range(self.villages)),
        )
        connection.commit()

    def _devices(self) -> Iterator[DeviceRow]:
        for kind, many in zip(KINDS, shares(self.devices), strict=True):
            for number, uid in enumerate(uids(kind, many)):
                yield DeviceRow(uid, kind.device_type, home=_home(number), interval_s=LOAD_INTERVAL_S)
        detectors = [uid for setting in SETTINGS for uid in self.detectors_of(setting)]
        for number, uid in enumerate(detectors):
            yield DeviceRow(uid, "co_detector", home=_home(number), interval_s=DETECTOR_INTERVAL_S)


def _village(number: int) -> str:
    return f"{CITY}{number:06d}"


def _home(number: int) -> str:
    return f"bench-home-{number:06d}"

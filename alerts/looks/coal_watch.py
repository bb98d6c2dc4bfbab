"""Coal again: a day of all homes from the rollups into the table `coal_again`, a slice of the homes at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from alerts.looks.coal import BLOCK_H, CO_PPM, Block, judge_coal
from alerts.looks.forecast import Outdoors
from alerts.looks.freezing import HEATERS
from alerts.looks.regions import Regions
from catalogue.building_classes import BUILDING_CLASS, time_constant_h
from catalogue.device_types import DEVICE_TYPES
from store.named_sql import sql
from store.rollup import DAY_ZONE, day_of

SLICE: Final = 5_000
"""Homes in one transaction (source: our choice)."""
DAY: Final = timedelta(days=1)
BLOCK: Final = timedelta(hours=BLOCK_H)
FINISHED: Final = timedelta(hours=2)
"""So long after its end a day is looked at, once; what comes later changes nothing (source: our choice)."""
FEWEST_QUARTERS: Final = BLOCK_H * 4 - 2
"""Of a block so many quarters must be known (source: our choice)."""
AT_REST_W: Final = 100.0
"""Electric power below which a heater counts as off: standby is 14 W (SIMULATION.md); the rest is our choice."""
AT_REST_HEAT_W: Final = 300.0
"""The same for measured heat."""
CHARGE_FALLS_PCT: Final = 3.0
"""A store that gives so much of its charge in a block is warming the room (source: our choice)."""
ROOMS: Final = tuple(kind.name for kind in DEVICE_TYPES if "indoor_c" in kind.metrics)
WEATHER: Final = tuple(kind.name for kind in DEVICE_TYPES if "outdoor_c" in kind.metrics)
UNHEARD: Final = tuple(kind.name for kind in DEVICE_TYPES if kind.heats and not kind.reports)


@dataclass(slots=True)
class _Home:
    id: int
    region: int
    tau_h: float
    heaters: list[int]
    rooms: list[int]
    detectors: list[int]


def day_to_look_at(now: datetime) -> datetime:
    """The newest finished day: its begin."""
    return day_of(now - FINISHED) - DAY


class CoalWatch:
    """One day's look; holds where it is among the homes, so that a restart begins the day again."""

    def __init__(self, begins: datetime) -> None:
        self.begins = begins
        self._after = 0
        self._outdoors: dict[int, Outdoors] = {}

    @property
    def day(self) -> date:
        """The day, China's."""
        return self.begins.astimezone(DAY_ZONE).date()

    async def look_at_slice(self, connection: psycopg.AsyncConnection) -> bool:
        """Scores the next homes. Returns whether there are more. Call in a transaction."""
        if not self._after:
            await self._read_weather(connection)
        row = await (await connection.execute(sql("last_home"), (self._after, SLICE))).fetchone()
        last = row[0] if row is not None else 0
        if not last:
            return False
        cursor = await connection.execute(
            sql("homes_that_heat"),
            {
                "after": self._after, "most": SLICE, "heaters": list(HEATERS), "rooms": list(ROOMS),
                "unheard": list(UNHEARD),
            },
        )  # fmt: skip
        homes = [_home(row) for row in await cursor.fetchall()]
        self._after = last
        blocks = await self._blocks(connection, homes)
        peaks = await self._peaks(connection, homes)
        scored = [(home.id, judge_coal(blocks[home.id], home.tau_h, peaks[home.id])) for home in homes]
        kept = [(home_id, found) for home_id, found in scored if found is not None]
        if kept:
            await connection.execute(
                sql("keep_coal_again"),
                {
                    "homes": [home_id for home_id, _ in kept], "day": self.day,
                    "scores": [found.score for _, found in kept],
                    "evidence": [Jsonb(dict(found.evidence)) for _, found in kept],
                },
            )  # fmt: skip
        return True

    @property
    def _span(self) -> dict[str, Any]:
        return {
            "begins": self.begins, "ends": self.begins + DAY, "block": BLOCK, "fewest": FEWEST_QUARTERS,
            "power_w": AT_REST_W, "heat_w": AT_REST_HEAT_W, "charge_pct": CHARGE_FALLS_PCT, "co_ppm": CO_PPM,
        }  # fmt: skip

    def _number(self, block: datetime) -> int:
        """The place of a block in the day, from 0 on."""
        return (block - self.begins) // BLOCK

    async def _read_weather(self, connection: psycopg.AsyncConnection) -> None:
        regions = await Regions.load(connection)
        cursor = await connection.execute(
            sql("outdoors_by_block"), {**self._span, "types": list(WEATHER)}, prepare=False
        )
        measured: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for region, block, outdoor_c in await cursor.fetchall():
            measured[self._number(block)].append((region, outdoor_c))
        self._outdoors = {block: Outdoors(regions.parents, here) for block, here in measured.items()}

    async def _blocks(self, connection: psycopg.AsyncConnection, homes: list[_Home]) -> dict[int, list[Block]]:
        """Of each home the blocks in which all its heaters gave nothing and its room and weather are known."""
        with_room = [home for home in homes if home.rooms]
        heaters = [device for home in with_room for device in home.heaters]
        cursor = await connection.execute(sql("heaters_at_rest"), {**self._span, "devices": heaters}, prepare=False)
        at_rest: dict[int, set[int]] = defaultdict(set)
        for device, block in await cursor.fetchall():
            at_rest[device].add(self._number(block))
        resting = {home.id: set.intersection(*(at_rest[device] for device in home.heaters)) for home in with_room}
        rooms = [device for home in with_room if resting[home.id] for device in home.rooms]
        cursor = await connection.execute(sql("rooms_by_block"), {**self._span, "devices": rooms}, prepare=False)
        measured = {(device, self._number(block)): found for device, block, *found in await cursor.fetchall()}
        blocks: dict[int, list[Block]] = defaultdict(list)
        for home in with_room:
            for number in sorted(resting[home.id]):
                room = next((found for one in home.rooms if (found := measured.get((one, number))) is not None), None)
                outdoors = self._outdoors.get(number)
                outdoor_c = outdoors.near(home.region) if outdoors is not None else None
                if room is not None and outdoor_c is not None:
                    blocks[home.id].append(Block(number, room[0], room[1], room[2] / timedelta(hours=1), outdoor_c))
        return blocks

    async def _peaks(self, connection: psycopg.AsyncConnection, homes: list[_Home]) -> dict[int, list[float]]:
        """Of each home the peaks of the quarters with CO in which all its heaters gave nothing."""
        home_of = {device: home for home in homes for device in home.detectors}
        cursor = await connection.execute(
            sql("quarters_with_co"), {**self._span, "devices": list(home_of)}, prepare=False
        )
        smelt: dict[int, dict[datetime, float]] = defaultdict(dict)
        by_id = {home.id: home for home in homes}
        for device, bucket, peak in await cursor.fetchall():
            here = smelt[home_of[device].id]
            here[bucket] = max(here.get(bucket, 0.0), peak)
        peaks: dict[int, list[float]] = defaultdict(list)
        for home_id, quarters in smelt.items():  # few: CO from 75 ppm is rare
            heaters = by_id[home_id].heaters
            cursor = await connection.execute(
                sql("heaters_in_quarters"), {**self._span, "devices": heaters, "buckets": list(quarters)}
            )
            peaks[home_id] = [
                quarters[bucket] for bucket, resting in await cursor.fetchall() if resting == len(heaters)
            ]
        return peaks


def _home(row: tuple[Any, ...]) -> _Home:
    home_id, _, region, class_name, own_load, heaters, rooms, detectors = row
    building = BUILDING_CLASS.get(class_name) or BUILDING_CLASS["rural_traditional"]
    tau_h = time_constant_h(own_load or building.heat_load_w_m2)
    return _Home(home_id, region, tau_h, heaters, rooms or [], detectors or [])

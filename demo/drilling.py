"""`nuanshao drill start`: a scenario played on twins of chosen homes of a running deployment, from beginning to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiomqtt
from rich.console import Console

from catalogue.wire import topic
from demo.drill import OpenDrill, close_drill, open_drill
from demo.players import scenario_floors
from demo.scoring import conclude
from device_sim.fleet.fleet import Device, Fleet, Home
from device_sim.fleet.given import USUAL_AREA_M2, fleet_of, heating_of
from device_sim.fleet.places import Region
from device_sim.network.broker import parse_address
from device_sim.runs.live import Files, Show, main, run
from device_sim.runs.progress import progress
from device_sim.scenario.shelf import load_scenario, stage
from foundation.clock import utc_now
from foundation.settings import required
from store.connect import database_url

GATEWAY_EVERY_S: Final = 60
SPARE: Final = timedelta(minutes=10)
"""How much longer than its scenario a drill may last before the alerts process ends it (our choice)."""
_TOLD_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """What `nuanshao drill start` was told. `interval_s` None: the twins report as often as the real devices."""

    scenario: str
    homes: tuple[str, ...]
    by: str
    name: str
    seed: int = 1
    minutes: float | None = None
    interval_s: int | None = None
    report: Path | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill that is over."""

    drill: int
    twins: int
    published: int
    sent: int
    alarms_closed: int
    code: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "drill": self.drill, "twins": self.twins, "sent": self.sent, "published": self.published,
            "alarms_closed": self.alarms_closed,
        }  # fmt: skip


def play_drill(options: DrillOptions, say: Callable[[str], None]) -> Drilled:
    """Opens a drill, plays it, scores it where a report is asked for, and ends it whatever happens.

    Raises NuanshaoError: what `open_drill` refuses, and every mistake of the scenario with its file and line.
    """
    scenario = load_scenario(options.scenario)
    minutes = scenario.lasts_s / 60.0 if options.minutes is None else options.minutes
    opened = open_drill(
        name=options.name,
        scenario=scenario.name,
        homes=list(options.homes),
        by=options.by,
        lasts=timedelta(minutes=minutes) + SPARE,
        interval_s=options.interval_s or scenario.fleet.interval_s,
    )
    drill = opened.drill
    code, published, sent, fleet = 1, 0, 0, None
    try:
        fleet = twins_of(opened, options.seed)
        say(f"drill {drill.id} on {len(drill.homes)} homes with {len(fleet.device_home)} twins, marked 演练 everywhere")
        staged = stage(options.scenario, lambda _: fleet, options.seed)
        truth = options.report.with_suffix(".truth.jsonl") if options.report else None
        since = utc_now()
        tally = main(
            lambda stop: run(
                Show(
                    fleet, staged.injections, options.seed, scenario.starts, scenario.weather, scenario.drifting_clocks
                ),
                {drill.gateway: opened.password},
                required("mqtt_url"),
                minutes=minutes,
                files=Files(truth),
                stop=stop,
                progress=progress(as_json=options.as_json),
            )
        )
        published, sent = tally.published, tally.sent
        code = 0 if published == sent else 1
        if options.report is not None and truth is not None:
            code |= conclude(
                database_url(),
                truth,
                since=since,
                until=utc_now(),
                floors=scenario_floors(options.scenario, ()),
                report=options.report,
                within_s=_TOLD_WITHIN_S,
                drill=drill.id,
                console=Console(stderr=options.as_json),
            )
    finally:
        with suppress(aiomqtt.MqttError):
            asyncio.run(_forget_status(drill.gateway, opened.password))
        ended = close_drill(drill.id)
        say(f"drill {drill.id} has ended: {ended.alarms} alarms closed, {ended.messages} messages not sent any more")
    return Drilled(drill.id, len(fleet.device_home), published, sent, ended.alarms, code)


async def _forget_status(gateway: str, password: str) -> None:
    """Its last status is retained at the broker; a gateway that will never come back should not be heard of again."""
    address = parse_address(required("mqtt_url"))
    async with aiomqtt.Client(
        address.host, address.port, username=gateway, password=password, identifier=gateway, tls_context=address.tls
    ) as client:
        await client.publish(topic(gateway, "status"), b"", qos=1, retain=True)


def twins_of(opened: OpenDrill, seed: int) -> Fleet:
    """The twins as a fleet behind the drill's gateway, which stands in the first home."""
    drill = opened.drill
    villages = {home.village: home.village_name for home in drill.homes}
    homes = [
        Home(
            home.code, home.village, "", home.vacant, False, heating_of(home.types), home.building_class,
            USUAL_AREA_M2 if home.area_m2 is None else home.area_m2,
        )
        for home in drill.homes
    ]  # fmt: skip
    gateway = Device(drill.gateway, "gateway", "", drill.homes[0].code, GATEWAY_EVERY_S)
    twins = [Device(twin.uid, twin.type, twin.model, twin.home, twin.interval_s, drill.gateway) for twin in drill.twins]
    regions = [Region(code, name, "village", None) for code, name in sorted(villages.items())]
    return fleet_of(regions, homes, [gateway, *twins], seed=seed)

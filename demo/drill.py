"""A drill as a player needs it: registered, with a login that the broker knows; and its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from foundation.clock import Clock, utc_now
from foundation.settings import required, settings
from registry.passwords import mosquitto_hash, new_password
from runtime.admission import admit
from store.connect import connect, database_url
from store.drill import Drill, Ended, Listed, end_drill, list_drills, start_drill
from store.registry import set_credential


@dataclass(frozen=True)
class OpenDrill:
    """A drill under way. Log in as `drill.gateway` with `password`; each reading names its twin as `id`."""

    drill: Drill
    password: str = field(repr=False)


def open_drill(
    *,
    name: str,
    scenario: str,
    homes: list[str],
    by: str,
    lasts: timedelta,
    interval_s: int | None = None,
    clock: Clock = utc_now,
) -> OpenDrill:
    """Registers the twins of these homes' devices in the database of this environment; the broker knows their gateway.

    `lasts` is when the alerts process ends it, whoever has died. `interval_s`: how often the twins report, without: as
    the real devices. Refusals as `store.drill.start_drill`; BrokerRefused when the broker does not let the gateway in:
    then there is no drill.
    """
    password, mqtt_url = new_password(), required("mqtt_url")
    now = clock()
    with connect(database_url()) as connection:
        drill = start_drill(
            connection,
            name=name,
            scenario=scenario,
            homes=homes,
            by=by,
            now=now,
            ends_at=now + lasts,
            interval_s=interval_s,
        )
        set_credential(connection, drill.gateway, mosquitto_hash(password))
    try:
        admit(mqtt_url, drill.gateway, password)
    except BaseException:
        close_drill(drill.id, clock=clock)
        raise
    return OpenDrill(drill, password)


def close_drill(drill_id: int, *, clock: Clock = utc_now) -> Ended:
    """Ends a drill in the database of this environment; one that has ended stays as it is."""
    with connect(database_url()) as connection:
        return end_drill(connection, drill_id, clock())


def drills() -> list[Listed]:
    """The drills of the database of this environment."""
    with connect(database_url()) as connection:
        return list_drills(connection)


def as_json(drill: Listed) -> dict[str, Any]:
    """For programs: times in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(drill).items()
    } | {"running": drill.ended_at is None}


def as_line(drill: Listed, now: datetime) -> str:
    """For people. Pure but for the zone of the clock on the wall."""
    if drill.ended_at is not None:
        state = f"ended {_clock(drill.ended_at)}"
    else:
        state = f"RUNNING until {_clock(drill.ends_at)}" + (" (overdue)" if drill.ends_at < now else "")
    return (
        f"{drill.id:>4}  {state:<28}  {drill.name}  ({drill.scenario}, {drill.homes} homes, by {drill.started_by} at"
        f" {_clock(drill.started_at)}; {drill.alarms} alarms, {drill.told} messages)"
    )


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(settings().timezone)):%Y-%m-%d %H:%M}"

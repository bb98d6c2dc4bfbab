"""`nuanshao alarms …`: what is open, what is shelved, announced work, the quality report. Thin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import psycopg
import typer

from foundation import logs
from foundation.clock import utc_now
from foundation.errors import SettingsError
from foundation.settings import settings

alarms_app = typer.Typer(help="Open alarms, and what keeps people from being told of them.", no_args_is_help=True)
maintenance_app = typer.Typer(
    help="Announced work: alarms are seen, nobody is told but of CO, gas and fire.", no_args_is_help=True
)
alarms_app.add_typer(maintenance_app, name="maintenance")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option(help="Who is responsible.")]
Why = Annotated[str, typer.Option(help="Why; others will read it.")]
Everything = Annotated[bool, typer.Option("--all", help="Also what has ended.")]
_T = TypeVar("_T")


@alarms_app.command("list")
def list_(
    village: Annotated[str | None, typer.Option(help="Code of a village.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    *,
    as_json: Json = False,
) -> None:
    """Open alarms, those too that people are not told of, with the reason; then what is on the shelf."""
    from alerts.incident_list import answered
    from store.rows import rows

    places = {
        "everything": False, "suppressed": True, "village": village, "drill": False, "limit": limit,
    }  # fmt: skip
    alarms = _with_database(lambda database: rows(database, "list_alarms", places))
    shelved = _with_database(lambda database: rows(database, "list_shelvings", {"everything": False, "now": utc_now()}))
    if as_json:
        _print_json({"alarms": alarms, "shelved": shelved})
        return
    for alarm in alarms:
        typer.echo(
            f"{alarm['id']:>6}  {alarm['priority']:8}  {alarm['rule']:24} {alarm['device']:20} "
            f"{alarm['village'] or '-'}  {alarm['condition']} since {_clock(alarm['raised_at'])}"
            f"{answered(alarm)}{_suppressed(alarm)}  ({alarm['pack']}, {alarm['stands_at']})"
        )
    if not alarms:
        typer.echo("nothing is open")
    for one in shelved:
        what = f"alarm {one['alarm']}" if one["alarm"] else f"{one['device']} {one['rule'] or 'all rules'}"
        typer.echo(f"shelving {one['id']}: {what} until {_clock(one['until'])}, by {one['by']}: {one['why']}")


@alarms_app.command("trace")
def trace_(
    alarm: Annotated[int | None, typer.Argument(metavar="ALARM", help="As `nuanshao alarms list` shows it.")] = None,
    incident: Annotated[int | None, typer.Option(help="Or an incident.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """The trace of duty: who was told when and how, who has it, who was told next."""
    from alerts.duty_trace import trace

    if (alarm is None) == (incident is None):
        raise SettingsError("of which alarm or incident?", do="give the number of one")
    found = _with_database(lambda database: trace(database, alarm=alarm, incident=incident))
    if as_json:
        _print_json(found)
        return
    for row in found:
        whom = f"{row['to']} {row['role']}".strip()
        typer.echo(f"{_clock(row['at'], seconds=True)}  {row['what']:18} {whom:24} {row['detail']}".rstrip())


@alarms_app.command("acknowledge")
def acknowledge(
    alarm: Annotated[int, typer.Argument(metavar="ID", help="As `nuanshao alarms list` shows it.")],
    by: Annotated[str, typer.Option(help="Who has it.")],
    *,
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="Acknowledge, and mark it: nothing is wrong.")
    ] = False,
    need_help: Annotated[
        bool, typer.Option("--need-help", help="Acknowledge nothing: the next level is told.")
    ] = False,
    incident: Annotated[bool, typer.Option("--incident", help="ID is that of `nuanshao incidents`.")] = False,
    as_json: Json = False,
) -> None:
    """Say for somebody: I have it. What is still dangerous stays open."""
    from alerts.answers.book import About, say
    from alerts.answers.verbs import Verb

    if false_alarm and need_help:
        raise SettingsError("a false alarm needs no help", do="give --false-alarm or --need-help")
    if not by.strip():
        raise SettingsError("nobody has it", do="give a name with --by")
    verb: Verb = "false_alarm" if false_alarm else "need_help" if need_help else "have_it"
    about = About(incident_id=alarm) if incident else About(alarm_id=alarm)
    done = _with_database(lambda database: say(database, about, who=by, verb=verb, how="cli", now=utc_now()))
    if as_json:
        _print_json({"id": alarm, "result": done})
    else:
        typer.echo(f"{'incident' if incident else 'alarm'} {alarm}: {done.replace('_', ' ')}")


@alarms_app.command("shelve")
def shelve(
    by: By,
    why: Why,
    minutes: Annotated[float, typer.Option(help="For how long: 12 hours at most, what is critical an hour.")],
    alarm: Annotated[int | None, typer.Option(help="One open alarm, as `nuanshao alarms list` shows it.")] = None,
    device: Annotated[str | None, typer.Option(help="Or a device, by uid.")] = None,
    rule: Annotated[str | None, typer.Option(help="One rule of it; without: all that are not critical.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Tell nobody of it until then; what is still active is told afterwards. CO, gas and fire cannot be shelved."""
    from alerts.shelving import Wish
    from alerts.shelving import shelve as put
    from catalogue.rules import pack_in_force

    now, wish = utc_now(), Wish(by, why, timedelta(minutes=minutes), alarm, device, rule)
    number = _with_database(lambda database: put(database, pack_in_force(), wish, now))
    until = now + wish.lasts
    if as_json:
        _print_json({"id": number, "until": until})
    else:
        typer.echo(f"shelving {number}: until {_clock(until)}")


@alarms_app.command("unshelve")
def unshelve(
    shelving: Annotated[int, typer.Argument(metavar="ID", help="As `nuanshao alarms list` shows it.")],
    by: By,
    *,
    as_json: Json = False,
) -> None:
    """Take it off the shelf before its time; what is still active is told at once."""
    from alerts.shelving import unshelve as take
    from catalogue.rules import pack_in_force

    ended = _with_database(lambda database: take(database, pack_in_force(), shelving, by=by, now=utc_now()))
    if as_json:
        _print_json({"id": shelving, "ended_before": not ended})
    else:
        typer.echo(f"shelving {shelving} {'has ended' if ended else 'had ended'}")


@alarms_app.command("quality")
def quality(
    days: Annotated[float, typer.Option(min=0.01, max=366, help="How many days until now.")] = 7,
    *,
    as_json: Json = False,
) -> None:
    """How good the alarms are for those who receive them, by ISA-18.2 / IEC 62682; drills are left out."""
    from alerts.quality_print import as_data, show
    from alerts.quality_read import quality as read

    found = _with_database(lambda database: read(database, utc_now(), days))
    if as_json:
        _print_json(as_data(found))
    else:
        show(found, settings().timezone)


@maintenance_app.command("add")
def maintenance_add(
    by: By,
    why: Why,
    until: Annotated[str, typer.Option(help='"2026-01-15 17:00", on the clock on the wall.')] = "",
    minutes: Annotated[float | None, typer.Option(min=1, help="Or: minutes after its begin.")] = None,
    since: Annotated[str, typer.Option("--from", help='"2026-01-15 09:00"; without: now.')] = "",
    region: Annotated[str | None, typer.Option(help="Code of a region; what lies below it counts.")] = None,
    home: Annotated[str | None, typer.Option(help="Or code of a home.")] = None,
    device: Annotated[str | None, typer.Option(help="Or uid of a device.")] = None,
    *,
    device_type: Annotated[str | None, typer.Option("--type", help="Of a region: devices of one type only.")] = None,
    model: Annotated[str | None, typer.Option(help="Of a region: devices of one model only.")] = None,
    as_json: Json = False,
) -> None:
    """Announce work. What is still active at its end is told then."""
    from alerts.maintenance import Work, add_maintenance
    from catalogue.rules import pack_in_force

    now = utc_now()
    if bool(until) == (minutes is not None):
        raise SettingsError("work has one end", do="give --until or --minutes")
    begins_at = _moment(since) if since else now
    ends_at = _moment(until) if minutes is None else begins_at + timedelta(minutes=minutes)
    work = Work(by, why, begins_at, ends_at, region, home, device, device_type, model)
    number = _with_database(lambda database: add_maintenance(database, pack_in_force(), work, now))
    if as_json:
        _print_json({"id": number, "begins_at": begins_at, "ends_at": ends_at})
    else:
        typer.echo(f"maintenance {number}: {_clock(begins_at)} to {_clock(ends_at)}")


@maintenance_app.command("list")
def maintenance_list(*, everything: Everything = False, as_json: Json = False) -> None:
    """Work under way and ahead."""
    from store.rows import rows

    places = {"everything": everything, "now": utc_now()}
    found = _with_database(lambda database: rows(database, "list_maintenance", places))
    if as_json:
        _print_json(found)
        return
    for one in found:
        where = one["region_name"] or one["home"] or one["device"]
        narrowed = "".join(f" {one[name]}" for name in ("device_type", "model") if one[name])
        state = "ended" if one["ended_at"] else "UNDER WAY" if one["under_way"] else "planned"
        typer.echo(
            f"{one['id']:>6}  {state:9}  {_clock(one['begins_at'])} to {_clock(one['ended_at'] or one['ends_at'])}  "
            f"{where}{narrowed}, by {one['by']}: {one['why']}"
        )
    if not found:
        typer.echo("no work is announced")


@maintenance_app.command("end")
def maintenance_end(
    maintenance: Annotated[int, typer.Argument(metavar="ID", help="As `nuanshao alarms maintenance list` shows it.")],
    by: By,
    *,
    as_json: Json = False,
) -> None:
    """End work early or call it off; what is still active is told at once."""
    from alerts.maintenance import end_maintenance
    from catalogue.rules import pack_in_force

    ended = _with_database(
        lambda database: end_maintenance(database, pack_in_force(), maintenance, by=by, now=utc_now())
    )
    if as_json:
        _print_json({"id": maintenance, "ended_before": not ended})
    else:
        typer.echo(f"maintenance {maintenance} {'has ended' if ended else 'had ended'}")


def _with_database(work: Callable[[psycopg.AsyncConnection], Awaitable[_T]]) -> _T:
    from store.connect import connect_async, database_url

    logs.configure(process="alarms", level="WARNING")

    async def run() -> _T:
        async with await connect_async(database_url(), autocommit=True) as database:
            return await work(database)

    return asyncio.run(run())


def _moment(said: str) -> datetime:
    """A time of the clock on the wall, or with its own zone."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise SettingsError(f"{said!r} is no time", do='write it as "2026-01-15 17:00"') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings().timezone))


def _clock(moment: datetime, *, seconds: bool = False) -> str:
    local = moment.astimezone(ZoneInfo(settings().timezone))
    return f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"


def _suppressed(alarm: dict[str, Any]) -> str:
    if alarm["suppression"] == "none":
        return ""
    until = f" until {_clock(alarm['suppressed_until'])}" if alarm["suppressed_until"] else ""
    return f" [{alarm['suppression_reason'] or alarm['suppression']}{until}]"


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))

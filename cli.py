"""The `nuanshao` command. Thin: each command reads its options, calls one function and shows what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from alerts.alarm_commands import alarms_app
from alerts.commands import rules_app
from alerts.message_commands import messages_app
from bench.commands import bench_app
from demo.simulate import simulate_app
from foundation import logs
from foundation.errors import NuanshaoError, SettingsError
from foundation.version import VERSION
from registry import commands as registry_commands
from registry.region_commands import regions_app

app = typer.Typer(
    name="nuanshao",
    help="暖哨 watches household heating in villages.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
device_app = typer.Typer(help="Devices in the registry.", no_args_is_help=True)
dashboards_app = typer.Typer(help="The Grafana boards.", no_args_is_help=True)
drill_app = typer.Typer(help="Drills (演练) on the homes of a running deployment.", no_args_is_help=True)
app.add_typer(device_app, name="device")
app.add_typer(registry_commands.registry_app, name="registry")
registry_commands.add_to(device_app)
app.add_typer(dashboards_app, name="dashboards")
app.add_typer(simulate_app, name="simulate")
app.add_typer(drill_app, name="drill")
app.add_typer(bench_app, name="bench")
app.add_typer(rules_app, name="rules")
app.add_typer(regions_app, name="regions")
app.add_typer(alarms_app, name="alarms")
app.add_typer(messages_app, name="messages")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PROJECT = Path.cwd()


def say(line: str) -> None:
    """One line of progress, where it does not get into the way of output."""
    print(f"nuanshao: {line}", file=sys.stderr, flush=True)


# -- everything on this machine -------------------------------------------------------------------------------------


@app.command()
def demo(
    minutes: Annotated[float | None, typer.Option(min=2, help="End after so many minutes; without: at Ctrl-C.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write what happened to this file, as JSON.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write the view at its busiest moment, as HTML.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed plays the same county.")] = 1,
    villages: Annotated[int, typer.Option(min=1, max=99)] = 3,
    homes: Annotated[int, typer.Option(min=5, help="Homes in all villages together.")] = 300,
) -> None:
    """Play a county of homes against the real system: watch readings, alarms and messages come in."""
    from demo.run import run

    code = run(
        PROJECT,
        minutes=minutes,
        report=report,
        picture=picture,
        seed=seed,
        villages=villages,
        homes=homes,
        say=say,
    )
    raise typer.Exit(code)


@app.command()
def up(
    api_port: Annotated[int, typer.Option(help="Port of the API; 0 takes a free one.")] = 8080,
    mqtt_port: Annotated[int, typer.Option(help="Port of the broker; 0 takes a free one.")] = 0,
    mqtt_address: Annotated[
        str, typer.Option(help="Where devices reach the broker, e.g. 0.0.0.0; without: this machine only.")
    ] = "127.0.0.1",
    mqtt_tls_port: Annotated[int, typer.Option(min=1, max=65535, help="A second port of the broker, with TLS.")] = 8883,
    mqtt_certificate: Annotated[Path | None, typer.Option(help="Opens the TLS port: certificate chain, PEM.")] = None,
    mqtt_key: Annotated[Path | None, typer.Option(help="The certificate's key, PEM.")] = None,
) -> None:
    """Start services and our processes in the foreground, without the simulator. Ctrl-C stops everything."""
    from demo.up import run
    from foundation.errors import SettingsError
    from runtime.mosquitto import TlsListener

    if (mqtt_certificate is None) != (mqtt_key is None):
        raise SettingsError("TLS needs a certificate and its key", do="give --mqtt-certificate and --mqtt-key")
    tls = TlsListener(mqtt_tls_port, mqtt_certificate, mqtt_key) if mqtt_certificate and mqtt_key else None
    run(
        PROJECT, api_port=api_port, mqtt_port=mqtt_port, mqtt_address=mqtt_address, mqtt_tls=tls, say=say
    )  # fmt: skip


@app.command()
def chaos(
    minutes: Annotated[float, typer.Option(help="How long things are broken, 2 or more.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed breaks the same things at the same times.")] = 1,
    rate: Annotated[float, typer.Option(min=1, help="Readings a second, of all devices together.")] = 1000.0,
    devices: Annotated[int, typer.Option(min=1, max=10_000, help="Devices beside the CO detectors.")] = 600,
    *,
    short: Annotated[bool, typer.Option("--short", help="Everything once, within a minute.")] = False,
    kill_broker: Annotated[bool, typer.Option("--kill-broker", help="The broker too; it loses what it must.")] = False,
    as_json: Json = False,
) -> None:
    """Break the running system on a schedule and balance the books afterwards. Exit code 1 when they do not balance."""
    from chaos.run import Wish, run

    logs.configure(process="chaos", level="ERROR")
    result = run(PROJECT, Wish(minutes, seed, rate, devices, short, kill_broker), say)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    raise typer.Exit(0 if result["ok"] else 1)


# -- our processes --------------------------------------------------------------------------------------------------


@app.command()
def migrate(
    plan: Annotated[bool, typer.Option("--plan", help="Print the SQL that it would run; change nothing.")] = False,
    *,
    as_json: Json = False,
) -> None:
    """Bring the database's schema to this version."""
    from foundation.settings import settings
    from store.connect import connect, database_url
    from store.migrate import migrate as run
    from store.migrate import plan as look_ahead
    from store.reader import set_reader_password

    _use_env_file()
    if plan:
        with connect(database_url()) as connection:
            ahead = look_ahead(connection)
        print(json.dumps(asdict(ahead)) if as_json else ahead.sql)
        return
    with connect(database_url()) as connection:
        done = run(connection)
        password = settings().reader_password.get_secret_value()
        if password:
            set_reader_password(connection, password)
            connection.commit()
    if as_json:
        print(json.dumps({"applied": done.applied, "columns": done.columns, "edition": done.fitness.edition}))
    else:
        print(
            f"TimescaleDB {done.fitness.timescaledb} ({done.fitness.edition}) on PostgreSQL {done.fitness.postgresql}"
        )
        print(f"{len(done.applied)} migrations applied, {len(done.columns)} metric columns added")
        if done.phones.sealed:
            print(f"{done.phones.sealed} telephone numbers sealed")
        if done.phones.foreign:
            say(f"{done.phones.foreign} telephone numbers cannot be read: they were sealed with another key")
        print("\n".join(done.upkeep))


@app.command()
def ingest(
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the work.")] = 1,
    index: Annotated[int | None, typer.Option(min=0, hidden=True, help="Be this one of them.")] = None,
    *,
    goes: Annotated[bool, typer.Option("--goes", hidden=True, help="Take the last of the queue, and go.")] = False,
) -> None:
    """Take readings from the broker into the database."""
    from alerts.engine import Engine
    from broker.address import Broker
    from catalogue.rules import pack_in_force
    from foundation.exposition import exposed
    from foundation.settings import required, settings
    from ingest.metrics import problems
    from ingest.sessions import client_id
    from ingest.worker import Worker
    from runtime.workers import run_workers, see_off
    from store.connect import database_url

    logs.configure(process="ingest")
    broker, name = Broker.parse(required("mqtt_url"), settings().mqtt_ca_file), settings().worker
    if workers > 1 and index is None and not goes:
        _until_told(lambda stop: run_workers(database_url(), name, workers, stop))
        return
    if index is None and not goes:
        _beside(lambda stop: see_off(database_url(), name, 1, stop))

    async def work(stop: asyncio.Event) -> None:
        worker = Worker(
            database_url=database_url(),
            broker=broker,
            client_id=client_id(broker, name, settings().mqtt_client_id),
            engine=Engine(pack_in_force()),
            name=name,
            index=index or 0,
            workers=workers,
            goes=goes,
        )
        port = 0 if goes else settings().metrics_port
        async with exposed(worker.metrics.registry, lambda: problems(worker.standing()), settings().metrics_host, port):
            await worker.run(stop)

    _run(work)


@app.command()
def alerts() -> None:
    """Watch deadlines and silence, and carry messages to people."""
    from alerts.channels.accounts import open_accounts
    from alerts.channels.failover import with_failover
    from alerts.engine import Engine
    from alerts.links import check_links
    from alerts.service import AlertsService
    from alerts.standby.standby import NO_FOLDER, open_standby
    from broker.address import Broker
    from catalogue.rules import pack_in_force
    from foundation.clock import utc_now
    from foundation.exposition import exposed
    from foundation.sealing import check
    from foundation.settings import required, settings
    from store.connect import database_url

    logs.configure(process="alerts")
    check()
    check_links(settings())

    async def service(stop: asyncio.Event) -> None:
        channels = with_failover(open_accounts(settings()), utc_now)
        standby, why_not, name, pack = None, NO_FOLDER, settings().alerts_worker, pack_in_force()
        url = settings().mqtt_url.get_secret_value()
        broker = Broker.parse(url, settings().mqtt_ca_file) if url else None
        if settings().standby_dir:
            broker = Broker.parse(required("mqtt_url"), settings().mqtt_ca_file)
            standby, why_not = open_standby(
                Path(settings().standby_dir), broker, channels.get("sms"), pack=pack, name=name
            )
        alerts = AlertsService(
            database_url=database_url(), engine=Engine(pack), channels=channels, name=name,
            standby=standby, why_no_standby=why_not, broker=broker,
        )  # fmt: skip
        where = settings().metrics_host, settings().alerts_metrics_port
        async with exposed(alerts.metrics.registry, alerts.problems, *where):
            await alerts.run(stop)

    _run(service)


@app.command()
def canary(
    *,
    once: Annotated[bool, typer.Option("--once", help="One run now, and its legs; exit code 1 when it fails.")] = False,
    phone: Annotated[bool, typer.Option("--phone", help="One run now, to the phone; it costs an SMS.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="Give it up: nobody is to miss its runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One run now, as JSON.")] = False,
) -> None:
    """Send a test alarm through the whole path every 15 minutes, and tell outside when it does not arrive."""
    from canary import commands
    from canary.show import as_json as shown
    from canary.show import as_lines
    from foundation.exposition import exposed
    from foundation.settings import required, settings
    from store.connect import database_url

    by_hand = once or phone or as_json or retire
    if by_hand:
        _use_env_file()
    logs.configure(process="canary", level="ERROR" if by_hand else "INFO")
    if retire:
        print("the canary is given up" if commands.give_up(database_url()) else "there is no canary")
        return
    if by_hand:
        run = commands.run_once(database_url(), required("mqtt_url"), to_phone=phone)
        print(json.dumps(shown(run), ensure_ascii=False) if as_json else "\n".join(as_lines(run)))
        raise typer.Exit(0 if run.well else 1)
    watch = commands.watch(database_url(), required("mqtt_url"))

    async def work(stop: asyncio.Event) -> None:
        where = settings().metrics_host, settings().canary_metrics_port
        async with exposed(watch.metrics.registry, watch.problems, *where):
            await watch.run(stop)

    _run(work)


@app.command()
def api() -> None:
    """Serve the REST API."""
    import uvicorn

    from alerts.links import check_links
    from api.access import refuse_open_door
    from api.app import create_app
    from foundation.sealing import check
    from foundation.settings import settings
    from store.connect import database_url

    logs.configure(process="api")
    check()
    chosen = settings()
    refuse_open_door(chosen)
    check_links(chosen)
    uvicorn.run(
        create_app(database_url()), host=chosen.api_host, port=chosen.api_port, access_log=False, log_level="warning",
        http="h11",
        proxy_headers=False,  # whom to believe in X-Forwarded-For is api/admission.py's
    )  # fmt: skip


@app.command()
def incidents(
    incident: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="One incident; without: all open ones.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    as_json: Json = False,
) -> None:
    """The incidents under way, each with its homes: since when they are silent, and which are back."""
    from alerts.incident_list import read_incidents
    from foundation.errors import NotFound
    from foundation.settings import settings
    from store.connect import connect, database_url

    _use_env_file()
    with connect(database_url()) as connection:
        found = read_incidents(connection, incident, everything=everything)
    if incident is not None and not found:
        raise NotFound(f"there is no incident {incident}", do="nuanshao incidents --all shows them")
    if as_json:
        print(json.dumps([one.as_json() for one in found], ensure_ascii=False))
        return
    for one in found:
        print("\n".join(one.as_lines(settings().timezone)))
    if not found:
        say("no incident is open")


@app.command(name="broker-access")
def broker_access() -> None:
    """Keep the broker's password file in step with the registry."""
    from foundation.settings import required
    from runtime.broker_access import follow
    from store.connect import database_url

    logs.configure(process="broker-access")
    follow(database_url(), Path(required("mqtt_password_file")))


@app.command()
def carriers(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.")] = 0,
) -> None:
    """Stand in for the phone companies, WeCom and WeChat on loopback, with a page of what people received."""
    from carriers.app import run
    from demo.accounts import emulated_accounts
    from foundation.settings import settings

    logs.configure(process="carriers")
    run(emulated_accounts(settings()), "127.0.0.1", port, lambda url: say(f"carrier emulator at {url}"))


# -- looking after it -----------------------------------------------------------------------------------------------


@app.command()
def doctor(
    only: Annotated[
        str | None, typer.Option(help="Look at one of our processes only: ingest, alerts or canary.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what is well and what is not, and what to do about it. Exit code 1 when something is not."""
    from demo.doctor import examine

    _use_env_file()
    findings = examine(only)
    if as_json:
        print(json.dumps([{"what": f.what, "well": f.well, "detail": f.detail} for f in findings], ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.well else 'FAIL'}  {finding.what:<12} {finding.detail}")
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)


@app.command()
def version() -> None:
    """Print the version."""
    print(VERSION)


@registry_commands.registry_app.callback()
@device_app.callback()
@simulate_app.callback()
@regions_app.callback()
@alarms_app.callback()
def _before_the_registry() -> None:
    _use_env_file()


@device_app.command("add")
def device_add(
    uid: Annotated[str, typer.Argument(help="4-32 of a-z, 0-9 and -.")],
    device_type: Annotated[str, typer.Option("--type", help="A device type of the catalogue.")],
    home: Annotated[str | None, typer.Option(help="Code of the home that it belongs to.")] = None,
    interval: Annotated[int | None, typer.Option(help="Seconds between two readings; without: the type's own.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Register a device and print its MQTT password, once."""
    from foundation.settings import required
    from registry.passwords import mosquitto_hash
    from runtime.admission import admit
    from store.connect import connect, database_url
    from store.registry import add_device, set_credential

    _use_env_file()
    password = secrets.token_urlsafe(18)
    with connect(database_url()) as connection:
        add_device(connection, uid=uid, device_type=device_type, home=home, interval_s=interval)
        set_credential(connection, uid, mosquitto_hash(password))
    admit(required("mqtt_url"), uid, password)
    if as_json:
        print(json.dumps({"uid": uid, "password": password, "topic": f"heat/v1/{uid}/telemetry"}))
    else:
        print(f"uid       {uid}\npassword  {password}\ntopic     heat/v1/{uid}/telemetry")
        say("the password is shown this once and not stored")


@drill_app.command("list")
def drill_list(*, as_json: Json = False) -> None:
    """The drills under way, then those that have ended, the newest first."""
    from demo import drill
    from foundation.clock import utc_now

    _use_env_file()
    found = drill.drills()
    if as_json:
        print(json.dumps([drill.as_json(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        print(drill.as_line(one, utc_now()))
    if not found:
        say("there has been no drill")


@drill_app.command("start")
def drill_start(
    homes: Annotated[str, typer.Option(help="Codes of the homes, with commas between.")],
    by: Annotated[str, typer.Option(help="Who is responsible for the drill.")],
    scenario: Annotated[str, typer.Option(help="A shipped scenario or a file.")] = "co-drill",
    name: Annotated[str, typer.Option(help="How people call it.")] = "应急演练",
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Without: as long as the scenario.")] = None,
    interval: Annotated[int | None, typer.Option(min=1, help="Seconds between two readings of a twin.")] = None,
    seed: Annotated[int, typer.Option()] = 1,
    report: Annotated[Path | None, typer.Option(help="Score it and write this JSON.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Play a scenario on twins of real homes, everything marked 演练; it ends by itself, or at Ctrl-C."""
    from demo.drilling import DrillOptions, play_drill

    _use_env_file()
    logs.configure(process="drill")
    codes = tuple(code.strip() for code in homes.split(",") if code.strip())
    done = play_drill(DrillOptions(scenario, codes, by, name, seed, minutes, interval, report, as_json), say)
    if as_json:
        print(json.dumps(done.as_json()))
    raise typer.Exit(done.code)


@drill_app.command("end")
def drill_end(
    drill_id: Annotated[int, typer.Argument(metavar="ID", help="As `nuanshao drill list` shows it.")],
    *,
    as_json: Json = False,
) -> None:
    """End a drill, whoever plays it: its devices are retired, its alarms closed, its messages not sent any more."""
    from demo.drill import close_drill

    _use_env_file()
    ended = close_drill(drill_id)
    counts = {"alarms": ended.alarms, "messages": ended.messages, "incidents": ended.incidents}
    if as_json:
        print(json.dumps({"id": drill_id, "ended_before": ended.before is not None, **counts}))
    elif ended.before is not None:
        print(f"drill {drill_id} had ended")
    else:
        print(f"drill {drill_id} has ended: " + ", ".join(f"{count} {what} closed" for what, count in counts.items()))


@dashboards_app.command("build")
def dashboards_build() -> None:
    """Write the Grafana boards' JSON from the catalogue (needs the development environment)."""
    from dashboards.build import write

    for path in write():
        print(path)


@app.command()
def catalogue(
    device_type: Annotated[str | None, typer.Option("--type", help="One device type, in full.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what exists: device types with their metrics, faults, makers' codes, models; building classes."""
    from demo.catalogue_print import as_data, show

    if as_json:
        print(json.dumps(as_data(device_type), ensure_ascii=False))
    else:
        show(device_type)


@app.command("coal-again")
def coal_again(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days back.")] = 7,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    *,
    as_json: Json = False,
) -> None:
    """Homes that may be burning coal again, with what speaks for it: whom to visit and ask, never a proof."""
    from alerts.looks.commands import coal_again as show

    _use_env_file()
    show(days, limit, as_json=as_json)


@app.command()
def duty(
    region: Annotated[
        str | None, typer.Option(help="Code of a region: with the steps above it and organisations; without: all.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Another moment than now, as 2026-02-15T03:00.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Who is told now: who is on duty, at each level, in which way and why. Phone numbers are masked."""
    from alerts.recipients.show import show_duty

    _use_env_file()
    show_duty(region, at, as_json=as_json)


@app.command()
def docs() -> None:
    """Write the pages of docs/ that are made from the code: settings and catalogue."""
    from demo.documents import FOLDER, write

    write(FOLDER)


# -- how commands run -----------------------------------------------------------------------------------------------


def _use_env_file() -> None:
    """Beside a running `nuanshao up` or `demo` of this folder its addresses are known without setting anything."""
    from runtime.stack import ENV_FILE

    path = PROJECT / ENV_FILE
    if "NUANSHAO_DATABASE_URL" in os.environ or not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, shlex.split(value)[0] if value else "")


def _run(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Runs one of our processes until SIGTERM or SIGINT."""
    import uvloop

    async def until_told() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await work(stop)

    uvloop.run(until_told())


def _until_told(work: Callable[[threading.Event], None]) -> None:
    """Runs what waits for an event in this thread, until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(stop)


def _beside(work: Callable[[threading.Event], None]) -> None:
    """Runs it beside one of our processes, for as long as that lives."""
    threading.Thread(target=work, args=(threading.Event(),), name="beside", daemon=True).start()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> None:
    """The command's entry: errors that a person can act on are one line, without a traceback."""
    try:
        app()
    except NuanshaoError as error:
        _fail(error)
    except BaseExceptionGroup as group:
        first = _first(group)
        if not isinstance(first, NuanshaoError):
            raise
        _fail(first)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: NuanshaoError) -> None:
    print(f"nuanshao: {error}", file=sys.stderr)
    sys.exit(2 if isinstance(error, SettingsError) else 1)


if __name__ == "__main__":
    main()

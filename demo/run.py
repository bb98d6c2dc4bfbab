"""`nuanshao demo`: a simulated county against the real system, judged at the end."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.live import Live
from rich.terminal_theme import MONOKAI

from catalogue.device_types import DEVICE_TYPES
from demo import view
from demo.county import register
from demo.verdict import Told, books, read_ledger, told
from device_sim.fleet.fleet import Fleet
from device_sim.fleet.plan import plan
from device_sim.score.truth import TruthEvent, read_truth
from foundation.clock import utc_now
from foundation.errors import DatabaseUnavailable
from foundation.settings import PREFIX
from foundation.version import VERSION
from runtime.admission import admit
from runtime.places import state_dir
from runtime.process import Process
from runtime.stack import Stack
from store.connect import connect
from store.health import LedgerCounts
from store.named_sql import sql

Say = Callable[[str], None]

SETTLE_WITHIN_S = 45.0
"""How long the end waits for the last readings to be stored and the last messages to be told."""
LINE_EVERY_S = 5.0
PICTURE_WIDTH = 132
# a wide sign must be twice as wide as a narrow one; no font has both, so the Chinese one is scaled to fit
PICTURE_FORMAT = """<!DOCTYPE html><meta charset="utf-8"><style>
@font-face {{ font-family: wide; src: local("Noto Sans CJK SC"), local("Noto Sans Mono CJK SC");
              size-adjust: 120.4%; unicode-range: U+2E80-9FFF, U+FF00-FFEF; }}
body {{ margin: 0; background: #11151c; }}
pre {{ margin: 0; padding: 16px 20px; font: 15px/20px wide, "DejaVu Sans Mono", monospace; color: #d7dde8;
       text-spacing-trim: space-all; }}
</style><pre>{code}</pre>"""
SHOWN_ALARMS, SHOWN_MESSAGES = 6, 6


class Demo:
    """One run. Everything it makes lies in `folder` and is removed at the end, unless something went wrong."""

    def __init__(self, project: Path, fleet: Fleet, *, minutes: float | None, seed: int, say: Say) -> None:
        self.folder = state_dir(project, "demo")
        self.stack = Stack(project, self.folder, say, fresh=True)
        self.fleet = fleet
        self.minutes = minutes
        self.seed = seed
        self._say = say
        self._project = project
        self._started = time.monotonic()
        self._rate = view.Rate()
        self._truth = self.folder / "truth.jsonl"
        self._counters = self.folder / "counters.json"
        self._busiest: tuple[view.Snapshot, float] | None = None

    def run(self) -> dict[str, Any]:
        """Plays and watches; returns the report."""
        with ExitStack() as undo:
            undo.enter_context(self.stack)
            with connect(self.stack.database_url) as connection:
                before = read_ledger(connection)
                passwords = register(connection, self.fleet)
            simulator = self._start_simulator(passwords)
            undo.callback(simulator.stop)
            self._say(f"up after {time.monotonic() - self._started:.1f} s; the API's pages: {self.stack.api_url}/docs")
            self._watch(simulator, before)
            simulator.stop(timeout=40)
            self._say("the simulator has stopped; waiting until everything is stored and told")
            return self._settle(before)

    def _start_simulator(self, passwords: dict[str, str]) -> Process:
        file = self.folder / "passwords.json"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as secret:
            json.dump(passwords, secret)
        last = self.fleet.devices[-1].uid
        admit(self.stack.mqtt_url, last, passwords[last])
        villages = len(self.fleet.villages)
        command = [
            "-m", "cli", "simulate", "live", "--seed", str(self.seed), "--villages", str(villages),
            "--homes", str(len(self.fleet.homes)), "--passwords", str(file),
            "--truth", str(self._truth), "--counters", str(self._counters),
        ]  # fmt: skip
        if self.minutes is not None:
            command += ["--minutes", str(self.minutes)]
        simulator = Process(
            "simulate",
            command,
            self.stack.logs / "simulate.log",
            folder=self._project,
            environment={f"{PREFIX}MQTT_URL": self.stack.mqtt_url, f"{PREFIX}DATABASE_URL": self.stack.database_url},
            restart=False,
        )
        simulator.start()
        return simulator

    def _watch(self, simulator: Process, before: LedgerCounts) -> None:
        """Shows what happens until the simulator has played its minutes, or Ctrl-C."""
        console = Console()
        left = "Ctrl-C ends it" if self.minutes is None else f"ends after {self.minutes:g} minutes"
        links = {"API": f"{self.stack.api_url}/docs", "phones": self.stack.carrier_url}
        try:
            if console.is_terminal:
                with Live(console=console, screen=True, auto_refresh=False) as live:
                    while simulator.running:
                        if looked := self._look(before):
                            self._busiest = max(self._busiest or looked, looked, key=lambda seen: seen[0].busy)
                            live.update(view.screen(*looked, left, links), refresh=True)
                        time.sleep(0.5)
            else:
                while simulator.running:
                    if looked := self._look(before):
                        self._busiest = max(self._busiest or looked, looked, key=lambda seen: seen[0].busy)
                        self._say(view.line(*looked))
                    self._wait(simulator)
        except KeyboardInterrupt:
            pass

    def picture(self, file: Path) -> None:
        """Writes the view at its busiest moment as a page (rich's SVG squeezes Chinese)."""
        if self._busiest is None:
            return
        console = Console(width=PICTURE_WIDTH, record=True, file=io.StringIO(), force_terminal=True)
        console.print(view.screen(*self._busiest, "Ctrl-C ends it", {}))
        page = console.export_html(theme=MONOKAI, code_format=PICTURE_FORMAT, inline_styles=True)
        file.write_text(page, encoding="utf-8")

    @staticmethod
    def _wait(simulator: Process) -> None:
        until = time.monotonic() + LINE_EVERY_S
        while simulator.running and time.monotonic() < until:
            time.sleep(0.1)

    def _look(self, before: LedgerCounts) -> tuple[view.Snapshot, float] | None:
        """What is to be shown now; None while the database is away."""
        self.stack.mend()
        try:
            with connect(self.stack.database_url, autocommit=True) as connection:
                return self._read(connection, before)
        except (DatabaseUnavailable, psycopg.OperationalError) as failed:
            self._say(f"looking again: {' '.join(str(failed).split())}")
            return None

    def _read(self, connection: psycopg.Connection, before: LedgerCounts) -> tuple[view.Snapshot, float]:
        counts = self._counts()
        row = connection.execute(sql("board")).fetchone() or (0,) * 6
        snapshot = view.Snapshot(
            at=utc_now(),
            books=books(counts.get("published", 0), read_ledger(connection), before),
            connected=counts.get("connected", 0),
            open_alarms=row[0],
            incidents=row[1],
            told=row[2],
            waiting=row[3],
            reporting=row[4],
            devices=row[5],
            villages=[view.Village(*one) for one in connection.execute(sql("village_glance"), (heating_types(),))],
            alarms=[view.Row(*one) for one in connection.execute(sql("newest_alarms"), (SHOWN_ALARMS,))],
            messages=[view.Sms(*one) for one in connection.execute(sql("newest_messages"), (SHOWN_MESSAGES,))],
        )
        return snapshot, self._rate.at(snapshot.at, snapshot.books.received)

    def _counts(self) -> dict[str, Any]:
        try:
            counts: dict[str, Any] = json.loads(self._counters.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return counts

    def _injected(self) -> list[TruthEvent]:
        """What somebody should be told of."""
        events = read_truth(self._truth) if self._truth.exists() else []
        return [event for event in events if event.kind is not None]

    def _settle(self, before: LedgerCounts) -> dict[str, Any]:
        """Waits, bounded, until nothing is under way any more; then draws the balance."""
        until = time.monotonic() + SETTLE_WITHIN_S
        with connect(self.stack.database_url, autocommit=True) as connection:
            return self._draw_balance(connection, before, until)

    def _draw_balance(self, connection: psycopg.Connection, before: LedgerCounts, until: float) -> dict[str, Any]:
        while True:
            published = self._counts().get("published", 0)
            balance = books(published, read_ledger(connection), before)
            events = [told(connection, event) for event in self._injected()]
            row = connection.execute(sql("messages_without_end")).fetchone()
            settled = balance.balanced and all(event.told_at for event in events) and row == (0,)
            if settled or time.monotonic() > until:
                return self._report(balance.as_json(), events, messages_without_end=row[0] if row else 0)
            time.sleep(0.3)

    def _report(self, ledger: dict[str, Any], events: list[Told], *, messages_without_end: int) -> dict[str, Any]:
        fit = self.stack.migrated.fitness if self.stack.migrated else None
        counts = self._counts()
        return {
            "ledger": ledger,
            "events": [_event(event) for event in events],
            "messages_without_end": messages_without_end,
            "deaths": self.stack.deaths,
            "simulator": {"final": counts.get("final", False), "sent": counts.get("sent", 0)},
            "edition": fit.edition if fit else None,
            "versions": {
                "nuanshao": VERSION,
                "timescaledb": fit.timescaledb if fit else None,
                "postgresql": fit.postgresql if fit else None,
                "mosquitto": self.stack.services.programs.broker.version if self.stack.services.mosquitto else None,
            },
        }


def heating_types() -> list[str]:
    """The device types that warm a home."""
    return [row.name for row in DEVICE_TYPES if row.heats]


def run(
    project: Path,
    *,
    minutes: float | None,
    report: Path | None,
    picture: Path | None,
    seed: int,
    villages: int,
    homes: int,
    say: Say,
) -> int:
    """Runs the demo and says how it went. Returns the exit code: 0 when the books balance and all was told."""
    demo = Demo(project, plan(seed, homes, villages=villages), minutes=minutes, seed=seed, say=say)
    result = demo.run()
    if report is not None:
        report.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if picture is not None:
        demo.picture(picture)
    wrong = shortcomings(result)
    for text in summary(result):
        say(text)
    for text in wrong:
        say(f"NOT GOOD: {text}")
    if wrong:
        say(f"logs and data are kept in {demo.folder}")
        return 1
    shutil.rmtree(demo.folder, ignore_errors=True)
    say("all is well: every reading accounted for, every injected event told")
    return 0


def shortcomings(report: dict[str, Any]) -> list[str]:
    """What a run must show and did not. Pure."""
    found = []
    ledger = report["ledger"]
    if not ledger["balanced"]:
        found.append(
            f"the ledger does not balance: published {ledger['published']}, stored {ledger['stored']},"
            f" duplicate {ledger['duplicate']}, rejected {ledger['rejected']}, received {ledger['received']}"
        )
    if found and "the broker" in report.get("deaths", ()):
        found.append("the broker died meanwhile: what it had taken and not yet handed on or saved died with it")
    if not report.get("simulator", {}).get("final", True):
        found.append("the simulator ended before its time: the end of logs/simulate.log says why")
    if not ledger["published"]:
        found.append("nothing was published: look into the simulator's log")
    found += [
        f"{event['kind']} at {event['home'] or event['village']} was not told"
        for event in report["events"]
        if event["told_at"] is None
    ]
    return found


def summary(report: dict[str, Any]) -> list[str]:
    """How it went, for people."""
    ledger = report["ledger"]
    counts = ", ".join(f"{name} {ledger[name]}" for name in ("published", "stored", "duplicate", "rejected"))
    return [f"{counts}: {'balanced' if ledger['balanced'] else 'NOT balanced'}"] + [
        f"{event['kind']:<9} {event['home'] or event['village']:<16} told {event['seconds']:.1f} s"
        f" after the first reading that showed it: {event['text']}"
        for event in report["events"]
        if event["told_at"]
    ]


def _event(event: Told) -> dict[str, Any]:
    def iso(moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

    return {
        "kind": event.kind,
        "home": event.home,
        "village": event.village,
        "device": event.device,
        "injected_at": iso(event.injected_at),
        "first_over_at": iso(event.first_over_at),
        "alarm_at": iso(event.alarm_at),
        "told_at": iso(event.told_at),
        "seconds": event.seconds,
        "channel": event.channel,
        "text": event.text,
    }

"""The standby: judges what ingest says at the broker and tells it, whatever the database does meanwhile.

It asks the database nothing; while that answers, it keeps copies of the registry and of the open alarms.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
import structlog

from alerts.channels.channel import Channel
from alerts.condition import State, judge_deadline
from alerts.standby.alarm_copy import AlarmCopy, load_alarms, read_alarms, write_alarms
from alerts.standby.bulletin import Bulletin, Danger, decode
from alerts.standby.folder import Folder
from alerts.standby.journal import Journal, Key
from alerts.standby.judging import LifeSafety, Remembered, judge, known_before, over, samples, settled
from alerts.standby.letter import Letter, letters
from alerts.standby.listener import Listener
from alerts.standby.reconcile import Reconciliation
from alerts.standby.registry_copy import ListedDevice, RegistryCopy, copy_registry
from alerts.standby.teller import Teller
from broker.address import Broker, session_name
from broker.delivery import Delivery
from catalogue.rules import RulePack
from foundation.clock import Clock, utc_now
from foundation.settings import settings
from foundation.waiting import until

log = structlog.get_logger()

NO_FOLDER: Final = "NUANSHAO_STANDBY_DIR is not set: nobody is told of CO, gas or fire while the database is down"
LOOK_EVERY_S: Final = 0.5
TIDY_EVERY: Final = timedelta(minutes=1)
AWAY_AFTER: Final = timedelta(seconds=8)
"""When the database has taken nothing for so long, messages that wait in it are told from here."""
MOST_STRANGERS: Final = 1_000
"""Unknown names that are remembered, so that each is logged once."""


class Standby:
    """One for a deployment. `folder` must be locked by this process."""

    def __init__(
        self, *, folder: Folder, broker: Broker, pack: RulePack, channel: Channel, name: str, clock: Clock
    ) -> None:
        self._clock = clock
        self._folder = folder
        self._rules: dict[str, LifeSafety] = {rule.id: rule for rule in pack.life_safety}
        self._journal = Journal(folder.journal, clock())
        self._registry = RegistryCopy(folder.registry)
        self._copy = load_alarms(folder.alarms, clock())
        self._stored = _by_key(self._copy)
        self._copied_at = self._wrote_at = clock()
        self._teller = Teller(self._journal, channel, clock)
        self._listener = Listener(broker, session_name(broker, f"{name}-standby"))
        self.reconciliation = Reconciliation(pack, channel, self._journal)
        self._judging = asyncio.Lock()
        self._due = asyncio.Event()
        self._unacknowledged: list[Delivery] = []
        self._acting = False
        self._copy_problem = ""
        self._tidied_at = clock()
        self._strangers: set[str] = set()

    @property
    def problem(self) -> str:
        """What the heartbeat says of it; empty when all is well and nothing is to be told."""
        said = [self._journal.problem, self._listener.problem, self._copy_problem]
        if not self._folder.registry.exists():
            said.append("there is no copy of the registry yet: nothing could be told")
        if self._acting:
            said.append("telling without the database")
        return "; ".join(filter(None, said))

    @property
    def acting(self) -> bool:
        """Whether it tells, or what it has told is not in the database yet."""
        return self._acting

    @property
    def unrecorded(self) -> int:
        """Messages that a carrier has taken and that the database does not know of."""
        return len(self._journal.unrecorded())

    async def run(self) -> None:
        """Works until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listener.stay_connected(), name="standby-listener")
                tasks.create_task(self._hear(), name="standby-judge")
                tasks.create_task(self._watch_deadlines(), name="standby-deadlines")
                tasks.create_task(self._tell(), name="standby-teller")
        finally:
            self._journal.close()
            self._registry.close()
            self._folder.release()

    # -- while the database answers -----------------------------------------------------------------------------

    def database_wrote(self) -> None:
        """It has just taken something: messages that wait in it are its courier's."""
        self._wrote_at = self._clock()

    async def keep_registry(self, connection: psycopg.AsyncConnection) -> None:
        """Copies the registry."""
        with self._a_full_disk():
            devices = await copy_registry(connection, self._folder.registry)
            log.debug("registry_copied", devices=devices)

    async def keep_alarms(self, connection: psycopg.AsyncConnection) -> None:
        """Copies the open alarms, and writes into the database what was told meanwhile."""
        copy = await read_alarms(connection, list(self._rules), self._clock())
        news = (copy.alarms, copy.waiting) != (self._copy.alarms, self._copy.waiting)
        self._copy, self._stored, self._copied_at = copy, _by_key(copy), self._clock()
        if news or not self._folder.alarms.exists():
            with self._a_full_disk():
                await asyncio.to_thread(write_alarms, copy, self._folder.alarms)
        await self.reconciliation.hand_over(connection, self._clock())

    @contextlib.contextmanager
    def _a_full_disk(self) -> Iterator[None]:
        """A copy that cannot be written is a problem to be shown; the last one stands."""
        try:
            yield
            self._copy_problem = ""
        except (OSError, sqlite3.Error) as failed:
            self._copy_problem = f"a copy for the time without the database cannot be written: {failed}"
            log.error("standby_copy_not_written", why=str(failed))  # noqa: TRY400 (a traceback may show numbers)

    # -- whether it answers or not ------------------------------------------------------------------------------

    async def _hear(self) -> None:
        while True:
            deliveries = await self._listener.arrived()
            async with self._judging:
                written = await self._take([decode(delivery.payload) for delivery in deliveries])
            self._unacknowledged += deliveries
            if written:
                self._listener.acknowledge(self._unacknowledged)
                self._unacknowledged.clear()
            self._due.set()

    async def _take(self, bulletins: Iterable[Bulletin | None]) -> bool:
        """Judges bulletins in the order in which they came. Returns whether what follows is on the disk."""
        now = self._clock()
        changed: dict[Key, Remembered | None] = {}
        written: list[Letter] = []
        for bulletin in bulletins:
            if bulletin is None:
                log.error("bulletin_unreadable")
                continue
            if bulletin.storing:
                log.info("worker_stores", worker=bulletin.worker)
                for key, one in {**self._journal.remembered, **changed}.items():
                    if one is not None:
                        changed[key] = settled(one, bulletin.worker, now)
            for danger in sorted(bulletin.dangers, key=lambda danger: danger.ts_ms):
                try:
                    written += self._judge(danger, bulletin.worker, changed, now)
                except (ArithmeticError, LookupError, OSError, TypeError, ValueError):
                    # it would come again after every restart; the others are not to blame
                    log.exception("danger_not_judged", uid=danger.uid[:40])
        return await self._journal.record(changed, written)

    def _judge(self, danger: Danger, worker: str, changed: dict[Key, Remembered | None], now: datetime) -> list[Letter]:
        """Judges one danger; what is known afterwards goes into `changed`. Returns the letters to be sent."""
        device = self._registry.device(danger.uid)
        if device is None or (danger.via and danger.via not in {device.uid, device.gateway}):
            self._wonder_at(danger)
            return []
        if device.drill:
            return []  # whether the drill has ended, and what else its number had today, only the database knows
        written: list[Letter] = []
        for rule, sample in samples(self._rules.values(), danger, device.type):
            key = device.id, rule.id
            ours = changed[key] if key in changed else self._journal.remembered.get(key)
            before = known_before(device.uid, ours, self._stored.get(key), now)
            decision, changed[key] = judge(rule, before, sample, device.interval_s, device.uid, worker)
            if decision.state is not None and decision.change in {"raised", "raised_late"}:
                written += self._letters(rule, device, decision.state, now)
        return written

    def _letters(self, rule: LifeSafety, device: ListedDevice, state: State, now: datetime) -> list[Letter]:
        contacts = self._registry.contacts(device)
        if not contacts:
            log.error("nobody_to_tell", rule=rule.id, device=device.uid, do="add a contact to its region")
        told = self.reconciliation.told_by_courier
        untold = [contact for contact in contacts if not told((device.id, rule.id, contact.id), now)]
        made = letters(
            self._registry.mark(), rule, device.id, device.place, state, untold, now, settings().timezone
        )  # fmt: skip
        return [letter for letter in made if letter.key not in self._journal.letters]

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = self._clock()
            async with self._judging:
                await self._fire_deadlines(now)
                await self._take_over(now)
            if now - self._tidied_at >= TIDY_EVERY:
                self._tidied_at = now
                gone = [key for key, one in self._journal.remembered.items() if over(one, now)]
                await self._journal.record(dict.fromkeys(gone))
                await self._journal.tidy(now)
            self._say_whether_acting()

    async def _fire_deadlines(self, now: datetime) -> None:
        """Raises what has been pending until its deadline, as Engine.fire_deadlines does."""
        changed: dict[Key, Remembered | None] = {}
        written: list[Letter] = []
        for key, one in self._journal.remembered.items():
            if one.state is None or one.state.deadline is None or one.state.deadline > now:
                continue
            if (rule := self._rules.get(key[1])) is None:  # the pack has it no longer
                changed[key] = None
                continue
            decision, device = judge_deadline(rule, one.state, now), self._registry.device(one.uid)
            changed[key] = Remembered(one.uid, decision.state, one.last_ts, one.worker)
            if decision.change == "raised" and decision.state is not None and device is not None:
                written += self._letters(rule, device, decision.state, now)
        if changed:
            await self._journal.record(changed, written)
            self._due.set()

    async def _take_over(self, now: datetime) -> None:
        """Messages that waited in the database when it went away: looked up at the carrier, then told from here."""
        if not self._copy.waiting or now - self._wrote_at < AWAY_AFTER:
            return
        told = self.reconciliation.told_by_courier
        ours = [
            letter
            for letter in self._copy.waiting
            if letter.key not in self._journal.letters and not told(letter.about, now)
        ]
        if ours:
            log.warning("waiting_messages_taken_over", messages=len(ours))
            await self._journal.record(letters=ours)
            self._due.set()

    async def _tell(self) -> None:
        while True:
            await until(self._due, at_most_s=LOOK_EVERY_S)
            self._due.clear()
            await self._teller.round()

    # -- what it says -------------------------------------------------------------------------------------------

    def _say_whether_acting(self) -> None:
        """Once when it begins and once when it is over: every ingest worker stores again and all is written down."""
        acting = any(one.settled_at is None for one in self._journal.remembered.values()) or any(
            letter.open or (letter.state == "accepted" and not letter.recorded)
            for letter in self._journal.letters.values()
        )
        if acting and not self._acting:
            log.warning("telling_without_database")
        elif self._acting and not acting:
            log.warning("telling_with_database_again")
        self._acting = acting

    def _wonder_at(self, danger: Danger) -> None:
        if danger.uid not in self._strangers and len(self._strangers) < MOST_STRANGERS:
            self._strangers.add(danger.uid)
            log.warning("danger_of_a_stranger", uid=danger.uid[:40], via=danger.via[:40])


def open_standby(
    folder: Path, broker: Broker, channel: Channel | None, *, pack: RulePack, name: str, clock: Clock = utc_now
) -> tuple[Standby | None, str]:
    """The standby of this folder; or None, and why: another process has it, and two would tell everything twice."""
    if channel is None:
        return None, "the standby tells by SMS only, and no carrier of SMS is set"
    opened = Folder(folder)
    try:
        ours = opened.lock()
    except OSError as failed:
        return None, f"NUANSHAO_STANDBY_DIR={folder} cannot be used: {failed.strerror}"
    if not ours:
        return None, f"another process tells from {folder}: name NUANSHAO_STANDBY_DIR for one alerts process only"
    return Standby(folder=opened, broker=broker, pack=pack, channel=channel, name=name, clock=clock), ""


def _by_key(copy: AlarmCopy) -> dict[Key, State]:
    return {(alarm.device_id, alarm.rule): alarm.state for alarm in copy.alarms}

"""Plays faults on the running system, each in a thread of its own, and starts what died again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from broker.address import Broker, session_name
from chaos.kinds import LINKS, Kind
from chaos.links import Links
from chaos.load import Load
from chaos.schedule import Fault
from chaos.stage import Stage
from chaos.stall import stall
from chaos.thief import take_over
from foundation.errors import NuanshaoError, ServiceFailed
from foundation.settings import Settings
from runtime.mosquitto import Mosquitto
from runtime.postgres import Postgres
from runtime.process import Process
from runtime.stack import Stack

Say = Callable[[str], None]

MEND_EVERY_S: Final = 0.5
GONE_WITHIN_S: Final = 10.0
"""For the restart of a process that is to be killed and is just dead already."""
LAST_FAULT_S: Final = 120.0


class Breaker:
    """From `start` to `heal`. `kills` counts whom we killed, by the names that `Stack.deaths` uses."""

    def __init__(self, stack: Stack, stage: Stage, links: Links, load: Load, say: Say) -> None:
        self.kills: Counter[str] = Counter()
        self.played: Counter[str] = Counter()
        self.broker_kills_ms: list[int] = []
        self.problems: list[str] = []
        self._stack = stack
        self._stage = stage
        self._links = links
        self._load = load
        self._say = say
        self._healing = threading.Event()
        # starting and stopping a server is one thing at a time
        self._servers = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._mender = threading.Thread(target=self._mend, name="chaos-mend", daemon=True)
        self._ways: dict[Kind, Callable[[Fault], None]] = {
            "ingest_killed": partial(self._kill, "ingest"),
            "alerts_killed": partial(self._kill, "alerts"),
            "database_killed": self._kill_database,
            "disk_stalled": self._stall_disk,
            "broker_restarted": self._restart_broker,
            "connections_cut": self._cut,
            "connections_half_open": self._half_open,
            "reconnect_storm": self._storm,
            "client_id_shared": self._share,
            "session_taken_over": self._take_over,
            "broker_killed": self._kill_broker,
        }

    def start(self) -> None:
        """Watch over database and broker."""
        self._mender.start()

    def play(self, fault: Fault) -> None:
        """Begin this fault; returns at once."""
        thread = threading.Thread(target=self._play, args=(fault,), name=f"fault-{fault.kind}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def finish(self) -> None:
        """Wait for faults that still last."""
        until = time.monotonic() + LAST_FAULT_S
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))
        self.problems += [f"{thread.name} does not end" for thread in self._threads if thread.is_alive()]

    def heal(self) -> None:
        """Make everything whole again and stop watching, also in the middle of a fault."""
        self._healing.set()
        self.finish()
        if self._mender.is_alive():
            self._mender.join(LAST_FAULT_S)
        for link in LINKS:
            self._stage.call(self._links[link].forget_frozen)

    def _play(self, fault: Fault) -> None:
        try:
            self._ways[fault.kind](fault)
        except NuanshaoError as failed:
            self.problems.append(f"{fault.kind} at {fault.at_s} s: {failed}")
        else:
            self.played[fault.kind] += 1

    def _mend(self) -> None:
        while not self._healing.wait(MEND_EVERY_S):
            with self._servers:
                self._stack.mend()

    # -- one method a kind ----------------------------------------------------------------------------------------

    def _kill(self, name: str, fault: Fault) -> None:
        process = self._process(name)
        until = time.monotonic() + GONE_WITHIN_S
        while not process.running and time.monotonic() < until:
            self._healing.wait(0.1)
        if not process.running:
            raise ServiceFailed(f"{name} does not run, so it cannot be killed", do=f"see its log ({fault.kind})")
        self.kills[name] += 1
        process.kill()

    def _kill_database(self, fault: Fault) -> None:
        del fault
        with self._servers:
            self.kills["the database"] += 1
            self._postgres().kill()

    def _stall_disk(self, fault: Fault) -> None:
        stall(self._postgres().data, fault.for_s, self._healing)

    def _restart_broker(self, fault: Fault) -> None:
        del fault
        with self._servers:
            self._mosquitto().restart()

    def _kill_broker(self, fault: Fault) -> None:
        del fault
        with self._servers:
            self.kills["the broker"] += 1
            self._mosquitto().kill()
            self.broker_kills_ms.append(time.time_ns() // 1_000_000)

    def _cut(self, fault: Fault) -> None:
        self._stage.call(self._links.of(fault).cut)

    def _half_open(self, fault: Fault) -> None:
        proxy = self._links.of(fault)
        self._stage.call(proxy.freeze)
        self._healing.wait(fault.for_s)
        self._stage.call(proxy.forget_frozen)

    def _storm(self, fault: Fault) -> None:
        self._stage.call(self._load.cut_off)
        self._healing.wait(fault.for_s)
        self._stage.call(self._load.come_back)

    def _share(self, fault: Fault) -> None:
        self._stage.call(self._load.share_client_ids)
        self._healing.wait(fault.for_s)
        self._stage.call(self._load.end_sharing)

    def _take_over(self, fault: Fault) -> None:
        broker = Broker.parse(self._stack.mqtt_url)
        taken = self._stage.run(take_over(broker, session_name(broker, Settings().worker), fault.for_s))
        self._say(f"        the thief was sent {taken} messages of ours, and left")

    # -- on what --------------------------------------------------------------------------------------------------

    def _process(self, name: str) -> Process:
        return self._stack.processes[name]

    def _postgres(self) -> Postgres:
        if self._stack.services.postgres is None:
            raise ServiceFailed("the database is not ours to break", do="unset NUANSHAO_DATABASE_URL")
        return self._stack.services.postgres

    def _mosquitto(self) -> Mosquitto:
        if self._stack.services.mosquitto is None:
            raise ServiceFailed("the broker is not ours to break", do="unset NUANSHAO_MQTT_URL")
        return self._stack.services.mosquitto

"""Whatever happens in whatever order, with two workers and the real database: what must always be true (DESIGN §5).

More than CI has time for: `PROPERTY_EXAMPLES=500 pytest tests/integration/test_engine_properties.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from alerts.acknowledgement import acknowledge_alarm
from alerts.engine import Engine
from alerts.shelving import Wish, shelve
from alerts.suppression_watch import SuppressionWatch
from catalogue.rules import Rule, default_pack
from ingest.batch import Batch
from ingest.judge import JudgedEvent
from store import registry
from store.connect import connect, connect_async
from tests.world import World, ms, registered_devices, rows
from tests.world import one as first_value

EXAMPLES: Final = int(os.environ.get("PROPERTY_EXAMPLES", "12"))
STEPS: Final = 25
_numbers = itertools.count()

AIR = st.sampled_from([3.0, 3.0, 14.0, 20.0, 60.0, 97.0, 110.0, 110.0, 290.0, 310.0, 310.0])
"""ppm: back, between, and beyond each level; the boiler's water is told from it too."""
KINDS = st.sampled_from(["co", "co", "gb"])
WHO = st.sampled_from([0, 1])
STEP_S = st.sampled_from([1.0, 10.0, 10.0, 60.0, 300.0, 1000.0])
BEHIND_S = st.sampled_from([0.0, 0.0, 0.0, 5.0, 65.0, 290.0])
Alarm = dict[str, Any]
PACK: Final[dict[str, Rule]] = {each.id: each for each in default_pack().rules}
TOLD: Final = """
    select a.rule, n.idempotency_key from notification n join alarm a on a.id = n.alarm_id
    where n.kind = 'raised' and a.device_id = any(%s)"""
TOLD_AFTERWARDS: Final = """
    select count(*) from withheld w join alarm a on a.id = w.alarm_id
    where w.kind = 'raised' and w.outcome = 'told' and a.device_id = any(%s)
      and exists (select 1 from notification n where n.idempotency_key like '%%-again-' || w.id || '-%%')"""


def _lived(alarm: Alarm) -> Alarm:
    """Without whether it rings."""
    return {name: value for name, value in alarm.items() if "suppress" not in name and name != "incident_id"}


class Counting(Engine):
    """Counts what it raises: of rules that nothing suppresses, and of the others."""

    def __init__(self, raised: Counter[bool]) -> None:
        super().__init__(default_pack())
        self._raised = raised

    async def _apply(self, *arguments: Any) -> int:
        raised = await super()._apply(*arguments)
        self._raised[arguments[3].life_safety] += raised
        return raised


class TwoWorkers(RuleBasedStateMachine):
    """A detector and a boiler of their own for each example; seconds since the start of the night."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.second = 0.0
        self.raised: Counter[bool] = Counter()
        self.said: list[tuple[str, float, dict[str, float]]] = []
        self.open: dict[int, Alarm] = {}

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run(doing)

    @initialize()
    def begin(self) -> None:
        number = next(_numbers)
        self.uids = {kind: f"{kind}-drawn-{number}" for kind in ("co", "gb")}
        with connect(self.url) as connection:
            for kind, device_type in (("co", "co_detector"), ("gb", "gas_wall_boiler")):
                registry.add_device(
                    connection, uid=self.uids[kind], device_type=device_type, home="home-000", interval_s=10
                )
            connection.commit()
        self.run(self._connect())

    async def _connect(self) -> None:
        self.connections = [await connect_async(self.url, autocommit=True) for _ in range(3)]
        devices = await registered_devices(self.connections[0])
        self.devices = {kind: devices[uid] for kind, uid in self.uids.items()}
        self.workers = [
            World(connection, engine=Counting(self.raised), devices=devices, name=f"ingest-{number}")
            for number, connection in enumerate(self.connections[:2])
        ]

    # -- what may happen ---------------------------------------------------------------------------------------------

    @rule(who=WHO, kind=KINDS, ppm=AIR, after_s=STEP_S, behind_s=BEHIND_S)
    def reading(self, who: int, kind: str, ppm: float, after_s: float, behind_s: float) -> None:
        self.second += after_s
        self.run(self._read(who, kind, self.second - behind_s, self.second, ppm))

    @rule(kind=KINDS, airs=st.lists(AIR, min_size=1, max_size=6), after_s=STEP_S, turned=st.booleans())
    def both_workers_at_once(self, kind: str, airs: list[float], after_s: float, *, turned: bool) -> None:
        """A backlog that went to two workers, half each."""
        self.second += after_s
        times = [self.second - 10 * number for number in range(len(airs))]
        halves = [list(zip(times, airs, strict=True))[place::2] for place in ((1, 0) if turned else (0, 1))]

        async def work() -> None:
            await asyncio.gather(*(self._batch(who, kind, half, self.second) for who, half in enumerate(halves)))

        self.run(work())

    @precondition(lambda self: self.said)
    @rule(who=WHO, place=st.integers(0, 1000))
    def repetition(self, who: int, place: int) -> None:
        before = self.read_alarms()
        uid, second, metrics = self.said[place % len(self.said)]
        worker = self.workers[who]
        reading = worker.judged(uid, second, self.second, **metrics)
        self.run(worker.commit(Batch(readings=[reading])))
        assert self.read_alarms() == before, "a duplicate changed something"

    @rule(who=WHO, airs=st.lists(AIR, min_size=1, max_size=14), ago_s=st.sampled_from([400.0, 3000.0, 90_000.0]))
    def late(self, who: int, airs: list[float], ago_s: float) -> None:
        before = {one["id"]: one for one in self.read_alarms()}
        begins = self.second - ago_s - 60 * len(airs) - 0.5
        points = [(begins + 60 * number, ppm) for number, ppm in enumerate(airs)]
        self.run(self._batch(who, "co", points, self.second))
        for one in self.read_alarms():
            known = before.pop(one["id"], None)
            if known is None or (known["condition"] == "pending" and one != known):
                assert (one["late"], one["condition"]) == (True, "normal"), "late readings raised a live alarm"
                assert known is None or one["deadline"] == known["deadline"]
            else:
                assert one == known, "late readings changed an alarm"
        assert before == {}, "late readings ended what was pending"

    @rule(who=WHO, on=st.booleans(), after_s=STEP_S)
    def own_bit(self, who: int, *, on: bool, after_s: float) -> None:
        self.second += after_s
        worker = self.workers[who]
        moment = ms(worker.at(self.second))
        event = JudgedEvent(self.devices["co"], "co_alarm", on, moment, moment, None, 0)
        self.run(worker.commit(Batch(events=[event])))

    @rule(who=WHO)
    def restart(self, who: int) -> None:
        self.workers[who].engine = Counting(self.raised)

    @rule(after_s=st.sampled_from([0.0, 30.0, 600.0, 3600.0, 86_400.0]))
    def silence(self, after_s: float) -> None:
        """Nothing is heard; two processes look at the deadlines at once."""
        self.second += after_s
        before = self.read_alarms()
        self.run(self._deadlines())
        after = {one["id"]: one for one in self.read_alarms()}
        for one in before:
            if one["condition"] in {"active", "recovering"}:
                assert after[one["id"]] == one, "silence changed a raised alarm"
            elif one["condition"] == "normal":
                assert after[one["id"]]["closed_at"] is None
        due = [one for one in after.values() if one["deadline"] is not None and one["closed_at"] is None]
        assert all(one["deadline"] > self.workers[0].at(self.second) for one in due), "a deadline was left"

    @precondition(lambda self: any(alarm["condition"] != "pending" for alarm in self.open.values()))
    @rule(place=st.integers(0, 1000), ppm=AIR, after_s=st.sampled_from([10.0, 1000.0]), firing=st.booleans())
    def acknowledged_while_a_reading_comes(self, place: int, ppm: float, after_s: float, *, firing: bool) -> None:
        """Perhaps the one that clears it; or while deadlines fire."""
        told = [alarm for alarm in self.open.values() if alarm["condition"] != "pending"]
        alarm = told[place % len(told)]
        kind = "co" if alarm["device_id"] == self.devices["co"].id else "gb"
        self.second += after_s

        async def race() -> None:
            await asyncio.gather(
                self._acknowledge(alarm["id"]),
                self._deadlines() if firing else self._read(0, kind, self.second, self.second, ppm),
            )

        self.run(race())
        (after,) = self.run(rows(self.connections[2], "select * from alarm where id = %s", (alarm["id"],)))
        assert after["acknowledged_at"] is not None
        assert (after["closed_at"] is not None) == (after["condition"] == "normal"), "two truths"
        if alarm["condition"] == "normal" and alarm["deadline"] is not None and after["closed_at"] is not None:
            self.run(self._deadlines())
            goes_on = [one for one in self.read_alarms() if one["rule"] == alarm["rule"]]
            if firing and alarm["deadline"] > self.workers[0].at(self.second):
                assert [one["since"] for one in goes_on] == [alarm["since"]], "what was pending again is forgotten"

    @rule(minutes=st.sampled_from([1, 10, 60]))
    def shelved(self, minutes: int) -> None:
        """The boiler; carbon monoxide cannot be. It ends at a later look."""
        wish = Wish(by="a", why="b", lasts=timedelta(minutes=minutes), device=self.uids["gb"])
        before = [_lived(one) for one in self.read_alarms()]
        self.run(shelve(self.connections[2], default_pack(), wish, self.workers[0].at(self.second)))
        assert [_lived(one) for one in self.read_alarms()] == before, (
            "a shelf changes whether it rings, and nothing else"
        )

    @rule()
    def looked_at_what_suppresses(self) -> None:
        self.run(self._look())

    # -- what must always be true ------------------------------------------------------------------------------------

    @invariant()
    def one_open_alarm_for_a_rule_on_a_device(self) -> None:
        if not hasattr(self, "workers"):
            return
        now = self.read_alarms()
        keys = [(alarm["device_id"], alarm["rule"]) for alarm in now]
        assert len(keys) == len(set(keys))
        for alarm in now:
            pending = alarm["condition"] == "pending"
            assert (alarm["raised_at"] is None) == (alarm["recorded_at"] is None) == pending
            assert not pending or alarm["deadline"] is not None, "pending for ever"
            normal = alarm["condition"] == "normal"
            assert (alarm["cleared_at"] is not None) == normal
            assert not (normal and alarm["acknowledged_at"]), "normal and acknowledged, yet open"
            assert not alarm["late"] or normal
        gone = [alarm for id_, alarm in self.open.items() if id_ not in {one["id"] for one in now}]
        for alarm in gone:
            found = self.run(rows(self.connections[2], "select * from alarm where id = %s", (alarm["id"],)))
            assert found or alarm["condition"] == "pending", "a raised alarm has vanished"
            for closed in found:
                assert closed["condition"] == "normal"
                assert closed["acknowledged_at"] is not None or not closed["latching"], "closed without a person"
        self.open = {alarm["id"]: alarm for alarm in now}

    @invariant()
    def each_raise_is_told_once(self) -> None:
        if not hasattr(self, "workers"):
            return
        ids = [device.id for device in self.devices.values()]
        told = Counter(
            (PACK[row["rule"]].life_safety, "-again-" in row["idempotency_key"])
            for row in self.run(rows(self.connections[2], TOLD, (ids,)))
        )
        assert told[True, False] == self.raised[True], "each once: nothing suppresses what endangers lives"
        assert told[True, True] == 0
        assert told[False, False] <= self.raised[False]
        assert told[False, True] == self.run(first_value(self.connections[2], TOLD_AFTERWARDS, (ids,)))

    # -- how ---------------------------------------------------------------------------------------------------------

    def read_alarms(self) -> list[Alarm]:
        """The open ones of this example."""
        ids = [device.id for device in self.devices.values()]
        found: list[Alarm] = self.run(
            rows(
                self.connections[2],
                "select * from alarm where device_id = any(%s) and closed_at is null order by id",
                (ids,),
            )
        )
        return found

    async def _read(self, who: int, kind: str, second: float, received: float, ppm: float) -> None:
        await self._batch(who, kind, [(second, ppm)], received)

    async def _batch(self, who: int, kind: str, points: list[tuple[float, float]], received: float) -> None:
        worker, uid = self.workers[who], self.uids[kind]
        readings = []
        for second, ppm in points:
            metrics = {"co_ppm": ppm} if kind == "co" else {"flow_c": 85 + ppm / 15}
            readings.append(worker.judged(uid, second, received, **metrics))
            self.said.append((uid, second, metrics))
        await worker.commit(Batch(readings=readings))

    async def _deadlines(self) -> None:
        await asyncio.gather(*(worker.deadlines(self.second) for worker in self.workers))

    async def _look(self) -> None:
        await SuppressionWatch(default_pack()).look(self.connections[2], self.workers[0].at(self.second))

    async def _acknowledge(self, alarm_id: int) -> None:
        moment = self.workers[0].start + timedelta(seconds=self.second)
        await acknowledge_alarm(self.connections[2], alarm_id, by="a", how="api", now=moment)

    def teardown(self) -> None:
        if hasattr(self, "connections"):
            self.run(self._disconnect())
        self.loop.close()

    async def _disconnect(self) -> None:
        # the next example's clock begins anew: what is due in this one must not fire in that one
        ids = [device.id for device in self.devices.values()]
        await self.connections[2].execute("delete from withheld")
        await self.connections[2].execute("update shelving set ended_at = until")
        await self.connections[2].execute(
            "update alarm set closed_at = since, deadline = null where closed_at is null and device_id = any(%s)",
            (ids,),
        )
        for connection in self.connections:
            await connection.close()


def test_whatever_happens(registered: str) -> None:
    machine = type("Drawn", (TwoWorkers,), {"url": registered})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )

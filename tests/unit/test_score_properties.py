"""What must hold of a score whatever happened in the run."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.rules import default_pack
from device_sim.faults.fault_rows import FAULT
from device_sim.score.evidence import Alarm, Incident, Message, Run
from device_sim.score.kinds import KIND, home_kind
from device_sim.score.result import Score
from device_sim.score.scorer import score
from device_sim.score.truth import TruthEvent

START = datetime(2026, 1, 15, 4, tzinfo=UTC)
RUN = Run(START, START + timedelta(hours=3), 50)
HOMES = ("h1", "h2", "h3")
VILLAGE = {"h1": "v1", "h2": "v1", "h3": "v2"}
FAULTS = (
    "co_leak", "blocked_flue", "overheat", "ignition_failed", "gas_cut", "power_cut", "link_down", "detector_dead",
    "heater_off", "loose_coal", "leakage", "cooking_peak", "window_open",
)  # fmt: skip
moments = st.integers(0, 3 * 3600).map(lambda seconds: START + timedelta(seconds=seconds))
UNRELATED = "h9"


def in_order(*times: datetime | None) -> list[datetime]:
    return sorted(time for time in times if time is not None)


@st.composite
def truth_events(draw: st.DrawFn, number: int) -> TruthEvent:
    fault = FAULT[draw(st.sampled_from(FAULTS))]
    home = draw(st.sampled_from(HOMES))
    whole = fault.hits == "village"
    begins, middle, ends = in_order(draw(moments), draw(moments), draw(moments))
    kind = None if fault.kind is None else KIND[fault.kind]
    measured = kind is not None and bool(kind.danger)
    return TruthEvent(
        number=number,
        fault=fault.name,
        kind=fault.kind,
        hits=fault.hits,
        homes=() if whole else (home,),
        village=VILLAGE[home],
        devices=() if whole else (f"{home}-co",),
        interval_s=10,
        back_within_s=0.0,
        unseen=draw(st.booleans()),
        injected_at=begins,
        dangerous_at=draw(st.sampled_from([middle, None])) if measured else None,
        ended_at=draw(st.sampled_from([ends, None])),
    )


@st.composite
def alarms(draw: st.DrawFn, number: int) -> Alarm:
    home = draw(st.sampled_from(HOMES))
    measured, recorded, cleared = in_order(draw(moments), draw(moments), draw(moments))
    return Alarm(
        number,
        draw(st.sampled_from([rule.id for rule in default_pack().rules])),
        f"{home}-{draw(st.sampled_from(['co', 'gb']))}",
        home,
        VILLAGE[home],
        measured,
        recorded,
        draw(st.sampled_from([cleared, None])),
        draw(st.booleans()),
    )


@st.composite
def messages(draw: st.DrawFn, alarm: int | None, incident: int | None) -> Message:
    created, accepted = in_order(draw(moments), draw(moments))
    kind = draw(st.sampled_from(["raised", "cleared"] if incident is None else ["incident", "recovery"]))
    return Message(
        alarm, incident, kind, draw(st.integers(1, 3)), created, draw(st.sampled_from([accepted, accepted, None]))
    )


@st.composite
def runs(draw: st.DrawFn) -> dict[str, list[Any]]:
    raised = [draw(alarms(number)) for number in range(draw(st.integers(0, 6)))]
    incidents = [
        Incident(number, "village_silent", draw(st.sampled_from(["v1", "v2"])), draw(moments))
        for number in range(draw(st.integers(0, 2)))
    ]
    told = [draw(messages(alarm.id, None)) for alarm in raised for _ in range(draw(st.integers(0, 2)))]
    told += [draw(messages(None, incident.id)) for incident in incidents]
    return {
        "events": [draw(truth_events(number)) for number in range(draw(st.integers(0, 5)))],
        "alarms": raised,
        "incidents": incidents,
        "messages": told,
    }


def judge(run: dict[str, list[Any]]) -> Score:
    return score(run["events"], run["alarms"], run["incidents"], run["messages"], RUN)


@settings(max_examples=30, deadline=None)
@given(runs(), st.randoms())
def test_the_order_in_which_things_are_given_changes_nothing(run: dict[str, list[Any]], dice: random.Random) -> None:
    shuffled = {name: dice.sample(things, len(things)) for name, things in run.items()}
    assert judge(shuffled) == judge(run)


@settings(max_examples=30, deadline=None)
@given(runs(), st.sampled_from([rule.id for rule in default_pack().rules]))
def test_an_unrelated_alarm_lowers_the_precision_of_its_kind_and_changes_nothing_else(
    run: dict[str, list[Any]], rule: str
) -> None:
    before = judge(run)
    stray = Alarm(99, rule, f"{UNRELATED}-co", UNRELATED, "v9", START, START + timedelta(minutes=5))
    after = judge(run | {"alarms": [*run["alarms"], stray]})
    for name in before.kinds.keys() | after.kinds.keys():
        old, new = before.kinds.get(name), after.kinds[name]
        if name != home_kind(rule):
            assert new == old
            continue
        assert new.false == (old.false if old else 0) + 1
        assert new.precision is not None
        assert new.precision == new.right / (new.right + new.false)
        if old is not None:
            assert replace(new, false=old.false, precision=old.precision) == old
            assert old.precision is None or new.precision < old.precision or old.precision == 0.0


@settings(max_examples=30, deadline=None)
@given(runs())
def test_figures_are_shares_and_numbers_never_nan(run: dict[str, list[Any]]) -> None:
    found = judge(run)
    json.dumps(found.as_json(), allow_nan=False)
    for kind in found.kinds.values():
        for share in (kind.recall, kind.precision, kind.alarmed, kind.told):
            assert share is None or 0.0 <= share <= 1.0
        assert (kind.recall is None) == (kind.due == 0)
        # who was told had an alarm
        assert kind.told is None or kind.alarmed is None or kind.told <= kind.alarmed
        delays = [delay for delay in (kind.delay_s.p50, kind.delay_s.p95, kind.delay_s.max) if delay is not None]
        assert delays == sorted(delays)
        assert len(delays) in {0, 3}
        assert all(delay >= 0 for delay in delays)
    missed = sum(kind.due * (1 - (kind.recall or 0.0)) for kind in found.kinds.values())
    assert round(missed) == len(found.missed), "each is named"
    assert sum(kind.false for kind in found.kinds.values()) == len(found.false)


@settings(max_examples=30, deadline=None)
@given(runs())
def test_one_more_message_never_makes_a_recall_worse(run: dict[str, list[Any]]) -> None:
    before = judge(run)
    more = [
        Message(alarm.id, None, "raised", 9, alarm.recorded_at, alarm.recorded_at + timedelta(seconds=1))
        for alarm in run["alarms"]
    ]
    after = judge(run | {"messages": [*run["messages"], *more]})
    for name, kind in before.kinds.items():
        assert (after.kinds[name].recall or 0.0) >= (kind.recall or 0.0)
        assert after.kinds[name].alarmed == kind.alarmed

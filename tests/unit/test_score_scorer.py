"""Each definition of docs/scoring.md by an example; times in seconds after the run began."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from device_sim.score.evidence import Alarm, Incident, Message, Run
from device_sim.score.result import Delays, KindScore, Score
from device_sim.score.scorer import score
from device_sim.score.truth import TruthEvent

START = datetime(2026, 1, 15, 4, tzinfo=UTC)
HOUR = 3600.0
VILLAGE = "150521101201"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


RUN = Run(at(0), at(24 * HOUR), 1000)


def leak(home: str = "h1", **changes: Any) -> TruthEvent:
    """A carbon monoxide leak at 100 s that was dangerous at 200 s and over at 1000 s."""
    event = TruthEvent(
        number=0,
        fault="co_leak",
        kind="co",
        hits="home",
        homes=(home,),
        village=VILLAGE,
        devices=(f"{home}-co",),
        interval_s=10,
        back_within_s=0.0,
        unseen=False,
        injected_at=at(100),
        dangerous_at=at(200),
        ended_at=at(1000),
    )
    for name, value in changes.items():
        setattr(event, name, value)
    return event


def silence(fault: str, kind: str, hits: Any, lasts_s: float, **changes: Any) -> TruthEvent:
    """Something falls silent at 100 s."""
    own: dict[str, Any] = {
        "fault": fault, "kind": kind, "hits": hits, "dangerous_at": None, "ended_at": at(100 + lasts_s),
    }  # fmt: skip
    return leak(**(own | changes))


def blackout(lasts_s: float = 1800, **changes: Any) -> TruthEvent:
    own: dict[str, Any] = {"homes": (), "devices": ()}
    return silence("power_cut", "blackout", "village", lasts_s, **(own | changes))


def alarm(number: int, rule: str = "co_300", seconds: float = 201, home: str = "h1", **changes: Any) -> Alarm:
    made = Alarm(number, rule, f"{home}-co", home, VILLAGE, at(seconds), at(seconds))
    return replace(made, **changes)


def sms(
    number: int, created: float = 201, accepted: float | None = 202, recipient: int = 1, kind: str = "raised"
) -> Message:
    return Message(number, None, kind, recipient, at(created), None if accepted is None else at(accepted))


def news(number: int, accepted: float, kind: str = "incident") -> Message:
    return Message(None, number, kind, 1, at(accepted - 1), at(accepted))


def judge(
    events: list[TruthEvent], alarms: list[Alarm], messages: list[Message], incidents: tuple[Incident, ...] = ()
) -> Score:
    return score(events, alarms, incidents, messages, RUN)


def replace_event(event: TruthEvent, **changes: Any) -> TruthEvent:
    return leak(**({name: getattr(event, name) for name in event.__struct_fields__} | changes))


def co(events: list[TruthEvent], alarms: list[Alarm], messages: list[Message]) -> KindScore:
    return judge(events, alarms, messages).kinds["co"]


def test_an_event_that_was_alarmed_and_told() -> None:
    found = judge([leak()], [alarm(1)], [sms(1)])
    assert (found.missed, found.false) == ((), ())
    assert found.kinds["co"] == KindScore(
        injected=1, unseen=0, due=1, no_rule=0, alarmed=1.0, told=1.0, recall=1.0, right=1, false=0, precision=1.0,
        delay_s=Delays(2.0, 2.0, 2.0), messages_per_event=1.0, messages_per_event_per_recipient=1.0,
    )  # fmt: skip
    assert list(found.kinds) == ["co"]


def test_what_was_never_dangerous_is_not_due_but_its_alarm_is_right() -> None:
    found = co([leak(dangerous_at=None)], [alarm(1)], [sms(1)])
    assert (found.injected, found.due, found.recall, found.precision) == (1, 0, None, 1.0)
    assert found.delay_s == Delays(None, None, None)
    assert found.messages_per_event is None


def test_an_alarm_that_no_carrier_took_is_no_news() -> None:
    found = judge([leak()], [alarm(1)], [sms(1, accepted=None)])
    assert (found.kinds["co"].alarmed, found.kinds["co"].told, found.kinds["co"].recall) == (1.0, 0.0, 0.0)
    (missed,) = found.missed
    assert (missed.home, missed.at, missed.why, missed.rules) == (
        "h1", at(200), "alarmed, nobody told", ("co_300",),
    )  # fmt: skip


def test_nothing_is_missed_without_being_named() -> None:
    found = judge([leak(), leak("h2", number=3)], [alarm(1)], [sms(1)])
    assert found.kinds["co"].recall == 0.5
    (missed,) = found.missed
    assert (missed.kind, missed.fault, missed.number, missed.home, missed.why) == (
        "co", "co_leak", 3, "h2", "not alarmed",
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        alarm(1, home="h2"),
        alarm(1, "room_freezing"),
        alarm(1, seconds=90),
        alarm(1, seconds=1000 + 120 + 1),
    ],
    ids=["another home", "another rule", "before it", "long after it"],
)
def test_only_the_right_rule_in_the_right_home_at_the_right_time(other: Alarm) -> None:
    when = (other.recorded_at - START).total_seconds()
    found = judge([leak()], [other], [sms(1, when, when + 1)])
    assert found.kinds["co"].recall == 0.0
    (false,) = found.false
    assert (false.rule, false.home, false.at, false.told) == (other.rule, other.home, other.recorded_at, True)


def test_an_alarm_belongs_to_it_until_its_grace_is_over() -> None:
    assert co([leak()], [alarm(1, seconds=1000 + 120)], [sms(1, 1120, 1121)]).recall == 1.0


def test_an_alarm_belongs_to_it_while_the_danger_still_shows() -> None:
    lasting = leak(last_shown_at=at(5000))
    assert co([lasting], [alarm(1, "co_30", 5100)], [sms(1, 5100, 5101)]).recall == 1.0
    assert co([lasting], [alarm(1, "co_30", 5121)], [sms(1, 5121, 5122)]).recall == 0.0


def test_an_event_that_has_not_ended_lasts_as_long_as_the_run() -> None:
    assert co([leak(ended_at=None)], [alarm(1, seconds=20 * HOUR)], [sms(1, 20 * HOUR, 20 * HOUR + 1)]).recall == 1.0


def test_a_late_alarm_belongs_to_when_it_was_measured() -> None:
    late = alarm(1, seconds=300, recorded_at=at(9000))
    found = co([leak()], [late], [sms(1, 9000, 9001)])
    assert (found.recall, found.delay_s.max) == (1.0, 8801.0)


def test_what_no_device_could_tell_is_not_to_be_alarmed() -> None:
    dead = silence("detector_dead", "detector", "device", 900, number=1)
    unseen = leak(unseen=True, dangerous_at=None)
    found = judge([unseen, dead], [alarm(1, "co_detector_silent", 720)], [sms(1, 720, 721)])
    assert (found.kinds["co"].due, found.kinds["co"].unseen, found.kinds["co"].recall) == (0, 1, None)
    assert found.kinds["detector"].recall == 1.0
    revived = replace_event(unseen, dangerous_at=at(900))
    assert judge([revived], [], []).missed == ()


def test_a_decoy_makes_an_alarm_false_and_is_named() -> None:
    peak = leak(fault="cooking_peak", kind=None, number=1, devices=(), dangerous_at=None)
    found = judge([leak("h2"), peak], [alarm(1), alarm(2, home="h2")], [sms(1), sms(2)])
    assert (found.kinds["co"].recall, found.kinds["co"].precision) == (1.0, 0.5)
    (false,) = found.false
    assert (false.kind, false.home, false.told, false.during) == ("co", "h1", True, ("cooking_peak",))


def test_a_delay_counts_from_the_danger_to_the_first_message() -> None:
    events = [leak(f"h{n}", number=n) for n in range(20)]
    alarms = [alarm(n, home=f"h{n}") for n in range(20)]
    messages = [sms(n, accepted=201 + n) for n in range(20)]
    messages += [sms(n, accepted=900, recipient=2) for n in range(20)]
    found = co(events, alarms, messages)
    # delays 1 … 20 s: half of them are at most 10 s, 19 of 20 at most 19 s
    assert found.delay_s == Delays(10.0, 19.0, 20.0)


def test_told_before_it_was_dangerous_is_no_delay() -> None:
    assert co([leak()], [alarm(1, "co_detector_alarm", 150)], [sms(1, 150, 151)]).delay_s.max == 0.0


def test_messages_are_counted_by_event_and_by_recipient() -> None:
    alarms = [alarm(1), alarm(2, "co_100", 800), alarm(3, home="h2")]
    messages = [
        *(sms(1, recipient=person) for person in (1, 2)),
        *(sms(2, 800, 801, recipient=person) for person in (1, 2)),
        sms(1, 1500, 1501, kind="cleared"),
        sms(2, 801, None, recipient=3),
        sms(3),
    ]
    found = judge([leak(), leak("h2", number=1)], alarms, messages)
    assert found.kinds["co"].messages_per_event == (4 + 1) / 2
    assert found.kinds["co"].messages_per_event_per_recipient == (2 + 1) / 2
    assert found.messages == 6, "good news is a message too"


def test_a_blackout_is_one_incident_that_was_told() -> None:
    incident = Incident(7, "village_silent", VILLAGE, at(140))
    found = judge([blackout()], [], [news(7, 142)], (incident,))
    one = found.kinds["blackout"]
    assert (one.due, one.recall, one.precision, one.delay_s.max, one.messages_per_event) == (1, 1.0, 1.0, 42.0, 1.0)
    elsewhere = replace(incident, village="150521101202")
    lost = judge([blackout()], [], [news(7, 142)], (elsewhere,))
    assert (lost.kinds["blackout"].recall, lost.kinds["blackout"].precision) == (0.0, 0.0)
    assert (lost.false[0].rule, lost.false[0].home, lost.false[0].village) == ("village_silent", None, "150521101202")


def test_single_silences_in_a_blackout_belong_to_it_and_do_not_answer_it() -> None:
    incident = Incident(7, "village_silent", VILLAGE, at(140))
    alarms = [alarm(n, "offline", 710, f"h{n}", inhibited=True, raised_at=at(95)) for n in range(40)]
    found = judge([blackout()], alarms, [news(7, 142)], (incident,))
    assert found.false == ()
    assert list(found.kinds) == ["blackout"]
    assert found.false_offline == 0.0
    without = judge([blackout()], alarms, [])
    assert without.kinds["blackout"].recall == 0.0


def test_what_is_told_of_a_blackout_by_single_alarms_counts_as_its_messages() -> None:
    incident = Incident(7, "village_silent", VILLAGE, at(140))
    alarms = [alarm(n, "co_detector_silent", 710, f"h{n}") for n in range(3)]
    messages = [news(7, 142), news(7, 1950, "recovery"), *(sms(n, 710, 711) for n in range(3))]
    found = judge([blackout()], alarms, messages, (incident,))
    assert found.kinds["blackout"].messages_per_event == 4.0


def test_too_short_a_silence_is_not_due() -> None:
    assert judge([blackout(39)], [], []).kinds["blackout"].due == 0
    assert judge([blackout(40)], [], []).kinds["blackout"].due == 1
    assert judge([blackout(239, interval_s=60)], [], []).kinds["blackout"].due == 0
    assert judge([blackout(240, interval_s=60)], [], []).kinds["blackout"].due == 1
    down = silence("link_down", "offline", "device", 629)
    assert judge([down], [], []).kinds["offline"].recall is None


def test_of_a_rule_that_tells_nobody_the_alarm_is_enough() -> None:
    down = silence("link_down", "offline", "device", 900, devices=("h1-hp",))
    quiet = alarm(1, "offline", 705, device="h1-hp", raised_at=at(95))
    found = judge([down], [quiet], [])
    one = found.kinds["offline"]
    assert (one.alarmed, one.told, one.recall, one.delay_s.max) == (1.0, 0.0, 1.0, 605.0)
    assert found.missed == ()


def test_a_silence_counts_from_when_it_was_noticed() -> None:
    """Its measured time is when the device was last heard: that lies in the blackout before."""
    heard_in_the_blackout = alarm(1, "offline", 3000, raised_at=at(150))
    found = judge([blackout(100)], [heard_in_the_blackout], [])
    assert [false.rule for false in found.false] == ["offline"]


def test_a_fault_of_one_device_excuses_no_other() -> None:
    down = silence("link_down", "offline", "device", 900, devices=("h1-hp",))
    found = judge([down], [alarm(1, "offline", 705, device="h1-rs")], [])
    assert found.kinds["offline"].recall == 0.0
    assert [false.device for false in found.false] == ["h1-rs"]


def test_devices_may_need_a_while_to_come_back() -> None:
    incident = Incident(7, "village_silent", VILLAGE, at(140))
    slow = alarm(1, "offline", 2500)
    assert judge([blackout()], [slow], [news(7, 142)], (incident,)).false_offline == 1.0
    assert judge([blackout(back_within_s=600.0)], [slow], [news(7, 142)], (incident,)).false_offline == 0.0


def test_false_offlines_per_thousand_device_days() -> None:
    alarms = [
        alarm(1, "offline", 5000),
        alarm(2, "co_detector_silent", 6000),
        alarm(3, "offline", 7000, inhibited=True),
        alarm(4, "offline", -10),
        alarm(5, "offline", 25 * HOUR),
        alarm(6, "co_300", 8000),
    ]
    found = judge([], alarms, [])
    # two on a thousand devices in one day; inhibited ones, and those before and after the run, were seen by nobody
    assert found.false_offline == 2.0
    assert score([], alarms, [], [], Run(at(0), at(0), 1000)).false_offline is None
    assert score([], alarms, [], [], Run(at(0), at(HOUR), 0)).false_offline is None


def test_while_the_system_itself_is_broken_nobody_is_judged() -> None:
    run = replace(RUN, quiet=((at(4000), at(4000 + 12 * HOUR)), (at(5000), at(6000)), (at(-100), at(-50))))
    assert run.device_days == 500.0
    alarms = [alarm(1, "offline", 5000), alarm(2, "offline", 3000)]
    found = score([], alarms, [], [], run)
    assert [false.at for false in found.false] == [at(3000)]
    assert found.false_offline == 2.0


def test_a_shared_rule_is_counted_once() -> None:
    hot = leak(fault="overheat", kind="overheat", devices=("h1-gb",))
    after = alarm(2, "lockout_reported", 400, device="h1-gb")
    found = judge([hot], [alarm(1, "boiler_flow_95", device="h1-gb"), after], [sms(1), sms(2, 400, 401)])
    assert list(found.kinds) == ["overheat"], "the lockout after it is neither right nor false"
    assert (found.kinds["overheat"].right, found.kinds["overheat"].precision) == (1, 1.0)
    assert found.kinds["overheat"].messages_per_event == 2.0
    alone = judge([], [after], [])
    assert [(name, kind.false) for name, kind in alone.kinds.items()] == [("lockout", 1)]


def test_an_alarm_is_right_for_all_that_it_answers_and_counted_once() -> None:
    flue = leak(fault="blocked_flue", number=1, injected_at=at(150), dangerous_at=at(250))
    found = co([leak(), flue], [alarm(1, seconds=251)], [sms(1, 251, 252)])
    assert (found.due, found.recall, found.right, found.messages_per_event) == (2, 1.0, 1, 0.5)


def test_what_was_told_of_an_event_that_was_not_due_is_no_message_of_one_that_was() -> None:
    harmless = leak("h2", number=1, dangerous_at=None)
    found = co([leak(), harmless], [alarm(1), alarm(2, home="h2")], [sms(1), sms(2), sms(2, recipient=2)])
    assert (found.due, found.right, found.messages_per_event) == (1, 2, 1.0)
    beside = replace_event(harmless, homes=("h1",), injected_at=at(150))
    assert co([leak(), beside], [alarm(1)], [sms(1)]).messages_per_event == 1.0, "it is the due one's alarm"


def test_an_alarm_that_stands_already_answers_the_next_event_of_its_kind_if_it_was_right() -> None:
    flue = leak(fault="blocked_flue", number=1, injected_at=at(900), dangerous_at=at(950))
    standing = alarm(1, seconds=201, cleared_at=at(1500))
    found = co([leak(), flue], [standing], [sms(1)])
    assert (found.recall, found.delay_s.max) == (1.0, 2.0)
    over = replace(standing, cleared_at=at(800))
    assert co([leak(), flue], [over], [sms(1)]).recall == 0.5
    false = replace(standing, recorded_at=at(50), raised_at=at(50))
    assert co([leak(), flue], [false], [sms(1, 50, 51)]).recall == 0.0, "one that was false answers nothing"


def test_a_home_that_stays_dark_after_a_blackout_is_known_already() -> None:
    dark = silence("home_dark", "offline", "home", 3600, number=1, injected_at=at(1900), ended_at=at(9000))
    incident = Incident(7, "village_silent", VILLAGE, at(140))
    released = alarm(1, "offline", 710, device="h1-hp")
    found = judge([blackout(), dark], [released], [news(7, 142)], (incident,))
    assert (found.kinds["offline"].recall, found.kinds["offline"].delay_s.max, found.missed) == (1.0, 0.0, ())
    heard = replace(released, cleared_at=at(1850))
    assert judge([blackout(), dark], [heard], [news(7, 142)], (incident,)).kinds["offline"].recall == 0.0


def test_a_latched_alarm_that_is_raised_again_is_told_again() -> None:
    again = leak(number=1, injected_at=at(9000), dangerous_at=at(9100), ended_at=at(9500))
    latched = alarm(1, seconds=201, raised_at=at(9101), cleared_at=None)
    found = co([leak(), again], [latched], [sms(1), sms(1, 9101, 9105)])
    assert (found.recall, found.delay_s.max, found.right) == (1.0, 5.0, 1)
    failed = co([leak(), again], [latched], [sms(1, accepted=None), sms(1, 9101, 9105)])
    assert failed.recall == 0.5, "a message about the second leak is none about the first"


def test_a_fault_that_no_rule_answers_is_said_and_not_missed() -> None:
    coal = leak(fault="loose_coal", kind="coal", dangerous_at=None)
    current = leak(fault="fumes_hot", kind="damage", number=1, dangerous_at=None)
    found = judge([coal, current], [], [])
    for name in ("coal", "damage"):
        assert (found.kinds[name].no_rule, found.kinds[name].due, found.kinds[name].recall) == (1, 0, None)
    assert found.missed == ()


def test_a_village_that_is_cut_off_the_gas_is_one_event() -> None:
    cut = leak(fault="gas_cut", kind="lockout", hits="village", homes=(), devices=())
    alarms = [alarm(n, "lockout_reported", 210 + n, f"h{n}") for n in range(5)]
    found = judge([cut], alarms, [sms(n, 210 + n, 211 + n) for n in range(5)])
    one = found.kinds["lockout"]
    assert (one.due, one.recall, one.right, one.precision, one.messages_per_event) == (1, 1.0, 5, 1.0, 5.0)


def test_a_device_without_a_home_can_only_be_false() -> None:
    found = judge([leak()], [alarm(1, home="h1"), replace(alarm(2), home=None, village=None, device="x-co")], [sms(1)])
    assert [(false.device, false.home, false.village) for false in found.false] == [("x-co", None, None)]


def test_an_empty_run() -> None:
    found = judge([], [], [])
    assert (found.kinds, found.missed, found.false, found.messages, found.good) == ({}, (), (), 0, True)

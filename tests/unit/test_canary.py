"""What the canary makes of what it sees, when it runs and how far, and what is said of it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from alerts import messages
from alerts.policy.cause import Cause
from alerts.policy.stages import Policy
from alerts.policy.stages import judge as judge_message
from alerts.policy.verdict import Ask, End, Go
from canary.outside import Outside, checked, words
from canary.runner import CO_PPM, RULE
from canary.show import as_json, as_lines, finding
from canary.verdict import MOST_SMS_A_DAY, Verdict, judge, next_run, over, reach, reached
from catalogue.rules import ThresholdRule, default_pack
from foundation.errors import SettingsError
from store.canary import LEGS, Leg, Look, Reach, Run, Standing, problem

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
MINUTE, QUARTER, HOUR = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1)
FAST: dict[Leg, float] = {"published": 0.01, "stored": 0.2, "raised": 0.2, "queued": 0.2, "accepted": 0.3}
LIVING = Look(ingest=True, alerts=True)
TAKEN = Look(True, True, True, "accepted", "", True, True, True)
ASKED = Look(True, True, True, "superseded", "canary_asked_the_carrier", False, True, True)


def up_to(leg: Leg) -> dict[Leg, float]:
    """The legs before this one."""
    return {name: FAST[name] for name in LEGS[: LEGS.index(leg)]}


def waits(reason: str, state: str = "pending") -> Look:
    return Look(True, True, True, state, reason, False, True, True)


def ended(outcome: str = "ok", leg: Leg | None = None, reason: str = "", at: datetime = NOW) -> Run:
    return Run(at, at, "account", outcome, leg, reason, FAST if leg is None else up_to(leg))  # type: ignore[arg-type]


# -- the verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leg", "look", "reason"),
    [
        ("stored", LIVING, "not_stored"),
        ("stored", Look(alerts=True), "ingest_not_running"),
        ("raised", Look(stored=True, ingest=True, alerts=True), "not_raised"),
        ("queued", Look(stored=True, raised=True, ingest=True, alerts=True), "nobody_to_tell"),
        ("accepted", waits(""), "not_carried"),
        ("accepted", Look(True, True, True, "pending", "", False, True), "alerts_not_running"),
        ("accepted", waits("account_unpaid"), "account_unpaid"),
        ("accepted", waits("number_invalid", "failed"), "number_invalid"),
        ("accepted", waits("closed_before_it_was_told", "superseded"), "closed_before_it_was_told"),
    ],
)
def test_a_lost_run_names_the_leg_and_why(leg: Leg, look: Look, reason: str) -> None:
    assert judge(up_to(leg), "phone", look, receipts_usual=True) == Verdict("lost", leg, reason)


def test_who_cannot_look_into_the_database_says_so_and_nothing_else() -> None:
    verdict = judge(up_to("stored"), "account", Look(), receipts_usual=True, blind="database_unreachable")
    assert verdict == Verdict("lost", "stored", "database_unreachable")


def test_a_slow_leg_makes_the_run_late_and_the_way_from_carrier_to_phone_does_not() -> None:
    slow: dict[Leg, float] = {**FAST, "queued": 31.0, "accepted": 32.0, "delivered": 33.0}
    assert judge(slow, "phone", TAKEN, receipts_usual=True) == Verdict("late", "queued", "more_than_30_s")
    assert judge({**FAST, "delivered": 60.0}, "phone", TAKEN, receipts_usual=True) == Verdict("ok")
    assert judge({**FAST, "accepted": 30.0}, "account", ASKED, receipts_usual=True) == Verdict("ok")


def test_a_receipt_is_missed_where_there_used_to_be_one_or_where_it_is_bad() -> None:
    assert judge(FAST, "phone", TAKEN, receipts_usual=False) == Verdict("ok")
    assert judge(FAST, "phone", TAKEN, receipts_usual=True) == Verdict("lost", "delivered", "no_receipt")
    assert judge(FAST, "account", ASKED, receipts_usual=True) == Verdict("ok"), "no SMS, no receipt"
    bad = Look(True, True, True, "pending", "phone_off_or_out_of_reach", True, True, True)
    assert judge(FAST, "phone", bad, receipts_usual=False) == Verdict("lost", "delivered", "phone_off_or_out_of_reach")


def test_what_is_accepted_depends_on_how_far_the_run_goes() -> None:
    assert list(reached(TAKEN, "phone")) == ["stored", "raised", "queued", "accepted"]
    assert list(reached(TAKEN, "account")) == ["stored", "raised", "queued"], "an SMS nobody wanted is no success"
    assert list(reached(ASKED, "account")) == ["stored", "raised", "queued", "accepted"]
    assert list(reached(ASKED, "phone")) == ["stored", "raised", "queued"], "and no SMS is none"


def test_a_run_waits_as_long_as_something_may_come() -> None:
    assert not over(up_to("accepted"), "phone", waits(""), 89)
    assert over(up_to("accepted"), "phone", waits(""), 90)
    assert over(up_to("accepted"), "phone", waits("number_invalid", "failed"), 1), "it has its end"
    assert over(FAST, "account", ASKED, 1)
    assert not over(FAST, "phone", TAKEN, 90)
    assert over(FAST, "phone", TAKEN, 90.5)
    assert over({**FAST, "delivered": 2}, "phone", TAKEN, 2)


# -- when, and how far ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sms", "last", "goes"),
    [
        (0, None, "phone"),
        (3, NOW - HOUR, "phone"),
        (3, NOW - 59 * MINUTE, "account"),
        (MOST_SMS_A_DAY, NOW - HOUR, "account"),
        (MOST_SMS_A_DAY, None, "account"),
    ],
)
def test_an_sms_an_hour_and_never_more_than_the_carrier_takes(sms: int, last: datetime | None, goes: Reach) -> None:
    assert reach(sms, last, HOUR, NOW) == goes


def test_a_day_of_runs_stays_below_the_carriers_fifty_whatever_is_set() -> None:
    sent: list[datetime] = []
    for number in range(24 * 60):
        now = NOW + number * MINUTE
        if reach(len(sent), sent[-1] if sent else None, 36 * MINUTE, now) == "phone":
            sent.append(now)
    assert len(sent) == 40


def test_the_beat_is_kept_and_what_was_missed_is_not_made_up_for() -> None:
    assert next_run(NOW, QUARTER, NOW + MINUTE) == NOW + QUARTER
    assert next_run(NOW, QUARTER, NOW + 16 * MINUTE) == NOW + 2 * QUARTER
    assert next_run(NOW, QUARTER, NOW - HOUR) == NOW + QUARTER, "the clock was set back"


def test_one_reading_is_enough_for_the_rule_that_it_tries() -> None:
    (rule,) = [rule for rule in default_pack().rules if rule.id == RULE]
    assert isinstance(rule, ThresholdRule)
    assert rule.beyond(CO_PPM)
    assert rule.concerns("co_detector")
    assert not rule.on_delay_s
    assert rule.tell


# -- what the courier and its reader make of it -----------------------------------------------------------------------


def cause(canary: str, **more: object) -> Cause:
    usual = {"kind": "raised", "created_at": NOW, "condition": "active", "latching": True, "priority": "critical"}
    return Cause(**{**usual, "first_told": False, "canary": canary, **more})  # type: ignore[arg-type]


def test_a_canary_that_is_not_to_reach_the_phone_only_asks() -> None:
    assert judge_message(cause("account"), Policy(), NOW) == Ask()
    assert judge_message(cause("phone"), Policy(), NOW) == Go()
    assert judge_message(cause(""), Policy(), NOW) == Go(), "and what is real is sent"
    assert judge_message(cause("account", closed=True), Policy(), NOW) == End("superseded", "closed_before_it_was_told")


def test_its_message_says_at_each_place_that_nothing_has_happened() -> None:
    (rule,) = [rule for rule in default_pack().rules if rule.id == RULE]
    place = messages.Place("", "", "drill-canary", drill=True, canary=True)
    for params in (
        messages.raised(rule, place, CO_PPM, NOW, late=False, zone="Asia/Shanghai", language="zh-CN"),
        messages.cleared(rule, place, NOW, zone="Asia/Shanghai", language="zh-CN"),
    ):
        assert [name for name in ("place", "what", "do") if params[name].startswith("自检")] == ["place", "what", "do"]
        assert "非真实警情" in params["do"]
        assert "120" not in params["do"]
        assert "演练" not in "".join(params.values())


# -- what is said -----------------------------------------------------------------------------------------------------


def stands(last: Run | None, heard: datetime | None = NOW, *, outside: bool = True, in_use: bool = True) -> Standing:
    return Standing(in_use, QUARTER, outside, heard, "13800009999", last)


def test_doctor_misses_a_canary_that_has_fallen_silent() -> None:
    assert problem(None, NOW) == ""
    assert problem(stands(None), NOW) == ""
    assert problem(stands(ended()), NOW + 35 * MINUTE) == "", "two periods, and some"
    assert "since 2026-01-15 12:00 UTC not run: start `nuanshao canary`" in problem(stands(ended()), NOW + 36 * MINUTE)
    later = NOW + 36 * MINUTE
    assert "has not come to an end since" in problem(stands(ended(), later), later)
    assert problem(stands(ended(), in_use=False), NOW + 30 * 24 * HOUR) == ""
    assert "never run" in problem(stands(None, None), NOW)


def test_doctor_says_where_the_path_is_broken_and_that_nobody_outside_hears() -> None:
    lost = ended("lost", "accepted", "alerts_not_running")
    well, line = finding(stands(lost, outside=False), NOW)
    assert not well
    assert "the canary was lost at accepted (alerts_not_running)" in line
    assert "NUANSHAO_CANARY_PING_URL" in line
    assert finding(stands(ended()), NOW + MINUTE) == (
        True, "1 min ago to the account: published 0.01 s, stored 0.20 s, raised 0.20 s, queued 0.20 s, accepted 0.30 s"
    )  # fmt: skip
    assert "NUANSHAO_CANARY_PHONE" in finding(None, NOW)[1]
    assert "13800009999" not in repr(stands(ended()))


def test_a_run_is_shown_leg_by_leg() -> None:
    *legs, end = as_lines(ended("lost", "raised", "not_raised"))
    assert [line.split()[0] for line in legs] == ["ok", "ok", "LOST", "-", "-", "-"]
    assert end == "THE ALARM PATH IS BROKEN: lost at raised, not_raised"
    assert list(as_lines(ended()))[-1] == "the alarm path is alive: 0.30 s, no SMS sent"
    assert as_json(ended())["seconds"] == {**FAST, "delivered": None}


# -- outside ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://pings.example/x", "ftp://127.0.0.1/x", "https://h/x?y=1", "x", "http://[", ""])
def test_an_address_that_would_give_itself_away_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^NUANSHAO_CANARY_PING_URL") as refused:
        checked(url)
    assert not url or "pings.example" not in str(refused.value)


def test_an_address_that_is_one() -> None:
    assert checked("https://pings.example/uuid/") == "https://pings.example/uuid"
    assert checked("http://127.0.0.1:8000/uuid") == "http://127.0.0.1:8000/uuid"


@contextmanager
def answering(*codes: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server on loopback that answers so, one after the other, and what it was told."""
    heard: list[tuple[str, str]] = []
    left = list(codes)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["content-length"])).decode()))
            self.send_response(left.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/uuid", heard
        finally:
            server.shutdown()
            serving.join()


async def test_it_is_told_again_until_somebody_has_heard() -> None:
    lost = ended("lost", "stored", "not_stored")
    with answering(500, 503, 200, 500, 500, 500, 500) as (url, heard):
        outside = Outside(SecretStr(url), first_pause_s=0.001)
        assert await outside.tell(lost) == "told"
        assert heard == [("/uuid/fail", words(lost))] * 3
        assert await outside.tell(ended()) == "not_told"
        assert heard[3:] == [("/uuid", words(ended()))] * 4
    assert await outside.tell(lost) == "not_told", "nobody is there any more"

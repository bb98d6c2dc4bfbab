"""How good the alarms are for those who receive them: the figures of ISA-18.2 / IEC 62682, with targets. Pure.

The targets are those of SAFETY.md, "Alarm-system quality" (from secondary sources); what is our choice says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Verdict = Literal["good", "watch", "bad", "too_few"]

ACCEPTABLE_PER_HOUR, MOST_PER_HOUR = 6, 12
FLOOD_WITHIN: Final = timedelta(minutes=10)
FLOOD_ABOVE, FLOOD_ENDS_BELOW = 10, 5
"""A flood begins with more than 10 in 10 minutes and ends below 5 in 10 minutes (ISA-18.2)."""
FLOOD_SHARE: Final = 0.01
CHATTER, CHATTER_WITHIN = 3, timedelta(minutes=1)
STALE_AFTER, STALE_FEWER_THAN = timedelta(hours=24), 5
STANDING_EACH: Final = 10
"""Active at the same time, for each recipient (EEMUA 191, from memory: unconfirmed)."""
FLEETING: Final = timedelta(minutes=1)
"""Over before anybody could have acted (our choice)."""
FLEETING_SHARE: Final = 0.1
"""Our choice: more, and the rules want a longer hold time."""
TOP: Final = 10
TOP_SHARE: Final = 0.05
"""Of all alarms from the ten most frequent sources (ISA-18.2: 1 to 5 %)."""
PRIORITIES: Final[Mapping[str, float]] = {"high": 0.05, "medium": 0.15, "low": 0.80}
"""Among those that are not critical (DESIGN.md 6)."""
OFF_BY: Final = 0.10
"""How far a priority's share may be from its target (our choice)."""
ACKNOWLEDGED_WITHIN, ACKNOWLEDGED_AT_LATEST = timedelta(minutes=5), timedelta(minutes=15)
"""When what nobody has acknowledged goes to the next one, and to the township (DESIGN.md 6)."""
FALSE_SHARE: Final = 0.1
"""Of the answered ones (our choice)."""
UNREAD_SHARE: Final = 0.1
"""Of what is typed (our choice)."""
ENOUGH: Final = 20
"""Alarms below which a share says nothing (our choice)."""
ENOUGH_FOR_TOP: Final = 200
"""Ten sources with an alarm each are 5 % of so many."""
ANNOUNCE: Final = frozenset({"raised", "flapping", "incident"})
"""Kinds of messages that say that something is wrong; the others say that it is over."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message that a phone received. `number`: equal for the same phone; `phone`: masked, to be shown."""

    number: str
    phone: str
    name: str
    region: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """One rule on one device; `times` (ordered) are there where there were at least three alarms."""

    device: str
    rule: str
    village: str
    alarms: int
    times: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Priority:
    """Alarms of one priority: how many, told, acknowledged of those, and the median seconds until then."""

    priority: str
    alarms: int
    told: int
    acknowledged: int
    median_s: float | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """Messages that a suppression held back; `outcome` is empty while it still does."""

    reason: str
    outcome: str
    messages: int


@dataclass(frozen=True, slots=True)
class Found:
    """What the database knows of a span of time. `told` is ordered by number and time, `sources` by frequency."""

    since: datetime
    until: datetime
    told: Sequence[Told]
    sources: Sequence[Source]
    priorities: Sequence[Priority]
    fleeting: int
    standing: int
    stale: int
    withheld: Sequence[Withheld] = ()
    answered: int = 0
    """Alarms that a person acknowledged, or marked as false."""
    false_alarms: int = 0
    answers: int = 0
    """What people typed back."""
    not_understood: int = 0
    """Of those: what meant nothing, or a code that is not theirs."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What one phone had to bear. `phone` is masked."""

    name: str
    phone: str
    region: str
    alarms: int
    """Messages that something is wrong."""
    messages: int
    """All messages: each of them rings."""
    mean_per_hour: float
    worst_hour: int
    floods: int
    flood_share: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: what it is, as text, its target, the verdict, and one line of what to do."""

    name: str
    value: float | None
    shown: str
    target: str
    verdict: Verdict
    do: str


@dataclass(frozen=True, slots=True)
class Report:
    """The quality of the alarms from `since` to `until`."""

    since: datetime
    until: datetime
    alarms: int
    messages: int
    measures: tuple[Measure, ...]
    recipients: tuple[Recipient, ...]
    """The most burdened first."""
    top: tuple[Source, ...]
    chattering: tuple[Source, ...]
    priorities: tuple[Priority, ...]
    withheld: tuple[Withheld, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all measures."""
        return worst(measure.verdict for measure in self.measures)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; `good` of none."""
    found = set(verdicts)
    return "bad" if "bad" in found else "watch" if "watch" in found else "good"


def report(found: Found) -> Report:
    """All figures of a span of time."""
    recipients = _recipients(found)
    chattering = tuple(source for source in found.sources if chatters(source.times))
    alarms = sum(source.alarms for source in found.sources)
    measures = (
        _burden(recipients),
        _worst_hour(recipients),
        _floods(recipients),
        _chattering(chattering),
        _stale(found.stale),
        _standing(found.standing, len(recipients)),
        _fleeting(found.fleeting, alarms),
        _top(found.sources, alarms),
        _distribution(found.priorities),
        _acknowledged(found.priorities),
        _false_alarms(found.false_alarms, found.answered),
        _not_understood(found.not_understood, found.answers),
    )
    return Report(
        found.since, found.until, alarms, len(found.told), measures, recipients, tuple(found.sources[:TOP]), chattering,
        tuple(found.priorities), tuple(found.withheld),
    )  # fmt: skip


def most_within(times: Sequence[datetime], within: timedelta) -> int:
    """The most of these moments (ordered) that lie within one span of that length, its end not included."""
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= within:
            first += 1
        most = max(most, last - first + 1)
    return most


def chatters(times: Sequence[datetime]) -> bool:
    """Whether there were three or more within a minute."""
    return most_within(times, CHATTER_WITHIN) >= CHATTER


def floods(times: Sequence[datetime], until: datetime) -> list[tuple[datetime, datetime]]:
    """From when to when it was more than a person can take in, for moments in order."""
    found: list[tuple[datetime, datetime]] = []
    began: datetime | None = None
    for place, moment in enumerate(times):
        if began is not None:
            # below 5 as soon as the fifth newest is ten minutes old
            over = times[place - FLOOD_ENDS_BELOW] + FLOOD_WITHIN
            if over < moment:
                found.append((began, over))
                began = None
        if began is None and place >= FLOOD_ABOVE and moment - times[place - FLOOD_ABOVE] < FLOOD_WITHIN:
            began = times[place - FLOOD_ABOVE]
            if found and found[-1][1] >= began:
                began = found.pop()[0]
    if began is not None:
        found.append((began, min(times[-FLOOD_ENDS_BELOW] + FLOOD_WITHIN, until)))
    return found


def _recipients(found: Found) -> tuple[Recipient, ...]:
    by_number: dict[str, list[Told]] = {}
    for told in found.told:
        by_number.setdefault(told.number, []).append(told)
    lasts = found.until - found.since
    recipients = []
    for some in by_number.values():
        times = [told.at for told in some]
        flooded = floods(times, found.until)
        mean = len(some) / (lasts / timedelta(hours=1))
        worst_hour = most_within(times, timedelta(hours=1))
        share = sum((end - start for start, end in flooded), timedelta()) / lasts
        recipients.append(
            Recipient(
                some[0].name, some[0].phone, " ".join(sorted({told.region for told in some})),
                sum(told.kind in ANNOUNCE for told in some), len(some), mean, worst_hour, len(flooded), share,
                worst((_rate(mean), _peak(worst_hour), _share_of_floods(share))),
            )
        )  # fmt: skip
    return tuple(sorted(recipients, key=lambda one: (-one.worst_hour, -one.messages, one.phone)))


def _rate(mean: float) -> Verdict:
    if mean <= ACCEPTABLE_PER_HOUR:
        return "good"
    return "watch" if mean <= MOST_PER_HOUR else "bad"


def _peak(worst_hour: int) -> Verdict:
    return "good" if worst_hour <= MOST_PER_HOUR else "watch"


def _share_of_floods(share: float) -> Verdict:
    if share == 0:
        return "good"
    return "watch" if share < FLOOD_SHARE else "bad"


def _burden(recipients: Sequence[Recipient]) -> Measure:
    mean = max((one.mean_per_hour for one in recipients), default=0.0)
    return Measure(
        "messages per hour, mean", mean, f"{mean:.2f} (the most burdened of {len(recipients)})",
        f"≤ {ACCEPTABLE_PER_HOUR}, at most {MOST_PER_HOUR}", _rate(mean),
        "share the regions out among more people, or tell fewer rules" if _rate(mean) != "good" else "",
    )  # fmt: skip


def _worst_hour(recipients: Sequence[Recipient]) -> Measure:
    most = max((one.worst_hour for one in recipients), default=0)
    return Measure(
        "messages per hour, worst", most, str(most), f"≤ {MOST_PER_HOUR}", _peak(most),
        "look what happened in that hour: one cause wants one message" if _peak(most) != "good" else "",
    )  # fmt: skip


def _floods(recipients: Sequence[Recipient]) -> Measure:
    number, share = sum(one.floods for one in recipients), max((one.flood_share for one in recipients), default=0.0)
    verdict = _share_of_floods(share)
    return Measure(
        "floods (> 10 in 10 min)", share, f"{number}, {share:.2%} of the time", f"< {FLOOD_SHARE:.0%} of the time",
        verdict, "announce planned work: nuanshao alarms maintenance add" if verdict != "good" else "",
    )  # fmt: skip


def _chattering(chattering: Sequence[Source]) -> Measure:
    number = len(chattering)
    return Measure(
        "chattering (≥ 3 a minute)", number, str(number), "0", "bad" if number else "good",
        f"mend {chattering[0].device}, or give {chattering[0].rule} a longer hold time" if number else "",
    )  # fmt: skip


def _stale(stale: int) -> Measure:
    verdict: Verdict = "good" if stale < STALE_FEWER_THAN else "bad"
    return Measure(
        "stale (open > 24 h)", stale, str(stale), f"< {STALE_FEWER_THAN}", verdict,
        "send somebody, acknowledge, or take the device out of service" if verdict != "good" else "",
    )  # fmt: skip


def _standing(standing: int, recipients: int) -> Measure:
    most = STANDING_EACH * max(recipients, 1)
    verdict: Verdict = "good" if standing <= most else "watch"
    return Measure(
        "standing (active now)", standing, str(standing), f"≤ {STANDING_EACH} a recipient (unconfirmed)", verdict,
        "mend what lasts; shelve what waits for a part" if verdict != "good" else "",
    )  # fmt: skip


def _fleeting(fleeting: int, alarms: int) -> Measure:
    share = fleeting / alarms if alarms else 0.0
    verdict: Verdict = "too_few" if alarms < ENOUGH else "good" if share <= FLEETING_SHARE else "watch"
    return Measure(
        "fleeting (over within 1 min)", share, f"{fleeting} of {alarms}", f"≤ {FLEETING_SHARE:.0%}", verdict,
        "give the most frequent rules a longer hold time" if verdict == "watch" else "",
    )  # fmt: skip


def _top(sources: Sequence[Source], alarms: int) -> Measure:
    share = sum(source.alarms for source in sources[:TOP]) / alarms if alarms else 0.0
    verdict: Verdict = "too_few" if alarms < ENOUGH_FOR_TOP else "good" if share <= TOP_SHARE else "watch"
    return Measure(
        "the ten most frequent sources", share, f"{share:.0%} of {alarms} alarms", f"≤ {TOP_SHARE:.0%}", verdict,
        "mend them first: they are listed below" if verdict == "watch" else "",
    )  # fmt: skip


def _distribution(priorities: Sequence[Priority]) -> Measure:
    counts = {one.priority: one.alarms for one in priorities}
    rest = sum(counts.get(name, 0) for name in PRIORITIES)
    shares = {name: counts.get(name, 0) / rest if rest else 0.0 for name in PRIORITIES}
    verdict: Verdict = "too_few" if rest < ENOUGH else "good"
    do = ""
    if rest >= ENOUGH and any(round(abs(shares[name] - target), 6) > OFF_BY for name, target in PRIORITIES.items()):
        verdict = "watch"
        do = (
            "too much is high: lower what can wait a day"
            if shares["high"] > PRIORITIES["high"] + OFF_BY
            else "look at the priorities: few are urgent, most can wait"
        )
    shown = "/".join(f"{share:.0%}".rstrip("%") for share in shares.values())
    return Measure(
        "priorities high/medium/low", shares["high"], f"{shown} %, {counts.get('critical', 0)} critical beside them",
        "5/15/80 %", verdict, do,
    )  # fmt: skip


def _acknowledged(priorities: Sequence[Priority]) -> Measure:
    critical = next((one for one in priorities if one.priority == "critical"), None)
    target = f"≤ {ACKNOWLEDGED_WITHIN // timedelta(minutes=1)} min"
    name = "critical ones acknowledged, median"
    if critical is None or not critical.told:
        return Measure(name, None, "none was told", target, "too_few", "")
    if critical.median_s is None:
        shown = f"none of {critical.told}"
        return Measure(name, None, shown, target, "bad", "nobody answers: call the contacts, and mend the list")
    waited = timedelta(seconds=critical.median_s)
    verdict: Verdict = (
        "good" if waited <= ACKNOWLEDGED_WITHIN else "watch" if waited <= ACKNOWLEDGED_AT_LATEST else "bad"
    )
    return Measure(
        name, critical.median_s, f"{critical.median_s / 60:.1f} min ({critical.acknowledged} of {critical.told})",
        target, verdict, "remind people to answer 1, or add a second contact" if verdict != "good" else "",
    )  # fmt: skip


def _false_alarms(false_alarms: int, answered: int) -> Measure:
    share = false_alarms / answered if answered else 0.0
    verdict: Verdict = "too_few" if answered < ENOUGH else "good" if share <= FALSE_SHARE else "watch"
    return Measure(
        "false alarms, as people say", share, f"{false_alarms} of {answered} answered", f"≤ {FALSE_SHARE:.0%}", verdict,
        "look at their rules and sensors: who hears false alarms stops answering" if verdict == "watch" else "",
    )  # fmt: skip


def _not_understood(not_understood: int, answers: int) -> Measure:
    share = not_understood / answers if answers else 0.0
    verdict: Verdict = "too_few" if answers < ENOUGH else "good" if share <= UNREAD_SHARE else "watch"
    return Measure(
        "SMS answers not understood", share, f"{not_understood} of {answers}", f"≤ {UNREAD_SHARE:.0%}", verdict,
        "show people how to answer: 1, 2 or 3, and the code where there is one" if verdict == "watch" else "",
    )  # fmt: skip

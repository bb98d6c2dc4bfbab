"""What a rule pack raised and told in a back-test, counted by village and rule. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alerts.backtest.county import County, Village
from alerts.backtest.silence import Gaps
from alerts.playing import Played
from catalogue.rules import Rule, RulePack


@dataclass(slots=True)
class Count:
    """Alarms that were raised (of them those that became known late), and messages to people."""

    alarms: int = 0
    late: int = 0
    raised_messages: int = 0
    cleared_messages: int = 0

    @property
    def messages(self) -> int:
        """Both kinds of messages."""
        return self.raised_messages + self.cleared_messages

    def add(self, other: Count) -> None:
        """Adds another one to this."""
        self.alarms += other.alarms
        self.late += other.late
        self.raised_messages += other.raised_messages
        self.cleared_messages += other.cleared_messages

    def as_json(self) -> dict[str, int]:
        """For programs."""
        return {
            "alarms": self.alarms,
            "late": self.late,
            "messages": self.messages,
            "raised_messages": self.raised_messages,
            "cleared_messages": self.cleared_messages,
        }


class Tally:
    """Counts of one pack."""

    def __init__(self, pack: RulePack, county: County) -> None:
        self.pack = pack
        self._county = county
        self._counts: dict[tuple[int, str], Count] = defaultdict(Count)
        self._told: set[tuple[int, str]] = set()

    def note(self, played: Played) -> None:
        """Counts what a reading, an alarm bit or a deadline has changed."""
        change = played.decision.change
        place = self._county.place(played.device_id)
        if played.raised:
            self._raised(place, played.rule, late=change == "raised_late")
        elif change == "cleared":
            self._cleared(place, played.rule)

    def note_gaps(self, gaps: Gaps) -> None:
        """Counts silences. They are not collapsed to incidents: a dark village counts a silence a device."""
        # a device may have been silent several times in one stretch: in order of time
        steps = [(ms, place, True) for place, ms in _pairs(gaps.raised, gaps.raised_ms)]
        steps += [(ms, place, False) for place, ms in _pairs(gaps.cleared, gaps.cleared_ms)]
        for _, place, raised in sorted(steps):
            if raised:
                self._raised(place, gaps.rule, late=False)
            else:
                self._cleared(place, gaps.rule)

    def by_rule(self) -> list[tuple[Rule, Count]]:
        """Every rule of the pack in its order."""
        totals: dict[str, Count] = {rule_id: Count() for rule_id in self.pack.by_id}
        for (_, rule_id), count in self._counts.items():
            totals[rule_id].add(count)
        return [(rule, totals[rule.id]) for rule in self.pack.rules]

    def by_priority(self) -> dict[str, Count]:
        """Every priority, the most urgent first."""
        totals = {name: Count() for name in ("critical", "high", "medium", "low")}
        for rule, count in self.by_rule():
            totals[rule.priority].add(count)
        return totals

    def by_village(self) -> dict[int, Count]:
        """By the village's place in the county; those in which nothing was raised are not there."""
        totals: dict[int, Count] = defaultdict(Count)
        for (village, _), count in self._counts.items():
            totals[village].add(count)
        return dict(totals)

    def total(self) -> Count:
        """Everything."""
        total = Count()
        for count in self._counts.values():
            total.add(count)
        return total

    def as_json(self) -> dict[str, Any]:
        """For programs, without the villages."""
        return {
            "pack": self.pack.label,
            **self.total().as_json(),
            "by_priority": {name: count.as_json() for name, count in self.by_priority().items()},
            "by_rule": {
                rule.id: {"priority": rule.priority, "tell": rule.tell} | count.as_json()
                for rule, count in self.by_rule()
            },
        }

    def _raised(self, place: int, rule: Rule, *, late: bool) -> None:
        village = int(self._county.village_of[place])
        count = self._counts[village, rule.id]
        count.alarms += 1
        count.late += late
        if rule.tell:
            count.raised_messages += self._county.villages[village].recipients
            self._told.add((place, rule.id))

    def _cleared(self, place: int, rule: Rule) -> None:
        if (place, rule.id) in self._told:  # those who were told hear that it is over
            self._told.discard((place, rule.id))
            village = int(self._county.village_of[place])
            self._counts[village, rule.id].cleared_messages += self._county.villages[village].recipients


@dataclass(frozen=True, slots=True)
class VillageRow:
    """A village under both packs."""

    village: Village
    present: Count
    new: Count

    @property
    def fewer_messages(self) -> int:
        """How many messages the new pack saves its people; negative where it sends more."""
        return self.present.messages - self.new.messages

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "village": self.village.code,
            "name": self.village.name,
            "recipients": self.village.recipients,
            "present": self.present.as_json(),
            "new": self.new.as_json(),
            "alarms_difference": self.new.alarms - self.present.alarms,
            "messages_difference": -self.fewer_messages,
        }


def compared(county: County, present: Tally, new: Tally) -> list[VillageRow]:
    """Every village in which either pack raised something; where the packs differ most first."""
    before, after = present.by_village(), new.by_village()
    rows = [
        VillageRow(county.villages[number], before.get(number, Count()), after.get(number, Count()))
        for number in before.keys() | after.keys()
    ]

    def weight(row: VillageRow) -> tuple[int, int, int, str]:
        return (
            -abs(row.fewer_messages),
            -abs(row.new.alarms - row.present.alarms),
            -row.new.messages,
            row.village.code,
        )

    return sorted(rows, key=weight)


def _pairs(places: Any, moments: Any) -> Iterator[tuple[int, int]]:
    return zip(places.tolist(), moments.tolist(), strict=True)

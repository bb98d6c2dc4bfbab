"""Who is told of something at a place: which region's contacts, which organisations, which relatives. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from alerts.recipients.duty import Member, who_is_told
from alerts.recipients.recipient import Recipient
from catalogue.escalation import Level
from catalogue.holidays import Calendar
from store.registry_rows import LEVELS

Source = Literal["region", "organisation", "relative", "canary"]
LOWEST: Final[Level] = "village"
UPWARDS: Final[tuple[Level, ...]] = ("village", "township", "county", "city")


@dataclass(frozen=True, slots=True)
class Crew:
    """The contacts of one region, organisation or home; none where nobody is entered.

    `kind`: a region's level, an organisation's kind. `steps`: how far a region lies above the place.
    """

    source: Source
    kind: str
    owner_id: int
    steps: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked: contacts of which level, which kinds of organisations, whether relatives too.

    `everybody`: also who is not on duty.
    """

    level: Level = LOWEST
    kinds: Collection[str] = ()
    relatives: bool = False
    everybody: bool = False


def choose(crews: Sequence[Crew], wish: Wish, moment: datetime, calendar: Calendar) -> list[Recipient]:
    """Everybody who is told, once: regions' contacts first, then organisations, then relatives.

    Of regions the nearest at or above the wished level that has anybody who can be reached. `moment` is the villages'
    own time, without a zone. What is the canary's goes to its own recipient alone.
    """
    found: dict[str, Recipient] = {}
    for member, why in _told(crews, wish, moment, calendar):
        found.setdefault(member.person, Recipient(member.contact_id, member.language, member.ways, why))
    return list(found.values())


def regions_at(crews: Sequence[Crew], level: Level) -> list[Crew]:
    """The regions at or above a level, the nearest first, whether they have contacts or not."""
    regions = [crew for crew in crews if crew.source == "region" and LEVELS.index(crew.kind) <= LEVELS.index(level)]
    return sorted(regions, key=lambda crew: crew.steps)


def _told(crews: Sequence[Crew], wish: Wish, moment: datetime, calendar: Calendar) -> Iterator[tuple[Member, str]]:
    canary = [crew for crew in crews if crew.source == "canary"]
    if canary:
        yield from ((member, "canary") for crew in canary for member in crew.members)
        return
    for place, crew in enumerate(regions_at(crews, wish.level)):
        told = who_is_told(crew.members, moment, calendar, everybody=wish.everybody)
        if told:
            yield from ((one.member, "region_above" if place else one.why) for one in told)
            break
    for crew in crews:
        if crew.source == "organisation" and crew.kind in wish.kinds:
            told = who_is_told(crew.members, moment, calendar, everybody=wish.everybody)
            yield from ((one.member, "organisation") for one in told)
    for crew in crews:
        if crew.source == "relative" and wish.relatives:
            yield from ((member, "relative") for member in crew.members if member.reachable)

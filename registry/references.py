"""What rows refer to: in the registry or in the same files, in an order in which parents come first. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from registry.cells import shown
from registry.column import KindName
from registry.columns import GATEWAY, KINDS
from registry.people import OWNERS, owner_of, ref_in_roster
from registry.results import Result
from registry.rows import Parsed, shown_key
from store.registry_rows import LEVELS, ContactRef, Ties

WAVES: Final = 3
"""Gateways and devices that stand alone, devices behind a gateway, parts of a device."""


@dataclass
class Known:
    """What the registry holds of what the files speak of; grows by the rows that are taken."""

    levels: dict[str, str] = field(default_factory=dict)
    homes: set[str] = field(default_factory=set)
    devices: dict[str, Ties] = field(default_factory=dict)
    organisations: set[str] = field(default_factory=set)
    contacts: set[tuple[str, ...]] = field(default_factory=set)
    """Keys: whom they belong to, and what they are known by."""


@dataclass
class Arranged:
    """Rows in groups that can be written one after the other, and those that cannot be written."""

    groups: list[list[Parsed]]
    refused: list[Result]


@dataclass(frozen=True, slots=True)
class Named:
    """The names that rows speak of, as keys or as references: what to ask the registry for."""

    regions: frozenset[str]
    homes: frozenset[str]
    devices: frozenset[str]
    organisations: frozenset[str] = frozenset()
    contacts: frozenset[ContactRef] = frozenset()


def named(rows: Iterable[Parsed]) -> Named:
    """Everything that the rows are or refer to."""
    regions: set[object] = set()
    homes: set[object] = set()
    devices: set[object] = set()
    organisations: set[object] = set()
    contacts: set[ContactRef] = set()
    for row in rows:
        match row.kind.name:
            case "regions":
                regions |= {row.given["code"], row.given.get("parent")}
            case "homes":
                regions.add(row.given["village"])
            case "organisations":
                organisations.add(row.given["code"])
                regions |= set(str(row.given.get("zones", "")).split())
            case "contacts":
                regions.add(row.given.get("region"))
                organisations.add(row.given.get("organisation"))
                homes.add(row.given.get("home"))
            case "duties":
                contacts.add(ref_in_roster(row.given))
            case "substitutes":
                contacts |= {ref_in_roster(row.given), ref_in_roster(row.given, "substitute")}
            case _:
                homes.add(row.given.get("home"))
                devices |= {row.given["uid"], row.given.get("gateway"), row.given.get("part_of")}
    return Named(_texts(regions), _texts(homes), _texts(devices), _texts(organisations), frozenset(contacts))


def _texts(names: set[object]) -> frozenset[str]:
    return frozenset(name for name in names if isinstance(name, str))


def arrange(rows: Iterable[Parsed], known: Known, failed: Iterable[tuple[KindName, str]] = ()) -> Arranged:
    """Groups the rows and refuses what refers to nothing. `failed` are (kind, key) of rows that are refused already."""
    return _Arranger(known, {*failed}).run(list(rows))


class _Arranger:
    def __init__(self, known: Known, failed: set[tuple[KindName, str]]) -> None:
        self._known = known
        self._failed = failed
        self._wholes: set[str] = set()
        """Devices that rows of these files are part of: they cannot be parts themselves."""

    def run(self, rows: list[Parsed]) -> Arranged:
        by_kind: dict[KindName, list[Parsed]] = {kind.name: [] for kind in KINDS}
        for row in rows:
            by_kind[row.kind.name].append(row)
        waves: list[list[Parsed]] = [[] for _ in range(WAVES)]
        for row in by_kind["gateways"] + by_kind["devices"]:
            waves[self._wave(row)].append(row)
        levels = [[row for row in by_kind["regions"] if row.given["level"] == level] for level in LEVELS]
        groups: list[list[Parsed]] = []
        refused: list[Result] = []
        people = [by_kind[kind] for kind in ("organisations", "contacts", "duties", "substitutes")]
        for group in (*levels, by_kind["homes"], *waves, *people):
            taken = []
            for row in group:
                result = self._judge(row)
                if result is None:
                    taken.append(row)
                else:
                    refused.append(result)
                    self._failed.add((row.kind.name, row.shown if row.kind.name == "contacts" else row.key[0]))
            groups.append(taken)
        return Arranged(groups, refused)

    @staticmethod
    def _wave(row: Parsed) -> int:
        if row.given.get("part_of") is not None:
            return 2
        return 0 if row.given["type"] == GATEWAY else 1

    def _judge(self, row: Parsed) -> Result | None:
        match row.kind.name:
            case "regions":
                return self._judge_region(row)
            case "homes":
                return self._judge_home(row)
            case "organisations":
                return self._judge_organisation(row)
            case "contacts":
                return self._judge_contact(row)
            case "duties":
                return self._judge_in_roster(row, "contact")
            case "substitutes":
                return self._judge_in_roster(row, "contact") or self._judge_in_roster(row, "substitute")
            case _:
                return self._judge_device(row)

    def _judge_region(self, row: Parsed) -> Result | None:
        code, level = row.key[0], str(row.given["level"])
        before = self._known.levels.get(code)
        if before not in {None, level}:
            return row.refused("level", f"{shown(level)}, the registry says {before}", f"{before}, or another code")
        parent = row.given.get("parent")
        if isinstance(parent, str):
            above = self._known.levels.get(parent)
            if above is None:
                return self._missing(row, "parent", "regions", parent)
            if LEVELS.index(above) >= LEVELS.index(level):
                return row.refused("parent", f"{shown(parent)} is a {above}", f"a region above a {level}")
        self._known.levels[code] = level
        return None

    def _judge_home(self, row: Parsed) -> Result | None:
        village = str(row.given["village"])
        level = self._known.levels.get(village)
        if level is None:
            return self._missing(row, "village", "regions", village)
        if level != "village":
            return row.refused("village", f"{shown(village)} is a {level}", "the code of a village")
        self._known.homes.add(row.key[0])
        return None

    def _judge_organisation(self, row: Parsed) -> Result | None:
        for zone in str(row.given.get("zones", "")).split():
            if zone not in self._known.levels:
                return self._missing(row, "zones", "regions", zone)
        self._known.organisations.add(row.key[0])
        return None

    def _judge_contact(self, row: Parsed) -> Result | None:
        owner = next(name for name in OWNERS if row.given.get(name))
        code = str(row.given[owner])
        places: dict[str, tuple[KindName, Collection[str]]] = {
            "region": ("regions", self._known.levels),
            "organisation": ("organisations", self._known.organisations),
            "home": ("homes", self._known.homes),
        }
        kind, there = places[owner]
        if code not in there:
            return self._missing(row, owner, kind, code)
        self._known.contacts.add(row.key)
        return None

    def _judge_in_roster(self, row: Parsed, column: str) -> Result | None:
        owner, address = owner_of(row.given), str(row.given[column])
        if (owner, address) in self._known.contacts:
            return None
        return self._missing(row, column, "contacts", shown_key((owner, address)))

    def _judge_device(self, row: Parsed) -> Result | None:
        uid, kind = row.key[0], str(row.given["type"])
        before = self._known.devices.get(uid)
        if before is not None and (before.type == GATEWAY) != (kind == GATEWAY):
            return row.refused("type", f"the registry has a {before.type} of this uid", "another uid")
        home = row.given.get("home")
        if isinstance(home, str) and home not in self._known.homes:
            return self._missing(row, "home", "homes", home)
        gateway, part_of = row.given.get("gateway"), row.given.get("part_of")
        if isinstance(gateway, str) and (refused := self._judge_gateway(row, kind, gateway)):
            return refused
        if isinstance(part_of, str) and (refused := self._judge_part(row, kind, part_of)):
            return refused
        if part_of is None and "part_of" not in row.given and before is not None:
            part_of = before.part_of
        has_parts = before is not None and before.has_parts
        self._known.devices[uid] = Ties(kind, part_of if isinstance(part_of, str) else None, has_parts)
        return None

    def _judge_gateway(self, row: Parsed, kind: str, gateway: str) -> Result | None:
        if kind == GATEWAY:
            return row.refused("gateway", "a gateway sits behind none", "an empty cell")
        ties = self._known.devices.get(gateway)
        if ties is None:
            return self._missing(row, "gateway", "gateways", gateway)
        if ties.type != GATEWAY:
            return row.refused("gateway", f"{shown(gateway)} is a {ties.type}", "the uid of a gateway")
        return None

    def _judge_part(self, row: Parsed, kind: str, whole: str) -> Result | None:
        uid = row.key[0]
        if kind == GATEWAY or whole == uid:
            return row.refused("part_of", f"a {kind} is no part of {shown(whole)}", "an empty cell")
        ties = self._known.devices.get(whole)
        if ties is None:
            return self._missing(row, "part_of", "devices", whole)
        before = self._known.devices.get(uid)
        if ties.type == GATEWAY or ties.part_of is not None:
            what = "a gateway" if ties.type == GATEWAY else f"itself a part of {ties.part_of}"
            return row.refused("part_of", f"{shown(whole)} is {what}", "a device that is whole")
        if uid in self._wholes or (before is not None and before.has_parts):
            return row.refused("part_of", "has parts itself", "an empty cell")
        self._wholes.add(whole)
        return None

    def _missing(self, row: Parsed, column: str, kind: KindName, name: str) -> Result:
        """A reference to nothing; says so where the same files have it and it was refused there."""
        failed = (kind, name) in self._failed or (kind == "gateways" and ("devices", name) in self._failed)
        why = f"{shown(name)} stands in these files and was refused" if failed else f"there is no {shown(name)}"
        return row.refused(column, why, f"one of the {kind} in the registry or in these files")

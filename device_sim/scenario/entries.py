"""The timeline of a scenario: each entry a fault, its time, its strength and where it hits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias, get_args

import yaml

from catalogue.device_types import DEVICE_TYPE
from device_sim.disorder.links import OUTAGES
from device_sim.faults.fault_rows import FAULT, FaultRow
from device_sim.fleet.fleet import CLASSES, HEATINGS, TYPES
from device_sim.scenario.mistakes import Mistakes, nearest
from device_sim.scenario.nodes import Fields, shown
from device_sim.scenario.scenario import Choice, Entry, Named, Unit
from device_sim.scenario.times import written

PLACES: Final = {
    "home": ("home", "homes"),
    "village": ("village", "villages"),
    "device": ("device", "devices", "home", "homes"),
    "county": (),
}
"""Which fields say where a fault hits, by what it hits."""
ENTRY_FIELDS: Final = (
    "at", "fault", "for", "strength", "home", "homes", "village", "villages", "device", "devices", "id", "unseen",
    "backlog", "back_within",
)  # fmt: skip
AMOUNTS: Final = ("count", "share", "all")
HOMES_FIELDS: Final = (
    *AMOUNTS, "heating", "occupied", "vulnerable", "building_class", "village", "with", "without", "same_as", "not_in",
)  # fmt: skip
VILLAGES_FIELDS: Final = ("count", "all", "heating", "same_as", "not_in")
KEEPS_BACKLOG: Final = ("cell_outage", "gateway_loss", "link_down", "hourly_batches")
"""Faults in which devices measure on and send later."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_MOST_HOMES: Final = 1_000_000
_LONGEST_BACK_S: Final = 3600.0


Above: TypeAlias = dict[str, str | None]
"""Ids that stand above an entry, and what their faults hit; None where that could not be read."""


PAST_THE_END_S: Final = 1.0
"""What runs to the end ends after it: the last step of a run must not give a dead detector its power back."""


def read_timeline(nodes: Sequence[yaml.Node], lasts_s: float | None, mistakes: Mistakes) -> tuple[Entry, ...]:
    """The entries that can be read, in the file's order; `lasts_s` is how long the scenario is, None if unknown."""
    above: Above = {}
    entries = []
    for number, node in enumerate(nodes):
        fields = Fields(node, "an entry of the timeline", ENTRY_FIELDS, mistakes)
        entry = _read_entry(fields, number, lasts_s, above) if isinstance(node, yaml.MappingNode) else None
        if entry is not None:
            entries.append(entry)
    return tuple(entries)


def _read_entry(fields: Fields, number: int, lasts_s: float | None, above: Above) -> Entry | None:
    name = fields.text("fault", needed=True)
    fault = FAULT.get(name or "")
    if name is not None and fault is None:
        fields.wrong("fault", f"unknown fault '{name}'; expected {nearest(name, FAULT)}")
    at_s, ends_s = _read_times(fields, lasts_s)
    if fault is None:
        _read_id(fields, None, above)
        return None
    strength = fields.number("strength", fault.low, fault.high, fault.unit)
    where = _read_where(fields, fault, above)
    backlog = fields.one_of("backlog", ("telemetry", "backfill"))
    if backlog is not None and fault.name not in KEEPS_BACKLOG:
        fields.wrong(
            "backlog", f"{fault.name} keeps nothing for later; expected backlog with {', '.join(KEEPS_BACKLOG)}"
        )
    back_within_s = fields.span("back_within")
    if back_within_s is not None and fault.name not in OUTAGES:
        fields.wrong(
            "back_within", f"{fault.name} takes no network away; expected back_within with {', '.join(OUTAGES)}"
        )
    elif back_within_s is not None and back_within_s > _LONGEST_BACK_S:
        fields.wrong("back_within", f"back_within is out of range; expected at most {written(_LONGEST_BACK_S)}")
    entry = Entry(
        number=number,
        line=fields.line,
        fault=fault.name,
        at_s=at_s or 0.0,
        ends_s=ends_s or 0.0,
        strength=fault.default if strength is None else strength,
        where=where,
        id=_read_id(fields, fault.hits, above),
        unseen=fields.flag("unseen") or False,
        backfill=backlog == "backfill",
        back_within_s=back_within_s,
    )
    # a place that could not be read is not checked against the fleet
    return None if where is None and fault.hits != "county" else entry


def _read_times(fields: Fields, lasts_s: float | None) -> tuple[float | None, float | None]:
    at_s, for_s = fields.span("at", needed=True), fields.span("for")
    if for_s == 0:
        fields.wrong("for", "for is 0; expected more, or no 'for' to let it run to the end")
    if at_s is None or lasts_s is None:
        return at_s, None
    if at_s >= lasts_s:
        fields.wrong("at", f"it begins at {written(at_s)}; expected before {written(lasts_s)}, when the scenario ends")
    elif for_s is not None and at_s + for_s > lasts_s:
        end = written(at_s + for_s)
        expected = f"at most {written(lasts_s)}, when the scenario ends, or no 'for' to let it run to the end"
        fields.wrong("for", f"it runs until {end}; expected {expected}")
    return at_s, lasts_s + PAST_THE_END_S if for_s is None else at_s + for_s


def _read_id(fields: Fields, hits: str | None, above: Above) -> str | None:
    name = fields.text("id")
    if name is None:
        return None
    if not _ID.fullmatch(name):
        fields.wrong("id", f"id is '{name[:40]}'; expected at most 32 letters, digits, - and _")
    elif name in above:
        fields.wrong("id", f"the id '{name}' stands above already; expected another one")
    else:
        above[name] = hits
    return name


def _read_where(fields: Fields, fault: FaultRow, above: Above) -> Named | Choice | None:
    allowed = PLACES[fault.hits]
    given = [name for name in PLACES["village"] + PLACES["device"] if name in fields]
    if fault.hits == "county":
        for name in given:
            fields.wrong(name, f"{fault.name} is weather and hits everybody; expected no '{name}'")
        return None
    wrong = [name for name in given if name not in allowed]
    for name in wrong:
        fields.wrong(name, f"{fault.name} hits a {fault.hits}; expected {' or '.join(allowed)} instead of '{name}'")
    if wrong:
        return None
    if len(given) != 1:
        where = "nowhere" if not given else f"by {' and '.join(given)}"
        fields.wrong("fault", f"{fault.name} is placed {where}; expected one of {', '.join(allowed)}")
        return None
    units: dict[str, Unit] = {unit: unit for unit in get_args(Unit)}
    if given[0] in units:
        text = fields.text(given[0])
        return None if text is None else Named(units[given[0]], text, fields.line_of(given[0]))
    return _read_choice(fields, given[0], fault, above)


def _read_choice(fields: Fields, name: str, fault: FaultRow, above: Above) -> Choice | None:
    known = VILLAGES_FIELDS if name == "villages" else HOMES_FIELDS
    inner = fields.inner(name, (*known, "types") if fault.hits == "device" else known)
    if inner is None or not isinstance(fields.node(name), yaml.MappingNode):
        return None
    amounts = [amount for amount in AMOUNTS if amount in inner]
    if len(amounts) > 1 or (not amounts and "same_as" not in inner):
        expected = "count: 2" if name == "villages" else "count: 2, share: 0.1"
        found = " and ".join(amounts) or "no amount"
        inner.wrong(amounts[0] if amounts else "", f"{name} has {found}; expected one of {expected} or all: true")
        return None
    everything = inner.flag("all")
    if everything is False:
        inner.wrong("all", "all is false; expected true, or count or share instead")
    return Choice(
        of="villages" if name == "villages" else "homes",
        line=inner.line,
        count=inner.whole("count", 1, _MOST_HOMES),
        share=inner.number("share", 1e-6, 1.0),
        everything=everything or False,
        heating=_read_heating(inner, fault),
        occupied=inner.flag("occupied"),
        vulnerable=inner.flag("vulnerable"),
        building_class=inner.some_of("building_class", CLASSES, what="building class"),
        village=inner.text("village"),
        having=inner.some_of("with", TYPES, what="device type"),
        lacking=inner.some_of("without", TYPES, what="device type"),
        same_as=_read_same_as(inner, name, above),
        not_in=_read_not_in(inner, above),
        types=_read_types(inner, fault),
    )


def _read_heating(inner: Fields, fault: FaultRow) -> tuple[str, ...]:
    heating = inner.some_of("heating", HEATINGS)
    if fault.types and fault.hits != "device":
        for name in heating:
            if name not in fault.types:
                inner.wrong("heating", f"{fault.name} cannot happen with {name}; expected {', '.join(fault.types)}")
    return heating


def _read_types(inner: Fields, fault: FaultRow) -> tuple[str, ...]:
    possible = fault.types or tuple(name for name in TYPES if DEVICE_TYPE[name].reports)
    return inner.some_of("types", possible, what="device type that can have it")


def _read_same_as(inner: Fields, of: str, above: Above) -> str | None:
    name = inner.text("same_as")
    if name is None:
        return None
    if name not in above:
        inner.wrong("same_as", f"no entry above has the id '{name}'; expected {_ids(name, above)}")
    elif of == "villages" and above[name] not in {"village", None}:
        inner.wrong("same_as", f"the entry '{name}' hits no villages; expected one that does")
    else:
        return name
    return None


def _read_not_in(inner: Fields, above: Above) -> tuple[str, ...]:
    node = inner.node("not_in")
    if node is None:
        return ()
    if not above:
        inner.wrong("not_in", f"no entry above has the id {shown(node)}; expected {_ids('', above)}")
        return ()
    return inner.some_of("not_in", tuple(above), what="id of an entry above")


def _ids(name: str, above: Above) -> str:
    return nearest(name, above) if above else "an entry with an id above this one"

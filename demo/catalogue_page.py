"""The page `docs/catalogue.md`: what exists, a section a device type, and the rules that watch it."""

from __future__ import annotations

from catalogue.building_classes import BUILDING_CLASSES, INDOOR_DESIGN_C, OUTDOOR_DESIGN_C
from catalogue.device_types import COMMON_LIMITS, COMMON_METRICS, DEVICE_TYPES, DeviceType
from catalogue.event_types import EVENT_TYPES
from catalogue.fault_codes import FAULT_CODES, FaultCode
from catalogue.faults import FAULT, FAULTS
from catalogue.limits import Limit
from catalogue.metrics import METRIC
from catalogue.rules import CountRule, EventRule, Rule, default_pack
from demo.catalogue_words import SIMULATOR, bounds, models_of, nameplate, nature, said_by, span
from demo.markdown import code, plain, table
from demo.rule_words import normal_when, raised_when, whom

_CONFIDENCE = {"S": "maker's document", "2": "secondary", "M": "memory: unconfirmed", "A": "invented"}


def catalogue_page() -> str:
    """The page without its first line. The same text each time."""
    pack = default_pack()
    sections = "\n\n".join(_device_type(kind) for kind in DEVICE_TYPES)
    return f"""# Catalogue

`nuanshao catalogue` shows this on a terminal, `nuanshao catalogue --json` gives it to a program. How to add rows:
[CONTRIBUTING.md](../CONTRIBUTING.md#recipes).

[Metrics](#metrics) · [device types](#device-types) · [faults](#faults) · [fault codes](#fault-codes) ·
[building classes](#building-classes) · [event types](#event-types) · [rules](#rules-the-pack-{_anchor(pack.label)})

## Metrics

A metric's name is the key in a payload's `"m"` and the column of the table `telemetry`. A value outside its range is
stored as null and the reading is flagged `out_of_range`. The range is what a working sensor can put out, dangers
included; what is normal is a rule's business.
A `state` is 0 or 1 (`true` and `false` are taken too); a `counter` only grows, until it is reset.

Each device type has its own metrics, below. Every device may report these as well:

{_metrics(COMMON_METRICS)}

## Device types

{_types_table()}

The registry may give a device another interval. `plan` is the system's number in the city's clean-heating plan.
A limit is how far a metric may go by a standard or by what makers do; a model's nameplate goes before it. Every type
also has this one:

{_limits(COMMON_LIMITS)}

{sections}

## Faults

What can be wrong with a device, whatever its maker calls it. `stays off`: such a device usually stops until somebody
resets it. `danger` is the worst that follows when nobody comes.

{_faults_table()}

## Fault codes

A device sends its maker's own code in `"fault"`. The same code means something else at another maker, so it is read
together with vendor, model and type; the codes stand beside the faults of each type, above. Where they were read:

{_sources_table()}

## Building classes

Heat that a building needs per m² of floor at {INDOOR_DESIGN_C:g} °C inside and {OUTDOOR_DESIGN_C:g} °C outside.
`first` marks buildings that come first when heat is short.

{_buildings_table()}

## Event types

What a device may send as `"type"` on its topic `event`, and the rules of the default pack that look at it. Every
known event is stored and shown on the board of its home; one that raises nothing is told to nobody.

{_event_types_table()}

## Rules: the pack `{pack.label}`

A rule without named types looks at every type that measures its metric. `latching`: the alarm stays open until the
value is normal **and** a person has acknowledged it. `told`: people get a message; "late too" means also when the
reading arrives late, "without the database too" that it is told while the database is away. A number whose source says
"unconfirmed" has not been read in a standard yet.

{_rules_table()}
"""


def _anchor(label: str) -> str:
    return label.replace("@", "")


def _types_table() -> str:
    return table(
        ("type", "plan", "interval", "English", "中文", "energy"),
        (
            (
                f"[{code(row.name)}](#{row.name})", row.plan, f"{row.interval_s} s" if row.reports else "", row.en,
                row.zh, row.energy if row.heats else "",
            )
            for row in DEVICE_TYPES
        ),
    )  # fmt: skip


def _device_type(kind: DeviceType) -> str:
    plan = f" {kind.plan}" if kind.plan else ""
    parts = [f"### {kind.name}", f"{kind.zh} {kind.en}{plan}: {nature(kind)}."]
    if kind.metrics:
        parts.append(_metrics(kind.metrics))
    if kind.limits:
        parts.append(_limits(kind.limits))
    parts.append(
        table(
            ("fault", "中文", "makers' codes"),
            ((code(name), FAULT[name].zh, _codes(kind, name)) for name in kind.all_faults),
        )
    )
    models = [(code(row.name), row.vendor, nameplate(row), row.source) for row in models_of(kind)]
    if models:
        parts.append(table(("model", "vendor", "nameplate", "source"), models))
    return "\n\n".join(parts)


def _metrics(names: tuple[str, ...]) -> str:
    rows = [METRIC[name] for name in names]
    return table(
        ("metric", "English", "中文", "kind", "range"),
        ((code(row.name), row.en, row.zh, row.kind, span(row)) for row in rows),
    )


def _limits(limits: dict[str, Limit]) -> str:
    return table(
        ("limit of", "is", "source"),
        ((code(name), bounds(name, limit), limit.source) for name, limit in limits.items()),
    )


def _codes(kind: DeviceType, fault: str) -> str:
    return "; ".join(f"{vendor} {' '.join(map(code, codes))}" for vendor, codes in said_by(kind, fault).items())


def _faults_table() -> str:
    return table(
        ("fault", "English", "中文", "subsystem", "danger", "stays off", "what to do first"),
        (
            (code(row.name), row.en, row.zh, row.subsystem, row.danger, "yes" if row.lockout else "", row.do)
            for row in FAULTS
        ),
    )


def _sources_table() -> str:
    tables: dict[tuple[str, ...], list[FaultCode]] = {}
    for row in FAULT_CODES:
        key = (row.vendor, row.models, row.type if row.vendor != SIMULATOR else "all that report", row.confidence)
        tables.setdefault((*key, row.source), []).append(row)
    return table(
        ("vendor", "models", "type", "codes", "confidence", "source"),
        (
            (vendor, plain(models.replace("*", "\\*")), kind, str(len(rows)), _CONFIDENCE[confidence], plain(source))
            for (vendor, models, kind, confidence, source), rows in tables.items()
        ),
    )


def _buildings_table() -> str:
    return table(
        ("class", "English", "中文", "W/m²", "spread", "W/m²K", "room °C", "first", "source"),
        (
            (
                code(row.name), row.en, row.zh, f"{row.heat_load_w_m2:g}",
                "" if row.low_w_m2 == row.high_w_m2 else f"{row.low_w_m2:g}…{row.high_w_m2:g}",
                f"{row.loss_w_m2k:.2f}", f"{row.indoor_c:g}", "yes" if row.priority else "", row.source,
            )
            for row in BUILDING_CLASSES
        ),
    )  # fmt: skip


def _event_types_table() -> str:
    rules: dict[str, list[str]] = {row.name: [] for row in EVENT_TYPES}
    for rule in default_pack().rules:
        if isinstance(rule, EventRule | CountRule):
            rules[rule.event].append(code(rule.id))
    return table(
        ("type", "English", "中文", "raises"),
        ((code(row.name), row.en, row.zh, ", ".join(rules[row.name]) or "nothing") for row in EVENT_TYPES),
    )


def _rules_table() -> str:
    return table(
        ("rule", "priority", "raised when", "normal again when", "latching", "told", "what the message says", "source"),
        (
            (
                code(rule.id), rule.priority, raised_when(rule) + whom(rule), normal_when(rule),
                "yes" if rule.latching else "", _told(rule), f"{rule.zh}。{rule.do}", rule.source,
            )
            for rule in default_pack().rules
        ),
    )  # fmt: skip


def _told(rule: Rule) -> str:
    if not rule.tell:
        return ""
    ways = [
        "yes",
        *(f"{kind} organisations too" for kind in rule.organisations),
        *(["late too"] if rule.tell_late else []),
        *(["without the database too"] if rule.life_safety else []),
    ]
    return ", ".join(ways)

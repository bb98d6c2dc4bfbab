"""The pages of `docs/` that are made from the code: settings and catalogue. A test holds the committed files to it.

`nuanshao docs` writes them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import SecretStr

from catalogue.device_types import COMMON_METRICS, DEVICE_TYPES
from catalogue.event_types import EVENT_TYPES
from catalogue.metrics import METRIC, METRICS
from catalogue.rules import EventRule, Rule, SilenceRule, ThresholdRule, default_pack
from foundation.settings import PREFIX, Settings

FOLDER = Path(__file__).parents[1] / "docs"

MADE = "<!-- Made by `nuanshao docs`; change the code, not this file. -->"
BESIDE: tuple[tuple[str, str, str], ...] = (
    ("LOG_LEVEL", "`INFO`", "What is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`"),
    (
        "CACHE_DIR",
        "`/var/cache/nuanshao` for root, `~/.cache/nuanshao` for others",
        "Where fetched services and test tools are kept; an absolute path",
    ),
)
"""Variables that are read before there are settings (foundation/logs.py, runtime/places.py)."""

_MINUTE_S = 60
_HOUR_S = 3600


def settings_table() -> str:
    """Every setting as a Markdown table, in the order of foundation/settings.py."""
    rows: list[tuple[str, ...]] = []
    for name, field in Settings.model_fields.items():
        secret = field.annotation is SecretStr
        default = "" if secret or field.default == "" else f"`{field.default}`"
        what = plain(field.description or "")
        rows.append((f"`{PREFIX}{name.upper()}`", "yes" if secret else "", default, what))
    rows += [(f"`{PREFIX}{name}`", "", default, what) for name, default, what in BESIDE]
    return _table(("variable", "secret", "default", "what it is"), rows)


def metrics_table() -> str:
    """Every metric as a Markdown table, in the catalogue's order."""
    return _table(
        ("name", "unit", "low", "high", "kind", "English", "中文"),
        (
            (f"`{row.name}`", row.unit, f"{row.low:g}", f"{row.high:g}", row.kind, row.en, row.zh)
            for row in METRICS
        ),
    )  # fmt: skip


def device_types_table() -> str:
    """Every device type with its own metrics as a Markdown table."""
    return _table(
        ("name", "plan", "interval", "English", "中文", "metrics of its own"),
        (
            (
                f"`{row.name}`", row.plan, f"{row.interval_s} s", row.en, row.zh,
                ", ".join(f"`{name}`" for name in row.metrics),
            )
            for row in DEVICE_TYPES
        ),
    )  # fmt: skip


def event_types_table() -> str:
    """Every alarm bit as a Markdown table, with the rules that look at it."""
    rules: dict[str, list[str]] = {row.name: [] for row in EVENT_TYPES}
    for rule in default_pack().rules:
        if isinstance(rule, EventRule):
            rules[rule.event].append(f"`{rule.id}`")
    return _table(
        ("type", "English", "中文", "raises"),
        ((f"`{row.name}`", row.en, row.zh, ", ".join(rules[row.name]) or "nothing") for row in EVENT_TYPES),
    )


def rules_table() -> str:
    """Every rule of the default pack as a Markdown table, each with the source of its numbers."""
    return _table(
        ("rule", "priority", "raised when", "normal again when", "latching", "told", "what the message says", "source"),
        (
            (
                f"`{rule.id}`", rule.priority, _raised(rule) + _types(rule), _cleared(rule),
                "yes" if rule.latching else "", _told(rule), f"{rule.zh}。{rule.do}", rule.source,
            )
            for rule in default_pack().rules
        ),
    )  # fmt: skip


def plain(text: str) -> str:
    """Text that Markdown shows as it stands: without this `<secret>` would be taken for a tag."""
    return text.replace("<", "\\<")


def documents() -> dict[str, str]:
    """The pages by file name. The same text each time."""
    return {"settings.md": _settings_page(), "catalogue.md": _catalogue_page()}


def write(folder: Path = FOLDER) -> list[Path]:
    """Writes the pages into `folder`; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in documents().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _settings_page() -> str:
    return f"""{MADE}

# Settings

Every process reads its settings from the environment, once, when it starts. An empty value means "not set".
A secret may come from a file instead: `{PREFIX}X_FILE=/run/secrets/x` fills `{PREFIX}X`.
Which process needs which of them stands in [operations.md](operations.md#processes).

{settings_table()}
"""


def _catalogue_page() -> str:
    pack = default_pack()
    common = ", ".join(f"`{name}`" for name in COMMON_METRICS)
    return f"""{MADE}

# Catalogue

## Metrics

`name` is the key in a payload's `"m"` and the column of the table `telemetry`. A value outside `low`…`high` is
stored as null and the reading is flagged `out_of_range`. The range is what a working sensor can put out, dangers
included; what is normal is a rule's business.
`state` is 0 or 1 (`true` and `false` are taken too); `counter` only grows, until it is reset.

{metrics_table()}

## Device types

Every type also has {common}.
`interval` is the usual time between two readings; the registry may give a device another one. `plan` is the system's
number in the city's clean-heating plan.

{device_types_table()}

## Event types

What a device may send as `"type"` on its topic `event`, and the rules of the default pack that look at it. Every
known event is stored and shown on the board of its home; one that raises nothing is told to nobody.

{event_types_table()}

## Rules: the pack `{pack.label}`

A rule without named types looks at every type that measures its metric. `latching`: the alarm stays open until the
value is normal **and** a person has acknowledged it. `told`: people get a message; "late too" means also when the
reading arrives late. A number whose source says "unconfirmed" has not been read in a standard yet.

{rules_table()}
"""


def _raised(rule: Rule) -> str:
    if isinstance(rule, EventRule):
        return f"the device says `{rule.event}` is on"
    if isinstance(rule, SilenceRule):
        return f"nothing heard for {rule.intervals:g} intervals, at least {_time(rule.at_least_s)}"
    text = f"`{rule.metric}` {'≥' if rule.direction == 'above' else '<'} {_level(rule, rule.raise_at)}"
    if rule.hold_s:
        text += f" for {_time(rule.hold_s)}"
    if rule.confirm_s:
        text += f", confirmed within {_time(rule.confirm_s)} (at once where the device samples slower)"
    return text


def _cleared(rule: Rule) -> str:
    if isinstance(rule, EventRule):
        return f"it says `{rule.event}` is off"
    if isinstance(rule, SilenceRule):
        return "heard again"
    text = f"{'<' if rule.direction == 'above' else '≥'} {_level(rule, rule.clear_at)}"
    return f"{text} for {_time(rule.clear_s)}" if rule.clear_s else text


def _level(rule: ThresholdRule, value: float) -> str:
    return f"{value:g} {METRIC[rule.metric].unit}".strip()


def _types(rule: Rule) -> str:
    if rule.types:
        return f" ({', '.join(f'`{name}`' for name in rule.types)})"
    if rule.except_types:
        return f" (all but {', '.join(f'`{name}`' for name in rule.except_types)})"
    return ""


def _told(rule: Rule) -> str:
    if not rule.tell:
        return ""
    return "yes, late too" if rule.tell_late else "yes"


def _time(seconds: float) -> str:
    for size, unit in ((_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    write()

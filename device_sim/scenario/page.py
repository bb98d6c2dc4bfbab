"""The tables of docs/scenarios.md, made from the shipped scenarios and faults.yaml; a test holds the page to them.

`python -m device_sim.scenario.page` writes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from device_sim.faults.fault_rows import FAULT
from device_sim.scenario.scenario import Scenario
from device_sim.scenario.shelf import list_scenarios
from device_sim.scenario.times import written

PAGE: Final = Path(__file__).parents[2] / "docs" / "scenarios.md"
_DAY_S: Final = 86_400.0


def scenario_table() -> str:
    """Every shipped scenario: how long it takes, what is rehearsed, what goes wrong, what must come of it."""
    return _table(
        ("name", "lasts", "what is rehearsed", "演练内容", "faults", "expected"),
        (
            (
                f"`{each.name}`",
                _length(each.lasts_s),
                each.en,
                each.zh,
                ", ".join(f"`{fault}`" for fault in dict.fromkeys(entry.fault for entry in each.timeline)),
                _expected(each),
            )
            for each in list_scenarios()
        ),
    )


def fault_table() -> str:
    """Every fault with what it hits, on what, its strength, and the kind that is scored."""
    return _table(
        ("fault", "what happens", "中文", "layer", "hits", "of", "strength", "default", "from … to", "scored as"),
        (
            (
                f"`{row.name}`",
                row.en,
                row.zh,
                row.layer,
                row.hits,
                ", ".join(f"`{name}`" for name in row.types),
                "" if row.low == row.high else row.unit,
                "" if row.low == row.high else f"{row.default:g}",
                "" if row.low == row.high else f"{row.low:g} … {row.high:g}",
                f"`{row.kind}`" if row.kind else "",
            )
            for row in FAULT.values()
        ),
    )


TABLES: Final[Mapping[str, Callable[[], str]]] = {"scenarios": scenario_table, "faults": fault_table}
"""By the mark between whose lines they stand: `<!-- scenarios -->` … `<!-- end of scenarios -->`."""


def with_tables(text: str) -> str:
    """The page with each table made anew. Raises ValueError where a mark is missing."""
    for mark, table in TABLES.items():
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"expected one '{begin.strip()}' and one '{end}'")
        before, rest = text.split(begin)
        text = f"{before}{begin}{table()}\n{end}{rest.split(end)[1]}"
    return text


def _length(span_s: float) -> str:
    days = span_s / _DAY_S
    return f"{days:g} d" if days > 1 and days == int(days) else f"{written(span_s)}"


def _expected(scenario: Scenario) -> str:
    floors = [
        f"{kind} {name.replace('_', ' ')} {sign} {value:g}"
        for kind, floor in scenario.expected.kinds.items()
        for name, sign, value in (
            ("recall", "≥", floor.recall),
            ("precision", "≥", floor.precision),
            ("delay_s_p95", "≤", floor.delay_s_p95),
            ("messages_per_event", "≤", floor.messages_per_event),
        )
        if value is not None
    ]
    if scenario.expected.false_offline_per_1000_device_days is not None:
        floors.append(f"false offline ≤ {scenario.expected.false_offline_per_1000_device_days:g} in 1000 device-days")
    if scenario.expected.messages is not None:
        floors.append(f"messages ≤ {scenario.expected.messages}")
    return ", ".join(floors)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""Reports as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show_ingest(report: Mapping[str, Any]) -> None:
    """The report of `bench ingest`."""
    console = Console()
    cpu = report["cpu_us_per_msg_by_process"]
    memory = report["memory_mb_by_process"]
    rows = [
        ("thrown away", f"{report['throwaway_per_s']:,} messages/s", "broker and codec alone: nothing kept"),
        ("durable", f"{report['durable_per_s']:,} messages/s", "stored, judged, committed, then acknowledged"),
        ("ratio", f"{report['ratio']:.2f}", "durable / thrown away, median of the pairs"),
        ("COPY alone", f"{report['copy_per_s']:,} rows/s", "one connection, nothing else"),
        ("CPU a message", f"{report['cpu_us_per_msg']:.1f} µs", "ingest, all its processes"),
        *((f"  {name}", f"{cpu[name]:.1f} µs", f"{memory.get(name, 0):,.0f} MB at most") for name in cpu),
        (
            "reading committed",
            f"p50 {_ms(report['latency_ms_p50'])}, p99 {_ms(report['latency_ms_p99'])}",
            f"after it was measured, at {report['rate_kept']:,} messages/s",
        ),
        *_co(report, "", "CO told"),
        *_co(report, "_saturated", "CO told, saturated"),
        (
            "books",
            f"{report['published']:,} published",
            f"{report['stored']:,} stored, {report['lost']:,} lost, {report['duplicated']:,} twice",
        ),
    ]
    console.print(_table("ingest", rows))
    console.print(describe(report["machine"]), style="dim")


def describe(machine: Mapping[str, Any]) -> str:
    """The machine in a line."""
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _co(report: Mapping[str, Any], suffix: str, what: str) -> Iterable[tuple[str, str, str]]:
    p50, p99 = report[f"co_latency_ms_p50{suffix}"], report[f"co_latency_ms_p99{suffix}"]
    yield (
        what,
        f"p50 {_ms(p50)}, p99 {_ms(p99)}",
        f"{report[f'co_told{suffix}']} of {report[f'co_injected{suffix}']}, from detector to carrier",
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"

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
        ("others", f"{report['others_cpu_cores']:.2f} cores", "used by anybody else on this machine meanwhile"),
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


def show_engine(report: Mapping[str, Any]) -> None:
    """The report of `bench engine`."""
    console = Console()
    rows = [
        ("judged", f"{report['readings_per_s']:,} readings/s", f"by {report['rules']} rules, none raised, one core"),
        ("CPU a reading", f"{report['cpu_us_per_reading']:.3f} µs", f"blocks of {report['block']:,}"),
        (
            "decoded and judged",
            f"{report['decode_and_judge_per_s']:,} messages/s",
            f"JSON of {report['payload_bytes']} bytes to columns, {report['decode_and_judge_cpu_us']:.1f} µs each",
        ),
        (
            "memory",
            f"{report['bytes_per_device']:,} bytes a device",
            f"of {report['memory_devices']:,}, {report['memory_open_share']:.0%} with every alarm open that can be",
        ),
    ]
    console.print(_table("engine", rows))
    console.print(describe(report["machine"]), style="dim")


def show_backtest(report: Mapping[str, Any]) -> None:
    """The report of `bench backtest`."""
    console = Console()
    rows = [
        (
            "played",
            f"{report['readings_per_s']:,} readings/s",
            f"through {report['packs']} packs of {report['rules']} rules, out of the database",
        ),
        ("one core", f"{report['readings_per_s_of_one_core']:,} readings/s", "by this process's CPU alone"),
        ("CPU a reading", f"{report['cpu_us_per_reading']:.2f} µs", f"{report['judged_singly']:,} judged singly"),
        ("memory", f"{report['memory_mb_most']:,} MB", "at most"),
        ("readings", f"{report['readings']:,}", f"of {report['devices']:,} devices"),
    ]
    console.print(_table("backtest", rows))
    console.print(describe(report["machine"]), style="dim")


def show_simulator(report: Mapping[str, Any]) -> None:
    """The report of `bench simulator`."""
    console = Console()
    rows = [
        ("a step", f"{report['ms_per_step']:.1f} ms", f"{report['step_s']:.0f} s of {report['homes']:,} homes, median"),
        ("the longest", f"{report['ms_per_step_max']:.1f} ms", f"of {report['steps']}"),
        ("memory", f"{report['bytes_per_home']:,} bytes", "a home"),
        ("measured", f"{report['measured_readings_per_s']:,} readings/s", f"of {report['devices']:,} devices"),
    ]
    console.print(_table("simulator", rows))
    console.print(describe(report["machine"]), style="dim")


def show_query(report: Mapping[str, Any]) -> None:
    """The report of `bench query`."""
    console = Console()
    table = Table(title="query", title_justify="left")
    for name in ("panel", "p50 ms", "p95 ms", "max ms", "rows"):
        table.add_column(name, justify="left" if name == "panel" else "right")
    for one in sorted(report["panels"], key=lambda one: -float(one["p95_ms"])):
        table.add_row(one["panel"], *(f"{one[name]:.1f}" for name in ("p50_ms", "p95_ms", "max_ms")), str(one["rows"]))
    console.print(table)
    console.print(
        f"{report['share_within_200_ms']:.0%} of {report['queries']} queries within 200 ms (p95);"
        f" worst: {report['worst_panel']}, {report['worst_p95_ms']:.0f} ms."
        f" {report['readings']:,} readings of {report['devices']:,} devices in {report['homes']:,} homes,"
        f" {report['days']:g} days"
    )
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

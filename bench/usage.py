"""What processes cost: CPU time and memory of a process with all that it has started, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 11, 15
"""Places in /proc/<pid>/stat behind the name: the parent; utime, stime, and both of children that have ended."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time since the start, in seconds; the most memory that it ever had, in MB."""

    cpu_s: float
    memory_mb: float


def usage(pid: int) -> Usage:
    """Of `pid` with its descendants. Zero for a process that has ended.

    Memory that several share (PostgreSQL's buffers) is counted once.
    """
    cpu_s, own_kb, shared_kb = 0.0, 0, 0
    for one in tree(pid):
        try:
            cpu_s += cpu_seconds((Path("/proc") / str(one) / "stat").read_text(encoding="utf-8", errors="replace"))
            highest, shared = memory_kb((Path("/proc") / str(one) / "status").read_text(encoding="utf-8"))
        except OSError:
            continue
        own_kb += max(0, highest - shared)
        shared_kb = max(shared_kb, shared)
    return Usage(cpu_s, (own_kb + shared_kb) / 1024)


def resident_mb(pid: int) -> float:
    """What `pid` with its descendants has in memory now, in MB; what they share is counted with each."""
    kb = 0
    for one in tree(pid):
        try:
            status = (Path("/proc") / str(one) / "status").read_text(encoding="utf-8")
        except OSError:
            continue
        fields = dict(line.partition(":")[::2] for line in status.splitlines())
        kb += int(fields.get("VmRSS", "0 kB").split()[0])
    return kb / 1024


def machine_busy_s() -> float:
    """CPU seconds that the whole machine has worked since its start, all cores together."""
    return busy_seconds(Path("/proc/stat").read_text(encoding="ascii"))


def busy_seconds(stat: str) -> float:
    """The same in the text of /proc/stat: user, nice, system, interrupts and what a hypervisor took; not idle."""
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, stat.split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_S


def tree(pid: int) -> list[int]:
    """`pid` and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = _behind_the_name((entry / "stat").read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
            children.setdefault(int(fields[_PARENT]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(stat: str) -> float:
    """CPU time in the text of /proc/<pid>/stat, that of ended children with it."""
    return sum(map(int, _behind_the_name(stat)[_FIRST_TIME:_LAST_TIME])) / _TICKS_PER_S


def memory_kb(status: str) -> tuple[int, int]:
    """(the most that it ever had, what it shares now) in the text of /proc/<pid>/status, in kB."""
    fields = dict(line.partition(":")[::2] for line in status.splitlines())
    return tuple(int(fields.get(name, "0 kB").split()[0]) for name in ("VmHWM", "RssShmem"))  # type: ignore[return-value]


def _behind_the_name(stat: str) -> list[str]:
    # the name stands in brackets and may hold anything
    return stat.rpartition(")")[2].split()

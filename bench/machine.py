"""What a run ran on: without it a figure says nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def machine(versions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Cores, processor, memory in GB, kernel, Python, and the versions of services."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return {
        "cores": cores,
        "cpu": cpu_model(_text("/proc/cpuinfo")) or platform.machine(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **(versions or {}),
    }


def cpu_model(cpuinfo: str) -> str:
    """The processor's name in the text of /proc/cpuinfo; empty where it has none."""
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() == "model name":
            return value.strip()
    return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""

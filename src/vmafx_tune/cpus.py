"""How many processors, and how much memory, there are to work with."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available_cpus", "available_memory_bytes", "visible_cpus"]

# What a container may use, by the second version of control groups: "200000 100000" is two.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_MEMORY_QUOTA = Path("/sys/fs/cgroup/memory.max")


def available_cpus() -> int:
    """Count the processors that this process may use, at least 1: its affinity, its quota."""
    return max(1, min(visible_cpus(), _quota()))


def visible_cpus() -> int:
    """Count the processors that programs see when they choose their threads, whatever the quota."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory_bytes() -> int | None:
    """Measure the memory that this process may use: the machine's, its container's quota.

    Returns:
        None where neither can be found out.
    """
    known = [size for size in (_physical_memory(), _memory_quota()) if size is not None]
    return min(known, default=None)


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        # Windows has no such call, and some systems no such names.
        return None


def _memory_quota() -> int | None:
    try:
        return int(_MEMORY_QUOTA.read_text(encoding="ascii"))
    except (OSError, ValueError):
        # There is none: no such file, or "max".
        return None


def _quota() -> int:
    try:
        used_us, period_us = _QUOTA.read_text(encoding="ascii").split()
        return math.ceil(int(used_us) / int(period_us))
    except (OSError, ValueError, ZeroDivisionError):
        # There is none: no such file, or "max".
        return 1 << 30

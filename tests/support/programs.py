"""Small programs to run in place of real tools, and a look at what became of them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "children_running",
    "command_line",
    "cpu_s",
    "is_alive",
    "make_program",
    "needs_proc",
    "processes_of",
    "wait_until",
]

_LOOK_EVERY_S = 0.01
_LOOKS = 18_000

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc"
)


def make_program(folder: Path, body: str, name: str = "program") -> Path:
    """Write an executable shell script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def children_running(marker: str) -> list[int]:
    """Find processes whose command line contains `marker`."""
    return [pid for pid in _pids() if marker in command_line(pid) and is_alive(pid)]


def processes_of(variable: str, value: str) -> list[int]:
    """Find processes that run with `variable=value` in their environment."""
    entry = f"{variable}={value}".encode()
    return [pid for pid in _pids() if entry in _read(pid, "environ") and is_alive(pid)]


def cpu_s(pid: int) -> float:
    """Read how long a process has been at work, in seconds of a processor."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def command_line(pid: int) -> str:
    """Read a process's command line; nothing where there is no such process."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another process or thread.

    It gives up after minutes: a loaded machine is slow, not wrong.
    """
    for _ in range(_LOOKS):
        if condition():
            return
        time.sleep(_LOOK_EVERY_S)
    pytest.fail("It did not happen within minutes.")


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""

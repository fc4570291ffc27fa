"""Timing side by side: runs take turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["cpu_s_of", "each_turn", "ratios", "running", "take_turns"]


def running(argv: Sequence[str]) -> Callable[[], object]:
    """Make a call that runs a program to its good end."""
    return lambda: subprocess.run(argv, check=True, capture_output=True)


def cpu_s_of(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> float:
    """Run a program to its good end; return the processor time that it and its children took."""
    process = subprocess.Popen(
        argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return used.ru_utime + used.ru_stime


def take_turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each run once a round, in seconds."""
    return each_turn({name: partial(_timed, run) for name, run in runs.items()}, rounds)


def each_turn(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Collect what each run returns, one of each a round."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            found[name].append(run())
    return found


def ratios(times: Mapping[str, list[float]], base: str) -> dict[str, float]:
    """Divide each run's median by that of `base`."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {name: median / medians[base] for name, median in medians.items()}


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started

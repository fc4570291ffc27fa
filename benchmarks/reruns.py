"""What a command takes that has been run before, and how much it measures again."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _rows import Row

from vmafx_tune.files import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MEASURES", "second_runs"]

CLIP = Path(__file__).parents[1] / "examples/example.mp4"
COMMANDS = {
    "search": ("search", "-t", "90"),
    "compare": ("compare", "-t", "80,90", "-c", "libx264,libx265", "--anchor", "libx264"),
    "ladder": ("ladder", "-t", "70,80,90", "--resolutions", "480x270,320x180,160x90"),
    "search --max-bitrate": ("search", "-t", "90", "--max-bitrate", "100"),
}
_MISSED_TARGET = 3


def second_runs(folder: Path, rounds: int) -> list[Row]:
    """Each command that encodes, run once more: the slowest of them, and all their encodes."""
    medians: dict[str, float] = {}
    encodes = 0
    for name, command in COMMANDS.items():
        cache = folder / f"cache-{name.replace(' ', '-')}"
        _run(command, cache)
        again = [_run(command, cache) for _ in range(rounds)]
        medians[name] = statistics.median(seconds for seconds, _ in again)
        encodes += sum(document["new_probes"] for _, document in again)
    slowest = max(medians, key=lambda name: medians[name])
    return [
        Row(f"second run of any command: the slowest, `{slowest}`", medians[slowest], 1.5, " s"),
        Row("second run of any command: encodes", encodes, 0, unit=""),
    ]


def _run(command: Sequence[str], cache: Path) -> tuple[float, Any]:
    argv = [sys.executable, "-m", "vmafx_tune", *command, "-r", str(CLIP), "--preset", "ultrafast"]
    started = time.perf_counter()
    done = subprocess.run(
        [*argv, "--format", "json"],
        env=_environment(cache),
        capture_output=True,
        text=True,
        check=False,  # a target out of reach is an answer too
    )
    seconds = time.perf_counter() - started
    if done.returncode not in {0, _MISSED_TARGET}:
        raise SystemExit(done.stderr)
    return seconds, json.loads(done.stdout)


def _environment(cache: Path) -> Mapping[str, str]:
    return {**os.environ, CACHE_VARIABLE: str(cache)}


MEASURES = (second_runs,)

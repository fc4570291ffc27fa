"""How fast the command line answers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from _rows import Row
from _timing import ratios, running, take_turns

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MEASURES", "startup"]


def startup(_: Path, rounds: int) -> list[Row]:
    """`--version` and `--help` against an empty Python program."""
    cli = [sys.executable, "-m", "vmafx_tune"]
    commands = {
        "pass": [sys.executable, "-c", "pass"],
        "--version": [*cli, "--version"],
        "--help": [*cli, "--help"],
        "compare --help": [*cli, "compare", "--help"],
    }
    times = take_turns({name: running(argv) for name, argv in commands.items()}, 3 * rounds)
    found = ratios(times, "pass")
    return [
        Row(f"`vmafx-tune {name}` against `python -c pass`", found[name], bar)
        for name, bar in (("--version", 15), ("--help", 15), ("compare --help", 25))
    ]


MEASURES = (startup,)

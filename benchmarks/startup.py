"""How much work the command line and the server do before any encode or score."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from _pair import short_clip
from _rows import Row
from _server import Server, cpu_seconds
from _timing import cpu_s_of, each_turn, ratios

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MEASURES", "startup"]

_CLI = [sys.executable, "-m", "vmafx_tune"]


def startup(folder: Path, rounds: int) -> list[Row]:
    """Processor time against an empty Python program's: of the process and of its children.

    Wall time would leave out what other cores do, and depends on what else the machine does.
    """
    clip = short_clip(folder)
    search = ["search", "-r", str(clip), "-t", "90", "--preset", "ultrafast", "-q"]
    search += ["-o", str(folder / "search.json")]
    here = os.environ | {
        "VMAFX_CACHE_DIR": str(folder / "cache"),
        # As in an installation, whatever this environment says of compiled modules.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    commands = {
        "--version": ["--version"],
        "--help": ["--help"],
        "compare --help": ["compare", "--help"],
        "search": search,
    }
    runs = {"pass": partial(cpu_s_of, [sys.executable, "-c", "pass"], here)}
    runs |= {name: partial(cpu_s_of, [*_CLI, *argv], here) for name, argv in commands.items()}
    runs["serve"] = partial(_until_ready, folder, here)
    # Fills the cache, and leaves compiled modules behind.
    each_turn(runs, 1)
    found = ratios(each_turn(runs, rounds), "pass")
    bars = {"--version": 2, "--help": 8, "compare --help": 12}
    return [
        *(_row(f"`vmafx-tune {name}`", found[name], bar) for name, bar in bars.items()),
        _row("`serve`, start to ready", found["serve"], 10.5),
        _row("`search`, answered from the cache", found["search"], 18),
    ]


def _row(what: str, measured: float, bar: float) -> Row:
    return Row(f"{what}, processor time against `python -c pass`", measured, bar)


def _until_ready(folder: Path, environ: Mapping[str, str]) -> float:
    with Server(folder, environ=environ) as server:
        return cpu_seconds(server.process.pid)


MEASURES = (startup,)

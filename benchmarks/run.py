"""Measure what the project promises about speed, side by side in one run, as ratios.

Run with `nox -s bench`. Writes a Markdown and a JSON table; see docs/reference/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from _rows import Row, table

from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Measure = Callable[[Path, int], list[Row]]
    """Called with a folder to work in, and how many times to run what is compared."""


def main() -> int:
    options = _options()
    chosen = [(name, measure) for name, measure in measures() if options.only in name]
    if options.list or not chosen:
        print(*(name for name, _ in chosen or measures()), sep="\n")
        return 0 if chosen else 2
    rows = _measured((measure for _, measure in chosen), options.rounds)
    machine = _machine()
    print(table(rows, machine))
    if options.output:
        _write(rows, machine, options.output)
    return 0 if all(row.kept for row in rows) else 1


def measures() -> Iterator[tuple[str, Measure]]:
    """Find all that can be measured: modules here name what they measure in `MEASURES`.

    Yields:
        `module.function`, in the order of the modules' names and of what each lists; the function.
    """
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        if path.stem != Path(__file__).stem:
            # Attacks and fuzzers are scripts of their own.
            for measure in getattr(import_module(path.stem), "MEASURES", ()):
                yield f"{path.stem}.{measure.__name__}", measure


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each thing measured")
    parser.add_argument("--only", default="", help="measure only what has this in its name")
    parser.add_argument("--list", action="store_true", help="print the names, and measure nothing")
    parser.add_argument("--output", type=Path, help="folder for benchmarks.md and benchmarks.json")
    return parser.parse_args()


def _measured(chosen: Iterable[Measure], rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [row for measure in chosen for row in measure(Path(folder), rounds)]


def _write(rows: list[Row], machine: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(table(rows, machine))
    (folder / "benchmarks.json").write_text(
        json.dumps([asdict(row) for row in rows], indent=2) + "\n"
    )


def _machine() -> str:
    ffmpeg = Session().ffmpeg.version
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {ffmpeg}"


if __name__ == "__main__":
    raise SystemExit(main())

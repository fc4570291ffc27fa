"""Measure what the project promises about speed, side by side in one run, as ratios.

Run with `nox -s bench`. Writes a Markdown and a JSON table; see docs/reference/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import ladders
import searches
import serving
from _pair import encoded_pair
from _rows import Row, table
from _timing import ratios, take_turns

from vmafx_tune import api
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.wiring import Toolbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.events import Event


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each thing measured")
    parser.add_argument("--only", default="", help="measure only promises whose name holds this")
    parser.add_argument("--output", type=Path, help="folder for benchmarks.md and benchmarks.json")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for measure in (startup, scoring, overhead, ladder, *searches.MEASURES, *serving.MEASURES):
            if options.only in measure.__name__:
                rows += measure(Path(folder), options.rounds)
    text = table(rows, _machine())
    print(text)
    if options.output:
        (options.output / "benchmarks.md").write_text(text)
        (options.output / "benchmarks.json").write_text(
            json.dumps([asdict(row) for row in rows], indent=2) + "\n"
        )
    return 0 if all(row.kept for row in rows) else 1


def startup(_: Path, rounds: int) -> list[Row]:
    """`--version` and `--help` against an empty Python program."""
    cli = [sys.executable, "-m", "vmafx_tune"]
    commands = {
        "pass": [sys.executable, "-c", "pass"],
        "--version": [*cli, "--version"],
        "--help": [*cli, "--help"],
        "compare --help": [*cli, "compare", "--help"],
    }
    times = take_turns({name: _running(argv) for name, argv in commands.items()}, 3 * rounds)
    found = ratios(times, "pass")
    return [
        Row(f"`vmafx-tune {name}` against `python -c pass`", found[name], bar)
        for name, bar in (("--version", 15), ("--help", 15), ("compare --help", 25))
    ]


def scoring(folder: Path, rounds: int) -> list[Row]:
    """`score` against the same libvmaf run straight by ffmpeg, on 10 s of 720p."""
    ffmpeg = str(Toolbox().ffmpeg.path)
    reference, distorted = encoded_pair(folder)
    graph = f"[0:v][1:v]libvmaf=n_threads={os.cpu_count()}:log_fmt=json:log_path={folder}/log.json"
    straight = (
        ffmpeg, "-v", "error", "-i", str(distorted), "-i", str(reference),
        "-filter_complex", graph, "-f", "null", "-",
    )  # fmt: skip
    cli = [sys.executable, "-m", "vmafx_tune", "score", str(reference), str(distorted)]
    times = take_turns(
        {
            "ffmpeg": _running(straight),
            "in process": lambda: api.score(reference, distorted),
            "command": _running(cli),
            "libvmaf": _running([*cli, "--backend", "libvmaf"]),
        },
        rounds,
    )
    found = ratios(times, "ffmpeg")
    return [
        Row("`score`, in process, against ffmpeg alone (10 s of 720p)", found["in process"], 1.10),
        Row("`vmafx-tune score` against ffmpeg alone (10 s of 720p)", found["command"], 1.10),
        Row("`vmafx-tune score --backend libvmaf` against ffmpeg alone", found["libvmaf"], 3.0),
    ]


def overhead(_: Path, __: int) -> list[Row]:
    """The part of a search that is neither an encode nor scoring."""
    clip = next(Path(__file__).parent.parent.glob("examples/*.mp4"))
    probes: list[float] = []

    def observe(event: Event) -> None:
        probe = getattr(event, "probe", None)
        if probe is not None:
            probes.append(probe.encode_time_s + probe.score_time_s)

    # What an earlier benchmark measured would only be recalled.
    box = Toolbox(ToolOptions(refresh=True))
    box.availability(encoder_row("libx264"))
    result = api.search(
        clip, "libx264", 90, encoding=EncodingOptions(preset="fast"), observe=observe, toolbox=box
    )
    share = 100 * (1 - sum(probes) / result.wall_time_s)
    return [Row("`search`: time outside of encodes and scoring", share, 5, unit=" %")]


def ladder(_: Path, __: int) -> list[Row]:
    """A ladder against its cells bisected one by one; hull and selection by themselves."""
    rows = [
        Row(
            "hull and selection of 100,000 points, the slowest spacing",
            ladders.rungs_chosen(100_000),
            1,
            unit=" s",
        )
    ]
    if not ladders.CLIP.exists():
        print(f"{ladders.CLIP.name} is not here, so the ladder is not measured.")
        return rows
    time, encodes, same = ladders.probes_shared()
    what = "`ladder`, 4 sizes x 5 targets, against each cell bisected on its own"
    return [
        *rows,
        Row(f"{what}: time", time, 0.55),
        Row(f"{what}: encodes", encodes, 0.55),
        Row(f"{what}: cells that differ", 0 if same else 1, 0, unit=""),
    ]


def _machine() -> str:
    ffmpeg = Toolbox().ffmpeg.version
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {ffmpeg}"


def _running(argv: list[str] | tuple[str, ...]) -> Callable[[], object]:
    return lambda: subprocess.run(argv, check=True, capture_output=True)


if __name__ == "__main__":
    raise SystemExit(main())

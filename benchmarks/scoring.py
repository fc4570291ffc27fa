"""What scoring costs above the libvmaf that does it."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from _pair import encoded_pair
from _rows import Row
from _timing import cpu_s_of, each_turn, ratios, running, take_turns

import vmafx_tune
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MEASURES", "scoring"]


def scoring(folder: Path, rounds: int) -> list[Row]:
    """`score` against the same libvmaf run straight by ffmpeg, on 10 s of 720p and of 480p."""
    reference, distorted = encoded_pair(folder)
    straight, cli = _commands(reference, distorted, folder)
    times = take_turns(
        {
            "ffmpeg": running(straight),
            "in process": lambda: vmafx_tune.score(reference, distorted),
            "command": running(cli),
            "libvmaf": running([*cli, "--backend", "libvmaf"]),
        },
        rounds,
    )
    found = ratios(times, "ffmpeg")
    return [
        Row("`score`, in process, against ffmpeg alone (10 s of 720p)", found["in process"], 1.10),
        Row("`vmafx-tune score` against ffmpeg alone (10 s of 720p)", found["command"], 1.10),
        *(_small(folder, crf, what, rounds) for crf, what in ((28, "good"), (34, "poor"))),
        Row("`vmafx-tune score --backend libvmaf` against ffmpeg alone", found["libvmaf"], 3.0),
    ]


def _small(folder: Path, crf: int, what: str, rounds: int) -> Row:
    """Compare processor time on 480p; of a poor encode, `score` looks whether it is out of step."""
    argv = dict(
        zip(
            ("ffmpeg", "ours"),
            _commands(*encoded_pair(folder, "854x480", crf=crf), folder),
            strict=True,
        )
    )
    used = each_turn({name: partial(cpu_s_of, one) for name, one in argv.items()}, rounds)
    title = (
        f"`vmafx-tune score` against ffmpeg alone (10 s of 480p, a {what} encode): processor time"
    )
    return Row(title, ratios(used, "ffmpeg")["ours"], 1.15)


def _commands(reference: Path, distorted: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Write the commands that score a pair: ffmpeg's own, and ours."""
    graph = f"[0:v][1:v]libvmaf=n_threads={os.cpu_count()}:log_fmt=json:log_path={folder}/log.json"
    straight = [
        str(Session().ffmpeg.path), "-v", "error", "-i", str(distorted), "-i", str(reference),
        "-filter_complex", graph, "-f", "null", "-",
    ]  # fmt: skip
    return straight, [sys.executable, "-m", "vmafx_tune", "score", str(reference), str(distorted)]


MEASURES = (scoring,)

"""What scoring costs above the libvmaf that does it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from _pair import encoded_pair
from _rows import Row
from _timing import ratios, running, take_turns

import vmafx_tune
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MEASURES", "scoring"]


def scoring(folder: Path, rounds: int) -> list[Row]:
    """`score` against the same libvmaf run straight by ffmpeg, on 10 s of 720p."""
    ffmpeg = str(Session().ffmpeg.path)
    reference, distorted = encoded_pair(folder)
    graph = f"[0:v][1:v]libvmaf=n_threads={os.cpu_count()}:log_fmt=json:log_path={folder}/log.json"
    straight = (
        ffmpeg, "-v", "error", "-i", str(distorted), "-i", str(reference),
        "-filter_complex", graph, "-f", "null", "-",
    )  # fmt: skip
    cli = [sys.executable, "-m", "vmafx_tune", "score", str(reference), str(distorted)]
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
        Row("`vmafx-tune score --backend libvmaf` against ffmpeg alone", found["libvmaf"], 3.0),
    ]


MEASURES = (scoring,)

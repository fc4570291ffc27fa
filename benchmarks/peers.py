"""Scoring against other tools: the same pair, the same ffmpeg, the same model, as many threads.

A peer that is not installed is left out with a word; a further one is a further entry of `PEERS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from _pair import encoded_pair
from _rows import Row
from _timing import ratios, running, take_turns

from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Command = Callable[[Path, Path, Path], Sequence[str | Path]]
    """Makes a peer's arguments from the reference, the distorted clip and the ffmpeg to use."""

__all__ = ["MEASURES", "PEERS", "Peer", "peers"]

THREADS = os.cpu_count() or 1
# Peers round the scores of frames to three decimals.
_ROUNDING = 0.001


@dataclass(frozen=True)
class Peer:
    """A tool that scores pairs of clips.

    Attributes:
        program: What it is called, and what its package puts beside this Python.
        command: Its arguments; it must use the ffmpeg, the model and the threads that we do.
        read_scores: Reads the VMAF score of each frame from what it prints.
    """

    program: str
    command: Command
    read_scores: Callable[[str], list[float]]

    @property
    def path(self) -> Path | None:
        """Where it is; None where it is not installed."""
        path = Path(sysconfig.get_path("scripts")) / self.program
        return path if path.exists() else None


PEERS = (
    Peer(
        "ffmpeg-quality-metrics",
        lambda reference, distorted, ffmpeg: (
            distorted, reference, "--metrics", "vmaf", "--ffmpeg-path", ffmpeg,
            "--vmaf-threads", str(THREADS), "--no-summary", "--output-format", "json",
        ),
        lambda output: [frame["vmaf"] for frame in json.loads(output)["vmaf"]],
    ),
)  # fmt: skip


def peers(folder: Path, rounds: int) -> list[Row]:
    """`vmafx-tune score` against each peer on 10 s of 720p: time, and whether scores agree."""
    return [row for peer in PEERS for row in _against(peer, folder, rounds)]


def _against(peer: Peer, folder: Path, rounds: int) -> list[Row]:
    if peer.path is None:
        print(f"{peer.program} is not installed, so it is not measured.")
        return []
    ffmpeg = Session().ffmpeg.path
    reference, distorted = encoded_pair(folder)
    ours = [
        sys.executable, "-m", "vmafx_tune", "score", str(reference), str(distorted), "--frames",
        "--ffmpeg", str(ffmpeg), "--threads", str(THREADS), "--format", "json",
    ]  # fmt: skip
    theirs = [str(peer.path), *map(str, peer.command(reference, distorted, ffmpeg))]
    times = take_turns({"ours": running(ours), "theirs": running(theirs)}, rounds)
    what = f"`vmafx-tune score` against `{peer.program}` (10 s of 720p)"
    apart = _largest_difference(_our_scores(_output(ours)), peer.read_scores(_output(theirs)))
    return [
        Row(f"{what}: time", ratios(times, "theirs")["ours"], 1.10),
        Row(f"{what}: largest difference of a frame", apart, _ROUNDING, unit=" VMAF"),
    ]


def _output(argv: Sequence[str]) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def _our_scores(output: str) -> list[float]:
    return [frame["vmaf"] for frame in json.loads(output)["frames"]]


def _largest_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


MEASURES = (peers,)

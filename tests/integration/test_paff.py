"""H.264 whose packets are fields, from the source to the answer."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from tests.support.clips import RATE
from tests.support.paff import paff_clip
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

N_FRAMES = 60
QUICK = ("-c", "x264", "-t", "80", "--preset", "ultrafast", "--crf-lo", "28", "--crf-hi", "32")


def made(commands: list[str], folder: Path) -> Path:
    for command in commands:
        subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True)
    return folder / shlex.split(commands[-1])[-1]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_search_proves_its_answer(clips: ClipFactory, tmp_path: Path, suffix: str) -> None:
    found = run_cli("search", "-r", paff_clip(clips, suffix), *QUICK, "--format", "json").document

    assert (found["ok"], found["proven"]) == (True, True)
    encoded = probe_source(made([found["encode_command"]], tmp_path))
    assert (encoded.n_frames, encoded.frame_rate, encoded.interlaced) == (N_FRAMES, RATE, True)
    assert found["bitrate_kbps"] == pytest.approx(found["size_bytes"] * 8 / 2.4 / 1000, rel=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_chunks_and_samples_are_cut_between_frames(
    clips: ClipFactory, tmp_path: Path, suffix: str
) -> None:
    search = ("search", "-r", paff_clip(clips, suffix), *QUICK, "--format", "json")
    chunked = run_cli(*search, "--chunk", "1").document
    sampled = run_cli(*search, "--sample", "2x0.5s", "--verify").document

    assert (chunked["proven"], chunked["chunk_frames"]) == (True, 25)
    joined = made([*chunked["chunk_commands"], chunked["encode_command"]], tmp_path)
    assert probe_source(joined).n_frames == N_FRAMES
    assert (sampled["proven"], sampled["sample"]["share"]) == (True, 0.4)
    assert all(
        part["start_s"] == pytest.approx(part["first_frame"] / 25)
        for part in sampled["sample"]["segments"]
    )


def test_the_groups_of_a_ladder_are_as_long_as_asked_for(clips: ClipFactory) -> None:
    ladder = ("ladder", "-r", paff_clip(clips), *QUICK, "--resolutions", "64x96", "--gop", "0.4")
    found = run_cli(*ladder, "--format", "json").document
    playlist = run_cli(*ladder, "--format", "hls").stdout

    assert found["gop_frames"] == 10
    assert "FRAME-RATE=25.000" in playlist

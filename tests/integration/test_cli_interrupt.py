"""Ctrl-C and its relatives: the work stops at once, no child and no file is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import command
from tests.support.programs import children_running, needs_proc, wait_until
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

pytestmark = needs_proc

# Whatever runs the tests may have signals ignored, as nohup does, and children inherit that.
HEAR_SIGNALS = """
import os, signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""

# What is found in the command line of the child that runs in each stage of a comparison.
STAGES = {"encode": ".part.mp4", "score": "libvmaf"}


@pytest.fixture
def slow_clip(clips: ClipFactory) -> Path:
    """Long enough that a stage is still running when the signal comes."""
    return clips.moving(n_frames=250, size=Resolution(320, 180))


COMPARE = ("compare", "-c", "libx264,libx265", "-t", "80", "--preset", "slower")
LADDER = ("ladder", "-c", "libx265", "-t", "80", "--resolutions", "320x180,160x90")


def start(
    clip: Path, work_dir: Path, arguments: tuple[str, ...] = COMPARE
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", HEAR_SIGNALS),
            *command(*arguments, "-r", clip),
            *("--work-dir", str(work_dir), "-o", str(work_dir.parent / "result.json")),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children_in_stage(stage: str, work_dir: Path) -> set[int]:
    return set(children_running(str(work_dir))) & set(children_running(STAGES[stage]))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_everything_and_leaves_nothing(
    slow_clip: Path, tmp_path: Path, stage: str, number: signal.Signals, exit_code: int
) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    process = start(slow_clip, work_dir)
    wait_until(lambda: bool(children_in_stage(stage, work_dir)))
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert process.returncode == exit_code, stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    assert children_running(str(work_dir)) == []
    assert list(work_dir.iterdir()) == []
    assert not (tmp_path / "result.json").exists()


def test_ctrl_c_twice_in_a_row_still_leaves_nothing(slow_clip: Path, tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    process = start(slow_clip, work_dir)
    wait_until(lambda: bool(children_in_stage("encode", work_dir)))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert children_running(str(work_dir)) == []
    assert list(work_dir.iterdir()) == []


@pytest.mark.parametrize("sampling", ["grid", "adaptive"])
def test_ctrl_c_in_a_ladder_ends_the_encodes_of_all_resolutions(
    slow_clip: Path, tmp_path: Path, sampling: str
) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    process = start(slow_clip, work_dir, (*LADDER, "--sampling", sampling))
    wait_until(lambda: len(children_in_stage("encode", work_dir)) == 2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert (stdout, stderr) == ("", "vmafx-tune: interrupted.\n")
    assert children_running(str(work_dir)) == []
    assert list(work_dir.iterdir()) == []
    assert not (tmp_path / "result.json").exists()


def test_ctrl_c_before_any_work_ends_it_and_leaves_nothing(slow_clip: Path, tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    process = start(slow_clip, work_dir)
    wait_until(
        lambda: process.pid in set(children_running("-m vmafx_tune")) - set(children_running("DFL"))
    )
    process.send_signal(signal.SIGINT)
    process.communicate()
    # While the interpreter itself starts, it answers with a status of its own.
    assert process.returncode in {130, 1, -signal.SIGINT}
    assert list(work_dir.iterdir()) == []
    assert not (tmp_path / "result.json").exists()


def test_a_reader_that_goes_away_ends_the_command_quietly(clips: ClipFactory) -> None:
    clip = clips.moving()
    with subprocess.Popen(
        command("score", clip, clip, "--frames"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        stderr = process.stderr.read()
    assert process.returncode == 141
    assert stderr == b""

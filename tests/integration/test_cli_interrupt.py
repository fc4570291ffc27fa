"""Ctrl-C and its relatives: the work stops at once, no child and no file is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import command
from tests.support.programs import children_running, cpu_s, make_program, needs_proc, wait_until
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


def encodes(work_dir: Path) -> set[int]:
    return set(children_running(str(work_dir))) & set(children_running(".part.mp4"))


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_everything_and_leaves_nothing(
    slow_clip: Path, tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    process = start(slow_clip, work_dir)
    wait_until(lambda: bool(encodes(work_dir)))
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert process.returncode == exit_code, stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    assert children_running(str(work_dir)) == []
    assert list(work_dir.iterdir()) == []
    assert not (tmp_path / "result.json").exists()


# Where a command is held: at a call of ffmpeg with such words, or before its result is written.
PHASES = {
    "start": "-version", "encode": ".part.mp4", "score": "libvmaf", "mux": "-copyts",
    "writing": "--never",
}  # fmt: skip
SIGNALS = {signal.SIGINT: (130, "interrupted."), signal.SIGTERM: (143, "stopped by SIGTERM.")}
QUICK = ("--preset", "ultrafast", "--crf-lo", "30", "--crf-hi", "33")
LINES: dict[str, tuple[str, ...]] = {
    "score": ("score", "CLIP", "CLIP"),
    "search": ("search", "-r", "CLIP", "-t", "60", *QUICK),
    "compare": ("compare", "-r", "CLIP", "-t", "60", "-c", "libx264,libx265", *QUICK),
    "ladder": ("ladder", "-r", "CLIP", "-t", "60", "--resolutions", "160x90,128x72", *QUICK),
    "encode": ("encode", "-r", "CLIP", "-t", "60", *QUICK),
}
# Only `encode` muxes, and it writes no result but the file.
NEVER = {("encode", "writing"), ("score", "encode")}
NEVER |= {(line, "mux") for line in LINES if line != "encode"}
# A longer clip is looked at in parts before it is encoded as a whole.
LOOKS = (300, "search", "encode")
HELD = [(12, line, phase) for line in LINES for phase in PHASES if (line, phase) not in NEVER]


def waits(pid: int) -> bool:
    """Tell whether a process has begun and does nothing now; where it is early, that is no harm."""
    before_s = cpu_s(pid)
    time.sleep(0.3)
    return before_s == cpu_s(pid) > 0


@pytest.mark.parametrize(("n_frames", "line", "phase"), [*HELD, LOOKS])
def test_a_signal_in_any_phase_of_any_command_leaves_nothing(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path, n_frames: int, line: str, phase: str
) -> None:
    output = "result.mkv" if line == "encode" else "result"
    work_dir, result, reached = (tmp_path / name for name in ("work", output, "reached"))
    work_dir.mkdir()
    hold = f'case "$*" in *{PHASES[phase]}*) : > {reached}; exec sleep 1000 ;; esac'
    held = make_program(tmp_path, f'{hold}\nexec {ffmpeg_exe} "$@"', "held-ffmpeg")
    if phase == "writing":
        # Nobody reads it.
        os.mkfifo(result)
    clip = str(clips.moving(n_frames=n_frames))
    words = [clip if word == "CLIP" else word for word in LINES[line]]
    number = [*SIGNALS][len(line + phase) % 2]
    with subprocess.Popen(
        [
            *(sys.executable, "-c", HEAR_SIGNALS, *command(*words, "--ffmpeg", held)),
            *("--backend", "ffmpeg", "--work-dir", str(work_dir), "-o", str(result)),
            *("--progress", "off", "--verbose"),
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        held_up = partial(waits, process.pid) if phase == "writing" else reached.exists
        wait_until(lambda: held_up() or process.poll() is not None)
        process.send_signal(number)
        stdout, stderr = process.communicate()
    exit_code, told = SIGNALS[number]

    assert (process.returncode, stdout) == (exit_code, ""), stderr
    assert stderr.endswith(f"vmafx-tune: {told}\n")
    assert "Traceback" not in stderr
    assert children_running(str(tmp_path)) == []
    assert list(work_dir.iterdir()) == []
    assert not result.is_file()
    assert {path.name for path in tmp_path.iterdir()} <= {"work", output, "reached", held.name}


def test_ctrl_c_twice_in_a_row_still_leaves_nothing(slow_clip: Path, tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    process = start(slow_clip, work_dir)
    wait_until(lambda: bool(encodes(work_dir)))
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
    wait_until(lambda: len(encodes(work_dir)) == 2)
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

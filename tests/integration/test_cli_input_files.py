"""Options that name a file, given what is none: one sentence, no wait, no memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import command, run_cli

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory

LADDER = Path(__file__).parents[1] / "contract/golden/ladder.json"
SCORE = ("score", "clip.mp4", "clip.mp4")
SERVE = ("serve", "--port", "0", "--grpc-port", "0")

# What is refused, and with which status; INPUT stands for the file.
OPTIONS: dict[str, tuple[tuple[str, ...], int]] = {
    "saved ladder": (("ladder", "--from-json", "INPUT"), 2),
    "throughputs": (("ladder", "--from-json", str(LADDER), "--throughput", "INPUT"), 2),
    "model of a score": ((*SCORE, "--model", "INPUT"), 4),
    "model of a search": (("search", "-r", "clip.mp4", "-t", "80", "--model", "INPUT"), 4),
    "source": (("search", "-r", "INPUT", "-t", "80"), 1),
    "source of a comparison": (("compare", "-r", "INPUT", "-t", "80"), 1),
    "source of a ladder": (("ladder", "-r", "INPUT", "-t", "80"), 1),
    "reference": (("score", "INPUT", "clip.mp4"), 1),
    "distorted": (("score", "clip.mp4", "INPUT"), 1),
    "ffmpeg": ((*SCORE, "--backend", "ffmpeg", "--ffmpeg", "INPUT"), 4),
    "vmaf": ((*SCORE, "--backend", "vmaf", "--vmaf", "INPUT"), 4),
    "token": ((*SERVE, "--api-token-file", "INPUT"), 2),
    "certificate": ((*SERVE, "--tls-cert", "INPUT", "--tls-key", "INPUT"), 2),
}


@pytest.fixture(params=["device", "pipe", "folder"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "input"
    if request.param == "device":
        path.symlink_to("/dev/zero")
    elif request.param == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    return path


@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_no_file_is_one_sentence(
    clips: ClipFactory, tmp_path: Path, no_file: Path, option: str
) -> None:
    arguments, exit_code = OPTIONS[option]
    (tmp_path / "clip.mp4").symlink_to(clips.moving())
    line = [word.replace("INPUT", str(no_file)) for word in arguments]
    outcome = run_cli(*line, cwd=tmp_path)

    assert (outcome.exit_code, outcome.stdout) == (exit_code, "")
    sentence, *further = outcome.stderr.splitlines()
    assert sentence.startswith("vmafx-tune: error: ")
    # An error of a program is followed by its command.
    assert all(line.startswith("vmafx-tune: command: ") for line in further)


def test_an_authority_of_a_server_that_is_no_file_is_one_sentence(
    clips: ClipFactory, no_file: Path
) -> None:
    line = ("--server", "127.0.0.1:1", "--server-ca", no_file)
    outcome = run_cli("score", clips.moving(), clips.moving(), *line)

    # An empty pipe is no authority, and there is no server either.
    assert outcome.exit_code == (1 if no_file.is_fifo() else 2)
    assert len(outcome.stderr.splitlines()) == 1


def test_a_library_that_is_no_file_is_one_sentence(clips: ClipFactory, no_file: Path) -> None:
    env = {"VMAFX_LIBVMAF": str(no_file)}
    outcome = run_cli("score", clips.moving(), clips.moving(), env=env)

    assert outcome.exit_code == 4
    assert f"({no_file}: it is not a file)" in outcome.stderr


def test_standard_input_without_an_end_is_refused() -> None:
    line = command("ladder", "--from-json", "-")
    with Path("/dev/zero").open("rb") as endless:
        done = subprocess.run(line, stdin=endless, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "standard input cannot be read: it has more than 100 MB." in done.stderr

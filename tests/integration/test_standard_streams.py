"""Standard streams that are closed, full, left by their reader, or fit for few characters."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import termios
from typing import IO, TYPE_CHECKING

import pytest

from tests.support.cli import command
from tests.support.programs import children_running, cpu_s, needs_proc, wait_until
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

# All ways to standard output: what is quick, Typer's help and completion, and what commands write.
COMMANDS = ["--version", "--help", "search --help", "serve --help", "schema search", "cache"]


def run(redirection: str, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose streams a shell redirects; a traceback fails the test."""
    script = f'"$@" {redirection}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command(*arguments)],
        env=os.environ | env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">/dev/full", b"No space left on device"), (">&-", b"it is closed")],
)
def test_output_that_is_lost_is_an_error(words: str, redirection: str, reason: bytes) -> None:
    done = run(redirection, *words.split())
    assert done.returncode == 1
    assert done.stderr == (
        b"vmafx-tune: error: Standard output cannot be written: " + reason + b".\n"
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_a_reader_that_goes_away_ends_a_command_quietly(words: str) -> None:
    done = run("| true", *words.split())
    assert (done.stdout, done.stderr) == (b"", b"")
    with subprocess.Popen(command(*words.split()), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == 141


def test_lost_output_is_an_error_before_the_work(clips: ClipFactory) -> None:
    done = run(">&-", "search", "-r", clips.moving(), "-t", "40", "--verbose")
    assert done.returncode == 1
    assert b"ffmpeg" not in done.stderr


@pytest.mark.parametrize("redirection", [">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_a_result_for_a_file_needs_no_stream(
    clips: ClipFactory, tmp_path: Path, redirection: str
) -> None:
    output = tmp_path / "score.json"
    done = run(redirection, "score", clips.moving(), clips.moving(), "-o", output, "--verbose")
    assert done.returncode == 0
    assert json.loads(output.read_text())["score"] > 90
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-"])
@pytest.mark.parametrize("progress", ["json", "bars"])
def test_messages_that_are_lost_do_not_matter(
    clips: ClipFactory, redirection: str, progress: str
) -> None:
    pair = clips.moving(), clips.degraded(40)
    done = run(redirection, "score", *pair, "--verbose", "--progress", progress)
    assert done.returncode == 0
    assert json.loads(done.stdout)["score"] > 0


@pytest.mark.parametrize(
    ("arguments", "exit_code"), [(("nosuch",), 2), (("score", "a", "b"), 1), ((), 2)]
)
def test_an_error_that_nobody_reads_keeps_its_exit_code(
    arguments: tuple[str, ...], exit_code: int
) -> None:
    assert run("2>&-", *arguments).returncode == exit_code
    assert run("2>/dev/full", *arguments).returncode == exit_code


def test_a_saved_ladder_is_not_read_from_a_closed_standard_input() -> None:
    done = run("<&-", "ladder", "--from-json", "-")
    assert done.returncode in {1, 2}
    assert len(done.stderr.splitlines()) == 1


def bytes_in(pipe: IO[bytes]) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_result_larger_than_a_pipe_that_does_not_block_is_whole() -> None:
    code = (
        "import os, sys\nos.set_blocking(1, False)\n"
        "from vmafx_tune.standard_streams import open_standard_streams\nopen_standard_streams()\n"
        "print('x' * 1_000_000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pipe = process.stdout
        # Its first write has filled the pipe, and it waits for room.
        wait_until(lambda: bytes_in(pipe) > 0)
        assert len(process.stdout.read()) == 1_000_001
    assert process.returncode == 0


@pytest.mark.parametrize("env", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_any_encoding_will_do(clips: ClipFactory, tmp_path: Path, env: dict[str, str]) -> None:
    clip = tmp_path / "é→\x1b[31m.mp4"
    clip.symlink_to(clips.moving())
    for fmt in ("json", "table", "csv"):
        done = run("", "score", clip, clip, "--format", fmt, "--verbose", **env)
        assert done.returncode == 0
        assert b"\x1b" not in done.stderr
    assert run("", "score", "--help", **env).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("\x1b[31mnosuch",),
        ("score", "--\x1b[31m"),
        ("score", "a", "b", "\x1b]0;title\x07"),
        ("score", "a", "b", "--threads", "\x1b[2J"),
        ("search", "-r", "\x1b[31m", "-t", "80"),
        ("schema", "\x1b[31m"),
        ("serve", "--port", "\x1b[31m"),
        ("serve", "--\x1b[31m"),
    ],
)
def test_what_a_terminal_obeys_is_not_printed(arguments: tuple[str, ...]) -> None:
    done = run("", *arguments)
    assert done.returncode in {1, 2}
    assert not {b"\x1b", b"\x07"} & {bytes([byte]) for byte in done.stderr}


@needs_proc
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_at_the_start_ends_it_with_the_signals_status(
    clips: ClipFactory, tmp_path: Path, seed: int, number: signal.Signals
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    source = clips.moving(n_frames=250, size=Resolution(320, 180))
    hear = f"import signal, os, sys; signal.signal({number:d}, signal.SIG_DFL); "
    with subprocess.Popen(
        [
            *(sys.executable, "-c", f"{hear}os.execv(sys.argv[1], sys.argv[1:])"),
            *command("search", "-r", source, "-t", "90", "--preset", "slower"),
            *("--work-dir", str(work)),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        # By its own time, which runs as slowly as it does.
        instant_s = random.Random(f"{seed} {number}").uniform(0.02, 0.6)
        wait_until(lambda: cpu_s(process.pid) > instant_s or bool(children_running(str(work))))
        process.send_signal(number)
        stdout, stderr = process.communicate()
    # Python itself is not up in the first milliseconds, and answers SIGINT in its own way.
    if b"vmafx-tune: " in stderr:
        assert process.returncode == 128 + number
        assert len(stderr.splitlines()) == 1
    else:
        assert process.returncode in {-number, 1, 128 + number}
    assert stdout == b""
    assert children_running(str(work)) == []
    assert list(work.iterdir()) == []

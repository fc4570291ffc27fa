"""Sources by URL, at the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import command, run_cli
from tests.support.origin import Origin, serving
from tests.support.programs import wait_until
from tests.support.raw_origin import answering, message, raw_origin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.raw_origin import Caller


def test_score_takes_urls_for_both_clips(clips: ClipFactory, tmp_path: Path) -> None:
    content = clips.moving().read_bytes()
    env = {"VMAFX_CACHE_DIR": str(tmp_path)}
    with serving(Origin(content)) as reference, serving(Origin(content)) as distorted:
        urls = [reference.url, distorted.url.replace("://", "://me:secret@")]
        remote = run_cli("score", *urls, "--format", "json", env=env)
        local = run_cli("score", clips.moving(), clips.moving(), "--format", "json")

    assert remote.exit_code == 0, remote.stderr
    assert remote.document["score"] == local.document["score"]
    assert "secret" not in remote.stdout + remote.stderr
    # Both are the same file, of which there is one copy.
    assert len(list(tmp_path.glob("sources/*/My_clip.mp4"))) == 1


@pytest.mark.parametrize("which", [0, 1])
def test_a_scoring_server_is_given_no_urls(clips: ClipFactory, which: int) -> None:
    names = [str(clips.moving()), str(clips.moving())]
    names[which] = "https://me:secret@127.0.0.1:1/clip.mp4"
    outcome = run_cli("score", *names, "--server", "127.0.0.1:1")

    assert outcome.exit_code == 2
    assert "not URLs" in outcome.stderr
    assert "secret" not in outcome.stderr


def test_a_url_that_is_not_valid_is_a_usage_error() -> None:
    outcome = run_cli("score", "http://me:secret@127.0.0.1:99999/a.mp4", "b.mp4")

    assert outcome.exit_code == 2
    assert "port" in outcome.stderr
    assert "secret" not in outcome.stderr


def test_what_a_server_says_reaches_the_terminal_without_escapes(tmp_path: Path) -> None:
    refusal = message("403 \x1b]0;owned\x07\x1b[2J")
    env = {"VMAFX_CACHE_DIR": str(tmp_path)}
    with raw_origin(answering(refusal)) as origin:
        outcome = run_cli("search", "-r", origin.url, "-c", "libx264", "-t", "90", env=env)

    assert outcome.exit_code == 1
    assert "403" in outcome.stderr
    assert outcome.stderr.rstrip("\n").isprintable()


def test_file_names_reach_the_terminal_without_escapes(tmp_path: Path) -> None:
    outcome = run_cli("score", tmp_path / "a\x1b[2J\nb.mp4", "b.mp4")

    assert outcome.exit_code == 1
    assert outcome.stderr.rstrip("\n").isprintable()


@pytest.mark.parametrize("line", [("--help",), ("score", "--help"), ("score", "a.mp4", "b.mp4")])
def test_the_http_client_is_loaded_for_urls_only(line: tuple[str, ...], tmp_path: Path) -> None:
    program = (
        "import sys; from contextlib import suppress\n"
        "from vmafx_tune.__main__ import main\n"
        f"sys.argv[1:] = {line!r}\n"
        "with suppress(SystemExit): main()\n"
        "print([name for name in ('urllib3', 'idna', 'ssl') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_ends_a_transfer_that_waits_and_leaves_nothing(tmp_path: Path) -> None:
    processes: list[subprocess.Popen[str]] = []

    def stall(caller: Caller) -> None:
        caller.send(message("200 OK", "Content-Length: 8", body=b"half"))
        wait_until(lambda: list(tmp_path.rglob("*.part")) != [])
        processes[0].send_signal(signal.SIGINT)
        caller.ended.wait()

    with raw_origin(stall) as origin:
        line = command("search", "-r", origin.url, "-c", "libx264", "-t", "90")
        env = {**os.environ, "VMAFX_CACHE_DIR": str(tmp_path)}
        processes.append(subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True))
        _, stderr = processes[0].communicate()

    assert processes[0].returncode == 130
    assert stderr == "vmafx-tune: interrupted.\n"
    assert list(tmp_path.rglob("*.part")) == []

"""`serve` as it is started, and `score --server`."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from tests.support.server_process import ServerProcess, server_process
from vmafx_tune.server.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clips import ClipFactory

HEAVY = ("typer", "rich", "numpy", "pydantic")


@pytest.fixture(scope="module")
def server(clips: ClipFactory) -> Iterator[ServerProcess]:
    clips.moving()
    clips.degraded(35)
    with server_process(clips.folder) as running:
        yield running


def test_a_server_scores_what_the_command_scores(server: ServerProcess, clips: ClipFactory) -> None:
    names = clips.moving().name, clips.degraded(35).name
    remote = run_cli("score", *names, "--server", server.grpc_address)
    here = run_cli("score", clips.moving(), clips.degraded(35))
    assert remote.exit_code == 0
    assert remote.document["score"] == pytest.approx(here.document["score"], abs=1e-6)
    assert remote.document["features"] == pytest.approx(here.document["features"], abs=1e-6)
    assert remote.document["request_id"]


def test_a_servers_score_can_gate(server: ServerProcess, clips: ClipFactory) -> None:
    names = clips.moving().name, clips.degraded(35).name
    outcome = run_cli(
        "score", *names, "--server", server.grpc_address, "--min-score", "99", "--format", "table"
    )
    assert outcome.exit_code == 3
    assert outcome.stdout.startswith("VMAF ")
    assert "below --min-score 99" in outcome.stderr


def test_a_file_that_the_server_may_not_read_is_told(server: ServerProcess) -> None:
    outcome = run_cli("score", "/etc/passwd", "/etc/passwd", "--server", server.grpc_address)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "'/etc/passwd' is not a file that this server may read" in outcome.stderr


def test_a_server_pools_as_the_command_is_told(server: ServerProcess, clips: ClipFactory) -> None:
    names = clips.moving().name, clips.degraded(35).name
    options = ("--pool", "p5", "--subsample", "3")
    remote = run_cli("score", *names, "--server", server.grpc_address, *options).document
    here = run_cli("score", clips.moving(), clips.degraded(35), *options).document
    same = ("score", "pool", "pooled", "subsample", "n_frames", "model", "backend_version")
    assert {name: remote[name] for name in same} == {name: here[name] for name in same}
    assert remote["server_backend"] == here["backend"]


def test_settings_of_the_servers_own_cannot_be_asked_for(server: ServerProcess) -> None:
    outcome = run_cli("score", "a", "b", "--server", server.grpc_address, "--display", "640x360")
    assert outcome.exit_code == 2
    assert "--display would have no effect" in outcome.stderr


@pytest.mark.parametrize(
    ("address", "exit_code", "sentence"),
    [("127.0.0.1:9", 1, "No scoring server answers at 127.0.0.1:9"), ("nowhere", 2, "HOST:PORT")],
)
def test_a_server_that_is_not_there_is_told(address: str, exit_code: int, sentence: str) -> None:
    outcome = run_cli("score", "a.mp4", "b.mp4", "--server", address)
    assert (outcome.exit_code, outcome.stdout) == (exit_code, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        outcome = run_cli("score", "a", "b", "--server", address, "--server-timeout", "1")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "did not answer in time" in outcome.stderr


def test_a_patience_with_no_server_is_a_mistake() -> None:
    outcome = run_cli("score", "a.mp4", "b.mp4", "--server-timeout", "1")
    assert outcome.exit_code == 2
    assert "--server-timeout is for --server only" in outcome.stderr


def test_help_lists_every_flag_with_its_variable() -> None:
    text = run_cli("serve", "--help").stdout
    for setting in SETTINGS:
        if setting.flag:
            assert setting.flag in text
            assert f"[{setting.variable}]" in text.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--nonsense",), "serve has no option '--nonsense'"),
        (("--port", "99999"), "--port '99999' cannot be used"),
        (("--port",), "--port needs a value"),
        (("--media-roots", "/nowhere"), "there is no folder '/nowhere'"),
    ],
)
def test_a_setting_that_makes_no_sense_ends_it_with_2(
    arguments: tuple[str, ...], sentence: str
) -> None:
    outcome = run_cli("serve", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_nothing_heavy_is_loaded_on_the_way_to_ready(clips: ClipFactory) -> None:
    program = f"""
import sys, threading
from vmafx_tune.server import run
from vmafx_tune.server.logs import JsonLog

def look(self, msg, **facts):
    if msg == "ready":
        print(*(name for name in {HEAVY} if name in sys.modules))
        sys.stdout.flush()
        import os
        os._exit(0)

JsonLog.info = look
sys.argv = ["vmafx-tune", "serve", "--port", "0", "--grpc-port", "0"]
run._Preload = lambda: None
from vmafx_tune.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=clips.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\n"

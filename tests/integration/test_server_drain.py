"""How a server ends: signals, running work, idle clients, and what is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.cli import command
from tests.support.http_server import ask
from tests.support.programs import children_running, make_program, needs_proc, wait_until
from tests.support.server_process import server_process
from vmafx_tune import score
from vmafx_tune.client import ScoringClient, StreamConfig
from vmafx_tune.errors import DrainingError, ServerUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.client import FramePair

pytestmark = needs_proc

ANSWERS = 'if [ "$1" = -version ]; then echo "ffmpeg version 9.0"; exit; fi'
WAIT_S = 120


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    """An ffmpeg that never ends."""
    return make_program(tmp_path, f"{ANSWERS}\nsleep 1000", "hanging-ffmpeg")


@pytest.fixture
def slow(tmp_path: Path, ffmpeg_exe: Path) -> Path:
    """An ffmpeg that works, but waits for a file to appear before it starts."""
    wait = f"while [ ! -e '{tmp_path}/go' ]; do sleep 0.05; done"
    return make_program(tmp_path, f"{ANSWERS}\n{wait}\nexec '{ffmpeg_exe}' \"$@\"", "slow-ffmpeg")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    try:
        return ask(port, "/healthz").status == 200
    except OSError:
        return False


def remote_score(address: str, clips: ClipFactory) -> float:
    with ScoringClient(address, timeout_s=WAIT_S) as client:
        return client.score(clips.moving().name, clips.degraded(35).name).score


def test_a_log_that_nobody_reads_holds_up_no_request_and_no_end(clips: ClipFactory) -> None:
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        port = free_port()
        ports = ("--port", str(port), "--grpc-port", "0", "--log-level", "debug")
        with subprocess.Popen(
            command("serve", *ports), cwd=clips.folder, stdin=subprocess.DEVNULL, stderr=writing
        ) as server:
            try:
                wait_until(lambda: answers(port))
                assert all(answers(port) for _ in range(100))
                server.terminate()
                assert server.wait(WAIT_S) == 0
            finally:
                server.kill()
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_well(clips: ClipFactory, number: signal.Signals) -> None:
    with server_process(clips.folder) as server:
        assert server.get("/readyz") == 200

        server.signal(number)

        assert server.end() == 0


def answers_during_the_end(clips: ClipFactory) -> list[int]:
    with server_process(clips.folder) as server:
        seen = [server.get("/readyz")]
        server.signal()
        try:
            while True:
                seen.append(server.get("/readyz"))
        except (urllib.error.URLError, ConnectionError):
            pass

        assert server.end() == 0
    return seen


def test_probes_see_that_it_is_not_ready_before_they_are_refused(clips: ClipFactory) -> None:
    # It is a quarter of a second, in which a loaded machine may not give the prober a turn.
    for _ in range(5):
        seen = answers_during_the_end(clips)
        assert seen[0] == 200
        if seen[-1] == 503:
            return
    pytest.fail("No probe was told.")


def test_a_running_score_is_finished_and_new_work_refused(
    clips: ClipFactory, slow: Path, tmp_path: Path
) -> None:
    with (
        server_process(clips.folder, "--drain-seconds", "100", ffmpeg=slow) as server,
        ThreadPoolExecutor() as pool,
    ):
        running = pool.submit(remote_score, server.grpc_address, clips)
        wait_until(lambda: bool(children_running(str(slow))))

        server.signal()
        server.wait_for("draining")
        assert server.get("/healthz") == 200
        assert server.get("/readyz") == 503
        with pytest.raises(DrainingError):
            remote_score(server.grpc_address, clips)
        (tmp_path / "go").touch()

        assert running.result() == score(clips.moving(), clips.degraded(35)).score
        assert server.end() == 0


def test_idle_streams_and_watches_are_not_waited_for(clips: ClipFactory) -> None:
    released = threading.Event()

    def nothing() -> Iterator[FramePair]:
        released.wait(WAIT_S)
        yield from ()

    health: Any = health_pb2_grpc
    with (
        server_process(clips.folder, "--drain-seconds", "100000") as server,
        grpc.insecure_channel(server.grpc_address) as channel,
        ScoringClient(server.grpc_address) as client,
        ThreadPoolExecutor() as pool,
    ):
        watch = health.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        stream = pool.submit(
            lambda: list(client.score_frames(StreamConfig(96, 64, "yuv420p"), nothing()))
        )
        sessions = "vmafx_stream_sessions 1.0"
        wait_until(lambda: sessions in ask(server.http_port, "/metrics").body.decode())
        # Waited for beforehand: once a call is over, grpc does not hand out what came last.
        told = pool.submit(lambda: next(watch).status)

        server.signal()

        assert server.process.wait(WAIT_S) == 0
        assert told.result(WAIT_S) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert isinstance(stream.exception(), DrainingError | ServerUnreachableError)
        released.set()


def test_work_that_outlasts_the_window_is_cancelled_and_leaves_no_process(
    clips: ClipFactory, hanging: Path
) -> None:
    with (
        server_process(clips.folder, "--drain-seconds", "0.5", ffmpeg=hanging) as server,
        ThreadPoolExecutor() as pool,
    ):
        running = pool.submit(remote_score, server.grpc_address, clips)
        wait_until(lambda: bool(children_running(str(hanging))))

        server.signal()

        assert server.end() == 1
        assert isinstance(running.exception(), DrainingError)
        assert not children_running(str(hanging))


def test_a_second_signal_cancels_at_once(clips: ClipFactory, hanging: Path) -> None:
    with (
        server_process(clips.folder, "--drain-seconds", "1000", ffmpeg=hanging) as server,
        ThreadPoolExecutor() as pool,
    ):
        running = pool.submit(remote_score, server.grpc_address, clips)
        wait_until(lambda: bool(children_running(str(hanging))))

        server.signal()
        server.wait_for("draining")
        server.signal()

        assert server.end() == 1
        assert isinstance(running.exception(), DrainingError)
        assert not children_running(str(hanging))


def test_a_client_that_leaves_takes_its_processes_with_it(
    clips: ClipFactory, hanging: Path
) -> None:
    with (
        server_process(clips.folder, ffmpeg=hanging) as server,
        ThreadPoolExecutor() as pool,
    ):
        client = ScoringClient(server.grpc_address)
        name = clips.moving().name
        running = pool.submit(client.score, name, name)
        wait_until(lambda: bool(children_running(str(hanging))))

        client.close()

        assert running.exception() is not None
        wait_until(lambda: not children_running(str(hanging)))
        server.signal()
        assert server.end() == 0


def test_a_server_whose_port_is_taken_does_not_start(clips: ClipFactory) -> None:
    with server_process(clips.folder) as server:
        listening = server.wait_for("listening")
        taken = (("--port", "port", "--grpc-port"), ("--grpc-port", "grpc_port", "--port"))
        for flag, name, other in taken:
            ports = (flag, str(listening[name]), other, "0")
            done = subprocess.run(
                [sys.executable, "-m", "vmafx_tune.server.run", *ports],
                cwd=clips.folder,
                capture_output=True,
                text=True,
                check=False,
            )

            assert done.returncode == 1
            assert done.stderr.startswith("vmafx-tune: error: ")
            assert str(listening[name]) in done.stderr
            assert len(done.stderr.splitlines()) == 1


def test_a_server_that_cannot_score_does_not_start(tmp_path: Path) -> None:
    arguments = ("--ffmpeg", str(tmp_path / "none"), "--backend", "ffmpeg")
    ports = ("--port", "0", "--grpc-port", "0")

    done = subprocess.run(
        [sys.executable, "-m", "vmafx_tune.server.run", *ports, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith("vmafx-tune: error: --ffmpeg ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--port", "x"), "--port 'x' cannot be used"), (("--nonsense",), "no option '--nonsense'")],
)
def test_a_command_line_that_makes_no_sense_is_a_usage_error(
    arguments: tuple[str, ...], words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vmafx_tune.server.run", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr

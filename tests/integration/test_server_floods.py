"""What many clients without a slot can take from the server: memory, descriptors, turns."""

from __future__ import annotations

import json
import resource
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.support.floods import MESSAGE_BYTES, peak_bytes, send_at_once, send_unfinished
from tests.support.programs import needs_proc, wait_until
from tests.support.server_process import server_process
from vmafx_tune.client import ScoringClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clips import ClipFactory

pytestmark = needs_proc

TIMEOUT_S = 120
MOST_BYTES = 400_000_000
# grpc has a message as slices, as a growing array and as bytes while it hands it over.
COPIES = 4
TOKEN = {"VMAFX_API_TOKEN": "secret"}
SCORE = "/vmafx.v1.VmafxScoring/Score"
STREAM = "/vmafx.v1.VmafxScoring/ScoreStream"
CHECK = "/grpc.health.v1.Health/Check"


def test_messages_of_calls_without_a_token_are_not_taken_in(clips: ClipFactory) -> None:
    with server_process(clips.folder, env=TOKEN) as server:
        assert server.get("/healthz") == 200
        before = peak_bytes(server.process.pid)
        codes = send_at_once(server.grpc_address, SCORE, 8)
        assert set(codes) == {grpc.StatusCode.UNAUTHENTICATED}
        assert peak_bytes(server.process.pid) - before < MESSAGE_BYTES


def test_huge_messages_take_the_memory_of_one(clips: ClipFactory) -> None:
    with server_process(clips.folder) as server:
        assert server.get("/metrics") == 200
        before = peak_bytes(server.process.pid)
        codes = send_at_once(server.grpc_address, CHECK, 8)
        assert set(codes) == {grpc.StatusCode.INVALID_ARGUMENT}
        assert peak_bytes(server.process.pid) - before < COPIES * MESSAGE_BYTES
        assert peak_bytes(server.process.pid) < MOST_BYTES


@pytest.mark.parametrize("method", [SCORE, STREAM])
def test_forty_unfinished_messages_take_the_memory_of_one(clips: ClipFactory, method: str) -> None:
    with server_process(clips.folder) as server, ScoringClient(server.grpc_address) as client:
        assert server.get("/metrics") == 200
        before = peak_bytes(server.process.pid)
        send_unfinished(server.grpc_address, method, 40, least_bytes=MESSAGE_BYTES // 2, turns=5)
        assert peak_bytes(server.process.pid) - before < 2 * MESSAGE_BYTES
        # The turns go on after clients that leave all at once.
        wait_until(lambda: client.health().ok)
        lines = [json.loads(line) for line in server.output.splitlines()]
    assert not [line for line in lines if line["level"] == "error"]


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("This process may not open the sockets of that many clients.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_idle_connections_keep_no_probe_out(clips: ClipFactory) -> None:
    with server_process(clips.folder, descriptors=1024) as server, ExitStack() as sockets:

        def connect(port: int) -> None:
            sockets.enter_context(socket.create_connection(("127.0.0.1", port)))

        grpc_port = int(server.grpc_address.rpartition(":")[2])
        for _ in range(1100):
            connect(grpc_port)
        for _ in range(600):
            connect(server.http_port)
        for _ in range(10):
            assert server.get("/healthz") == 200
        sockets.close()
        with grpc.insecure_channel(server.grpc_address) as channel:
            anything: Any = channel
            wait_until(lambda: anything.unary_unary(CHECK)(b"", timeout=TIMEOUT_S) == b"\x08\x01")
        assert all(line.startswith("{") for line in server.output.splitlines())

"""What many clients without a slot can take from the server: memory, descriptors, turns."""

from __future__ import annotations

import resource
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.support.programs import needs_proc, wait_until
from tests.support.server_process import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clips import ClipFactory
    from tests.support.server_process import ServerProcess

pytestmark = needs_proc

TIMEOUT_S = 120
MESSAGE_BYTES = 94 << 20
# grpc has a message as slices, as a growing array and as bytes while it hands it over.
COPIES = 4
TOKEN = {"VMAFX_API_TOKEN": "secret"}
SCORE = "/vmafx.v1.VmafxScoring/Score"
CHECK = "/grpc.health.v1.Health/Check"


def peak_bytes(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def send_at_once(server: ServerProcess, method: str, calls: int) -> list[grpc.StatusCode]:
    """Call a method from as many clients, each with a message as large as may be."""
    message = bytes(MESSAGE_BYTES)
    options = [("grpc.max_send_message_length", -1)]
    codes = []

    def call() -> None:
        with grpc.insecure_channel(server.grpc_address, options=options) as channel:
            anything: Any = channel
            with pytest.raises(grpc.RpcError) as caught:
                anything.unary_unary(method)(message, timeout=TIMEOUT_S)
            codes.append(caught.value.code())

    threads = [threading.Thread(target=call) for _ in range(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return codes


def test_messages_of_calls_without_a_token_are_not_taken_in(clips: ClipFactory) -> None:
    with server_process(clips.folder, env=TOKEN) as server:
        assert server.get("/healthz") == 200
        before = peak_bytes(server)
        codes = send_at_once(server, SCORE, 8)
        assert set(codes) == {grpc.StatusCode.UNAUTHENTICATED}
        assert peak_bytes(server) - before < MESSAGE_BYTES


def test_huge_messages_take_the_memory_of_one(clips: ClipFactory) -> None:
    with server_process(clips.folder) as server:
        assert server.get("/metrics") == 200
        before = peak_bytes(server)
        codes = send_at_once(server, CHECK, 8)
        assert set(codes) == {grpc.StatusCode.INVALID_ARGUMENT}
        assert peak_bytes(server) - before < COPIES * MESSAGE_BYTES


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

"""What clients without a slot can do to a server: counts, and what memory and descriptors it takes.

    python benchmarks/attacks.py [CLIENTS]

Prints a line for each attack, and exits with 1 where one got through.
"""

from __future__ import annotations

import resource
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.floods import METHODS, peak_bytes, send_at_once, send_unfinished
from tests.support.server_process import ServerProcess, server_process

_MOST_BYTES = 400_000_000
_PROBES = 20
_IDLE_HTTP, _IDLE_GRPC, _DESCRIPTORS = 600, 1100, 1024


def main(clients: int) -> int:
    """Run all attacks; returns the exit status."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else soft, hard))
    with tempfile.TemporaryDirectory() as folder:
        done = [_messages(Path(folder), clients, with_token) for with_token in (False, True)]
        done.append(_idle_connections(Path(folder)))
    return 0 if all(done) else 1


def _messages(folder: Path, clients: int, with_token: bool) -> bool:  # noqa: FBT001
    env = {"VMAFX_API_TOKEN": "secret"} if with_token else {}
    with server_process(folder, env=env) as server:
        for method in METHODS:
            sent = send_unfinished(server.grpc_address, method, clients)
            print(f"{clients} unfinished messages to {method}: {sent / 1e6:.0f} MB got in")
            codes = send_at_once(server.grpc_address, method, clients)
            names = sorted({code.name for code in codes})
            print(f"{clients} whole messages of 99 MB to {method}: {', '.join(names)}")
        return _summary(server, f"messages{', token wanted' if with_token else ''}")


def _idle_connections(folder: Path) -> bool:
    with (
        server_process(folder, descriptors=_DESCRIPTORS) as server,
        ExitStack() as sockets,
    ):
        grpc_port = int(server.grpc_address.rpartition(":")[2])
        for port, times in ((grpc_port, _IDLE_GRPC), (server.http_port, _IDLE_HTTP)):
            for _ in range(times):
                sockets.enter_context(socket.create_connection(("127.0.0.1", port)))
        print(f"{_IDLE_HTTP} idle HTTP and {_IDLE_GRPC} idle gRPC connections are open")
        return _summary(server, f"idle connections, `ulimit -n {_DESCRIPTORS}`")


def _summary(server: ServerProcess, what: str) -> bool:
    answered = sum(server.get("/healthz") == 200 for _ in range(_PROBES))
    peak = peak_bytes(server.process.pid)
    descriptors = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
    lines = server.output.splitlines()
    plain = sum(not line.startswith("{") for line in lines)
    tracebacks = server.output.count("Traceback")
    print(
        f"{what}: peak {peak / 1e6:.0f} MB, {descriptors} descriptors, /healthz 200 "
        f"{answered}/{_PROBES}, {len(lines)} log lines, {plain} not JSON, {tracebacks} tracebacks"
    )
    return peak < _MOST_BYTES and answered == _PROBES and not plain and not tracebacks


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 40))

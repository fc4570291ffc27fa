"""A server in a process of its own, and what it holds."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from vmafx_tune.client import ScoringClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Server", "Usage", "cpu_seconds"]

_POLL_S = 0.001
_PATIENCE_S = 600


class Server:
    """`vmafx-tune serve`, ready when this has been made.

    Args:
        folder: Where it finds its clips; its log goes there, too.
        arguments: Further ones of its command line.
        environ: Its environment; None for this process's.
    """

    def __init__(
        self, folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self.port, self.grpc_port = _free_ports()
        ports = ("--port", str(self.port), "--grpc-port", str(self.grpc_port))
        command = [sys.executable, "-m", "vmafx_tune", "serve", *ports, *arguments]
        with (folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--media-roots", str(folder)],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env=environ,
            )
        while self.probe("/readyz") != 200:
            if self.process.poll() is not None:
                raise SystemExit(
                    f"The server did not start:\n{(folder / 'server.log').read_text()}"
                )
            time.sleep(_POLL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ask it to end, and wait until it has ended well."""
        self.process.send_signal(signal.SIGTERM)
        if status := self.process.wait(_PATIENCE_S):
            raise SystemExit(f"The server ended with {status}.")

    def probe(self, path: str) -> int:
        """Ask on a connection of its own, as probes do; 0 where nobody listens."""
        try:
            with self.connect() as client:
                client.sendall(_get(path, "close"))
                answer = client.recv(4096)
        except OSError:
            return 0
        return _status(answer)

    def ask_over_and_over(self, path: str, times: int) -> None:
        """Ask on one connection that is kept."""
        with self.connect() as client:
            for _ in range(times):
                client.sendall(_get(path, "keep-alive"))
                if _status(client.recv(4096)) != 200:
                    raise SystemExit(f"{path} was not answered well.")

    def connect(self) -> socket.socket:
        """Connect over HTTP."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S)

    def client(self) -> ScoringClient:
        """Connect over gRPC."""
        return ScoringClient(f"127.0.0.1:{self.grpc_port}", timeout_s=_PATIENCE_S)

    def score(self, names: Sequence[str]) -> float:
        """Ask for a score over HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            connection.request("POST", "/v1/score", *score_request(names))
            answer = connection.getresponse()
            document = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise SystemExit(f"No score: {document}")
        return float(document["score"])

    def children(self) -> list[int]:
        """Find what its scoring processes run; these themselves wait for the next score."""
        return [pid for process in _children(self.process.pid) for pid in _children(process)]


class Usage:
    """What a process holds.

    Attributes:
        memory_mb: Resident, in megabytes.
        threads, descriptors: How many.
    """

    def __init__(self, pid: int) -> None:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        self.memory_mb = int(fields["VmRSS"].split()[0]) * 1024 / 1e6
        self.threads = int(fields["Threads"])
        self.descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its descendants have taken so far."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    # Its own, in user and in kernel mode, and that of children which have ended.
    ticks = sum(map(int, fields[11:15]))
    own = ticks / os.sysconf("SC_CLK_TCK")
    return own + sum(map(cpu_seconds, _children(pid)))


def score_request(names: Sequence[str]) -> tuple[bytes, dict[str, str]]:
    """Make body and headers of a request for a score."""
    body = json.dumps(dict(zip(("reference", "distorted"), names, strict=True))).encode()
    return body, {"content-type": "application/json", "content-length": str(len(body))}


def _children(process: int) -> list[int]:
    """Find the processes that one has started; its guardian does not count."""
    try:
        lists = [task / "children" for task in Path(f"/proc/{process}/task").iterdir()]
    except FileNotFoundError:
        return []
    pids = [int(pid) for listed in lists for pid in _text(listed).split()]
    return [pid for pid in pids if "guardian" not in _text(Path(f"/proc/{pid}/cmdline"))]


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


def _get(path: str, connection: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n".encode()


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""

"""A server in a process of its own, as an operator starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.cli import command
from tests.support.http_server import ask_score
from tests.support.programs import command_line, processes_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.http_server import Answer

__all__ = ["ServerProcess", "server_process"]

_TIMEOUT_S = 120
# Handed down to whatever the server starts.
_MARK = "VMAFX_TEST_SERVER"


class ServerProcess:
    """A server that was started; see `server_process`."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self._lines: list[str] = []
        self._mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **env, _MARK: self._mark},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self._lines.extend(stream)

    @property
    def output(self) -> str:
        """All that it wrote to stderr so far."""
        return "".join(self._lines)

    def wait_for(self, msg: str) -> dict[str, Any]:
        """Wait for a line of the log and return it."""
        found: list[dict[str, Any]] = []

        def logged() -> bool:
            lines = [json.loads(line) for line in list(self._lines) if line.startswith("{")]
            found.extend(line for line in lines if line["msg"] == msg)
            return bool(found) or self.process.poll() is not None

        wait_until(logged)
        assert found, self.output
        return found[0]

    @property
    def grpc_address(self) -> str:
        """Where it listens for gRPC."""
        return f"127.0.0.1:{self.wait_for('listening')['grpc_port']}"

    @property
    def http_port(self) -> int:
        """Where it listens for HTTP."""
        return int(self.wait_for("listening")["port"])

    @property
    def children(self) -> list[int]:
        """What it started and runs still, children's children too.

        Its guardian does not count, nor do processes that wait for scores.
        """
        return [
            pid
            for pid in processes_of(_MARK, self._mark)
            if pid != self.process.pid
            and not any(name in command_line(pid) for name in ("-guardian", "scoring_process"))
        ]

    def score(self, reference: str, distorted: str, model: str = "") -> Answer:
        """Ask for a score over HTTP."""
        named = {"model": model} if model else {}
        document = {"reference": reference, "distorted": distorted, **named}
        return ask_score(self.http_port, document)

    def get(self, path: str) -> int:
        """Ask over HTTP, and return the status."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end and return its exit status."""
        status = self.process.wait(_TIMEOUT_S)
        self._reader.join()
        assert "Traceback" not in self.output, self.output
        return status


@contextmanager
def server_process(
    root: Path,
    *arguments: str,
    ffmpeg: Path | None = None,
    env: Mapping[str, str] | None = None,
    descriptors: int | None = None,
) -> Iterator[ServerProcess]:
    """Run a server that reads files under `root`, and wait until it is ready.

    The server's own command line does not name `ffmpeg`, so that only its processes do.
    """
    ports = ("--port", "0", "--grpc-port", "0", "--media-roots", str(root))
    argv = [*command("serve"), *ports, *arguments]
    if descriptors is not None:
        argv = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *argv]
    named = {"VMAFX_FFMPEG": str(ffmpeg)} if ffmpeg else {}
    server = ServerProcess(argv, root, {**named, **(env or {})})
    try:
        server.wait_for("ready")
        yield server
    finally:
        server.process.kill()
        server.end()

"""A server in a process of its own, as an operator starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.cli import command
from tests.support.programs import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ServerProcess", "server_process"]

_TIMEOUT_S = 120


class ServerProcess:
    """A server that was started; see `server_process`."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self._lines: list[str] = []
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **env},
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

    def get(self, path: str) -> int:
        """Ask over HTTP, and return the status."""
        url = f"http://127.0.0.1:{self.wait_for('listening')['port']}{path}"
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
    root: Path, *arguments: str, ffmpeg: Path | None = None
) -> Iterator[ServerProcess]:
    """Run a server that reads files under `root`, and wait until it is ready.

    The server's own command line does not name `ffmpeg`, so that only its processes do.
    """
    ports = ("--port", "0", "--grpc-port", "0", "--media-roots", str(root))
    argv = [*command("serve"), *ports, *arguments]
    server = ServerProcess(argv, root, {"VMAFX_FFMPEG": str(ffmpeg)} if ffmpeg else {})
    try:
        server.wait_for("ready")
        yield server
    finally:
        server.process.kill()
        server.end()

"""Dask clusters of real processes, whose workers can be held up, crippled or killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import command_line, make_program, processes_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Cluster", "Worker", "make_ffmpeg", "needs_dask", "running_cluster"]

needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="the packages of the extra 'cluster' are not installed"
)

# Handed down to whatever a worker starts.
_MARK = "VMAFX_TEST_WORKER"
_HOLD = "VMAFX_TEST_HOLD"
_LACKS = "VMAFX_TEST_LACKS"
_TIMEOUT_S = 60


def make_ffmpeg(folder: Path, real: Path) -> Path:
    """Write an ffmpeg that waits, or does without an encoder, where a worker's environment says so.

    It is the same file for all, since workers with different programs are not used together.
    """
    body = f"""
case "$*" in
  *"-c:v ${{{_LACKS}:-none}}"*) echo "Unknown encoder '${_LACKS}'" >&2; exit 1 ;;
  *probe.*.part.mp4*)
    # Not for ever, in case that nobody is left to end it.
    n=0
    while [ -e "${{{_HOLD}:-/nowhere/at/all}}" ] && [ $n -lt 6000 ]; do
      sleep 0.05
      n=$((n + 1))
    done ;;
esac
exec '{real}' "$@"
"""
    return make_program(folder, body, "ffmpeg")


@dataclass
class Worker:
    """A worker that was started.

    Attributes:
        folder: Its working directory.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    mark: str

    @property
    def gate(self) -> Path:
        """Its encodes wait for as long as this file is there."""
        return self.folder / "hold"

    @property
    def children(self) -> list[int]:
        """What it started and runs still; its guardian does not count."""
        return [
            pid
            for pid in processes_of(_MARK, self.mark)
            if pid != self.process.pid and "vmafx-tune-guardian" not in command_line(pid)
        ]

    @property
    def encodes(self) -> bool:
        """Whether it encodes for a probe just now."""
        return any(".part.mp4" in command_line(pid) for pid in self.children)

    def end(self) -> None:
        """Kill it, and wait for its end."""
        self.process.kill()
        self.process.wait(_TIMEOUT_S)


@dataclass
class Cluster:
    """A scheduler that was started, and its workers; see `running_cluster`."""

    folder: Path
    ffmpeg: Path
    scheduler: subprocess.Popen[bytes]
    workers: list[Worker] = field(default_factory=list)

    @property
    def _file(self) -> Path:
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        wait_until(lambda: self._file.exists() and self._file.stat().st_size > 0)
        return str(json.loads(self._file.read_text(encoding="utf-8"))["address"])

    def start_worker(self, *, lacks: str | None = None, **env: str) -> Worker:
        """Start a worker with one thread, and wait until the scheduler knows it."""
        mark = uuid.uuid4().hex
        folder = self.folder / mark
        folder.mkdir()
        variables = {
            **env,
            _MARK: mark,
            _HOLD: str(folder / "hold"),
            "VMAFX_FFMPEG": str(self.ffmpeg),
            "TMPDIR": str(folder),
            "VMAFX_CACHE_DIR": str(folder / "cache"),
        }
        if lacks is not None:
            variables[_LACKS] = lacks
        arguments = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        process = _dask("worker", self.address, *arguments, folder=folder, env=variables)
        worker = Worker(process, folder, mark)
        self.workers.append(worker)
        wait_until(lambda: b"Registered to:" in _log(folder) or process.poll() is not None)
        assert process.poll() is None, _log(folder).decode()
        return worker

    def restore(self, n_workers: int) -> None:
        """Have `n_workers` whose encodes run."""
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        for worker in self.workers:
            worker.gate.unlink(missing_ok=True)
        while len(self.workers) < n_workers:
            self.start_worker()

    def stop_scheduler(self) -> None:
        """Kill the scheduler."""
        self.scheduler.kill()
        self.scheduler.wait(_TIMEOUT_S)


@contextmanager
def running_cluster(
    folder: Path, ffmpeg: Path, n_workers: int = 0, **env: str
) -> Iterator[Cluster]:
    """Run a scheduler and workers; all of them are gone when the block ends."""
    arguments = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    file = ("--scheduler-file", str(folder / "scheduler.json"))
    process = _dask("scheduler", *arguments, *file, folder=folder, env=env)
    cluster = Cluster(folder, ffmpeg, process)
    try:
        cluster.restore(n_workers)
        yield cluster
    finally:
        for worker in cluster.workers:
            worker.end()
        cluster.stop_scheduler()


def _dask(*arguments: str, folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "dask", *arguments],
            cwd=folder,
            env={**os.environ, "DASK_DISTRIBUTED__DASHBOARD__LINK": "", **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _log(folder: Path) -> bytes:
    return (folder / "log").read_bytes()

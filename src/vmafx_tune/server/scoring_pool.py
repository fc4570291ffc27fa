"""Scores of files, each in a process that can be killed: see `scoring_process`.

Processes are started ahead and used again, as it takes a third of a second to load what scoring
needs. One that was cancelled or crashed is not.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from vmafx_tune import errors
from vmafx_tune.cpus import CoreShares, available_cpus, bytes_needed, default_threads, visible_cpus
from vmafx_tune.errors import ScorerCrashedError, ToolError, VmafxTuneError
from vmafx_tune.media.process import Conversation, describe_exit
from vmafx_tune.server.admission import MemoryBudget
from vmafx_tune.server.protocol import STATUSES
from vmafx_tune.server.scorer import FileScorer, Scored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.server.settings import ServerSettings

__all__ = ["ScoringPool"]

_MODULE = "vmafx_tune.server.scoring_process"
# What reads hostile files has no use for it.
_SECRETS = ("VMAFX_API_TOKEN", "VMAFX_API_TOKEN_FILE")
_MOST_IDLE = 4
# Whatever leaks does so into a process that ends.
_MOST_SCORES = 200
_MOST_LINE_CHARS = 1 << 20
# A score that is cancelled ends within a few milliseconds, unless it hangs in a library.
_ENDING_S = 0.5
# What Python and the libraries take, and a picture in some copies with 16 bits and alpha.
_BASE_BYTES = 512_000_000
_PROBE_BYTES_PER_PIXEL = 16
# Estimates are held to loosely: decoders differ, and each thread has a stack.
_SLACK = 2
_BYTES_PER_CPU = 32_000_000
_MOST_SIDE = 1 << 20


class ScoringPool:
    """Implements `service.PairScorer`. Thread-safe.

    Args:
        settings: Which programs and which backend to use, and the limits of pictures and memory.
        shares: Splits the processors between what runs.
        memory: What all that runs may take.
    """

    def __init__(
        self,
        settings: ServerSettings,
        shares: CoreShares | None = None,
        memory: MemoryBudget | None = None,
    ) -> None:
        self._settings = settings
        self._shares = shares or CoreShares(available_cpus())
        self._memory = memory or MemoryBudget(settings.max_memory_bytes)
        self._lock = threading.Lock()
        self._idle: list[_ScoringProcess] = []
        self._closed = False

    def prepare(self) -> None:
        """Find what scoring needs, in this process: no file of a client is opened for it.

        Raises:
            ToolNotFoundError: The backend's program is not there.
            LibvmafNotFoundError: The backend's library is not there.
        """
        FileScorer(self._settings).prepare()

    def warm(self) -> None:
        """Start a process for the first score."""
        self._keep(self._start())

    def close(self) -> None:
        """End the processes that wait for work; those that work end with it."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.close()

    def __call__(
        self, reference: Path, distorted: Path, scoring: ScoringOptions, cancel: CancelToken
    ) -> Scored:
        """Compare two files; see `ScoringService` for the arguments.

        Raises:
            VmafxTuneError: They cannot be scored.
        """
        with self._process() as process, process.working(cancel), ExitStack() as share:
            asked = {name: getattr(scoring, name) for name in ("model", "pool", "subsample")}
            process.say({"score": [str(reference), str(distorted), asked]})
            while "share" in (answer := process.hear(cancel)):
                process.say({"granted": self._grant(answer["share"], share, cancel)})
            process.is_idle = True
            return _scored(answer)

    def _grant(self, asked: Any, share: ExitStack, cancel: CancelToken) -> dict[str, int]:
        # Loaded behind the first score, not before the server is ready.
        from vmafx_tune.model import Resolution

        width, height, bit_depth = (min(int(number), _MOST_SIDE) for number in asked)
        size = Resolution(max(1, width), max(1, height))

        def needed(threads: int) -> int:
            return bytes_needed(size, bit_depth, threads=threads)

        share.enter_context(self._shares.taken())
        wished = default_threads(size, bit_depth, self._shares.share())
        threads = share.enter_context(self._memory.lent(needed, wished, cancel))
        limit = _BASE_BYTES + _SLACK * needed(threads) + visible_cpus() * _BYTES_PER_CPU
        return {"threads": threads, "memory_bytes": limit}

    @contextmanager
    def _process(self) -> Iterator[_ScoringProcess]:
        with self._lock:
            process = self._idle.pop() if self._idle else None
        process = process or self._start()
        process.is_idle = False
        process.n_scores += 1
        try:
            yield process
        finally:
            if process.is_idle and process.n_scores < _MOST_SCORES:
                self._keep(process)
            else:
                process.close()

    def _keep(self, process: _ScoringProcess) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(process)
                return
        process.close()

    def _start(self) -> _ScoringProcess:
        settings = self._settings
        programs = {"ffmpeg": settings.ffmpeg, "vmaf_binary": settings.vmaf_binary}
        return _ScoringProcess(
            {
                **{name: path and str(path) for name, path in programs.items()},
                "backend": settings.backend,
                "max_pixels": settings.max_pixels,
                "probe_bytes": _BASE_BYTES + settings.max_pixels * _PROBE_BYTES_PER_PIXEL,
            }
        )


class _ScoringProcess:
    """A process that scores one pair of files at a time.

    Attributes:
        is_idle: Whether it has answered, and can be asked again.
        n_scores: How often it was asked.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        env = {name: value for name, value in os.environ.items() if name not in _SECRETS}
        self._talk = Conversation([sys.executable, "-m", _MODULE], env=env)
        self._lock = threading.Lock()
        self._work: object = None
        self._killer: threading.Timer | None = None
        self.is_idle = True
        self.n_scores = 0
        self.say(settings)

    def say(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._talk.say(json.dumps(message))

    def hear(self, cancel: CancelToken) -> dict[str, Any]:
        """Wait for a message.

        Raises:
            CancelledError: It was ended, as it did not end its work by itself.
            ScorerCrashedError: It ended.
        """
        line = self._talk.hear(_MOST_LINE_CHARS)
        message = _parsed(line or "")
        if message is None:
            status = self._talk.close()
            cancel.raise_if_cancelled()
            raise ScorerCrashedError(
                f"The process that read the clips ended ({describe_exit(status)}). It printed: "
                f"{self._talk.stderr_tail or 'nothing'}"
            )
        return message

    @contextmanager
    def working(self, cancel: CancelToken) -> Iterator[None]:
        """Have a cancellation end what it does in the block, by force where it takes too long."""
        work = object()
        with self._lock:
            self._work = work
        try:
            with cancel.calling(partial(self._stop, work)):
                yield
        finally:
            with self._lock:
                self._work = None
                if self._killer is not None:
                    self._killer.cancel()
                    self._killer = None

    def _stop(self, work: object) -> None:
        with self._lock:
            # It may be another score's by now.
            if self._work is not work:
                return
            self.say({"cancel": True})
            self._killer = threading.Timer(_ENDING_S, self._talk.kill)
            self._killer.daemon = True
            self._killer.start()

    def close(self) -> None:
        """End it."""
        self._talk.close()


def _parsed(line: str) -> dict[str, Any] | None:
    """Read a message of a process that has read hostile files; None where it makes no sense."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and len(message) == 1 else None


def _scored(answer: dict[str, Any]) -> Scored:
    """Build the score from the last message of a process.

    Raises:
        VmafxTuneError: It has failed, or what it says makes no sense.
    """
    if isinstance(failure := answer.get("failed"), dict):
        raise _error(failure)
    try:
        return Scored(**answer["scored"])
    except (KeyError, TypeError) as error:
        raise VmafxTuneError(
            "The process of a score gave an answer that makes no sense."
        ) from error


def _error(failure: dict[str, Any]) -> VmafxTuneError:
    """Make the error again: of the same class, with the same message."""
    name, message, printed = (str(failure.get(key, "")) for key in ("name", "message", "printed"))
    kind = next((cls for cls in STATUSES if cls.__name__ == name), None)
    if kind is None or issubclass(kind, errors.BusyError | errors.TooLargeError):
        return ToolError(f"A score failed: {message}", stderr_tail=printed)
    error: VmafxTuneError = kind.__new__(kind)
    # Each class has a constructor of its own that builds the message, which is here already.
    error.args = (message,)
    if isinstance(error, ToolError):
        error.argv, error.returncode, error.stderr_tail = (), None, printed
    return error

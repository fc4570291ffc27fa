"""The only place that starts child processes.

Each child is started from a list of arguments (no shell), with stdin closed, in a process group of
its own, and is killed and reaped when the block that waits for it ends for whatever reason:
cancellation, a stall, Ctrl-C, or an exception in a callback. Should this process itself be killed,
a guardian ends its children and removes their work files. What they print is kept within bounds,
and so is every wait for them.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, ToolError, ToolNotFoundError, ToolTimeoutError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.cleanup import guardian

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "Completed",
    "Conversation",
    "ProcessRunner",
    "describe_exit",
    "prepare_guardian",
]

ToolErrorT = TypeVar("ToolErrorT", bound=ToolError)

_TAIL_LINES = 60
_MAX_TAIL_LINE_CHARS = 1000
_MAX_LINE_CHARS = 4096
_MAX_CAPTURE_CHARS = 1 << 20
_POLL_S = 0.1
# A killed process is gone at once, unless the kernel or another user holds it.
_END_S = 10.0
# What a pipe holds is read in no time; the rest is for a machine under load.
_DRAIN_S = 2.0


@frozen
class Completed:
    """A child that ended by itself.

    Attributes:
        stdout: What it printed, at most the first mebibyte.
        stderr: Likewise.
        stderr_tail: The last lines of stderr, long ones cut, for error messages.
        wall_time_s: From start to reaping.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    stderr_tail: str
    wall_time_s: float

    def error(self, kind: type[ToolErrorT], message: str) -> ToolErrorT:
        """Make an error that has its command and what it printed."""
        return kind(
            message, argv=self.argv, returncode=self.returncode, stderr_tail=self.stderr_tail
        )


def describe_exit(returncode: int) -> str:
    """Say how a process ended: `exit status 1`, `killed by SIGKILL`.

    Args:
        returncode: Its exit status, negative for a signal.
    """
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"


class ProcessRunner:
    """Runs tools until they end, stall, or are cancelled.

    Args:
        cancel: Stops every running child; one of its own is made where none is given.
        stall_timeout_s: A child that shows no sign of progress for so long is killed. For one
            with a `progress` callback, only a change that the callback reports counts; for any
            other, its whole run time does.
        on_command: Called with each command before it is started.
    """

    def __init__(
        self,
        cancel: CancelToken | None = None,
        stall_timeout_s: float = 600.0,
        *,
        on_command: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        self.cancel = cancel or CancelToken()
        self.stall_timeout_s = stall_timeout_s
        self._on_command = on_command

    def with_patience(self, stall_timeout_s: float) -> ProcessRunner:
        """Make a runner like this one for tools that show no progress for long by nature."""
        return ProcessRunner(self.cancel, stall_timeout_s, on_command=self._on_command)

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        progress: Callable[[str], bool] | None = None,
        stall_timeout_s: float | None = None,
    ) -> Completed:
        """Run `argv` to its end, whatever its exit status.

        Args:
            argv: Program and arguments.
            cwd: Working directory of the child.
            env: Its whole environment; None inherits this process's.
            progress: Called with each line of stdout, from another thread; returns whether the
                line shows that the child moved on.
            stall_timeout_s: Less patience for this child than the runner has; None for as much.

        Returns:
            The child's exit status and output.

        Raises:
            ToolNotFoundError: The program does not exist or cannot be executed.
            ToolTimeoutError: The child stalled and was killed.
            CancelledError: The token was cancelled; the child is gone.
        """
        self.cancel.raise_if_cancelled()
        if self._on_command is not None:
            self._on_command(tuple(argv))
        started = time.monotonic()
        patience_s = min(self.stall_timeout_s, stall_timeout_s or self.stall_timeout_s)
        child = _Child(argv, cwd=cwd, env=env, progress=progress)
        try:
            with self.cancel.calling(child.kill):
                stalled = not child.wait(patience_s)
        finally:
            # Reached by Ctrl-C too: nothing may outlive this call.
            child.kill()
            child.join()
        if self.cancel.cancelled:
            raise CancelledError("The work was cancelled.")
        if child.error is not None:
            raise child.error
        if stalled:
            advice = " If the machine is just slow, raise --timeout."
            raise ToolTimeoutError(
                f"'{argv[0]}' made no progress for {patience_s:g} s and was stopped."
                f"{advice if patience_s == self.stall_timeout_s else ''}",
                argv=argv,
                stderr_tail=child.stderr.tail,
            )
        return Completed(
            argv=tuple(argv),
            returncode=child.process.returncode,
            stdout=child.stdout.text,
            stderr=child.stderr.text,
            stderr_tail=child.stderr.tail,
            wall_time_s=time.monotonic() - started,
        )


class _Group:
    """A started program and its process group, under guard until it is reaped."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self._lock = threading.Lock()
        self._reaped = False
        prepare_guardian()
        self.process = _start(argv, cwd=cwd, env=env, stdin=stdin)
        guardian.watch(self.process.pid)
        self.stderr = _Reader(self.process.stderr)

    def kill(self) -> None:
        """Kill the whole process group, if any of it is left."""
        # The leader may be gone while children of its own live on. Its number stays its own until
        # it is reaped; after that, it may be another's.
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if not self._reaped:
                os.killpg(self.process.pid, signal.SIGKILL)

    def _reap(self) -> int:
        with self._lock:
            guardian.release(self.process.pid)
            status = self.process.wait()
            self._reaped = True
        return status


class _Child(_Group):
    """A program that runs to its end, with the threads that read its pipes and wait for it.

    Attributes:
        error: What `progress` raised.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None,
        env: Mapping[str, str] | None,
        progress: Callable[[str], bool] | None,
    ) -> None:
        super().__init__(argv, cwd=cwd, env=env)
        self.error: Exception | None = None
        self._progress = progress
        self._last_change = time.monotonic()
        self._ended = threading.Event()
        self.stdout = _Reader(self.process.stdout, self._read_line)
        # Popen.wait(timeout) would poll, and notice a short child's end up to 50 ms late.
        threading.Thread(target=self._wait_unreaped, daemon=True).start()

    def wait(self, patience_s: float) -> bool:
        """Wait for the end, or for an error of `progress`; returns whether it came in time."""
        # Short waits, so that a KeyboardInterrupt is seen on every platform and the stall clock is
        # looked at; a child that ends is still noticed at once.
        while not self._ended.wait(_POLL_S) and self.error is None:
            if time.monotonic() - self._last_change > patience_s:
                return False
        return True

    def join(self) -> None:
        """Wait until the process is reaped and its pipes are drained, as far as it can be had.

        One that not even `kill` ends stays with the guardian.
        """
        if self._ended.wait(_END_S):
            self._reap()
        self.stdout.join()
        self.stderr.join()

    def _read_line(self, line: str) -> None:
        if self._progress is None or self.error is not None:
            return
        try:
            if self._progress(line):
                self._last_change = time.monotonic()
        except Exception as error:  # noqa: BLE001 - carried to the thread that waits
            self.error = error

    def _wait_unreaped(self) -> None:
        # macOS has no such call in Python before 3.13. Where SIGCHLD is ignored, nothing is to be
        # reaped, which `Popen.wait` knows to deal with.
        if hasattr(os, "waitid"):
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        else:
            self.process.wait()
        self._ended.set()


class _Reader:
    """Drains one pipe in a thread and keeps a bounded part of it."""

    def __init__(
        self, stream: IO[str] | None, on_line: Callable[[str], None] | None = None
    ) -> None:
        assert stream is not None
        self._stream = stream
        self._on_line = on_line
        self._chars = 0
        self._pieces: list[str] = []
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        begins = True
        with self._stream as stream:
            while piece := stream.readline(_MAX_LINE_CHARS):
                if begins:
                    self._tail.append(piece[:_MAX_TAIL_LINE_CHARS].rstrip("\n"))
                begins = piece.endswith("\n")
                if self._chars < _MAX_CAPTURE_CHARS:
                    self._chars += len(piece)
                    self._pieces.append(piece)
                if self._on_line is not None:
                    self._on_line(piece.rstrip("\n"))

    def join(self) -> None:
        """Wait for the pipe's end: until no process is left that could write to it."""
        self._thread.join(_DRAIN_S)
        if self._thread.is_alive():
            _kill_writers(self._stream)
            self._thread.join(_DRAIN_S)
        # A thread that is still reading ends with the writers; its lines are no longer used.
        self._on_line = None

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def tail(self) -> str:
        return "\n".join(self._tail).rstrip()


def _kill_writers(stream: IO[str]) -> None:
    """Kill who can write to the pipe of a child that has ended: descendants that left its group.

    Only Linux lists them.
    """
    try:
        pipe = f"pipe:[{os.fstat(stream.fileno()).st_ino}]"
    except ValueError:  # its end came meanwhile
        return
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for link in (process / "fd").iterdir():
                if link.lstat().st_mode & stat.S_IWUSR and str(link.readlink()) == pipe:
                    os.kill(int(process.name), signal.SIGKILL)


def _start(
    argv: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: int,
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # Own group: a terminal's Ctrl-C does not reach the child, and its children die with it.
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ToolNotFoundError(f"'{argv[0]}' does not exist.", argv=argv) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ToolNotFoundError(f"'{argv[0]}' cannot be run: {reason}.", argv=argv) from error


def prepare_guardian() -> None:
    """Start what cleans up should this process be killed, unless it is there."""
    guardian.prepare(_start_guardian)


def _start_guardian(argv: tuple[str, ...], stdin: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        # It may live long, so it must not keep a folder, a terminal or a pipe of ours in use.
        cwd="/",
        env={},
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


class Conversation(_Group):
    """A program that is spoken to in lines over its stdin and stdout, until it is closed.

    One thread at a time may speak and listen; any may kill.

    Args:
        argv: Program and arguments.
        env: Its whole environment; None inherits this process's.

    Raises:
        ToolNotFoundError: The program does not exist or cannot be executed.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        super().__init__(argv, env=env, stdin=subprocess.PIPE)
        self._writing = threading.Lock()

    @property
    def stderr_tail(self) -> str:
        """The last lines that it printed to stderr."""
        return self.stderr.tail

    def say(self, line: str) -> None:
        """Send a line; it is lost if the reader is gone."""
        assert self.process.stdin is not None
        with self._writing, suppress(OSError, ValueError):
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()

    def hear(self, most_chars: int) -> str | None:
        """Wait for a line; returns None at the end, and where it is longer than `most_chars`."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline(most_chars + 1)
        return line[:-1] if line.endswith("\n") else None

    def close(self) -> int:
        """Kill it, unless it has ended, and reap it; returns its status, negative for a signal."""
        self.kill()
        status = self._reap()
        self.stderr.join()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with suppress(OSError):
                stream.close()
        return status

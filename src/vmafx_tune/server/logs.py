"""One JSON object a line, for programs that collect logs, and never waiting for who reads them."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Protocol

from vmafx_tune.errors import DeadlineError, DrainingError, ToolError, VmafxTuneError
from vmafx_tune.server.protocol import status_of
from vmafx_tune.server.settings import LOG_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    Loggable = str | int | float | bool | None

__all__ = ["JsonLog", "LogWriter", "describe_error", "log_libraries", "severity_of"]


class LineStream(Protocol):
    """Takes the lines of a log."""

    def write(self, text: str, /) -> object:
        """Take one line with its end."""
        ...

    def flush(self) -> None:
        """Hand on what was written."""
        ...


class JsonLog:
    """Writes log lines; thread-safe.

    Each line has `time` (UTC, RFC 3339), `level` and `msg`, and whatever is known of
    `request_id`, `route` or `rpc`, `status`, `duration_s`, `model`, `error` and `traceback`.

    Args:
        level: Least grave level that is written.
        stream: Where to; None means stderr.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        level: str = "info",
        stream: LineStream | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._least = LOG_LEVELS.index(level)
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()

    def debug(self, msg: str, /, **fields: Loggable) -> None:
        """Log what helps to find a fault."""
        self._write("debug", msg, fields)

    def info(self, msg: str, /, **fields: Loggable) -> None:
        """Log what usually happens."""
        self._write("info", msg, fields)

    def warning(self, msg: str, /, **fields: Loggable) -> None:
        """Log what somebody may want to look at."""
        self._write("warning", msg, fields)

    def error(self, msg: str, /, **fields: Loggable) -> None:
        """Log what failed."""
        self._write("error", msg, fields)

    def _write(self, level: str, msg: str, fields: dict[str, Loggable]) -> None:
        if LOG_LEVELS.index(level) < self._least:
            return
        known = {name: _finite(value) for name, value in fields.items() if value is not None}
        line = json.dumps({"time": _utc(self._clock()), "level": level, "msg": msg, **known})
        stream = self._stream or sys.stderr
        with self._lock:
            try:
                stream.write(f"{line}\n")
                stream.flush()
            except (OSError, ValueError):
                # Whoever read the log is gone; that is no reason to stop serving.
                return


def log_libraries(log: JsonLog) -> None:
    """Send what libraries and the event loop log to `log`, where it would be plain text on stderr.

    A message that comes again within a second is left out.
    """
    logging.basicConfig(handlers=[_LibraryRecords(log)], level=logging.WARNING, force=True)


class _LibraryRecords(logging.Handler):
    def __init__(self, log: JsonLog) -> None:
        super().__init__()
        self._log = log
        self._last: tuple[str, float] = ("", 0.0)

    def emit(self, record: logging.LogRecord) -> None:
        last, self._last = self._last, (record.msg, record.created)
        if record.msg == last[0] and record.created - last[1] < 1:
            return
        error = record.exc_info[1] if record.exc_info else None
        failure = describe_error(error) if isinstance(error, Exception) else {}
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        write(f"{record.name}: {record.getMessage()}", **failure)


def severity_of(error: Exception) -> str:
    """Return the level at which a failed request is logged, over either transport."""
    ours = status_of(error).http >= 500 and not isinstance(error, DrainingError | DeadlineError)
    return "error" if ours else "warning"


def describe_error(error: Exception) -> dict[str, str]:
    """Return the log fields of a failed request: what nobody expected comes with its traceback."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, ToolError) and error.stderr_tail:
        text += f" It printed: {error.stderr_tail}"
    if isinstance(error, VmafxTuneError):
        return {"error": text}
    return {"error": text, "traceback": "".join(traceback.format_exception(error))}


def _utc(seconds: float) -> str:
    whole = math.floor(seconds)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{stamp}.{int((seconds - whole) * 1000):03d}Z"


def _finite(value: Loggable) -> Loggable:
    return None if isinstance(value, float) and not math.isfinite(value) else value


_MOST_BYTES = 1 << 20


class LogWriter:
    """A text stream that hands its lines to a thread; thread-safe.

    A pipe that nobody reads blocks a write for ever. Here it blocks the thread alone: lines wait in
    a bounded queue, and those that find no room are dropped and counted.

    Args:
        descriptor: The file to write to. Not a buffered stream, whose lock a blocked thread would
            hold when the interpreter ends.
        most_bytes: How much may wait.
    """

    def __init__(self, descriptor: int, most_bytes: int = _MOST_BYTES) -> None:
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that found no room."""
        return self._dropped

    def write(self, text: str) -> int:
        """Queue a line; returns its length."""
        line = text.encode(errors="backslashreplace")
        with self._changed:
            if self._closed or self._waiting_bytes + len(line) > self._most_bytes:
                self._dropped += 1
            else:
                self._lines.append(line)
                self._waiting_bytes += len(line)
                self._changed.notify()
        return len(text)

    def flush(self) -> None:
        """Do nothing: lines are written as soon as they can be."""

    def close(self, patience_s: float) -> None:
        """Take no more lines, and wait for those that are queued, `patience_s` seconds at most."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(patience_s)

    def _run(self) -> None:
        while (line := self._next()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                # Whoever read the log is gone; that is no reason to stop serving.
                self._dropped += 1

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._lines:
                if self._closed:
                    return None
                self._changed.wait()
            line = self._lines.popleft()
            self._waiting_bytes -= len(line)
            return line

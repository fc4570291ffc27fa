"""Writing log lines without ever waiting for who reads them."""

from __future__ import annotations

import os
import threading
from collections import deque

__all__ = ["LogWriter"]

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

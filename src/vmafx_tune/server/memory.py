"""One budget of memory for all that is scored at once: files and streams, over both transports."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.errors import MemoryLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmafx_tune.cancel import CancelToken

__all__ = ["MemoryBudget"]

_MB = 1_000_000


class MemoryBudget:
    """Lends memory to those who score, first come, first served. Thread-safe.

    What is lent is an estimate; `ScoringPool` holds the processes of a score to it.

    Args:
        total_bytes: What there is to lend; None for any amount.
    """

    def __init__(self, total_bytes: int | None) -> None:
        self._total = total_bytes
        self._lent = 0
        self._waiting: list[object] = []
        self._changed = threading.Condition()

    @contextmanager
    def lent(
        self, bytes_for: Callable[[int], int], threads: int, cancel: CancelToken
    ) -> Iterator[int]:
        """Lend what a score takes for the block, waiting until there is enough for one thread.

        Args:
            bytes_for: Tells how many bytes it takes with so many threads.
            threads: With how many it would run, at least 1.
            cancel: Ends the wait.

        Yields:
            With how many it may run, at least 1.

        Raises:
            MemoryLimitError: There will never be enough.
            CancelledError: It was cancelled while it waited.
        """
        allowed, n_bytes = self.take(bytes_for, threads, cancel)
        try:
            yield allowed
        finally:
            self.give_back(n_bytes)

    def take(
        self, bytes_for: Callable[[int], int], threads: int, cancel: CancelToken
    ) -> tuple[int, int]:
        """Lend as `lent` does, until `give_back`; returns the threads, and the bytes."""
        if self._total is None:
            return threads, 0
        least = bytes_for(1)
        if least > self._total:
            raise MemoryLimitError(
                f"Scoring such pictures takes {-(-least // _MB)} MB of memory, and this server has "
                f"{self._total // _MB} MB for scores. Use smaller pictures."
            )
        turn = object()
        with self._changed, cancel.calling(self._wake):
            self._waiting.append(turn)
            try:
                self._changed.wait_for(
                    lambda: cancel.cancelled or self._is_next(turn, least, self._total or 0)
                )
                cancel.raise_if_cancelled()
                free = self._total - self._lent
                allowed = next(n for n in range(threads, 0, -1) if n == 1 or bytes_for(n) <= free)
                n_bytes = bytes_for(allowed)
                self._lent += n_bytes
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        return allowed, n_bytes

    def give_back(self, n_bytes: int) -> None:
        """Take back what `take` has lent."""
        with self._changed:
            self._lent -= n_bytes
            self._changed.notify_all()

    def _is_next(self, turn: object, least: int, total: int) -> bool:
        return self._waiting[0] is turn and self._lent + least <= total

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

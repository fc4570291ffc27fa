"""How much work is taken on at once, over both transports: slots and memory."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.errors import BusyError, DrainingError, MemoryLimitError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from vmafx_tune.cancel import CancelToken

__all__ = ["Admission", "MemoryBudget"]

# How much the last job counts in the running mean of how long jobs take.
_NEWEST_WEIGHT = 0.2


class Admission:
    """A number of slots with a bounded queue before them, first come, first served.

    Belongs to one event loop.

    Args:
        slots: Jobs that run at once.
        queue: Jobs that wait at most.
        clock: Seconds, for how long jobs take.
    """

    def __init__(
        self, slots: int, queue: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots = slots
        self._queue = queue
        self._clock = clock
        self._free = asyncio.Semaphore(slots)
        self._running = self._queued = 0
        self._mean_s: float | None = None
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> int:
        """Jobs that hold a slot."""
        return self._running

    @property
    def queued(self) -> int:
        """Jobs that wait for one."""
        return self._queued

    async def idle(self) -> None:
        """Wait until nothing runs or waits."""
        await self._idle.wait()

    def close(self) -> None:
        """Take on nothing more; what waits already still gets its turn."""
        self._closed = True

    @asynccontextmanager
    async def slot(self, deadline_s: float | None = None) -> AsyncIterator[None]:
        """Hold a slot for the block, waiting for it where there is room in the queue.

        Args:
            deadline_s: Seconds that the caller has; None for any number.

        Raises:
            DrainingError: Nothing more is taken on.
            BusyError: The queue is full, or going by how long jobs took so far, the turn would
                come after the deadline.
        """
        self._check(deadline_s)
        self._idle.clear()
        try:
            self._queued += 1
            try:
                await self._free.acquire()
            finally:
                self._queued -= 1
            self._running += 1
            started = self._clock()
            try:
                yield
            finally:
                self._learn(self._clock() - started)
                self._running -= 1
                self._free.release()
        finally:
            if not self._running and not self._queued:
                self._idle.set()

    def _check(self, deadline_s: float | None) -> None:
        if self._closed:
            raise DrainingError
        if not self._free.locked():
            return
        wait_s = self._expected_wait_s()
        if self._queued >= self._queue:
            raise BusyError(
                f"The server is busy: {self._running} scores run and {self._queued} wait. "
                f"Try again in {math.ceil(wait_s)} s.",
                retry_after_s=wait_s,
            )
        if deadline_s is not None and self._mean_s is not None and wait_s > deadline_s:
            raise BusyError(
                f"The server is busy: a turn is expected in {math.ceil(wait_s)} s, and the "
                f"deadline is in {deadline_s:.3g} s. Try again then, or allow more time.",
                retry_after_s=wait_s,
            )

    def _expected_wait_s(self) -> float:
        mean_s = self._mean_s if self._mean_s is not None else 1.0
        return max(1.0, mean_s * (self._queued + 1) / self._slots)

    def _learn(self, took_s: float) -> None:
        mean_s = took_s if self._mean_s is None else self._mean_s
        self._mean_s = mean_s + _NEWEST_WEIGHT * (took_s - mean_s)


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

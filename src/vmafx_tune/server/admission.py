"""How much work is taken on at once, over both transports, and patience with what clients send."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vmafx_tune.errors import BusyError, DeadlineError, DrainingError, MemoryLimitError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from vmafx_tune.cancel import CancelToken

__all__ = [
    "Admission",
    "Arrivals",
    "FirstMessages",
    "MemoryBudget",
    "Nothing",
]

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


T = TypeVar("T")


class Nothing(Enum):
    """What there is instead of a message."""

    NOT_YET = "not yet"
    ENDED = "ended"


class Arrivals(Generic[T]):
    """Reads one message ahead of its user, and no more: that is what bounds memory.

    Belongs to one event loop.

    Args:
        source: The messages.
        idle_s: How long to wait for one, in seconds.
        ahead: Whether to read the next message while the last one is worked on.
    """

    def __init__(self, source: AsyncIterator[T], idle_s: float, *, ahead: bool = True) -> None:
        self._source = source
        self._idle_s = idle_s
        self._ahead = ahead
        self._draining = False
        self._read: asyncio.Task[T | Nothing] | None = None
        self._waker: asyncio.Future[None] | None = None
        self._since: float | None = None

    def hurry(self, idle_s: float) -> None:
        """Wait no longer than `idle_s` for any message, as the server is shutting down."""
        self._draining = True
        self.wait_at_most(idle_s)

    def wait_at_most(self, idle_s: float) -> None:
        """Wait no longer than `idle_s` for any message, the one that is waited for included."""
        self._idle_s = min(self._idle_s, idle_s)
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    async def next(self, poll_s: float = math.inf) -> T | Nothing:
        """Wait for the next message.

        Args:
            poll_s: After so many seconds without a message, give `NOT_YET`.

        Returns:
            The message, or `ENDED` when there are no more.

        Raises:
            DeadlineError: None came for too long.
            DrainingError: None came, and the server is shutting down.
        """
        read = self._reading()
        if not await self._wait(read, poll_s):
            return Nothing.NOT_YET
        message = read.result()
        self._read = self._since = None
        if self._ahead and message is not Nothing.ENDED:
            self._reading()
        return message

    async def close(self) -> None:
        """Stop reading."""
        if self._read is None:
            return
        self._read.cancel()
        # However it ends, nobody wants to know.
        with suppress(asyncio.CancelledError, Exception):
            await asyncio.wait({self._read})
        if not self._read.cancelled():
            self._read.exception()

    def _reading(self) -> asyncio.Task[T | Nothing]:
        if self._read is None:
            self._read = asyncio.get_running_loop().create_task(_pull(self._source))
        return self._read

    async def _wait(self, read: asyncio.Task[T | Nothing], poll_s: float) -> bool:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._since = started if self._since is None else self._since
        while not read.done():
            now = loop.time()
            if now >= self._since + self._idle_s:
                raise self._out_of_patience()
            if now >= started + poll_s:
                return False
            limit = min(self._since + self._idle_s, started + poll_s)
            self._waker = loop.create_future()
            waited: set[asyncio.Future[Any]] = {read, self._waker}
            await asyncio.wait(waited, timeout=limit - now, return_when=asyncio.FIRST_COMPLETED)
        return True

    def _out_of_patience(self) -> DeadlineError | DrainingError:
        if self._draining:
            return DrainingError()
        return DeadlineError(f"No message came for {self._idle_s:g} s, and the stream was closed.")


async def _pull(source: AsyncIterator[T]) -> T | Nothing:
    return await anext(source, Nothing.ENDED)


_MOST_BYTES = 64 * 1024
# A message that was sent is read within a few milliseconds.
_CONTESTED_S = 1.0


class FirstMessages:
    """Lets calls read their first message in turn. Belongs to one event loop.

    A call whose message does not come keeps its turn for as long as its own patience where nobody
    else waits, and for a second where somebody does. The newest call is next, so that many silent
    ones hold up each other, not those that come later.

    Args:
        contested_s: Patience with a call that another one waits behind, in seconds.
    """

    def __init__(self, contested_s: float = _CONTESTED_S) -> None:
        self._contested_s = contested_s
        self._reader: Arrivals[bytes] | None = None
        self._waiting: list[tuple[Arrivals[bytes], asyncio.Future[None]]] = []

    async def read(self, arrivals: Arrivals[bytes]) -> bytes | None:
        """Read a call's first message.

        Returns:
            The message as it was sent; None where the call ended without one.

        Raises:
            DeadlineError: It did not come whole in time.
            DrainingError: It did not come, and the server is shutting down.
            UsageError: It is too long for a first message.
        """
        await self._take_turn(arrivals)
        try:
            return _short(await arrivals.next())
        finally:
            self._pass_on()

    async def _take_turn(self, arrivals: Arrivals[bytes]) -> None:
        if self._reader is None:
            self._reader = arrivals
            return
        self._reader.wait_at_most(self._contested_s)
        waiting = (arrivals, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            await waiting[1]
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif not waiting[1].cancelled():
                # The turn came in the same moment.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        # Calls that were cancelled in this moment wait no longer.
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]
        if not self._waiting:
            self._reader = None
            return
        self._reader, turn = self._waiting.pop()
        if self._waiting:
            self._reader.wait_at_most(self._contested_s)
        turn.set_result(None)


def _short(message: bytes | Nothing) -> bytes | None:
    if isinstance(message, Nothing):
        return None
    if (size := len(message)) > _MOST_BYTES:
        # Else the error's traceback would hold it.
        del message
        raise UsageError(
            f"The first message of a call has {size} bytes; at most {_MOST_BYTES} are allowed. "
            "Pictures come after the config of a stream."
        )
    return message

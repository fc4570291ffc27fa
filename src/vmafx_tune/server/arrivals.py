"""Messages of a client as they come in, with patience for the next one."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vmafx_tune.errors import DeadlineError, DrainingError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Arrivals", "FirstMessages", "Nothing"]

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

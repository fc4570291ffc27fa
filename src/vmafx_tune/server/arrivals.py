"""Messages of a client as they come in, with patience for the next one."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vmafx_tune.errors import DeadlineError, DrainingError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")

__all__ = ["Arrivals", "Nothing"]


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

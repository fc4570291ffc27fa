"""The first message of each call, read one after the other.

Nothing is known of a call before its first message, and a message may be as large as the largest
pair of pictures: a hundred calls that are read at once would take gigabytes before one is admitted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.server.arrivals import Nothing

if TYPE_CHECKING:
    from vmafx_tune.server.arrivals import Arrivals

__all__ = ["FirstMessages"]

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

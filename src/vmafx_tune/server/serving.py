"""Whether the server takes work, for those who watch it."""

from __future__ import annotations

import asyncio

__all__ = ["Serving"]


class Serving:
    """Whether the server takes work, and a way to wait until that changes."""

    def __init__(self) -> None:
        self.serving = False
        self.closed = False
        self._changed = asyncio.Event()

    def set(self, *, serving: bool) -> None:
        """Tell all watches."""
        self.serving = serving
        self._wake()

    def close(self) -> None:
        """End all watches."""
        self.closed = True
        self._wake()

    @property
    def changed(self) -> asyncio.Event:
        """Set by the next change; to be looked up before the state is."""
        return self._changed

    def _wake(self) -> None:
        # Whoever waits has the old event; the next change gets a new one.
        self._changed.set()
        self._changed = asyncio.Event()

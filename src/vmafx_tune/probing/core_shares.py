"""Splits the processors between the probes that are being made at the moment."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.cpus import share_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CoreShares"]


class CoreShares:
    """Counts who works, so that nobody fills processors that others need. Thread-safe.

    A share is asked for when work begins, and again for each piece of it: as others end, shares
    grow, and the last one to work has all processors.

    Args:
        cpus: Processors to share, at least 1.
    """

    def __init__(self, cpus: int) -> None:
        self._cpus = cpus
        self._lock = threading.Lock()
        self._takers = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count as one who works until the block ends."""
        self._count(+1)
        try:
            yield
        finally:
            self._count(-1)

    def share(self) -> int:
        """Tell how many processors each of those who work may fill now, at least 1."""
        with self._lock:
            return share_of(self._cpus, max(1, self._takers))

    def _count(self, change: int) -> None:
        with self._lock:
            self._takers += change

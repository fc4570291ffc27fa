"""Claims on probes: what one process measures, others wait for.

A claim is a lock on a small file of its own. The kernel lets go of it when its holder ends, however
that happens, so that none is ever stale; the file is removed with the claim, and one that a killed
process leaves behind stands in nobody's way. Whoever cannot have locks goes without.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Protocol

from vmafx_tune.files import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken

__all__ = ["CLAIMS_FOLDER", "Claim", "Claims", "no_claim", "sweep_claims"]

CLAIMS_FOLDER = "claims"
"""Name of the folder with the files, in the cache folder."""

_PAUSE_S = 0.1
_log = logging.getLogger(__name__)


class Claim(Protocol):
    """Makes others wait with a probe for as long as a block lasts."""

    def __call__(
        self, digest: str, /, *, wait: bool, on_wait: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """Claim the probe with that key.

        Args:
            digest: Of the key.
            wait: Whether to wait for whoever has it; otherwise the block runs without it.
            on_wait: Called once, when there is something to wait for.

        Raises:
            CancelledError: The work was cancelled meanwhile.
        """
        ...


@contextmanager
def no_claim(digest: str, /, *, wait: bool, on_wait: Callable[[], None]) -> Iterator[None]:  # noqa: ARG001 - implements `Claim`
    """Claim nothing."""
    yield


class Claims:
    """Implements `Claim` among processes and threads.

    Nobody may wait for a claim while holding another one, or two could wait for each other.

    Args:
        folder: Of the files; it is made when it is first used.
        cancel: Ends waiting.
    """

    def __init__(self, folder: Path, cancel: CancelToken) -> None:
        self._folder = folder
        self._cancel = cancel

    @contextmanager
    def __call__(
        self, digest: str, /, *, wait: bool, on_wait: Callable[[], None]
    ) -> Iterator[None]:
        """Claim a probe; see `Claim`."""
        path = self._folder / digest
        try:
            lock = self._acquired(path, wait=wait, on_wait=on_wait)
        except OSError as error:
            _log.debug("There is no claim on %s: %s", digest, error)
            lock = None
        try:
            yield
        finally:
            if lock is not None:
                _release(path, lock)

    def _acquired(self, path: Path, *, wait: bool, on_wait: Callable[[], None]) -> IO[bytes] | None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = locked(path, create=True)
        if lock is not None or not wait:
            return lock
        on_wait()
        stopped = threading.Event()
        with self._cancel.calling(stopped.set):
            while (lock := locked(path, create=True)) is None:
                stopped.wait(_PAUSE_S)
                self._cancel.raise_if_cancelled()
        return lock


def sweep_claims(folder: Path) -> None:
    """Remove the files that killed processes left behind.

    Raises:
        OSError: One cannot be removed.
    """
    for path in folder.glob("*"):
        if (lock := locked(path)) is not None:
            _release(path, lock)


def _release(path: Path, lock: IO[bytes]) -> None:
    # Removed first: whoever opened it before sees that, and opens the next one.
    with suppress(OSError):
        path.unlink()
    lock.close()

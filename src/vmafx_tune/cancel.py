"""A token that stops running work from another thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["CancelToken", "together"]


class CancelToken:
    """One-way switch shared by everything that works on one request.

    Work polls `cancelled`, or registers a callback with `calling` for what must be stopped from
    outside, such as a child process. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: dict[object, Callable[[], object]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` has been called."""
        return self._cancelled

    def cancel(self) -> None:
        """Stop the work: run the registered callbacks once; later calls do nothing."""
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            callback()

    def raise_if_cancelled(self) -> None:
        """Raise `CancelledError` if `cancel` has been called.

        Raises:
            CancelledError: The token is cancelled.
        """
        if self._cancelled:
            raise CancelledError("The work was cancelled.")

    @contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Run `callback` on cancellation for as long as the block lasts.

        A token that is cancelled already runs it at once, so a child started in the same moment
        does not slip through.
        """
        key = object()
        with self._lock:
            self._callbacks[key] = callback
            cancelled = self._cancelled
        if cancelled:
            callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.pop(key, None)


@contextmanager
def together(futures: Iterable[Future[Any]], stop: Callable[[], object]) -> Iterator[None]:
    """Wait for several calls in the block; if it fails, none of them goes on.

    Ctrl-C included: calls that run must end now, or leaving their pool would wait for them.

    Args:
        futures: Calls that were submitted; those that have not begun never do.
        stop: Ends those that run.
    """
    try:
        yield
    except BaseException:
        for future in futures:
            future.cancel()
        stop()
        raise

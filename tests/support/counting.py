"""What stands between a program and a server, and counts the bytes that come back."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Counted", "counting"]

_BLOCK_BYTES = 1 << 16


@dataclass
class Counted:
    """A port that leads to another one.

    Attributes:
        n_bytes: How many came back through it, heads of answers included.
        before: Called before anything is passed on of what is asked.
    """

    port: int
    n_bytes: int = 0
    before: Callable[[], object] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, n_bytes: int) -> None:
        """Count what came back."""
        with self._lock:
            self.n_bytes += n_bytes


@contextmanager
def counting(port: int) -> Iterator[Counted]:
    """Lead another port to `port` of this machine, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        counted = Counted(listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listener, port, counted), daemon=True)
        thread.start()
        yield counted
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _accept(listener: socket.socket, port: int, counted: Counted) -> None:
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_lead, args=(near, port, counted), daemon=True).start()


def _lead(near: socket.socket, port: int, counted: Counted) -> None:
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_copy, args=(far, near, counted.add), daemon=True)
        back.start()
        _copy(near, far, lambda _: counted.before())
        back.join()


def _copy(source: socket.socket, target: socket.socket, tell: Callable[[int], object]) -> None:
    with suppress(OSError):
        while block := source.recv(_BLOCK_BYTES):
            tell(len(block))
            target.sendall(block)
        target.shutdown(socket.SHUT_RDWR)

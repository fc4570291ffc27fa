"""Files that one process at a time may have, as whoever removes them has to know.

Locks are advisory, are let go of by the kernel when a process dies, and hold between threads too.
"""

from __future__ import annotations

import fcntl
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["locked", "shared"]


def shared(path: Path) -> IO[bytes] | None:
    """Keep a file from being locked until it is closed; None where it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    fcntl.flock(file, fcntl.LOCK_SH)
    return _unless_removed(file, path)


def locked(path: Path, *, create: bool = False) -> IO[bytes] | None:
    """Lock a file until it is closed; None where another process has, or it is gone.

    Args:
        path: The file.
        create: Whether to make it where there is none.
    """
    try:
        file = path.open("ab" if create else "rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return _unless_removed(file, path)


def _unless_removed(file: IO[bytes], path: Path) -> IO[bytes] | None:
    """Give a file back that was locked, if it was not removed while it was waited for."""
    try:
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except FileNotFoundError:
        pass
    file.close()
    return None

"""Small files that a user names: read to the end, whatever they turn out to be."""

from __future__ import annotations

import errno
import os
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_input", "read_standard_input"]

_MOST_BYTES = 100_000_000


def read_input(path: Path) -> bytes:
    """Read a whole file into memory.

    A pipe is read as well; one that nobody writes to is empty.

    Raises:
        OSError: It cannot be read, or is larger than any such file; a device can be endless.
    """
    with open(path, "rb", opener=_open) as file:
        return _read(file)


def read_standard_input() -> bytes:
    """Read standard input to its end.

    Raises:
        OSError: As for a file.
    """
    return _read(sys.stdin.buffer)


def _open(name: str, flags: int) -> int:
    # Else opening a pipe would wait until somebody writes to it.
    descriptor = os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor


def _read(file: IO[bytes]) -> bytes:
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {_MOST_BYTES // 1_000_000} MB")
    return data

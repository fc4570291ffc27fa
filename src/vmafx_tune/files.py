"""Files of the whole program: its cache folder, small ones that a user names, and locks."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path
from typing import IO

__all__ = [
    "CACHE_VARIABLE",
    "cache_folder",
    "is_file",
    "is_folder",
    "locked",
    "read_input",
    "read_standard_input",
    "shared",
]

CACHE_VARIABLE = "VMAFX_CACHE_DIR"
"""Environment variable that names the cache folder."""


def cache_folder() -> Path:
    """Name the cache folder: `VMAFX_CACHE_DIR`, or the user's own; it need not exist."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("vmafx-tune", appauthor=False)


def is_file(path: Path) -> bool:
    """Whether there is a regular file; not where access rights hide it, for which `Path` raises."""
    return os.path.isfile(path)  # noqa: PTH113 - `Path.is_file` raises


def is_folder(path: Path) -> bool:
    """Whether there is a folder; likewise."""
    return os.path.isdir(path)  # noqa: PTH112 - `Path.is_dir` raises


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
    descriptor = os.open(name, flags | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def _read(file: IO[bytes]) -> bytes:
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {_MOST_BYTES // 1_000_000} MB")
    return data


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

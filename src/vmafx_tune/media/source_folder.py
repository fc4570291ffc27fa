"""The folder of fetched sources: how much it may hold, and what goes when.

In it are, for each URL, `ENTRY.lock`, `ENTRY.part` while it is fetched, and `ENTRY.json`, which
says where its copy is: in a folder named by the hash of its content, so that a copy never changes
under whoever reads it. The time of that folder is the time of the copy's last use.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError
from vmafx_tune.folders import cache_folder
from vmafx_tune.media.file_locks import locked
from vmafx_tune.parsing import parse_size_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "SOURCES_VARIABLE",
    "Room",
    "clear_sources",
    "explaining_disk",
    "prune_sources",
    "sources_folder",
    "sweep",
]

SOURCES_VARIABLE = "VMAFX_SOURCES_LIMIT"
"""Environment variable with the room that fetched sources may take."""

_DEFAULT_LIMIT = "20G"
_STEP_BYTES = 64 << 20
_DAY_S = 24 * 3600.0


class Room:
    """Makes room for one copy, at the cost of those that were not used for long."""

    def __init__(self, folder: Path, limit_bytes: int | None) -> None:
        self._folder = folder
        self._limit_bytes = _sources_limit() if limit_bytes is None else limit_bytes
        self._made_bytes = 0

    def reserve(self, size_bytes: int) -> None:
        """Make room for a copy of that size.

        Raises:
            OutputError: It is more than all copies may take.
        """
        if size_bytes > self._limit_bytes:
            raise OutputError(
                f"The source has {size_bytes} bytes or more, and downloaded sources may take "
                f"{self._limit_bytes}. Raise {SOURCES_VARIABLE}."
            )
        if size_bytes > self._made_bytes:
            # A source whose size is not known gets room in steps.
            self._made_bytes = min(size_bytes + _STEP_BYTES, self._limit_bytes)
            _evict(self._folder, self._limit_bytes - self._made_bytes)


def prune_sources(unused_days: float | None = None) -> None:
    """Remove what killed processes left, and copies that were not used for long or are too many.

    Args:
        unused_days: Copies that were not used for so long go in any case.

    Raises:
        OutputError: Something cannot be removed.
        UsageError: `VMAFX_SOURCES_LIMIT` is not a valid size.
    """
    since_s = 0.0 if unused_days is None else time.time() - unused_days * _DAY_S
    _clean(since_s, _sources_limit())


def clear_sources() -> None:
    """Remove all copies, but for those that are in use.

    Raises:
        OutputError: Something cannot be removed.
    """
    _clean(0.0, 0)


def _clean(since_s: float, limit_bytes: int) -> None:
    folder = sources_folder()
    with explaining_disk(folder):
        sweep(folder)
        for path, use in _copies(folder):
            if use.used_s < since_s:
                _remove(path)
        _evict(folder, limit_bytes)
        _forget_lost(folder)


def sources_folder() -> Path:
    """Name the folder; it need not exist."""
    return cache_folder() / "sources"


def _sources_limit() -> int:
    return parse_size_bytes(os.environ.get(SOURCES_VARIABLE) or _DEFAULT_LIMIT)


@dataclass(frozen=True, slots=True)
class _Use:
    size_bytes: int
    used_s: float


def _copies(folder: Path) -> list[tuple[Path, _Use]]:
    """List the copies; those that were not used for the longest time first."""
    found = []
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):
            found.append((path, _Use(path.stat().st_size, path.parent.stat().st_mtime)))
    return sorted(found, key=lambda item: item[1].used_s)


def _evict(folder: Path, limit_bytes: int) -> None:
    """Remove unused copies until the rest takes no more than that."""
    copies = _copies(folder)
    used = sum(use.size_bytes for _, use in copies)
    for path, use in copies:
        if used <= limit_bytes:
            return
        if _remove(path):
            used -= use.size_bytes


def _remove(path: Path) -> bool:
    """Remove a file, and its folder with the last one, unless it is in use."""
    lock = locked(path)
    if lock is None:
        return False
    with lock:
        path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()
    return True


def sweep(folder: Path) -> None:
    """Remove what processes left that were killed in the middle of a transfer."""
    for partial in folder.glob("*.part"):
        lock = locked(partial.with_name(f"{partial.name.partition('.')[0]}.lock"), create=True)
        if lock is not None:
            with lock:
                partial.unlink(missing_ok=True)


def _forget_lost(folder: Path) -> None:
    """Remove what is known of URLs that have no copy any more."""
    for path in folder.glob("*.lock"):
        lock = locked(path)
        if lock is None:
            continue
        with lock:
            record = path.with_suffix(".json")
            with suppress(OSError, ValueError, TypeError, KeyError):
                if (folder / json.loads(record.read_text("utf-8"))["file"]).exists():
                    continue
            record.unlink(missing_ok=True)
            path.unlink(missing_ok=True)


@contextmanager
def explaining_disk(folder: Path) -> Iterator[None]:
    """Turn errors of the disk in the block into a sentence."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The folder of downloaded sources, '{folder}', cannot be used: "
            f"{error.strerror or error}. Set VMAFX_CACHE_DIR to another folder."
        ) from error

"""Facts about files, cached for as long as a file stays the same: its hash, what was read of it.

Hashing or reading a long source takes a while, and so does running a program, so results are kept
for as long as the file system says that the file is the same. A time of modification can be put
back; the time of the last change of the inode (ctime) cannot, so no edit stays hidden.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from vmafx_tune.coding import build, plain
from vmafx_tune.cpus import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "FactMemory",
    "FileFacts",
    "Ranges",
    "Signature",
    "content_digest",
    "file_signature",
    "ranges_digest",
]

T = TypeVar("T")

_SETTLED_AFTER_S = 2.0
_READ_BYTES = 1 << 20
_LEAF_BYTES = 64 << 20
_MOST_THREADS = 4
_DIGEST = "digest"


class FactMemory(Protocol):
    """Keeps facts from one run to the next, as plain JSON values."""

    def recall(self, name: str, max_age_s: float | None = None) -> Any:
        """Return the fact kept under a name; None where there is none, or it is too old."""
        ...

    def keep(self, name: str, fact: Any) -> None:
        """Keep a fact under a name."""
        ...


Signature = tuple[int, int, int, int, int]
"""What the file system says of a file that has not changed: device, inode, size in bytes, times of
modification and of change (mtime, ctime) in nanoseconds."""

Ranges = tuple[tuple[int, int], ...]
"""Runs of bytes of a file, each by its first byte and the one after its last; ascending, apart."""


def file_signature(path: Path) -> Signature | None:
    """Look at a file; returns None for what is missing or not a regular file."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_settled(signature: Signature) -> bool:
    """Whether any later change would give another signature.

    Clocks of file systems tick, so that two changes in quick succession may look like one.
    """
    return time.time() - max(signature[-2:]) / 1e9 > _SETTLED_AFTER_S


class FileFacts:
    """Finds facts about files, each once for as long as the file stays the same. Thread-safe.

    Args:
        memory: Keeps them beyond this run; None keeps them for this run only.
        refresh: Whether to find facts anew and replace those of earlier runs, except for the
            digests of files.
    """

    def __init__(self, memory: FactMemory | None = None, *, refresh: bool = False) -> None:
        self._memory = memory
        self._refresh = refresh
        self._lock = threading.Lock()
        self._turns: dict[tuple[Signature, str], threading.Lock] = {}
        self._known: dict[tuple[Signature, str], Any] = {}

    def digest(self, path: Path, ranges: Ranges = ()) -> str:
        """Return the digest of a file's content; see `content_digest` and `ranges_digest`.

        Args:
            path: The file.
            ranges: Bytes of it, which alone count; empty for all.

        Raises:
            OSError: It cannot be read.
        """

        def find() -> str:
            with path.open("rb", buffering=0) as file:
                size_bytes = os.fstat(file.fileno()).st_size
                if ranges:
                    return ranges_digest(file.fileno(), size_bytes, ranges)
                return content_digest(file.fileno(), size_bytes)

        return str(self.of(path, f"{_DIGEST} {ranges}" if ranges else _DIGEST, find))

    def of(
        self,
        path: Path,
        name: str,
        find: Callable[[], T],
        *,
        max_age_s: float | None = None,
        kind: type[T] | None = None,
    ) -> T:
        """Return a fact about a file: the cached one, or what is found now.

        Args:
            path: The file. Of what is not a regular file nothing is kept.
            name: Identifies the fact among those of the file; includes whatever else decides it.
            find: Finds it; what it raises is not kept, nor is None.
            max_age_s: For how long it counts; None for as long as the file is the same.
            kind: Its dataclass; None for a plain value of JSON.
        """
        signature = file_signature(path)
        if signature is None:
            return find()
        key = signature, name
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        # Threads that ask for the same fact wait for it, and those for others do not.
        with turn:
            known: T | None = self._recall(key, max_age_s, kind)
            if known is not None:
                return known
            fact = find()
            self._keep(path, key, fact, kind)
            return fact

    def _recall(self, key: tuple[Signature, str], max_age_s: float | None, kind: Any) -> Any:
        signature, name = key
        if key in self._known:
            return self._known[key]
        is_wanted = name.startswith(_DIGEST) or not self._refresh
        if self._memory is None or not is_wanted or not _is_settled(signature):
            return None
        known = self._memory.recall(_stored_name(*key), max_age_s)
        if known is None:
            return None
        self._known[key] = known if kind is None else build(kind, known)
        return self._known[key]

    def _keep(self, path: Path, key: tuple[Signature, str], fact: Any, kind: Any) -> None:
        signature = key[0]
        if fact is None or not _is_settled(signature) or file_signature(path) != signature:
            return
        self._known[key] = fact
        if self._memory is not None:
            self._memory.keep(_stored_name(*key), fact if kind is None else plain(fact))


def _stored_name(signature: Signature, name: str) -> str:
    return f"{':'.join(map(str, signature))} {name}"


def content_digest(descriptor: int, size_bytes: int) -> str:
    """Hash an open file: SHA-256, of the hashes of its parts where it is long.

    SHA-256 has instructions of its own on today's processors, where it is three times as fast as
    BLAKE2; the parts let several cores share the work.

    Args:
        descriptor: The file, open for reading.
        size_bytes: Its size, which is how much is read.

    Raises:
        OSError: It cannot be read.
    """
    starts = range(0, max(size_bytes, 1), _LEAF_BYTES)
    leaf = partial(_leaf_digest, descriptor)
    if len(starts) == 1:
        return leaf(0).hex()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(_MOST_THREADS, available_cpus())) as pool:
        joined = b"".join(pool.map(leaf, starts))
    return hashlib.sha256(joined).hexdigest()


def _leaf_digest(descriptor: int, start: int) -> bytes:
    digest = hashlib.sha256()
    _add(digest, descriptor, start, start + _LEAF_BYTES)
    return digest.digest()


def ranges_digest(descriptor: int, size_bytes: int, ranges: Ranges) -> str:
    """Hash bytes of an open file, and where in how long a file they are: SHA-256.

    Args:
        descriptor: The file, open for reading.
        size_bytes: Its size.
        ranges: Which bytes.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256(repr((size_bytes, ranges)).encode())
    for first, end in ranges:
        _add(digest, descriptor, first, end)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, descriptor: int, first: int, end: int) -> None:
    for offset in range(first, end, _READ_BYTES):
        block = os.pread(descriptor, min(_READ_BYTES, end - offset), offset)
        if not block:
            break
        digest.update(block)

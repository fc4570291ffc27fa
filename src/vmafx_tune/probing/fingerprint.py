"""What is in a file, as a short text: a hash of all its bytes, never its name.

Hashing a long source takes a while, so that the hash is remembered for as long as the file system
says that the file is the same. A time of modification can be put back; the time of the last change
of the inode (ctime) cannot, which is why an edit shows whatever was done to hide it.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from vmafx_tune.cpus import available_cpus

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DigestMemory", "Fingerprints", "NoMemory", "content_digest"]

_SETTLED_AFTER_S = 2.0
_READ_BYTES = 1 << 20
_LEAF_BYTES = 64 << 20
_MOST_THREADS = 4


class DigestMemory(Protocol):
    """Remembers digests of files from one run to the next."""

    def recall_digest(self, signature: str) -> str | None:
        """Return the digest of the file with that signature; None where it is not known."""
        ...

    def remember_digest(self, signature: str, digest: str) -> None:
        """Keep the digest of a file."""
        ...


class NoMemory:
    """Implements `DigestMemory` and remembers nothing."""

    def recall_digest(self, signature: str) -> str | None:
        """Know no file."""

    def remember_digest(self, signature: str, digest: str) -> None:
        """Forget it at once."""


@dataclass(frozen=True, slots=True)
class _Signature:
    """What the file system says of a file that has not changed."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> _Signature:
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def __str__(self) -> str:
        return f"{self.device}:{self.inode}:{self.size}:{self.mtime_ns}:{self.ctime_ns}"

    def settled(self, now_s: float) -> bool:
        """Whether any later change would give another signature.

        Clocks of file systems tick, so that two changes in quick succession may look like one.
        """
        return now_s - max(self.mtime_ns, self.ctime_ns) / 1e9 > _SETTLED_AFTER_S


class Fingerprints:
    """Hashes files, each once for as long as it stays the same. Thread-safe.

    Args:
        memory: Remembers the hashes beyond this run.
    """

    def __init__(self, memory: DigestMemory) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._turns: dict[_Signature, threading.Lock] = {}
        self._known: dict[_Signature, str] = {}

    def of(self, path: Path) -> str:
        """Return the digest of a file's content.

        Raises:
            OSError: It cannot be read.
        """
        with path.open("rb", buffering=0) as file:
            signature = _Signature.of(os.fstat(file.fileno()))
            with self._lock:
                turn = self._turns.setdefault(signature, threading.Lock())
            # Threads that ask for the same file wait for its hash, and those for others do not.
            with turn:
                return self._known.get(signature) or self._of(file.fileno(), signature)

    def _of(self, descriptor: int, signature: _Signature) -> str:
        settled = signature.settled(time.time())
        digest = self._memory.recall_digest(str(signature)) if settled else None
        if digest is None:
            digest = content_digest(descriptor, signature.size)
            settled = settled and _Signature.of(os.fstat(descriptor)) == signature
            if settled:
                self._memory.remember_digest(str(signature), digest)
        if settled:
            self._known[signature] = digest
        return digest


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
    with ThreadPoolExecutor(min(_MOST_THREADS, available_cpus())) as pool:
        joined = b"".join(pool.map(leaf, starts))
    return hashlib.sha256(joined).hexdigest()


def _leaf_digest(descriptor: int, start: int) -> bytes:
    digest = hashlib.sha256()
    for offset in range(start, start + _LEAF_BYTES, _READ_BYTES):
        block = os.pread(descriptor, _READ_BYTES, offset)
        if not block:
            break
        digest.update(block)
    return digest.digest()

"""Local copies of sources that are named by URL, and the folder that holds them.

ffmpeg is held to local files, so that what is at a URL is fetched first: once, whole or not at all,
and kept for as long as there is room.

In the folder are, for each URL, `ENTRY.lock`, `ENTRY.part` while it is fetched, and `ENTRY.json`,
which says where its copy is: in a folder named by the hash of its content, so that a copy never
changes under whoever reads it. The time of that folder is the time of the copy's last use. Of an
object that is needed in part, a copy may be a file with holes, named by the hash of what is there.
"""

from __future__ import annotations

import filecmp
import functools
import hashlib
import json
import os
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError
from vmafx_tune.files import cache_folder, locked, shared
from vmafx_tune.frozen import frozen
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.urls import parse_url
from vmafx_tune.parsing import parse_size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.file_facts import Ranges
    from vmafx_tune.media.http_exchange import TransferLimits
    from vmafx_tune.media.urls import SourceUrl

__all__ = [
    "SOURCES_VARIABLE",
    "SourceCache",
    "SourceQuota",
    "clear_sources",
    "explaining_disk",
    "prune_sources",
    "sources_folder",
    "sweep",
]

_LOCK_PAUSE_S = 0.1


@frozen
class _Copy:
    """The record of a downloaded copy of a URL.

    Attributes:
        file: Where it is: folder and name, relative to the cache.
        validator: Identifies its version at the server; None where nothing does.
    """

    file: str
    size_bytes: int
    mtime_ns: int
    validator: str | None


class SourceCache:
    """Fetches sources into a folder. Safe among threads and processes.

    Copies that it has returned are kept until it is closed.

    Args:
        cancel: Ends a transfer.
        folder: Where copies go; None for the user's cache folder.
        limit_bytes: SourceQuota that they may take; None for `VMAFX_SOURCES_LIMIT`.
        limits: Timeouts of transfers; None for the defaults.
        digest_of: Returns the digest of a file's content, or of some of it, which names its copy.
    """

    def __init__(
        self,
        cancel: CancelToken,
        folder: Path | None = None,
        limit_bytes: int | None = None,
        limits: TransferLimits | None = None,
        digest_of: Callable[[Path, Ranges], str] | None = None,
    ) -> None:
        self._cancel = cancel
        self._folder = folder or sources_folder()
        self._limit_bytes = limit_bytes
        self._limits = limits
        self._digest_of = digest_of or FileFacts().digest
        self._held = ExitStack()

    def close(self) -> None:
        """Release the copies that were returned."""
        self._held.close()

    def hold(self, path: Path) -> None:
        """Keep a file from being removed until this is closed, if it is one of the copies."""
        if path.is_relative_to(self._folder):
            self._hold(path)

    def current(self, url: str) -> Path:
        """Return a copy of what is at `url` now; one that the server says is current is kept.

        Raises:
            UsageError: It is not a URL.
            UnreadableSourceError: It cannot be fetched.
            SourceSupportError: The packages for that are not installed.
            OutputError: It does not fit.
            CancelledError: The work was cancelled.
        """
        source = parse_url(url)
        entry = _digest(source.identity)
        with explaining_disk(self._folder), self._sole(entry):
            known = self._recall(entry, source)
            with self._fetched(source, entry, None if known is None else known.validator) as new:
                if new is None:
                    assert known is not None
                    return self._folder / known.file
                digest = self._digest_of(new.partial, ())
                path = self._put(new.partial, digest, source.file_name)
            self._remember(entry, path, new.validator)
            return path

    def with_content(self, url: str, digest: str) -> Path:
        """Return a copy of what is at `url`, which has to have that content.

        Args:
            url: Where it is.
            digest: Of its content.

        Raises:
            UsageError: It is not a URL.
            UnreadableSourceError: It cannot be fetched, or has other content.
            OutputError: It does not fit.
            CancelledError: The work was cancelled.
        """
        return self._known(parse_url(url), digest, ())

    def with_ranges(self, url: str, digest: str, ranges: Ranges, size_bytes: int) -> Path:
        """Return a copy of an object that has some of its bytes at least, which have to be those.

        Args:
            url: Where it is.
            digest: Of these bytes, see `media.file_facts`.
            ranges: Which bytes.
            size_bytes: Of the whole.

        Raises:
            UsageError, UnreadableSourceError, OutputError, CancelledError: As `with_content`.
        """
        return self._known(parse_url(url), digest, ranges, size_bytes)

    def _known(self, source: SourceUrl, digest: str, ranges: Ranges, size_bytes: int = 0) -> Path:
        with explaining_disk(self._folder), self._sole(digest):
            if (kept := self._kept(digest, ranges)) is not None:
                return kept
            with self._fetched(source, digest, None, ranges, size_bytes) as new:
                from vmafx_tune.media.transfer import other_content

                assert new is not None
                if self._digest_of(new.partial, ranges) != digest:
                    raise other_content(source)
                return self._put(new.partial, digest, source.file_name)

    def _kept(self, digest: str, ranges: Ranges) -> Path | None:
        """Find a copy by its content; one that was damaged goes."""
        for path in sorted((self._folder / digest).glob("*")):
            if self._hold(path) and self._digest_of(path, ranges) == digest:
                return path
            path.unlink(missing_ok=True)
        return None

    def _put(self, partial: Path, digest: str, name: str) -> Path:
        """Make a finished file the copy of its content, unless there is one already."""
        path = self._folder / digest / name
        with self._sole("copies"):
            path.parent.mkdir(exist_ok=True)
            if not (path.exists() and filecmp.cmp(path, partial, shallow=False)):
                partial.replace(path)
            held = self._hold(path)
        assert held, "nobody removes a copy while this lock is held"
        return path

    def _hold(self, path: Path) -> bool:
        """Keep a copy from being removed; False where it is gone."""
        file = shared(path)
        if file is None:
            return False
        # The file's own times stay, by which its content is known to be the same.
        os.utime(path.parent)
        self._held.enter_context(closing(file))
        return True

    def _recall(self, entry: str, url: SourceUrl) -> _Copy | None:
        """Find the copy of a URL, if the server can be asked whether it is current."""
        try:
            copy = _Copy(**json.loads((self._folder / f"{entry}.json").read_text("utf-8")))
            path = self._folder / copy.file
            stat = path.stat()
        except (OSError, ValueError, TypeError):
            return None
        whole = (stat.st_size, stat.st_mtime_ns) == (copy.size_bytes, copy.mtime_ns)
        # A time alone does not distinguish what different users or signatures get.
        identified = copy.validator is not None and (
            copy.validator.endswith('"') or not url.is_personal
        )
        return copy if whole and identified and self._hold(path) else None

    def _remember(self, entry: str, path: Path, validator: str | None) -> None:
        stat = path.stat()
        file = str(path.relative_to(self._folder))
        copy = _Copy(file, stat.st_size, stat.st_mtime_ns, validator)
        partial = self._folder / f"{entry}.json.part"
        partial.write_text(json.dumps(asdict(copy)), encoding="utf-8")
        partial.replace(self._folder / f"{entry}.json")

    @contextmanager
    def _fetched(
        self,
        url: SourceUrl,
        name: str,
        validator: str | None,
        ranges: Ranges = (),
        size_bytes: int = 0,
    ) -> Iterator[_Fetched | None]:
        # Loading the HTTP client takes a while, and local sources need none.
        from vmafx_tune.media.http_exchange import TransferLimits
        from vmafx_tune.media.object_store import require_packages
        from vmafx_tune.media.transfer import PartTransfer, Transfer

        require_packages(url)
        sweep(self._folder)
        partial = self._folder / f"{name}.part"
        kind = (
            functools.partial(PartTransfer, ranges=ranges, size_bytes=size_bytes)
            if ranges
            else Transfer
        )
        transfer = kind(
            url,
            partial,
            cancel=self._cancel,
            reserve=SourceQuota(self._folder, self._limit_bytes).reserve,
            limits=self._limits or TransferLimits(),
        )
        try:
            changed = transfer.run(validator)
            if changed:
                _write_through(partial)
            yield _Fetched(partial, transfer.validator) if changed else None
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def _sole(self, name: str) -> Iterator[None]:
        """Lock an entry against all other threads and processes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while (lock := locked(self._folder / f"{name}.lock", create=True)) is None:
            self._cancel.raise_if_cancelled()
            time.sleep(_LOCK_PAUSE_S)
        with lock:
            yield


@frozen
class _Fetched:
    partial: Path
    validator: str | None


def _write_through(path: Path) -> None:
    # Its size would be right after a power cut, and its content zeros.
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SOURCES_VARIABLE = "VMAFX_SOURCES_LIMIT"
"""Environment variable with the room that fetched sources may take."""

_DEFAULT_LIMIT = "20G"
_STEP_BYTES = 64 << 20
_STAT_BLOCK_BYTES = 512
_DAY_S = 24 * 3600.0


class SourceQuota:
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


@frozen
class _Use:
    size_bytes: int
    used_s: float


def _copies(folder: Path) -> list[tuple[Path, _Use]]:
    """List the copies; those that were not used for the longest time first."""
    found = []
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):
            stat = path.stat()
            # Holes take no room.
            size_bytes = min(stat.st_size, stat.st_blocks * _STAT_BLOCK_BYTES)
            found.append((path, _Use(size_bytes, path.parent.stat().st_mtime)))
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
    """Remove the records of URLs that have no copy any more."""
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

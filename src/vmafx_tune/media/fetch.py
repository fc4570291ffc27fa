"""Local copies of sources that are named by URL.

ffmpeg is held to local files, so that what is at a URL is fetched first: once, whole or not at all,
and kept for as long as there is room.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from vmafx_tune.errors import OutputError, UnreadableSourceError
from vmafx_tune.folders import cache_folder
from vmafx_tune.parsing import parse_size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vmafx_tune.cancel import CancelToken

__all__ = ["SOURCES_VARIABLE", "SourceCache", "public_url", "sources_folder"]

SOURCES_VARIABLE = "VMAFX_SOURCES_LIMIT"
"""Environment variable with the room that fetched sources may take."""

_DEFAULT_LIMIT = "20G"
_BLOCK_BYTES = 1 << 20
_ANSWER_TIMEOUT_S = 30.0
_TRIES = 5
_PAUSE_S = 0.5
_LOCK_PAUSE_S = 0.1
# What was used so lately may still be in use.
_IN_USE_S = 3600.0
_NAME = re.compile(r"[^\w.-]+")
# Parameters that sign a URL differ each time for the same object.
_SIGNING = re.compile(
    r"(?i)^(x-amz-|x-goog-|awsaccesskeyid$|expires$|signature$|key-pair-id$|policy$)"
)
_NOT_MODIFIED, _PARTIAL, _BAD_RANGE = 304, 206, 416
_FIRST_SERVER_FAILURE = 500


def sources_folder() -> Path:
    """Name the folder of the copies; it need not exist."""
    return cache_folder() / "sources"


def public_url(url: str) -> str:
    """Leave out of a URL what may be secret: passwords and signatures."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class _Copy:
    """What is known of a copy.

    Attributes:
        file: Where it is, in the cache.
        validator: The server's `ETag`, or the time that it was modified; None where it told none.
    """

    file: str
    size_bytes: int
    validator: str | None


class SourceCache:
    """Fetches sources into a folder. Safe among threads and processes.

    Args:
        cancel: Ends a transfer.
        folder: Where copies go; None for the user's cache folder.
        limit_bytes: Room that they may take; None for `VMAFX_SOURCES_LIMIT`.
    """

    def __init__(
        self, cancel: CancelToken, folder: Path | None = None, limit_bytes: int | None = None
    ) -> None:
        self._cancel = cancel
        self._folder = folder or sources_folder()
        self._limit_bytes = limit_bytes

    def current(self, url: str) -> Path:
        """Return a copy of what is at `url` now; one that the server says is current is kept.

        Raises:
            UnreadableSourceError: It cannot be fetched.
            OutputError: There is no room for it.
            CancelledError: The work was cancelled.
        """
        entry = _digest(_identity(url))
        with self._sole(entry):
            known = self._recall(entry)
            with self._fetched(url, None if known is None else known.validator) as new:
                if new is None:
                    assert known is not None
                    return self._used(Path(known.file))
                path = self._put(new.partial, entry, url)
            self._remember(entry, _Copy(str(path), path.stat().st_size, new.validator))
            return path

    def with_content(self, url: str, digest: str, digest_of: Callable[[Path], str]) -> Path:
        """Return a copy of what is at `url`, which has to have that content.

        Args:
            url: Where it is.
            digest: Of its content.
            digest_of: Tells a file's digest.

        Raises:
            UnreadableSourceError: It cannot be fetched, or has other content.
            OutputError: There is no room for it.
            CancelledError: The work was cancelled.
        """
        with self._sole(digest):
            for path in sorted((self._folder / digest).glob("*")):
                if digest_of(path) == digest:
                    return self._used(path)
                path.unlink()
            with self._fetched(url, None) as new:
                assert new is not None
                if digest_of(new.partial) != digest:
                    raise UnreadableSourceError(
                        f"What '{public_url(url)}' gives here is not what it gave to the one who "
                        "asks for it: its content has changed, or is made anew for each request."
                    )
                return self._put(new.partial, digest, url)

    def _put(self, partial: Path, folder: str, url: str) -> Path:
        path = self._folder / folder / _file_name(url)
        path.parent.mkdir(exist_ok=True)
        partial.replace(path)
        return path

    def _used(self, path: Path) -> Path:
        os.utime(path)
        return path

    def _recall(self, entry: str) -> _Copy | None:
        try:
            copy = _Copy(**json.loads((self._folder / f"{entry}.json").read_text("utf-8")))
            whole = Path(copy.file).stat().st_size == copy.size_bytes
        except (OSError, ValueError, TypeError):
            return None
        return copy if whole and copy.validator else None

    def _remember(self, entry: str, copy: _Copy) -> None:
        path = self._folder / f"{entry}.json"
        partial = path.with_suffix(f".{secrets.token_hex(4)}.part")
        partial.write_text(json.dumps(asdict(copy)), encoding="utf-8")
        partial.replace(path)

    @contextmanager
    def _fetched(self, url: str, validator: str | None) -> Iterator[_Fetched | None]:
        partial = self._folder / f"{secrets.token_hex(8)}.part"
        transfer = _Transfer(url, partial, self._cancel, self._make_room)
        try:
            with _explaining_disk(self._folder):
                changed = transfer.run(validator)
            yield _Fetched(partial, transfer.validator) if changed else None
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, needed_bytes: int) -> None:
        """Throw out copies that were not used for long, until so much more fits."""
        limit = self._limit_bytes
        if limit is None:
            limit = parse_size_bytes(os.environ.get(SOURCES_VARIABLE) or _DEFAULT_LIMIT)
        if needed_bytes > limit:
            raise OutputError(
                f"The source has {needed_bytes} bytes, and fetched sources may take {limit}. Allow "
                f"more with {SOURCES_VARIABLE}."
            )
        kept = [(path.stat(), path) for path in self._folder.glob("*/*")]
        used = sum(stat.st_size for stat, _ in kept)
        for stat, path in sorted(kept, key=lambda item: item[0].st_mtime):
            if used + needed_bytes <= limit or time.time() - stat.st_mtime < _IN_USE_S:
                return
            path.unlink(missing_ok=True)
            used -= stat.st_size

    @contextmanager
    def _sole(self, name: str) -> Iterator[None]:
        """Be the only one who works on a copy, of all threads and processes."""
        with _explaining_disk(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / f"{name}.lock").open("w")
        with lock:
            while not _locked(lock):
                self._cancel.raise_if_cancelled()
                time.sleep(_LOCK_PAUSE_S)
            yield


@dataclass(frozen=True, slots=True)
class _Fetched:
    partial: Path
    validator: str | None


class _Transfer:
    """Brings what is at a URL into a file; goes on where a connection broke, if it can."""

    def __init__(
        self, url: str, target: Path, cancel: CancelToken, make_room: Callable[[int], None]
    ) -> None:
        self._url = url
        self._target = target
        self._cancel = cancel
        self._make_room = make_room
        self.validator: str | None = None

    def run(self, known: str | None) -> bool:
        """Fetch it, unless the server says that it is still what `known` stands for.

        Returns:
            Whether there is a new file.
        """
        for left in reversed(range(_TRIES)):
            self._cancel.raise_if_cancelled()
            try:
                return self._attempt(known)
            except HTTPError as error:
                with error:
                    if error.code == _NOT_MODIFIED:
                        return False
                    if error.code == _BAD_RANGE:
                        self._target.unlink(missing_ok=True)
                    elif error.code < _FIRST_SERVER_FAILURE or not left:
                        raise self._refused(
                            f"the server answers {error.code} {error.reason}"
                        ) from error
            except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
                if not left:
                    raise self._refused(_reason(error)) from error
            time.sleep(_PAUSE_S)
        raise self._refused("the server has no part of it that fits")

    def _attempt(self, known: str | None) -> bool:
        have = self._target.stat().st_size if self._target.exists() else 0
        resumes = have > 0 and self.validator is not None
        headers = _conditions(known, self.validator if resumes else None, have)
        with urlopen(Request(self._url, headers=headers), timeout=_ANSWER_TIMEOUT_S) as answer:  # noqa: S310 - only http and https come here
            self.validator = answer.headers["ETag"] or answer.headers["Last-Modified"]
            appends = answer.status == _PARTIAL and resumes
            length = answer.headers["Content-Length"]
            if length is not None:
                self._make_room(int(length))
            with self._target.open("ab" if appends else "wb") as file:
                self._copy(answer, file)
                whole = None if length is None else int(length) + (have if appends else 0)
                if whole is not None and file.tell() < whole:
                    raise ConnectionError(
                        f"the transfer ended after {file.tell()} of {whole} bytes"
                    )
        return True

    def _copy(self, answer: Any, file: IO[bytes]) -> None:
        while block := answer.read(_BLOCK_BYTES):
            self._cancel.raise_if_cancelled()
            file.write(block)

    def _refused(self, reason: str) -> UnreadableSourceError:
        return UnreadableSourceError(
            f"'{public_url(self._url)}' cannot be fetched: {reason}. Check the URL, and whether it "
            "has expired."
        )


def _conditions(known: str | None, resumed: str | None, have: int) -> Mapping[str, str]:
    if resumed is not None:
        return {"Range": f"bytes={have}-", "If-Range": resumed}
    if known is None:
        return {}
    is_tag = known.startswith(('"', "W/"))
    return {"If-None-Match" if is_tag else "If-Modified-Since": known}


def _reason(error: BaseException) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"the server does not answer within {_ANSWER_TIMEOUT_S:g} s"
    return getattr(cause, "strerror", None) or str(cause)


def _identity(url: str) -> str:
    """Name what a URL stands for: itself, without what only signs it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in query if not _SIGNING.search(name)]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), ""))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _file_name(url: str) -> str:
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    return _NAME.sub("_", name).lstrip(".-")[-100:] or "source"


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _explaining_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except (HTTPException, URLError):
        raise
    except OSError as error:
        raise OutputError(
            f"A fetched source cannot be written to '{folder}': {error.strerror or error}. Name "
            "another cache folder with VMAFX_CACHE_DIR."
        ) from error

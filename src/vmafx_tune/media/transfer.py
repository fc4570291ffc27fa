"""What is at a URL, brought into a file whole or not at all."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.http_exchange import TransferError, exchange
from vmafx_tune.media.urls import public_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.file_facts import Ranges
    from vmafx_tune.media.http_exchange import Answer, TransferLimits
    from vmafx_tune.media.urls import SourceUrl

__all__ = ["PartTransfer", "Transfer", "other_content"]

_OK, _PARTIAL, _NOT_MODIFIED, _BAD_RANGE = 200, 206, 304, 416
_TEMPORARY = frozenset({408, 425, 429, *range(500, 600)})
_URL_ADVICE = "the URL, and whether it has expired"
_OBJECT_ADVICE = "its name, and that your credentials may read it"
# So much more than ever before makes it worth to go on, however often the connection breaks.
_PROGRESS_BYTES = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class Transfer:
    """Brings what is at a URL into a file; goes on where a connection broke, if that is safe.

    Args:
        url: Where it is.
        target: The file; what is there already is overwritten.
        cancel: Ends it.
        reserve: Called with the number of bytes that the file will have, before it has them;
            raises where they are too many.
        limits: When to give up.

    Attributes:
        validator: Identifies the downloaded version; None where nothing does.
    """

    def __init__(
        self,
        url: SourceUrl,
        target: Path,
        *,
        cancel: CancelToken,
        reserve: Callable[[int], None],
        limits: TransferLimits,
    ) -> None:
        self._url = url
        self._target = target
        self._cancel = cancel
        self._reserve = reserve
        self._limits = limits
        self.validator: str | None = None
        self._total: int | None = None
        self._have = 0
        self._most = 0

    def run(self, known: str | None = None) -> bool:
        """Fetch it, unless the server says that it is still the version of the validator `known`.

        Returns:
            Whether there is a new file.

        Raises:
            UnreadableSourceError: It cannot be fetched.
            CancelledError: The work was cancelled.
            OSError: The file cannot be written.
        """
        failures = 0
        while True:
            try:
                return self._attempt(known)
            except TransferError as error:
                failures = 1 if self._has_progressed() else failures + 1
                if not error.temporary or failures >= self._limits.tries:
                    raise UnreadableSourceError(
                        f"'{public_url(self._url.address)}' cannot be downloaded: {error}. Check "
                        f"{_OBJECT_ADVICE if self._url.is_object else _URL_ADVICE}."
                    ) from error
            self._pause(self._limits.pause_s * 2 ** (failures - 1))

    def _attempt(self, known: str | None) -> bool:
        if not self._resumes:
            self._start_again()
        headers = _conditions(known, self.validator, self._have)
        with exchange(self._url, headers, cancel=self._cancel, limits=self._limits) as answer:
            if answer.status == _NOT_MODIFIED and known is not None and not self._have:
                return _has_changed(answer, known)
            self._accept(answer)
            self._write(answer)
        if self._total is not None and self._have != self._total:
            raise TransferError(
                f"the download ended after {self._have} of {self._total} bytes", temporary=True
            )
        if not self._have:
            # A connection that breaks in the middle of the head looks like this, too.
            raise TransferError("the server sent no data", temporary=True)
        return True

    @property
    def _resumes(self) -> bool:
        # A weak tag promises the same meaning, not the same bytes.
        return (
            self.validator is not None
            and not self.validator.startswith("W/")
            and (self._total is None or self._have < self._total)
        )

    def _start_again(self) -> None:
        self._have, self._total, self.validator = 0, None, None

    def _accept(self, answer: Answer) -> None:
        """Take an answer for the file, or for its part that is missing.

        Raises:
            TransferError: It is neither.
        """
        if answer.status == _PARTIAL and self._have:
            self._accept_part(answer)
        elif answer.status == _BAD_RANGE and self._have:
            self._start_again()
            raise TransferError("the server does not have this range", temporary=True)
        elif answer.status == _OK:
            self._start_again()
            self._total, self.validator = answer.length, answer.validator
        else:
            unasked = answer.status in {_PARTIAL, _NOT_MODIFIED, _BAD_RANGE}
            raise TransferError(
                f"the server answers {f'{answer.status} {answer.reason}'.strip()}"
                f"{', which was not requested' if unasked else ''}",
                temporary=answer.status in _TEMPORARY,
            )
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise TransferError("the server compresses it, though it was asked not to")

    def _accept_part(self, answer: Answer) -> None:
        part = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if part is None or not self._fits(answer, *map(int, part.groups())):
            self._start_again()
            raise TransferError(
                "the server sends another range than the requested one", temporary=True
            )
        self._total = int(part[3])

    def _fits(self, answer: Answer, first: int, last: int, total: int) -> bool:
        """Tell whether a part goes on where the file ends, and is of the same version."""
        return (
            first == self._have <= last < total
            and answer.length in {None, last - first + 1}
            and self._total in {None, total}
            and answer.validator == self.validator
        )

    def _write(self, answer: Answer) -> None:
        self._reserve(self._total or 0)
        with self._target.open("r+b" if self._have else "wb") as file:
            file.seek(self._have)
            file.truncate()
            for block in answer.blocks:
                self._reserve(self._have + len(block))
                file.write(block)
                self._have += len(block)

    def _has_progressed(self) -> bool:
        # Against the most there ever was, so that a server cannot have it begin again for ever.
        progressed = self._have >= self._most + _PROGRESS_BYTES
        self._most = max(self._most, self._have)
        return progressed

    def _pause(self, seconds: float) -> None:
        woken = threading.Event()
        with self._cancel.calling(woken.set):
            woken.wait(seconds)
        self._cancel.raise_if_cancelled()


class PartTransfer(Transfer):
    """Brings some bytes of an object into a file of its size, each to its place.

    Whether they are of one version is for the caller to find out, who knows what they should be.

    Args:
        url: Where it is.
        target: The file; what is there already is overwritten.
        ranges: Which bytes.
        size_bytes: Of the whole.
        cancel: Ends it.
        reserve: Called with the number of bytes that the file will have, before it has them;
            raises where they are too many.
        limits: When to give up.
    """

    def __init__(
        self,
        url: SourceUrl,
        target: Path,
        ranges: Ranges,
        size_bytes: int,
        *,
        cancel: CancelToken,
        reserve: Callable[[int], None],
        limits: TransferLimits,
    ) -> None:
        super().__init__(url, target, cancel=cancel, reserve=reserve, limits=limits)
        self._ranges = ranges
        self._size_bytes = size_bytes

    def _attempt(self, known: str | None) -> bool:
        del known
        self._reserve(sum(end - first for first, end in self._ranges))
        with self._target.open("r+b" if self._have else "wb") as file:
            file.truncate(self._size_bytes)
            passed = 0
            for first, end in self._ranges:
                done = min(max(self._have - passed, 0), end - first)
                if first + done < end:
                    self._fetch(first + done, end, file)
                passed += end - first
        return True

    def _fetch(self, first: int, end: int, file: BinaryIO) -> None:
        headers = {"Range": f"bytes={first}-{end - 1}"}
        with exchange(self._url, headers, cancel=self._cancel, limits=self._limits) as answer:
            asked = f"bytes {first}-{end - 1}/{self._size_bytes}"
            if (answer.status, answer.headers.get("Content-Range")) != (_PARTIAL, asked):
                raise other_content(self._url)
            file.seek(first)
            for block in answer.blocks:
                file.write(block)
                self._have += len(block)
                first += len(block)
        if first != end:
            raise TransferError(f"the download ended {end - first} bytes early", temporary=True)


def other_content(url: SourceUrl) -> UnreadableSourceError:
    """Build the error for a URL that does not return what it did to the client."""
    return UnreadableSourceError(
        f"'{public_url(url.address)}' returns other content here than it did to the client: it has "
        "changed, or is generated for each request."
    )


def _conditions(known: str | None, validator: str | None, have: int) -> Mapping[str, str]:
    if have and validator is not None:
        return {"Range": f"bytes={have}-", "If-Range": validator}
    if known is None:
        return {}
    is_tag = known.startswith(('"', "W/"))
    return {"If-None-Match" if is_tag else "If-Modified-Since": known}


def _has_changed(answer: Answer, known: str) -> bool:
    """Read an answer that says that nothing has changed.

    Raises:
        TransferError: It speaks of another version.
    """
    if answer.tag is not None and answer.tag.removeprefix("W/") != known.removeprefix("W/"):
        raise TransferError("the server answers 304 for a different version", temporary=True)
    return False

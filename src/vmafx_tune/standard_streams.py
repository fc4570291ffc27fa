"""Standard input, output and error, made fit to use before anything else is done.

Any of them may be closed, full, or a pipe whose reader has gone away. Then a result that is lost
ends the command with a sentence, and messages that are lost do not matter.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys

TYPE_CHECKING = False  # as in `__init__`
if TYPE_CHECKING:
    from typing import TextIO

    from typing_extensions import Buffer

__all__ = ["check_output", "open_standard_streams"]

_INPUT, _OUTPUT, _ERROR = range(3)
_BROKEN_PIPE = 128 + 13


def open_standard_streams() -> None:
    """Have `sys.stdin`, `sys.stdout` and `sys.stderr` be there, with errors that can be reported.

    Closed descriptors are opened, so that no file of ours gets their numbers. What stands in for
    standard output is opened for reading: writing to it fails, as it should.
    """
    for descriptor, mode in ((_INPUT, os.O_RDONLY), (_OUTPUT, os.O_RDONLY), (_ERROR, os.O_RDWR)):
        try:
            os.fstat(descriptor)
        except OSError:
            # Takes the lowest number that is free, which is this one.
            os.open(os.devnull, mode)
    if sys.stdin is None:
        sys.stdin = open(_INPUT, closefd=False)  # noqa: SIM115 - open to the end
    sys.stdout = _text(_Results(_OUTPUT, "wb", closefd=False), sys.stdout)
    sys.stderr = _text(_Messages(_ERROR, "wb", closefd=False), sys.stderr)


def check_output() -> None:
    """Make sure, before the work starts, that standard output can be written to.

    Raises:
        OutputError: It cannot.
    """
    try:
        os.write(sys.stdout.fileno(), b"")
    except io.UnsupportedOperation:  # replaced by who called us
        return
    except OSError as error:
        _lose(sys.stdout.fileno(), error)


class _Output(io.FileIO):
    """A descriptor that may be set not to block by the process that shares it, as Node.js does."""

    def write(self, data: Buffer, /) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Results(_Output):
    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            _lose(self.fileno(), error)
            raise


class _Messages(_Output):
    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _discard(self.fileno())
            return memoryview(data).nbytes


def _lose(descriptor: int, error: OSError) -> None:
    """End the command, with a sentence unless the reader only had enough, as `head` has."""
    from vmafx_tune.errors import OutputError

    _discard(descriptor)
    if isinstance(error, BrokenPipeError):
        raise SystemExit(_BROKEN_PIPE) from error
    reason = "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)
    raise OutputError(f"Standard output cannot be written: {reason}.") from error


def _discard(descriptor: int) -> None:
    # What is left in buffers is written once more when Python ends.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _text(raw: _Output, before: TextIO | None) -> io.TextIOWrapper:
    if before is not None:
        before.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        # Names of files may hold what the encoding does not.
        errors="backslashreplace",
        line_buffering=raw.fileno() == _ERROR or raw.isatty(),
    )

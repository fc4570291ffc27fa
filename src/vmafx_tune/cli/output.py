"""Where a result goes: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Destination", "choose_format"]

_SUFFIXES = {
    ".json": "json",
    ".md": "markdown",
    ".markdown": "markdown",
    ".csv": "csv",
    ".html": "html",
    ".htm": "html",
    ".m3u8": "hls",
    ".mpd": "dash",
    ".txt": "table",
}


class Destination:
    """Standard output, or a file.

    Args:
        path: The file; None for standard output.

    Raises:
        OutputError: The file could not be written; found out before any work is done.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None:
            _check_writable(path)

    @property
    def is_terminal(self) -> bool:
        """Whether people will read it as it is written."""
        return self.path is None and sys.stdout.isatty()

    @property
    def encoding(self) -> str:
        """Name of the codec that text is written in."""
        return "utf-8" if self.path else sys.stdout.encoding or "utf-8"

    def write(self, text: str) -> None:
        """Write the whole of `text`.

        Raises:
            OutputError: It cannot be written; a file that was there before is untouched.
        """
        if self.path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _write_whole(self.path, text)


def choose_format(asked: str | None, destination: Destination, formats: Sequence[str]) -> str:
    """Choose the output format: what was asked, else by file name, else by who reads.

    Args:
        asked: The value of `--format`.
        destination: Its suffix decides where nothing was asked; without one a terminal gets a
            table, a pipe JSON.
        formats: What the command can write.

    Raises:
        UsageError: The format asked for is not one of `formats`.
    """
    if asked is not None:
        if asked not in formats:
            raise UsageError(f"'{asked}' is not a format. Choose one of {', '.join(formats)}.")
        return asked
    by_suffix = _SUFFIXES.get(destination.path.suffix.lower()) if destination.path else None
    if by_suffix in formats:
        return str(by_suffix)
    return "table" if destination.is_terminal else "json"


def _check_writable(path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"The output '{path}' is a folder. Name a file in it.")
    if not folder.is_dir():
        raise OutputError(f"The folder of the output '{path}' does not exist. Make it first.")
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputError(f"The output '{path}' cannot be written: permission denied.")


def _write_whole(path: Path, text: str) -> None:
    if path.exists() and not path.is_file():
        _write_stream(path, text)
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _write_stream(path: Path, text: str) -> None:
    # A device or a named pipe, such as /dev/stderr: nothing to rename onto.
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"The output '{path}' cannot be written: {error.strerror or error}.")


def _umask() -> int:
    # The only portable way to read it is to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

"""Folders for work files, gone when they are done with, or this process is."""

from __future__ import annotations

import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError
from vmafx_tune.media.process import guard_folder, release_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["make_scratch", "remove_scratch", "scratch_folder", "written_bytes"]


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a private folder for work files and remove it with all it holds at the end.

    Args:
        parent: Where to make it; None for the system's temporary folder.

    Raises:
        OutputError: `parent` does not exist, or cannot be written.
    """
    folder = make_scratch(parent)
    try:
        yield folder
    finally:
        remove_scratch(folder)


def make_scratch(parent: Path | None = None) -> Path:
    """Make a private folder for work files, to be removed with `remove_scratch`.

    Args:
        parent: Where to make it; None for the system's temporary folder.

    Raises:
        OutputError: `parent` does not exist, or cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="vmafx-tune-", dir=parent)).resolve()
    except OSError as error:
        raise OutputError(
            f"The work folder '{parent or tempfile.gettempdir()}' cannot be used: "
            f"{error.strerror or error}. Use another one with --work-dir."
        ) from error
    guard_folder(folder)
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove a folder of work files with all that it holds."""
    shutil.rmtree(folder, ignore_errors=True)
    release_folder(folder)


def written_bytes(path: Path) -> int | None:
    """Return the size of a file that a tool was to write.

    Returns:
        None where there is none, or something that is not to be read: a folder, a link, a pipe.
    """
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None

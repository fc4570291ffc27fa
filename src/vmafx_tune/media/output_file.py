"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError
from vmafx_tune.files import is_folder
from vmafx_tune.media.cleanup import guarded_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["check_folder", "check_parent", "check_writable", "publish", "written_whole"]


def check_writable(path: Path) -> None:
    """Make sure that a file can be written, before anything else is done.

    Raises:
        OutputError: It cannot.
    """
    if is_folder(path):
        raise OutputError(f"The output '{path}' is a folder. Name a file in it.")
    check_parent(path)
    if _exists(path) and not os.access(path, os.W_OK):
        raise _denied(path)


def check_folder(path: Path) -> None:
    """Make sure that files can be written to a folder, which may still have to be made.

    Raises:
        OutputError: They cannot.
    """
    if is_folder(path):
        if not os.access(path, os.W_OK | os.X_OK):
            raise _denied(path)
        return
    check_parent(path)
    if _exists(path):
        raise OutputError(f"The output '{path}' is not a folder. Name another one.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError as error:  # its folder may not be entered
        raise _denied(path) from error


def check_parent(path: Path) -> None:
    """Make sure that an output can be made in its folder, be it a file or a folder itself.

    Raises:
        OutputError: It cannot.
    """
    try:
        found = path.parent.is_dir()
    except PermissionError as error:  # a folder on the way may not be entered
        raise _denied(path) from error
    if not found:
        raise OutputError(f"The folder of the output '{path}' does not exist. Create it first.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _denied(path)


def publish(path: Path) -> None:
    """Give a private file or folder the rights of one that the user made."""
    most = 0o777 if path.is_dir() else 0o666
    # The only portable way to read the mask is to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    path.chmod(most & ~mask)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Have a file written under another name, and give it its own once it is whole.

    Args:
        path: The file; one that was there before is untouched until then.

    Yields:
        The file to write, in a folder beside it that is for this alone.

    Raises:
        OutputError: It cannot be written; nothing is left of it.
    """
    if not path.parent.is_dir():
        raise OutputError(f"The folder of the output, '{path.parent}', is gone.")
    try:
        # On the same file system, so that it only has to be renamed.
        with guarded_folder(path.parent) as folder:
            unnamed = folder / f"output{path.suffix}"
            yield unnamed
            with unnamed.open("rb") as written:
                os.fsync(written.fileno())
            publish(unnamed)
            unnamed.replace(path)
    except OSError as error:
        raise OutputError(
            f"The output '{path}' cannot be written: {error.strerror or error}."
        ) from error


def _denied(path: Path) -> OutputError:
    return OutputError(f"The output '{path}' cannot be written: permission denied.")

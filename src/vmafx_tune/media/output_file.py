"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError
from vmafx_tune.media.cleanup import guarded_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["check_writable", "written_whole"]


def check_writable(path: Path) -> None:
    """Make sure that a file can be written, before anything else is done.

    Raises:
        OutputError: It cannot.
    """
    folder = path.parent
    try:
        if path.is_dir():
            raise OutputError(f"The output '{path}' is a folder. Name a file in it.")
        if not folder.is_dir():
            raise OutputError(f"The folder of the output '{path}' does not exist. Create it first.")
        writable = os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
    except PermissionError:  # a folder on the way may not be entered
        writable = False
    if not writable:
        raise OutputError(f"The output '{path}' cannot be written: permission denied.")


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
            unnamed.chmod(0o666 & ~_umask())
            unnamed.replace(path)
    except OSError as error:
        raise OutputError(
            f"The output '{path}' cannot be written: {error.strerror or error}."
        ) from error


def _umask() -> int:
    # The only portable way to read it is to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError
from vmafx_tune.files import is_file, is_folder
from vmafx_tune.media.cleanup import guarded_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "check_folder",
    "check_parent",
    "check_writable",
    "descriptor_of",
    "exists",
    "followed",
    "is_stream",
    "publish",
    "written_whole",
]

# As many as Linux follows.
_MOST_LINKS = 40


def check_writable(path: Path) -> None:
    """Make sure that a file can be written, before anything else is done.

    Raises:
        OutputError: It cannot.
    """
    if is_folder(path):
        raise OutputError(f"The output '{path}' is a folder. Name a file in it.")
    is_there = exists(path)
    if descriptor_of(path) is not None and not is_there:
        raise OutputError(f"The output '{path}' cannot be written: it is not open.")
    if not is_stream(path):
        check_parent(followed(path))
    if is_there and not os.access(path, os.W_OK):
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
    if exists(path):
        raise OutputError(f"The output '{path}' is not a folder. Name another one.")


def check_parent(path: Path) -> None:
    """Make sure that an output can be made in its folder, be it a file or a folder itself.

    Raises:
        OutputError: It cannot.
    """
    if not is_folder(path.parent):
        exists(path)  # which raises where that is not known
        raise OutputError(f"The folder of the output '{path}' does not exist. Create it first.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _denied(path)


def exists(path: Path) -> bool:
    """Whether there is something where an output is to be written.

    Raises:
        OutputError: It cannot be there: a name is too long, links lead to each other, or a folder
            on the way may not be entered.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError as error:
        raise _denied(path) from error
    except OSError as error:
        raise OutputError(f"The output '{path}' cannot be written: {error.strerror}.") from error
    return True


def is_stream(path: Path) -> bool:
    """Whether an output is written in place: a device, a pipe, or a descriptor that is open."""
    return descriptor_of(path) is not None or (exists(path) and not is_file(path))


def descriptor_of(path: Path) -> int | None:
    """Find the descriptor of this process that a path such as `/dev/stdout` leads to.

    What it is open for may be a file, which has to be written through it: another file of that name
    would lose what was written before.
    """
    folders = {os.path.realpath(folder) for folder in ("/dev/fd", "/proc/self/fd")}
    for _ in range(_MOST_LINKS):
        if path.name.isdecimal() and os.path.realpath(path.parent) in folders:
            return int(path.name)
        try:
            path = path.parent / path.readlink()
        except OSError:  # it is no link
            break
    return None


def followed(path: Path) -> Path:
    """Name what a link leads to, which need not exist; any other file keeps its name."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


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
        path: The file; one that was there before is untouched until then. Of a link, what it leads
            to is written, and the link stays.

    Yields:
        The file to write, in a folder beside it that is for this alone.

    Raises:
        OutputError: It cannot be written; nothing is left of it.
    """
    target = followed(path)
    if not target.parent.is_dir():
        raise OutputError(f"The folder of the output, '{target.parent}', is gone.")
    try:
        # On the same file system, so that it only has to be renamed.
        with guarded_folder(target.parent) as folder:
            unnamed = folder / f"output{path.suffix}"
            yield unnamed
            with unnamed.open("rb") as written:
                os.fsync(written.fileno())
            publish(unnamed)
            unnamed.replace(target)
    except OSError as error:
        raise OutputError(
            f"The output '{path}' cannot be written: {error.strerror or error}."
        ) from error


def _denied(path: Path) -> OutputError:
    return OutputError(f"The output '{path}' cannot be written: permission denied.")

"""Folders for work files, gone when the block ends."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["scratch_folder"]


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a private folder for work files and remove it with all it holds at the end.

    Args:
        parent: Where to make it; None for the system's temporary folder.

    Raises:
        OutputError: `parent` does not exist, or cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="vmafx-tune-", dir=parent))
    except OSError as error:
        raise OutputError(
            f"The work folder '{parent or tempfile.gettempdir()}' cannot be used: "
            f"{error.strerror or error}. Name another one with --work-dir."
        ) from error
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

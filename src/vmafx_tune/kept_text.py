"""Texts that take long to make, in files of the cache folder."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.files import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KeptText", "kept_texts"]

_SUFFIX = ".kept"


class KeptText:
    """One such text. What cannot be kept, or was damaged, is made again.

    Args:
        name: What it is.
        made_of: All that it depends on.
    """

    def __init__(self, name: str, made_of: str) -> None:
        self._path = cache_folder() / f"{name}-{_digest(made_of)[:16]}{_SUFFIX}"

    def read(self) -> str | None:
        """Return the text; None where it is not there, or not whole."""
        try:
            digest, _, text = self._path.read_bytes().decode().partition("\n")
        except (OSError, UnicodeDecodeError):
            return None
        return text if digest == _digest(text) else None

    def write(self, text: str) -> None:
        """Keep the text for other runs, if that is possible."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._path.parent, prefix="kept-") as folder:
                begun = Path(folder, "text")
                begun.write_bytes(f"{_digest(text)}\n{text}".encode())
                begun.replace(self._path)


def kept_texts() -> Iterator[Path]:
    """List the files of all texts that are kept."""
    return cache_folder().glob(f"*{_SUFFIX}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""Cache folders of their own for tests."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["new_cache", "store_in"]


def new_cache(folder: Path, known: Path) -> Path:
    """Make a cache without probes, which knows of files what another one does.

    Args:
        folder: Where to make it; must exist and be empty.
        known: The other cache; trials of encoders and the script of charts, for example, take a
            while to repeat.
    """
    with (
        closing(sqlite3.connect(store_in(known))) as other,
        closing(sqlite3.connect(store_in(folder))) as new,
        new,
    ):
        other.backup(new)
        # Of an ffmpeg that was installed in these seconds, nothing is kept yet.
        if new.execute("SELECT 1 FROM sqlite_master WHERE name = 'probes'").fetchone():
            new.execute("DELETE FROM probes")
    for text in known.glob("*.kept"):
        os.link(text, folder / text.name)
    return folder


def store_in(cache: Path) -> Path:
    """The probe store's file in a cache folder."""
    return cache / "probes.sqlite"

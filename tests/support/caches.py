"""Cache folders of their own for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["new_cache", "store_in"]


def new_cache(folder: Path, trials: Path) -> Path:
    """Make a cache without probes, which shares the trials of encoders with others.

    Args:
        folder: Where to make it; must exist and be empty.
        trials: Folder of the trials, which take a while to repeat.
    """
    (folder / "encoders").symlink_to(trials, target_is_directory=True)
    return folder


def store_in(cache: Path) -> Path:
    """The probe store's file in a cache folder."""
    return cache / "probes.sqlite"

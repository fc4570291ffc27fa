"""Where vmafx-tune caches what it needs in later runs."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CACHE_VARIABLE", "cache_folder"]

CACHE_VARIABLE = "VMAFX_CACHE_DIR"
"""Environment variable that names the cache folder."""


def cache_folder() -> Path:
    """Name the cache folder: `VMAFX_CACHE_DIR`, or the user's own; it need not exist."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("vmafx-tune", appauthor=False)

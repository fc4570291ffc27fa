"""How large the probe store is, how large it may be, and what has to go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmafx_tune.parsing import parse_size_bytes

if TYPE_CHECKING:
    import sqlite3

__all__ = ["DEFAULT_LIMIT", "LIMIT_VARIABLE", "evict", "store_limit", "used_bytes"]

LIMIT_VARIABLE = "VMAFX_CACHE_LIMIT"
"""Environment variable with the size that the store may have."""

DEFAULT_LIMIT = "2G"
"""Some twenty thousand probes of clips of a minute."""

# Not only what is too much goes, or every new entry would have to throw one out.
_KEPT_SHARE = 0.9


def store_limit() -> int:
    """Read how large the store may become, in bytes.

    Raises:
        UsageError: `VMAFX_CACHE_LIMIT` is no size.
    """
    return parse_size_bytes(os.environ.get(LIMIT_VARIABLE) or DEFAULT_LIMIT)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Measure how many bytes of the file hold something."""
    return (_pragma(connection, "page_count") - _pragma(connection, "freelist_count")) * _pragma(
        connection, "page_size"
    )


def evict(connection: sqlite3.Connection, limit_bytes: int, *, most: int = -1) -> int:
    """Delete entries, those that were used last the longest ago first, until the rest fits.

    Args:
        connection: In a transaction.
        limit_bytes: Nothing goes as long as no more is used.
        most: How many entries may go, so that a transaction stays short; negative for any number.

    Returns:
        How many entries went.
    """
    if used_bytes(connection) <= limit_bytes:
        return 0
    kept_bytes = int(limit_bytes * _KEPT_SHARE)
    oldest = connection.execute(
        "SELECT rowid FROM probes ORDER BY used_s, rowid LIMIT ?", (most,)
    ).fetchall()
    gone = 0
    for place in oldest:
        if used_bytes(connection) <= kept_bytes:
            break
        connection.execute("DELETE FROM probes WHERE rowid = ?", place)
        gone += 1
    return gone


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)

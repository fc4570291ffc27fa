"""Looking after the cache: what is in it, and throwing out what is not wanted any more."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vmafx_tune.choices import CacheAction
from vmafx_tune.errors import OutputError
from vmafx_tune.files import cache_folder
from vmafx_tune.kept_text import kept_texts
from vmafx_tune.media.source_cache import clear_sources, prune_sources
from vmafx_tune.probing.caching import CLAIMS_FOLDER, sweep_claims
from vmafx_tune.probing.database import (
    DamagedDatabaseError,
    Database,
    NewerDatabaseError,
    is_busy,
)
from vmafx_tune.probing.rows import COLUMNS, DamagedRowError, ProbeRow
from vmafx_tune.probing.store import STORE_NAME, evict, store_limit
from vmafx_tune.results.machine import CacheEntry, CacheResult

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["clear_cache", "examine_cache", "prune_cache"]

_DAY_S = 24 * 3600.0
_PATIENCE_S = 60.0
_AT_ONCE = 200
_ENTRIES = f"SELECT rowid, {COLUMNS} FROM probes ORDER BY used_s DESC, rowid DESC"  # noqa: S608 - names of our own


def examine_cache(*, entries: bool = False) -> CacheResult:
    """Tell what is in the cache.

    Args:
        entries: Whether to list every entry.

    Raises:
        OutputError: The store cannot be read.
        UsageError: `VMAFX_CACHE_LIMIT` is not a valid size.
    """
    action = CacheAction.LIST if entries else CacheAction.INFO
    return _report(_database(), action, entries=entries)


def clear_cache() -> CacheResult:
    """Forget everything: probes, facts of files, stores set aside, texts, and fetched sources.

    Raises:
        OutputError: Something cannot be removed.
        UsageError: `VMAFX_CACHE_LIMIT` is not a valid size.
    """
    database = _database()
    removed = 0
    with _explaining(database):
        try:
            removed = _empty(database)
        except (sqlite3.Error, DamagedDatabaseError, NewerDatabaseError) as error:
            if is_busy(error):
                raise
            database.remove()
        for path in database.damaged_files():
            path.unlink(missing_ok=True)
        sweep_claims(cache_folder() / CLAIMS_FOLDER)
        for path in kept_texts():
            path.unlink(missing_ok=True)
    clear_sources()
    return _report(database, CacheAction.CLEAR, removed=removed)


def prune_cache(*, limit_bytes: int | None = None, unused_days: float | None = None) -> CacheResult:
    """Throw out what was not used for long, then what is too much; fetched sources as well.

    Args:
        limit_bytes: Room that the rest may take; None for the store's own limit.
        unused_days: Entries that were not used for so long go in any case.

    Raises:
        OutputError: The store cannot be written.
        UsageError: `VMAFX_CACHE_LIMIT` is not a valid size.
    """
    database = _database()
    limit_bytes = store_limit() if limit_bytes is None else limit_bytes
    removed = 0
    with _explaining(database):
        if database.path.exists():
            removed = _pruned(database, limit_bytes, unused_days)
            database.compact()
        sweep_claims(cache_folder() / CLAIMS_FOLDER)
    prune_sources(unused_days)
    return _report(database, CacheAction.PRUNE, removed=removed)


def _pruned(database: Database, limit_bytes: int, unused_days: float | None) -> int:
    _, damaged = _examined(database)
    with database.writing() as connection:
        removed = _forget_unused(connection, unused_days)
        connection.executemany("DELETE FROM probes WHERE rowid = ?", damaged)
        removed += len(damaged)
    gone = _AT_ONCE
    # In steps, so that runs under way need not wait long to write.
    while gone == _AT_ONCE:
        with database.writing() as connection:
            gone = evict(connection, limit_bytes, most=_AT_ONCE)
        removed += gone
    return removed


def _database() -> Database:
    return Database(cache_folder() / STORE_NAME, busy_timeout_s=_PATIENCE_S)


def _empty(database: Database) -> int:
    if not database.path.exists():
        return 0
    with database.writing() as connection:
        removed = connection.execute("DELETE FROM probes").rowcount
        connection.execute("DELETE FROM facts")
    database.compact()
    return removed


def _forget_unused(connection: sqlite3.Connection, unused_days: float | None) -> int:
    if unused_days is None:
        return 0
    since_s = time.time() - unused_days * _DAY_S
    return connection.execute("DELETE FROM probes WHERE used_s < ?", (since_s,)).rowcount


def _examined(database: Database) -> tuple[list[CacheEntry], list[tuple[int]]]:
    """Read all entries: those that are sound, and the places of those that are not."""
    sound: list[CacheEntry] = []
    damaged: list[tuple[int]] = []
    with database.reading() as connection:
        for place, *columns in connection.execute(_ENTRIES):
            try:
                sound.append(_entry(ProbeRow.read(columns)))
            except DamagedRowError:
                damaged.append((place,))
    return sound, damaged


def _entry(row: ProbeRow) -> CacheEntry:
    return CacheEntry(
        src=row.source,
        codec=row.encoder,
        crf=row.quality,
        size=row.size,
        model=row.model,
        bitrate_kbps=row.bitrate_kbps,
        vmaf_score=row.vmaf,
        stored_bytes=len(row.payload),
        made_at=_instant(row.made_s),
        used_at=_instant(row.used_s),
    )


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _report(
    database: Database, action: CacheAction, *, removed: int = 0, entries: bool = False
) -> CacheResult:
    count = 0
    listed: list[CacheEntry] = []
    damaged: list[tuple[int]] = []
    if database.path.exists():
        with _explaining(database):
            with database.reading() as connection:
                (count,) = connection.execute("SELECT count(*) FROM probes").fetchone()
            if entries:
                listed, damaged = _examined(database)
    return CacheResult(
        action=action,
        path=database.path,
        limit_bytes=store_limit(),
        size_bytes=database.size_bytes,
        n_entries=count,
        n_removed=removed,
        entries=tuple(listed) if entries else None,
        damaged=tuple(database.damaged_files()),
        n_damaged=len(damaged),
    )


@contextmanager
def _explaining(database: Database) -> Iterator[None]:
    path = database.path
    try:
        yield
    except NewerDatabaseError as error:
        raise OutputError(
            f"The cache '{path}' was written by a later version of vmafx-tune. Use that version, "
            "or delete the cache with `vmafx-tune cache clear`."
        ) from error
    except DamagedDatabaseError as error:
        raise OutputError(
            f"The cache '{path}' is damaged: {error}. Delete it with `vmafx-tune cache clear`."
        ) from error
    except (sqlite3.Error, OSError) as error:
        advice = "Set VMAFX_CACHE_DIR to another folder."
        if is_busy(error):
            advice = "Other processes are using it; try again."
        raise OutputError(f"The cache '{path}' cannot be used: {error}. {advice}") from error

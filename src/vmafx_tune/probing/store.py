"""The probe store: measured points that outlive the run, in the user's cache folder."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from vmafx_tune.parsing import parse_size_bytes
from vmafx_tune.probing.database import (
    BUSY_TIMEOUT_S,
    DamagedDatabaseError,
    Database,
    NewerDatabaseError,
)
from vmafx_tune.probing.rows import (
    COLUMNS,
    DamagedRowError,
    ProbeRow,
    checksum,
    fact_of,
    probe_of,
    scores_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from vmafx_tune.model import Probe, ProbeKey, ScoreSet

T = TypeVar("T")

__all__ = [
    "DEFAULT_LIMIT",
    "LIMIT_VARIABLE",
    "STORE_NAME",
    "SqliteProbeStore",
    "evict",
    "store_limit",
    "used_bytes",
]

LIMIT_VARIABLE = "VMAFX_CACHE_LIMIT"
"""Environment variable with the size that the store may have."""

DEFAULT_LIMIT = "2G"
"""Some twenty thousand probes of clips of a minute."""

# Not only what is too much goes, or every new entry would have to throw one out.
_KEPT_SHARE = 0.9


def store_limit() -> int:
    """Read how large the store may become, in bytes.

    Raises:
        UsageError: `VMAFX_CACHE_LIMIT` is not a valid size.
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


STORE_NAME = "probes.sqlite"
"""Name of the store's file in the cache folder."""

_ADVICE = "Set VMAFX_CACHE_DIR to another folder, or use --no-cache."
# Noting every use would make a write of each read; pruning by last use needs no such precision.
_USE_NOTED_AFTER_S = 3600.0
_FORGET_FACTS_AFTER_S = 365 * 24 * 3600.0
_PROBES = f"SELECT rowid, {COLUMNS} FROM probes"  # noqa: S608 - names of our own
_AT_PLACE = f"{_PROBES} WHERE rowid = ?"
_PLACES = ", ".join("?" * len(COLUMNS.split()))
_INSERT = f"INSERT OR REPLACE INTO probes ({COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - names of our own
_FACT = "SELECT rowid, name, fact, made_s, checksum FROM facts WHERE name = ?"
_KEEP_FACT = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)"
_FORGET_FACTS = "DELETE FROM facts WHERE made_s < ?"
_FAILURES = (sqlite3.Error, OSError, DamagedDatabaseError, NewerDatabaseError)
_log = logging.getLogger(__name__)


class SqliteProbeStore:
    """Implements `ports.ProbeStore`, and keeps facts of files for `FileFacts`. Thread-safe.

    Nothing here fails a run, and nothing damaged is believed. A store that cannot be used is told
    of once and left alone for the rest of the run; a damaged file is set aside and begun anew; a
    damaged entry is removed, and what it stood for is measured again.

    Args:
        path: The SQLite file; it is made when it is first used.
        limit_bytes: Size at which the entries that were used last the longest ago have to go.
        warn: Told, once for each kind of trouble, what is wrong and what to do.
        clock: Seconds since the epoch.
        busy_timeout_s: How long to wait for other processes.
    """

    def __init__(
        self,
        path: Path,
        *,
        limit_bytes: int,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self._database = Database(path, busy_timeout_s=busy_timeout_s)
        self._limit_bytes = limit_bytes
        self._warn = warn
        self._clock = clock
        self._lock = threading.Lock()
        self._readable = True
        self._writable = True
        self._keeps_facts = True
        self._told_of_entries = False

    def get(self, key: ProbeKey) -> Probe | None:
        """Return the probe of a key; see `ports.ProbeStore`."""
        return self._read(key, lambda row: probe_of(row, key))

    def put(self, key: ProbeKey, probe: Probe) -> None:
        """Keep a probe under its key; see `ports.ProbeStore`."""
        self._keep(lambda now_s: ProbeRow.of_probe(key, probe, now_s))

    def get_scores(self, key: ProbeKey) -> ScoreSet | None:
        """Return the scores of a source against itself; see `ports.ProbeStore`."""
        return self._read(key, lambda row: scores_of(row, key))

    def put_scores(self, key: ProbeKey, scores: ScoreSet) -> None:
        """Keep the scores of a source against itself; see `ports.ProbeStore`."""
        self._keep(lambda now_s: ProbeRow.of_scores(key, scores, now_s))

    def least_kbps(self, key: ProbeKey) -> float | None:
        """Return what an encode's bitrate is at least; see `ports.ProbeStore`."""
        known_kbps = self.recall(_least_kbps(key))
        return known_kbps if isinstance(known_kbps, float) else None

    def put_least_kbps(self, key: ProbeKey, bitrate_kbps: float) -> None:
        """Keep what an encode's bitrate is at least; see `ports.ProbeStore`."""
        # What is kept and believed is within the limit that this is above; all else is to go.
        self.keep(_least_kbps(key), float(bitrate_kbps))

    def curve(self, key: ProbeKey) -> Iterator[Probe]:
        """Read all probes that differ from `key` in quality only; see `ports.ProbeStore`."""
        query = "SELECT rowid FROM probes WHERE curve = ? AND encoder IS NOT NULL ORDER BY quality"
        places = self._rows(query, key.curve)

        def probe(columns: tuple[Any, ...]) -> Probe:
            row = ProbeRow.read(columns)
            return probe_of(row, replace(key, digest=row.digest, quality=None))

        # One at a time, as each has the scores of all its frames.
        rows = (row for (place,) in places for row in self._rows(_AT_PLACE, place))
        found = (self._decoded("probes", row, probe) for row in rows)
        return (probe for probe in found if probe is not None)

    def recall(self, name: str, max_age_s: float | None = None) -> Any:
        """Return what was kept under a name; see `media.file_facts.FactMemory`.

        Nobody is told of a store that cannot be used: facts only save time.
        """
        if not self._keeps_facts:
            return None

        def fact(columns: tuple[Any, ...]) -> Any:
            try:
                return json.loads(fact_of(name, columns)), columns[2]
            except ValueError as error:
                raise DamagedRowError("It is not JSON.") from error

        for row in self._rows(_FACT, name, self._stop_facts):
            found = self._decoded("facts", row, fact)
            if found is not None and (max_age_s is None or self._clock() - found[1] <= max_age_s):
                return found[0]
        return None

    def keep(self, name: str, fact: Any) -> None:
        """Keep a fact under a name, for a year; see `recall`."""
        if not self._keeps_facts:
            return
        now_s = self._clock()
        facts = (name, json.dumps(fact), now_s)

        def write() -> None:
            with self._database.writing() as connection:
                connection.execute(_KEEP_FACT, (*facts, checksum("facts", facts)))
                connection.execute(_FORGET_FACTS, (now_s - _FORGET_FACTS_AFTER_S,))

        self._writing(write, self._stop_facts)

    def _read(self, key: ProbeKey, value_of: Callable[[ProbeRow], T]) -> T | None:
        for row in self._rows(f"{_PROBES} WHERE digest = ?", key.digest):
            found = self._decoded("probes", row, lambda columns: _entry(columns, value_of))
            if found is not None:
                value, used_s = found
                self._note_use(row[0], used_s)
                return value
        return None

    def _rows(
        self, query: str, name: str | int, give_up: Callable[[Exception], None] | None = None
    ) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            with self._database.reading() as connection:
                return connection.execute(query, (name,)).fetchall()

        return self._reading(read, give_up or self._stop) or []

    def _decoded(
        self, table: str, row: tuple[Any, ...], decode: Callable[[tuple[Any, ...]], T]
    ) -> T | None:
        """Read a row, the first column of which is its place; remove it where it is damaged."""
        place, *columns = row
        try:
            return decode(tuple(columns))
        except DamagedRowError as error:
            _log.debug("Row %s of %s is damaged: %s", place, table, error)
        self._warn_of_entries()
        self._quietly(f"DELETE FROM {table} WHERE rowid = ?", place)  # noqa: S608 - names of our own
        return None

    def _warn_of_entries(self) -> None:
        with self._lock:
            told, self._told_of_entries = self._told_of_entries, True
        if not told:
            self._warn(
                f"The cache '{self._database.path}' has damaged entries. They are deleted and "
                "measured again."
            )

    def _note_use(self, place: int, used_s: float) -> None:
        now_s = self._clock()
        if now_s - used_s >= _USE_NOTED_AFTER_S:
            self._quietly("UPDATE probes SET used_s = ? WHERE rowid = ?", now_s, place)

    def _quietly(self, statement: str, *values: float) -> None:
        """Change what a run can do without."""
        if not self._writable:
            return
        try:
            with self._database.writing() as connection:
                connection.execute(statement, values)
        except _FAILURES as error:
            _log.debug("The cache cannot be written: %s", error)

    def _keep(self, row_at: Callable[[float], ProbeRow]) -> None:
        try:
            row = row_at(self._clock())
        except DamagedRowError as error:
            _log.debug("A probe is not cached: %s", error)
            return

        def write() -> None:
            with self._database.writing() as connection:
                connection.execute(_INSERT, row.values)
                gone = evict(connection, self._limit_bytes)
            if gone:
                self._database.compact()

        self._writing(write)

    def _reading(self, work: Callable[[], T], give_up: Callable[[Exception], None]) -> T | None:
        with self._lock:
            if not self._readable:
                return None
        return self._attempt(work, give_up)

    def _writing(
        self, work: Callable[[], None], give_up: Callable[[Exception], None] | None = None
    ) -> None:
        with self._lock:
            if not self._writable:
                return
        self._attempt(work, give_up or self._stop_writing)

    def _attempt(self, work: Callable[[], T], give_up: Callable[[Exception], None]) -> T | None:
        """Do the work; after damage once more, on a new file."""
        try:
            try:
                return work()
            except DamagedDatabaseError as error:
                self._replace(error)
                return work()
        except _FAILURES as error:
            give_up(error)
            return None

    def _replace(self, error: DamagedDatabaseError) -> None:
        aside = self._database.set_aside()
        if aside is not None:
            self._warn(
                f"The cache '{self._database.path}' is damaged ({error}). It is renamed to "
                f"'{aside.name}', and a new one is created."
            )

    def _stop(self, error: Exception) -> None:
        with self._lock:
            told = not self._readable
            self._readable = self._writable = False
        if not told:
            self._warn(f"{self._complaint(error)} Everything is measured again. {_ADVICE}")

    def _stop_facts(self, error: Exception) -> None:
        _log.debug("Facts are not kept: %s", error)
        self._keeps_facts = False

    def _stop_writing(self, error: Exception) -> None:
        with self._lock:
            told = not self._writable
            self._writable = False
        if not told:
            self._warn(f"{self._complaint(error)} New probes are not cached. {_ADVICE}")

    def _complaint(self, error: Exception) -> str:
        path = self._database.path
        if isinstance(error, NewerDatabaseError):
            return f"The cache '{path}' was written by a later version of vmafx-tune."
        return f"The cache '{path}' cannot be used: {error}."


def _entry(columns: tuple[Any, ...], value_of: Callable[[ProbeRow], T]) -> tuple[T, float]:
    row = ProbeRow.read(columns)
    return value_of(row), row.used_s


def _least_kbps(key: ProbeKey) -> str:
    return f"{key.digest} least kbps"

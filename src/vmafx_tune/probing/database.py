"""The SQLite file under the probe store: opened for each transaction, safe among processes.

Connections live no longer than a transaction. That costs a fraction of a millisecond against
encodes of seconds, and leaves nothing open across threads, forks and the end of the program.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BUSY_TIMEOUT_S", "Database", "NewerDatabaseError", "is_damage"]

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for those of other processes, which take milliseconds."""

_FIRST_LAYOUT = """
CREATE TABLE probes (
    digest TEXT PRIMARY KEY,
    curve TEXT NOT NULL,
    source TEXT NOT NULL,
    encoder TEXT,
    quality REAL,
    size TEXT NOT NULL,
    model TEXT NOT NULL,
    bitrate_kbps REAL,
    vmaf REAL,
    made_s REAL NOT NULL,
    used_s REAL NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX probes_by_curve ON probes (curve);
CREATE INDEX probes_by_use ON probes (used_s, digest);
CREATE TABLE files (
    signature TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    used_s REAL NOT NULL
) WITHOUT ROWID;
"""
_SIZES = """
CREATE TABLE sizes (
    digest TEXT PRIMARY KEY,
    least_kbps REAL NOT NULL,
    made_s REAL NOT NULL
) WITHOUT ROWID;
"""
_LAYOUTS = (_FIRST_LAYOUT, _SIZES)
"""What makes each version of a layout out of the one before it."""

_VERSION = len(_LAYOUTS)
_COMPANIONS = ("", "-wal", "-shm")


class NewerDatabaseError(Exception):
    """The file was written by a later version, whose layout is not known here."""


class Database:
    """A SQLite file with the tables of the probe store, made when it is first used.

    Args:
        path: The file; its folder is made as well.
        busy_timeout_s: How long to wait for other processes.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the block a connection to read with.

        Raises:
            NewerDatabaseError: A later version wrote the file.
            sqlite3.Error, OSError: It cannot be used.
        """
        if not self.path.exists():
            self._create()
        with closing(self._connect()) as connection:
            if _version(connection) < _VERSION:
                self._create()
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the block a connection and a transaction, which ends with the block.

        Raises:
            NewerDatabaseError: A later version wrote the file.
            sqlite3.Error, OSError: It cannot be used; nothing is changed.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def set_aside(self) -> Path | None:
        """Rename a damaged file and what belongs to it, so that a new one can be begun.

        Returns:
            Its new name; None where another process has done so already.

        Raises:
            OSError: It cannot be renamed.
        """
        with self._alone():
            if self._is_sound():
                return None
            stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
            target = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
            for part, companion in zip(self._parts(), _COMPANIONS, strict=True):
                if part.exists():
                    part.replace(f"{target}{companion}")
            return target

    def damaged_files(self) -> list[Path]:
        """List what was set aside."""
        return sorted(self.path.parent.glob(f"{self.path.name}.damaged-*"))

    def remove(self) -> None:
        """Delete the file and what belongs to it, whatever it holds.

        Raises:
            OSError: It cannot be deleted.
        """
        with self._alone():
            for part in self._parts():
                part.unlink(missing_ok=True)

    def compact(self) -> None:
        """Give room that is no longer used back to the disk.

        Raises:
            NewerDatabaseError: A later version wrote the file.
            sqlite3.Error, OSError: It cannot be used.
        """
        with self.reading() as connection:
            # Not `execute`, which would do one step of the first and leave it at that.
            connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")

    @property
    def size_bytes(self) -> int:
        """Room that it takes on the disk; 0 where there is none."""
        return sum(part.stat().st_size for part in self._parts() if part.is_file())

    def _parts(self) -> list[Path]:
        return [self.path.with_name(f"{self.path.name}{suffix}") for suffix in _COMPANIONS]

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._open(str(self.path))
        except sqlite3.OperationalError:
            log = self.path.with_name(f"{self.path.name}-wal")
            if not self.path.is_file() or log.exists():
                raise
            # Reading takes files beside it, which a read-only folder has no room for; without a
            # log there is nothing in them.
            return self._open(f"{self.path.as_uri()}?mode=ro&immutable=1")

    def _open(self, name: str) -> sqlite3.Connection:
        # Python would begin transactions by itself; here they begin and end where it is written.
        connection = sqlite3.connect(
            name, timeout=self._busy_timeout_s, isolation_level=None, uri=name.startswith("file:")
        )
        try:
            _refuse_newer(connection)
            # With a write-ahead log this loses at most the last entries in a power cut, never more.
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone(), closing(self._connect()) as connection:
            version = _version(connection)
            if version == 0:
                # Must come before the first table; lets pruning give room back to the disk.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
            if missing := "".join(_LAYOUTS[version:]):
                connection.executescript(
                    f"BEGIN IMMEDIATE; {missing} PRAGMA user_version = {_VERSION}; COMMIT;"
                )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from creating or renaming the file meanwhile."""
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _is_sound(self) -> bool:
        if not self.path.exists():
            return True
        try:
            with closing(self._connect()) as connection:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                connection.execute("SELECT 1 FROM probes, files, sizes LIMIT 1")
        except sqlite3.Error:
            return False
        return bool(verdict == "ok")


def is_damage(error: Exception) -> bool:
    """Tell whether an error means that the file's content is broken, not that it is out of reach.

    A table that is missing counts: nothing but damage removes one.
    """
    code = getattr(error, "sqlite_errorcode", None)
    broken = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
    # The low byte is the error, the rest its circumstances.
    return code is not None and code & 0xFF in broken


def _refuse_newer(connection: sqlite3.Connection) -> None:
    if _version(connection) > _VERSION:
        raise NewerDatabaseError("It was written by a later version of vmafx-tune.")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)

"""The SQLite file under the probe store: opened for each transaction, safe among processes.

Connections live no longer than a transaction. That costs a fraction of a millisecond against
encodes of seconds, and leaves nothing open across threads, forks and the end of the program.

Whatever is wrong with the file itself comes out as `DamagedDatabaseError`: what SQLite finds, text
that cannot be decoded, and tables other than those that are made here. Rows are checked by whoever
reads them (`rows`).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from functools import cache
from stat import S_ISREG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "BUSY_TIMEOUT_S",
    "DamagedDatabaseError",
    "Database",
    "NewerDatabaseError",
    "is_busy",
    "recognising_damage",
]

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for those of other processes, which take milliseconds."""

_PROBES = """
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
    payload BLOB NOT NULL,
    checksum TEXT NOT NULL
);
CREATE INDEX probes_by_curve ON probes (curve);
CREATE INDEX probes_by_use ON probes (used_s);
"""
_FACTS = """
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    fact TEXT NOT NULL,
    made_s REAL NOT NULL,
    checksum TEXT NOT NULL
);
"""
# Facts are found again in less time than a migration would take to write.
_DROP_FACTS = "DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS sizes;"
# Rows of versions 1 and 2 have no checksum, so nothing says whether they are what was written.
_DROP_PROBES = "DROP TABLE IF EXISTS probes;"
_FIRST_WITH_CHECKSUMS = 3
_VERSION = 4
_APPLICATION_ID = 0x564D4146  # "VMAF"
_COMPANIONS = ("", "-wal", "-shm", "-journal")
_DAMAGE = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG}
)
_SHRUNK_PAGES = 2000
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class DamagedDatabaseError(Exception):
    """The file is broken, or is not one of ours; not: it is out of reach."""


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
            DamagedDatabaseError: The file is broken, or not one of ours.
            NewerDatabaseError: A later version wrote the file.
            sqlite3.Error, OSError: It cannot be used.
        """
        with recognising_damage():
            if not self.path.exists():
                self._create()
            with closing(self._connect()) as connection:
                if _version(connection) < _VERSION:
                    self._create()
                _check_layout(connection)
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the block a connection and a transaction, which ends with the block.

        Raises:
            DamagedDatabaseError, NewerDatabaseError: As `reading`.
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
            target = self._unused_name()
            for part, companion in zip(self._parts(), _COMPANIONS, strict=True):
                if part.exists():
                    part.replace(f"{target}{companion}")
            return target

    def _unused_name(self) -> Path:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        name = f"{self.path.name}.damaged-{stamp}"
        names = (f"{name}{count}" for count in ("", *(f".{n}" for n in range(1, 1000))))
        return next(path for path in map(self.path.with_name, names) if not path.exists())

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
        """Give room that is no longer used back to the disk, unless others keep the file busy.

        Raises:
            DamagedDatabaseError, NewerDatabaseError, sqlite3.Error, OSError: As `reading`.
        """
        with self.reading() as connection:
            _shrink(connection)

    @property
    def size_bytes(self) -> int:
        """Room that it takes on the disk; 0 where there is none."""
        return sum(found.st_size for _, found in self._present() if S_ISREG(found.st_mode))

    def _parts(self) -> list[Path]:
        return [self.path.with_name(f"{self.path.name}{suffix}") for suffix in _COMPANIONS]

    def _present(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for part in self._parts():
            # Other processes take away the companions of a database that they are done with.
            with suppress(FileNotFoundError):
                found.append((part, part.stat()))
        return found

    def _connect(self) -> sqlite3.Connection:
        for part, found in self._present():
            # SQLite would wait for the other end of a pipe, and for ever.
            if not S_ISREG(found.st_mode):
                raise OSError(f"'{part.name}' is not a regular file")
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
            # Bytes that are not UTF-8 come as text that no checksum fits, not as an error midway.
            connection.text_factory = _text
            _refuse_foreign(connection)
            # With a write-ahead log this loses at most the last entries in a power cut, never more.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cell_size_check = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone(), closing(self._connect()) as connection:
            version = _version(connection)
            if version == _VERSION:
                return
            if version == 0:
                # Must come before the first table; lets pruning give room back to the disk.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
            keeps_probes = version >= _FIRST_WITH_CHECKSUMS
            probes = "" if keeps_probes else f"{_DROP_PROBES} {_PROBES}"
            connection.executescript(
                f"BEGIN IMMEDIATE; {probes} {_DROP_FACTS} {_FACTS} "
                f"PRAGMA application_id = {_APPLICATION_ID}; "
                f"PRAGMA user_version = {_VERSION}; COMMIT;"
            )
            if version:
                _shrink(connection)

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
            with recognising_damage(), closing(self._connect()) as connection:
                if _version(connection) != _VERSION:
                    return False
                _check_layout(connection)
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except (sqlite3.Error, DamagedDatabaseError):
            return False
        return bool(verdict == "ok")


def _shrink(connection: sqlite3.Connection) -> None:
    # In steps, so that nobody waits long. Not with `execute`, which would do one page of each.
    step = f"PRAGMA incremental_vacuum({_SHRUNK_PAGES});"
    try:
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        connection.executescript(step * -(-free // _SHRUNK_PAGES))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        if not is_busy(error):
            raise


def is_busy(error: Exception) -> bool:
    """Tell whether other processes kept the file for too long."""
    return isinstance(error, sqlite3.Error) and _code(error) in _BUSY


@contextmanager
def recognising_damage() -> Iterator[None]:
    """Tell damage from what else may be wrong with a SQLite file.

    Raises:
        DamagedDatabaseError: What the block does with the file shows that it is broken.
        sqlite3.Error: It cannot be used for another reason.
    """
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) in _DAMAGE:
            raise DamagedDatabaseError(str(error)) from error
        raise
    except UnicodeDecodeError as error:
        # SQLite's own message, which repeats a name in the file.
        raise DamagedDatabaseError("its schema is not text") from error
    except MemoryError as error:
        raise DamagedDatabaseError("it contains a value of impossible size") from error


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    # The low byte is the error, the rest its circumstances.
    return None if code is None else code & 0xFF


def _refuse_foreign(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if version < 0 or application not in {0, _APPLICATION_ID}:
        raise DamagedDatabaseError("it is not a cache of probes")
    if version > _VERSION:
        raise NewerDatabaseError("It was written by a later version of vmafx-tune.")


def _check_layout(connection: sqlite3.Connection) -> None:
    if _schema(connection) != _expected_schema():
        raise DamagedDatabaseError("its tables are not those of a cache of probes")


@cache
def _expected_schema() -> frozenset[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(f"{_PROBES} {_FACTS}")
        return _schema(connection)


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, ...]]:
    # SQLite keeps tables of its own beside them, with statistics for example.
    return frozenset(
        connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' "
            "ESCAPE '!'"
        ).fetchall()
    )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")

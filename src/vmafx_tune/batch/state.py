"""What is done of a batch: a SQLite file beside the results, and who works on what.

A source is claimed by a lock on a small file, as a probe is. The kernel releases it when its holder
ends, however that happens, so that what a killed run was working on is free at once.

A result is kept here before it is put in its place, and what `encode` delivers waits beside it, so
that a run that is killed between the two is completed and not repeated.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import fields
from typing import IO, TYPE_CHECKING, Any

from vmafx_tune.batch.jobs import key_of
from vmafx_tune.errors import OutputError
from vmafx_tune.files import is_folder, locked
from vmafx_tune.frozen import frozen
from vmafx_tune.media.output_file import check_parent
from vmafx_tune.probing.database import DamagedDatabaseError, recognising_damage
from vmafx_tune.results.batch import BatchFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["STATE_NAME", "BatchState", "FileState"]

STATE_NAME = "batch.sqlite"
"""Name of the file in the folder of the results."""

_WORK_NAME = ".batch"
_LOCK_SUFFIX = ".lock"
_NAMES = frozenset(field.name for field in fields(BatchFile))
_BUSY_TIMEOUT_S = 30.0
_APPLICATION_ID = 0x564D4142  # "VMAB"
_VERSION = 1
_FILES = """
CREATE TABLE files (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    options TEXT NOT NULL,
    signature TEXT NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    ended_s REAL NOT NULL,
    file TEXT NOT NULL,
    outputs TEXT NOT NULL,
    curves TEXT NOT NULL,
    document TEXT
)
"""
_COLUMNS = "options, signature, digest, ended_s, file, outputs, curves, document"
_KEEP = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_WAITING = "SELECT key FROM files WHERE key = ? AND document IS NOT NULL"
_ALL = f"SELECT key, {_COLUMNS} FROM files"  # noqa: S608 - names of our own
_ONE = f"{_ALL} WHERE key = ?"


@frozen
class FileState:
    """What is known of a source that was worked on.

    Attributes:
        options: Digest of what was done; see `options_digest`.
        signature: What the file system said of the source, and of its reference.
        digest: Of their content.
        ended_s: When it ended, in seconds since the epoch.
        file: How it ended.
        outputs: Files in the folder that came of it, with their sizes and times of modification.
        curves: What was learned from it; see `learning`.
        document: The JSON that is not in its place yet; None where it is, and so are all outputs.
    """

    options: str
    signature: str
    digest: str
    ended_s: float
    file: BatchFile
    outputs: tuple[tuple[str, int, int], ...] = ()
    curves: tuple[Any, ...] = ()
    document: str | None = None


class BatchState:
    """Keeps what is done in a folder of results, safe among processes. Thread-safe.

    Args:
        folder: The folder; it is made.

    Raises:
        OutputError: It cannot be written, or its state is damaged or of a later version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / STATE_NAME
        self._work = folder / _WORK_NAME
        with self._explained():
            if not is_folder(folder):
                check_parent(folder)
                folder.mkdir()
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            with self._connected() as connection:
                connection.execute("BEGIN IMMEDIATE")
                if _number(connection, "user_version") == 0:
                    connection.execute(_FILES)
                    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute("COMMIT")

    def all(self) -> dict[str, FileState]:
        """Read what is known of all sources, by the key of their names."""
        with self._explained(), self._connected() as connection:
            return {key: _state(*row) for key, *row in connection.execute(_ALL)}

    def get(self, name: str) -> FileState | None:
        """Read what is known of the source with results of that name."""
        with self._explained(), self._connected() as connection:
            rows = connection.execute(_ONE, (key_of(name),)).fetchall()
        return _state(*rows[0][1:]) if rows else None

    def keep(self, known: FileState) -> None:
        """Keep what is known of a source, for good as soon as this returns.

        Raises:
            OutputError: It cannot be written.
        """
        file = known.file
        row = {field.name: getattr(file, field.name) for field in fields(file)}
        values = (
            *(key_of(file.name), _text(file.name), known.options, known.signature, known.digest),
            *(
                file.state,
                known.ended_s,
                json.dumps(row),
                json.dumps(known.outputs),
                json.dumps(known.curves),
            ),
            known.document,
        )
        with self._explained(), self._connected() as connection:
            connection.execute(_KEEP, values)

    @contextmanager
    def claimed(self, name: str) -> Iterator[Path | None]:
        """Claim a source for the block.

        Yields:
            A folder for work files, which is there only where an earlier run left it; None where
            another run has the claim.

        Raises:
            OutputError: The folder cannot be written.
        """
        key = key_of(name)
        with self._explained():
            lock = self._locked(key)
        if lock is None:
            yield None
            return
        try:
            yield self._work / key
        finally:
            _unlock(self._lock_path(key), lock)

    def close(self) -> None:
        """Remove the folder for work files, and what killed runs left in it.

        What another run uses stays, and what is still to be put in its place.
        """
        with contextlib.suppress(OSError, OutputError):
            for key in {path.name.removesuffix(_LOCK_SUFFIX) for path in self._work.iterdir()}:
                if (lock := self._locked(key)) is not None:
                    try:
                        self._sweep(key)
                    finally:
                        _unlock(self._lock_path(key), lock)
            self._work.rmdir()

    def _sweep(self, key: str) -> None:
        """Remove the work files of a source that is claimed, unless a result is among them."""
        with self._explained(), self._connected() as connection:
            waiting = connection.execute(_WAITING, (key,)).fetchall()
        if not waiting:
            shutil.rmtree(self._work / key, ignore_errors=True)

    def _locked(self, key: str) -> IO[bytes] | None:
        while True:
            self._work.mkdir(exist_ok=True)
            # Another run that ends may remove the folder at any time.
            with contextlib.suppress(FileNotFoundError):
                return locked(self._lock_path(key), create=True)

    def _lock_path(self, key: str) -> Path:
        return self._work / f"{key}{_LOCK_SUFFIX}"

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(
            sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        ) as connection:
            application = _number(connection, "application_id")
            version = _number(connection, "user_version")
            if application not in {0, _APPLICATION_ID} or (version and not application):
                raise DamagedDatabaseError("it is not the state of a batch")
            if version > _VERSION:
                raise OutputError(
                    f"'{self.path}' was written by a later version of vmafx-tune. Update "
                    "vmafx-tune, or name another folder with -o."
                )
            connection.execute("PRAGMA journal_mode = WAL")
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Give errors of the block the sentence that a user needs."""
        try:
            with recognising_damage():
                yield
        except sqlite3.Error as error:
            raise OutputError(
                f"The state of the batch, '{self.path}', cannot be used: {error}."
            ) from error
        except (DamagedDatabaseError, ValueError, TypeError, AttributeError) as error:
            raise OutputError(
                f"The state of the batch, '{self.path}', is damaged: {error}. Delete it to look at "
                "every source again; encodes that are cached are not made again."
            ) from error
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(
                f"The folder of the results, '{self.folder}', cannot be used: {reason}."
            ) from error


def _state(*row: Any) -> FileState:
    options, signature, digest, ended_s, file, outputs, curves, document = row
    return FileState(
        options,
        signature,
        digest,
        ended_s,
        BatchFile(**{name: value for name, value in json.loads(file).items() if name in _NAMES}),
        tuple((str(name), int(size), int(time)) for name, size, time in json.loads(outputs)),
        tuple(json.loads(curves)),
        document,
    )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


def _text(name: str) -> str:
    # SQLite's text is UTF-8, and names of files are any bytes.
    return name.encode("utf-8", "backslashreplace").decode()


def _unlock(path: Path, lock: IO[bytes]) -> None:
    # Removed first: whoever opened it before sees that, and opens the next one.
    with contextlib.suppress(OSError):
        path.unlink()
    lock.close()

"""The probe store: measured points that outlive the run, in the user's cache folder."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from vmafx_tune.core.pooling import pool_scores
from vmafx_tune.model import PoolMethod
from vmafx_tune.probing.database import BUSY_TIMEOUT_S, Database, NewerDatabaseError, is_damage
from vmafx_tune.probing.payload import (
    UnreadablePayloadError,
    pack_probe,
    pack_scores,
    unpack_probe,
    unpack_scores,
)
from vmafx_tune.probing.room import make_room

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmafx_tune.model import Probe, ProbeKey, ScoreSet

T = TypeVar("T")

__all__ = ["STORE_NAME", "SqliteProbeStore"]

STORE_NAME = "probes.sqlite"
"""Name of the store's file in the cache folder."""

_ADVICE = "Name another folder with VMAFX_CACHE_DIR, or turn the store off with --no-cache."
# Noting every use would make a write of each read; pruning by last use needs no such precision.
_USE_NOTED_AFTER_S = 3600.0
_FORGET_FACTS_AFTER_S = 365 * 24 * 3600.0
_INSERT = """
INSERT OR REPLACE INTO probes (digest, curve, source, encoder, quality, size, model, bitrate_kbps,
    vmaf, made_s, used_s, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a row says beside its payload, for listings."""

    encoder: str | None
    quality: float | None
    bitrate_kbps: float | None
    scores: ScoreSet
    payload: bytes


class SqliteProbeStore:
    """Implements `ports.ProbeStore` and remembers digests of files. Thread-safe.

    Nothing here fails a run. A store that cannot be used is told of once and left alone for the
    rest of the run; a damaged one is set aside and begun anew.

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

    def get(self, key: ProbeKey) -> Probe | None:
        """Return the probe of a key; see `ports.ProbeStore`."""
        return self._read(key, unpack_probe)

    def put(self, key: ProbeKey, probe: Probe) -> None:
        """Keep a probe under its key; see `ports.ProbeStore`."""
        payload = pack_probe(probe)
        measured = _Measured(key.encoder, probe.quality, probe.bitrate_kbps, probe.scores, payload)
        self._keep(key, measured)

    def get_scores(self, key: ProbeKey) -> ScoreSet | None:
        """Return the scores of a source against itself; see `ports.ProbeStore`."""
        return self._read(key, unpack_scores)

    def put_scores(self, key: ProbeKey, scores: ScoreSet) -> None:
        """Keep the scores of a source against itself; see `ports.ProbeStore`."""
        self._keep(key, _Measured(None, None, None, scores, pack_scores(scores)))

    def least_kbps(self, key: ProbeKey) -> float | None:
        """Return what an encode's bitrate is at least; see `ports.ProbeStore`."""

        def read() -> float | None:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT least_kbps FROM sizes WHERE digest = ?", (key.digest,)
                ).fetchone()
            return None if row is None else float(row[0])

        return self._reading(read)

    def put_least_kbps(self, key: ProbeKey, bitrate_kbps: float) -> None:
        """Keep what an encode's bitrate is at least; see `ports.ProbeStore`."""

        def write() -> None:
            now_s = self._clock()
            with self._database.writing() as connection:
                connection.execute(
                    "INSERT INTO sizes (digest, least_kbps, made_s) VALUES (?, ?, ?) ON CONFLICT "
                    "DO UPDATE SET least_kbps = max(least_kbps, excluded.least_kbps), "
                    "made_s = excluded.made_s",
                    (key.digest, bitrate_kbps, now_s),
                )
                connection.execute(
                    "DELETE FROM sizes WHERE made_s < ?", (now_s - _FORGET_FACTS_AFTER_S,)
                )

        self._writing(write)

    def curve(self, key: ProbeKey) -> tuple[Probe, ...]:
        """Return all probes that differ from `key` in quality only; see `ports.ProbeStore`."""

        def read() -> list[tuple[bytes]]:
            with self._database.reading() as connection:
                return connection.execute(
                    "SELECT payload FROM probes WHERE curve = ? AND encoder IS NOT NULL "
                    "ORDER BY quality",
                    (key.curve,),
                ).fetchall()

        found = (_unpacked(payload, unpack_probe) for (payload,) in self._reading(read) or ())
        return tuple(probe for probe in found if probe is not None)

    def recall_digest(self, signature: str) -> str | None:
        """Return the digest of the file with that signature; None where it is not known."""

        def read() -> str | None:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT digest FROM files WHERE signature = ?", (signature,)
                ).fetchone()
            return None if row is None else str(row[0])

        return self._reading(read)

    def remember_digest(self, signature: str, digest: str) -> None:
        """Keep the digest of a file."""

        def write() -> None:
            now_s = self._clock()
            with self._database.writing() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO files (signature, digest, used_s) VALUES (?, ?, ?)",
                    (signature, digest, now_s),
                )
                connection.execute(
                    "DELETE FROM files WHERE used_s < ?", (now_s - _FORGET_FACTS_AFTER_S,)
                )

        self._writing(write)

    def _read(self, key: ProbeKey, unpack: Callable[[bytes], T]) -> T | None:
        def read() -> tuple[bytes, float] | None:
            with self._database.reading() as connection:
                row: tuple[bytes, float] | None = connection.execute(
                    "SELECT payload, used_s FROM probes WHERE digest = ?", (key.digest,)
                ).fetchone()
                return row

        row = self._reading(read)
        if row is None:
            return None
        payload, used_s = row
        self._note_use(key, used_s)
        return _unpacked(payload, unpack)

    def _note_use(self, key: ProbeKey, used_s: float) -> None:
        now_s = self._clock()
        if now_s - used_s < _USE_NOTED_AFTER_S or not self._writable:
            return
        try:
            with self._database.writing() as connection:
                connection.execute(
                    "UPDATE probes SET used_s = ? WHERE digest = ?", (now_s, key.digest)
                )
        except (sqlite3.Error, OSError, NewerDatabaseError) as error:
            _log.debug("The use of an entry cannot be noted: %s", error)

    def _keep(self, key: ProbeKey, measured: _Measured) -> None:
        now_s = self._clock()
        vmaf = pool_scores(measured.scores.frames, PoolMethod.MEAN)
        # A name that is no UTF-8 is for people only, so it may lose what nobody can read.
        source = key.source.encode("utf-8", "replace").decode()
        row = (
            key.digest, key.curve, source, measured.encoder, measured.quality, key.size,
            measured.scores.model, measured.bitrate_kbps, vmaf, now_s, now_s, measured.payload,
        )  # fmt: skip

        def write() -> None:
            with self._database.writing() as connection:
                connection.execute(_INSERT, row)
                gone = make_room(connection, self._limit_bytes)
            if gone:
                self._database.compact()

        self._writing(write)

    def _reading(self, work: Callable[[], T]) -> T | None:
        with self._lock:
            if not self._readable:
                return None
        return self._attempt(work, self._stop)

    def _writing(self, work: Callable[[], None]) -> None:
        with self._lock:
            if not self._writable:
                return
        self._attempt(work, self._stop_writing)

    def _attempt(self, work: Callable[[], T], give_up: Callable[[Exception], None]) -> T | None:
        """Do the work; after damage once more, on a new file."""
        try:
            try:
                return work()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                self._replace(error)
                return work()
        except (sqlite3.Error, OSError, NewerDatabaseError) as error:
            give_up(error)
            return None

    def _replace(self, error: sqlite3.Error) -> None:
        aside = self._database.set_aside()
        if aside is not None:
            self._warn(
                f"The probe store '{self._database.path}' is damaged ({error}). It is kept as "
                f"'{aside.name}', and a new one is begun."
            )

    def _stop(self, error: Exception) -> None:
        with self._lock:
            told = not self._readable
            self._readable = self._writable = False
        if not told:
            self._warn(f"{self._complaint(error)} Everything is measured anew. {_ADVICE}")

    def _stop_writing(self, error: Exception) -> None:
        with self._lock:
            told = not self._writable
            self._writable = False
        if not told:
            self._warn(f"{self._complaint(error)} What is measured now is not kept. {_ADVICE}")

    def _complaint(self, error: Exception) -> str:
        path = self._database.path
        if isinstance(error, NewerDatabaseError):
            return f"The probe store '{path}' was written by a later version of vmafx-tune."
        return f"The probe store '{path}' cannot be used: {error}."


def _unpacked(payload: bytes, unpack: Callable[[bytes], T]) -> T | None:
    try:
        return unpack(payload)
    except UnreadablePayloadError as error:
        # It is measured again, and the new entry takes its place.
        _log.debug("An entry of the probe store cannot be read: %s", error)
        return None

"""Rows of the probe store: how each is sealed, and the one place where they are read.

Every row has a checksum of all that it says, its key included. A row whose checksum does not fit,
or whose content is not what is written here, is damaged: it is never believed, not even in part.
Both ways check that it is a measurement: finite numbers, in their ranges, one score per frame.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from dataclasses import astuple, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune import coding
from vmafx_tune.frozen import frozen
from vmafx_tune.model import PoolMethod, Probe, ProbeKey, ScoreSet
from vmafx_tune.scoring.pooling import pool_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "COLUMNS",
    "DamagedRowError",
    "ProbeRow",
    "checksum",
    "fact_of",
    "pack_probe",
    "pack_scores",
    "probe_of",
    "scores_of",
    "unpack_probe",
    "unpack_scores",
]

T = TypeVar("T")

_CHROMA = frozenset({"400", "420", "422", "444"})
_LAST_TIME_S = 253_402_300_799.0  # the end of the year 9999


class DamagedRowError(Exception):
    """A row, or what it keeps, is not what was written, or not a measurement."""


def pack_probe(probe: Probe) -> bytes:
    """Write a probe, but for its command, which names the source as it was called at the time.

    Raises:
        DamagedRowError: It is not a measurement.
    """
    _check_probe(probe)
    return coding.pack(replace(probe, command=(), cached=False))


def unpack_probe(payload: bytes) -> Probe:
    """Read what `pack_probe` wrote.

    Raises:
        DamagedRowError: It did not write that.
    """
    return _unpack(Probe, payload, _check_probe)


def pack_scores(scores: ScoreSet) -> bytes:
    """Write a set of scores.

    Raises:
        DamagedRowError: It is not a measurement.
    """
    _check_scores(scores)
    return coding.pack(scores)


def unpack_scores(payload: bytes) -> ScoreSet:
    """Read what `pack_scores` wrote.

    Raises:
        DamagedRowError: It did not write that.
    """
    return _unpack(ScoreSet, payload, _check_scores)


def _unpack(kind: type[T], payload: bytes, check: Callable[[T], None]) -> T:
    try:
        found = coding.build(kind, coding.unpack(payload))
        check(found)
    except (
        zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
        RecursionError, MemoryError,
    ) as error:  # fmt: skip
        raise DamagedRowError(str(error)) from error
    return found


def _check_probe(probe: Probe) -> None:
    peak, form = probe.peak_bitrate_kbps, probe.pixel_format
    amounts = (probe.bitrate_kbps, *(() if peak is None else (peak,)))
    times = (probe.encode_time_s, probe.score_time_s)
    _require(
        all(map(math.isfinite, (probe.quality, *amounts, *times)))
        and all(amount > 0 for amount in (*amounts, probe.size_bytes, *probe.keyframe_bytes))
        and min(times) >= 0
        and (form is None or form.chroma in _CHROMA)
    )
    _check_scores(probe.scores)


def _check_scores(scores: ScoreSet) -> None:
    _require(scores.n_frames > 0 and scores.subsample > 0)
    n_scored = -(-scores.n_frames // scores.subsample)
    space = scores.comparison
    _require(
        len(scores.frames) == n_scored
        # A feature may be infinite, as the PSNR of equal frames is.
        and all(map(math.isfinite, scores.frames))
        and all(
            len(values) == n_scored
            for values in (*scores.features.values(), *scores.metrics.values())
        )
        and (space is None or min(space.width, space.height) > 0)
    )


def _require(holds: object) -> None:
    if not holds:
        raise DamagedRowError("It is not a measurement.")


@frozen
class ProbeRow:
    """A row of `probes`; the columns beside the payload are for look-ups and listings."""

    digest: str
    curve: str
    source: str
    encoder: str | None
    quality: float | None
    size: str
    model: str
    bitrate_kbps: float | None
    vmaf: float
    made_s: float
    payload: bytes
    checksum: str
    used_s: float

    @classmethod
    def of_probe(cls, key: ProbeKey, probe: Probe, now_s: float) -> ProbeRow:
        """Write a probe.

        Raises:
            DamagedRowError: It is not a measurement that could be read again.
        """
        payload = pack_probe(probe)
        return cls._of(key, probe.scores, payload, now_s, probe.quality, probe.bitrate_kbps)

    @classmethod
    def of_scores(cls, key: ProbeKey, scores: ScoreSet, now_s: float) -> ProbeRow:
        """Write the scores of a source against itself.

        Raises:
            DamagedRowError: They are not a measurement that could be read again.
        """
        return cls._of(key, scores, pack_scores(scores), now_s)

    @classmethod
    def _of(
        cls,
        key: ProbeKey,
        scores: ScoreSet,
        payload: bytes,
        now_s: float,
        quality: float | None = None,
        bitrate_kbps: float | None = None,
    ) -> ProbeRow:
        # A name that is not UTF-8 is for people only, so it may lose what nobody can read.
        source = key.source.encode("utf-8", "replace").decode()
        quality = None if quality is None else float(quality)
        vmaf = pool_scores(scores.frames, PoolMethod.MEAN)
        facts = (
            key.digest, key.curve, source, key.encoder, quality, key.size, scores.model,
            bitrate_kbps, vmaf, now_s,
        )  # fmt: skip
        return cls(*facts, payload, checksum("probes", facts, payload), now_s)

    @classmethod
    def read(cls, columns: Sequence[object]) -> ProbeRow:
        """Read a row, of the columns in `COLUMNS`.

        Raises:
            DamagedRowError: It is not what was written.
        """
        *facts, payload, kept, used_s = columns
        _require_checksum(kept, "probes", facts, payload)
        if not isinstance(used_s, float) or not 0 <= used_s <= _LAST_TIME_S:
            raise DamagedRowError("The time of its last use is not a time.")
        return cls(*columns)  # type: ignore[arg-type] # as the checksum says

    @property
    def values(self) -> tuple[object, ...]:
        """The columns, in the order of `COLUMNS`."""
        return astuple(self)


COLUMNS = ", ".join(field.name for field in fields(ProbeRow))
"""Columns of `probes`, as `ProbeRow` has them."""


def checksum(table: str, facts: Sequence[object], payload: bytes = b"") -> str:
    """Hash what a row of `table` says, its key included."""
    return hashlib.sha256(json.dumps([table, *facts]).encode() + b"\0" + payload).hexdigest()


def probe_of(row: ProbeRow, key: ProbeKey | None = None) -> Probe:
    """Read the probe of a row.

    Args:
        row: Of a probe.
        key: What was asked for; None for any probe.

    Raises:
        DamagedRowError: It is not a probe, or not that one.
    """
    probe = unpack_probe(row.payload)
    _check(row, probe.scores, key)
    if (probe.quality, probe.bitrate_kbps) != (row.quality, row.bitrate_kbps):
        raise DamagedRowError("Its columns contradict the probe itself.")
    return probe


def scores_of(row: ProbeRow, key: ProbeKey) -> ScoreSet:
    """Read the scores of a row, of a source against itself.

    Raises:
        DamagedRowError: They are not scores, or not those.
    """
    scores = unpack_scores(row.payload)
    _check(row, scores, key)
    return scores


def fact_of(name: str, columns: Sequence[Any]) -> Any:
    """Read a row of `facts`: what is kept under a name.

    Args:
        name: What was asked for.
        columns: The name, the fact, when it was noted, and the checksum.

    Raises:
        DamagedRowError: It is not what was written.
    """
    *facts, kept = columns
    _require_checksum(kept, "facts", facts)
    if facts[0] != name:
        raise DamagedRowError("It is of something else.")
    return facts[1]


def _require_checksum(
    kept: object, table: str, facts: Sequence[object], payload: object = b""
) -> None:
    try:
        fits = kept == checksum(table, facts, payload)  # type: ignore[arg-type] # caught below
    except TypeError:
        # A value of a type that is never written there.
        fits = False
    if not fits:
        raise DamagedRowError("Its checksum does not fit.")


def _check(row: ProbeRow, scores: ScoreSet, key: ProbeKey | None) -> None:
    if scores.model != row.model:
        raise DamagedRowError("Its columns contradict the scores themselves.")
    if key is not None and (row.digest, row.curve, row.encoder, row.size) != (
        key.digest, key.curve, key.encoder, key.size,
    ):  # fmt: skip
        raise DamagedRowError("It is of something else.")
    if key is not None and key.quality not in {None, row.quality}:
        raise DamagedRowError("It is of another quality.")

"""Probes as bytes and back, without losing a bit of any number.

Both ways check that it is a measurement: finite numbers, in their ranges, one score per frame.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from vmafx_tune import coding
from vmafx_tune.model import Probe, ScoreSet

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

__all__ = ["UnreadablePayloadError", "pack_probe", "pack_scores", "unpack_probe", "unpack_scores"]

_CHROMA = frozenset({"400", "420", "422", "444"})


class UnreadablePayloadError(Exception):
    """The bytes are not what a pack function gives, or it was given no measurement."""


def pack_probe(probe: Probe) -> bytes:
    """Write a probe, but for its command, which names the source as it was called at the time.

    Raises:
        UnreadablePayloadError: It is not a measurement.
    """
    _check_probe(probe)
    return coding.pack(replace(probe, command=(), cached=False))


def unpack_probe(payload: bytes) -> Probe:
    """Read what `pack_probe` wrote.

    Raises:
        UnreadablePayloadError: It did not write that.
    """
    return _unpack(Probe, payload, _check_probe)


def pack_scores(scores: ScoreSet) -> bytes:
    """Write a set of scores.

    Raises:
        UnreadablePayloadError: It is not a measurement.
    """
    _check_scores(scores)
    return coding.pack(scores)


def unpack_scores(payload: bytes) -> ScoreSet:
    """Read what `pack_scores` wrote.

    Raises:
        UnreadablePayloadError: It did not write that.
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
        raise UnreadablePayloadError(str(error)) from error
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
        and all(len(values) == n_scored for values in scores.features.values())
        and (space is None or min(space.width, space.height) > 0)
    )


def _require(holds: object) -> None:
    if not holds:
        raise UnreadablePayloadError("It is not a measurement.")

"""Probes as bytes and back, without losing a bit of any number.

Both ways check that it is a measurement: finite numbers, in their ranges, one score per frame.
"""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune.model import Comparison, PixelFormat, Probe, ScoreSet

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
    return _pack(
        {
            "quality": probe.quality,
            "bitrate_kbps": probe.bitrate_kbps,
            "size_bytes": probe.size_bytes,
            "keyframe_bytes": probe.keyframe_bytes,
            "scores": _score_facts(probe.scores),
            "encode_time_s": probe.encode_time_s,
            "score_time_s": probe.score_time_s,
            "encoder_version": probe.encoder_version,
            "codecs": probe.codecs,
            "peak_bitrate_kbps": probe.peak_bitrate_kbps,
            "pixel_format": probe.pixel_format and dataclasses.astuple(probe.pixel_format),
            "dynamic_metadata": probe.dynamic_metadata,
        }
    )


def unpack_probe(payload: bytes) -> Probe:
    """Read what `pack_probe` wrote.

    Raises:
        UnreadablePayloadError: It did not write that.
    """

    def build(facts: dict[str, Any]) -> Probe:
        known = {
            "keyframe_bytes": tuple(facts["keyframe_bytes"]),
            "scores": _score_set(facts["scores"]),
            "pixel_format": _pixel_format(facts["pixel_format"]),
            "dynamic_metadata": tuple(map(str, facts["dynamic_metadata"])),
        }
        probe = Probe(**{**facts, **known})
        _check_probe(probe)
        return probe

    return _unpack(payload, build)


def pack_scores(scores: ScoreSet) -> bytes:
    """Write a set of scores.

    Raises:
        UnreadablePayloadError: It is not a measurement.
    """
    _check_scores(scores)
    return _pack(_score_facts(scores))


def unpack_scores(payload: bytes) -> ScoreSet:
    """Read what `pack_scores` wrote.

    Raises:
        UnreadablePayloadError: It did not write that.
    """
    return _unpack(payload, _score_set)


def _pack(facts: dict[str, Any]) -> bytes:
    # JSON holds every float exactly, and libvmaf's six decimals take less room so than in binary.
    # Arrays become lists one at a time, as `default` is asked for each.
    return zlib.compress(json.dumps(facts, separators=(",", ":"), default=list).encode())


def _unpack(payload: bytes, build: Callable[[dict[str, Any]], T]) -> T:
    try:
        return build(json.loads(zlib.decompress(payload)))
    except (
        zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
        RecursionError, MemoryError,
    ) as error:  # fmt: skip
        raise UnreadablePayloadError(str(error)) from error


def _pixel_format(values: list[Any] | None) -> PixelFormat | None:
    if values is None:
        return None
    name, bit_depth, chroma, is_rgb, alpha = values
    if chroma not in _CHROMA:
        raise ValueError(f"{chroma} is not a chroma subsampling.")
    return PixelFormat(str(name), int(bit_depth), chroma, bool(is_rgb), bool(alpha))


def _score_facts(scores: ScoreSet) -> dict[str, Any]:
    comparison = scores.comparison
    return {
        "frames": scores.frames,
        "features": dict(scores.features),
        "n_frames": scores.n_frames,
        "model": scores.model,
        "backend": scores.backend,
        "backend_version": scores.backend_version,
        "subsample": scores.subsample,
        "comparison": comparison and dataclasses.asdict(comparison),
    }


def _score_set(facts: dict[str, Any]) -> ScoreSet:
    columns = (facts["frames"], *facts["features"].values())
    # A feature may be infinite, as the PSNR of equal frames is.
    _require(all(_is_real(value) for column in columns for value in column))
    comparison = facts["comparison"] and Comparison(**facts["comparison"])
    scores = ScoreSet(**{**facts, "comparison": comparison})
    _check_scores(scores)
    return scores


def _check_probe(probe: Probe) -> None:
    times = (probe.encode_time_s, probe.score_time_s)
    peak = () if probe.peak_bitrate_kbps is None else (probe.peak_bitrate_kbps,)
    _require(
        _is_number(probe.quality)
        and all(_is_number(value) and value > 0 for value in (probe.bitrate_kbps, *peak))
        and _is_count(probe.size_bytes)
        and all(map(_is_count, probe.keyframe_bytes))
        and all(_is_number(value) and value >= 0 for value in times)
        and all(isinstance(text, str) for text in (probe.encoder_version, probe.codecs))
    )
    _check_scores(probe.scores)


def _check_scores(scores: ScoreSet) -> None:
    _require(_is_count(scores.n_frames) and _is_count(scores.subsample))
    n_scored = -(-scores.n_frames // scores.subsample)
    _require(
        len(scores.frames) == n_scored
        and all(map(math.isfinite, scores.frames))
        and all(len(values) == n_scored for values in scores.features.values())
        and all(isinstance(text, str) for text in (scores.model, *scores.features))
        and all(isinstance(text, str) for text in (scores.backend, scores.backend_version))
        and (scores.comparison is None or _is_comparison(scores.comparison))
    )


def _is_comparison(space: Comparison) -> bool:
    texts = [space.pix_fmt, *(text for text in (space.range, space.matrix) if text is not None)]
    return all(isinstance(text, str) for text in texts) and all(
        map(_is_count, (space.width, space.height))
    )


def _require(holds: object) -> None:
    if not holds:
        raise UnreadablePayloadError("It is not a measurement.")


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_real(value) and math.isfinite(value)  # type: ignore[arg-type] # real by now


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0

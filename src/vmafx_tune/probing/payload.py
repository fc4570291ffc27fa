"""Probes as bytes and back, without losing a bit of any number."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune.model import Probe, ScoreSet

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

__all__ = ["UnreadablePayloadError", "pack_probe", "pack_scores", "unpack_probe", "unpack_scores"]


class UnreadablePayloadError(Exception):
    """The bytes are not what a pack function gave."""


def pack_probe(probe: Probe) -> bytes:
    """Write a probe, but for its command, which names the source as it was called at the time."""
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
        }
    )


def unpack_probe(payload: bytes) -> Probe:
    """Read what `pack_probe` wrote.

    Raises:
        UnreadablePayloadError: It did not write that.
    """

    def build(facts: dict[str, Any]) -> Probe:
        keyframe_bytes = tuple(facts["keyframe_bytes"])
        scores = _score_set(facts["scores"])
        return Probe(**{**facts, "keyframe_bytes": keyframe_bytes, "scores": scores})

    return _unpack(payload, build)


def pack_scores(scores: ScoreSet) -> bytes:
    """Write a set of scores."""
    return _pack(_score_facts(scores))


def unpack_scores(payload: bytes) -> ScoreSet:
    """Read what `pack_scores` wrote.

    Raises:
        UnreadablePayloadError: It did not write that.
    """
    return _unpack(payload, _score_set)


def _pack(facts: dict[str, Any]) -> bytes:
    # JSON holds every float exactly, and libvmaf's six decimals take less room so than in binary.
    return zlib.compress(json.dumps(facts, separators=(",", ":")).encode())


def _unpack(payload: bytes, build: Callable[[dict[str, Any]], T]) -> T:
    try:
        return build(json.loads(zlib.decompress(payload)))
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadablePayloadError(str(error)) from error


def _score_facts(scores: ScoreSet) -> dict[str, Any]:
    return {
        "frames": scores.frames,
        "features": dict(scores.features),
        "n_frames": scores.n_frames,
        "model": scores.model,
        "backend": scores.backend,
        "backend_version": scores.backend_version,
        "subsample": scores.subsample,
    }


def _score_set(facts: dict[str, Any]) -> ScoreSet:
    features = {name: tuple(values) for name, values in facts["features"].items()}
    return ScoreSet(**{**facts, "frames": tuple(facts["frames"]), "features": features})

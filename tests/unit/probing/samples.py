"""Probes, keys and stores for the tests of the probe store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.model import Probe, ProbeKey, ScoreSet
from vmafx_tune.probing.store import SqliteProbeStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["key", "of_itself", "open_store", "probe", "scores"]

_ROOMY = 1 << 30


def scores(n_frames: int = 3, *, model: str = "vmaf_v0.6.1") -> ScoreSet:
    frames = tuple(90 + 1 / (3 + i) for i in range(n_frames))
    features = {"integer_adm2": tuple(0.1 * i for i in range(n_frames)), "integer_motion2": frames}
    return ScoreSet(frames, features, n_frames, model, "ffmpeg", "3.2.0")


def probe(quality: float = 23.0, *, n_frames: int = 3) -> Probe:
    return Probe(
        quality=quality,
        bitrate_kbps=1000 / 3,
        size_bytes=12345,
        scores=scores(n_frames),
        encode_time_s=0.1 + 0.2,
        score_time_s=1e-17,
        encoder_version="x264 core 165",
        codecs="avc1.640028",
        peak_bitrate_kbps=None,
    )


def key(digest: str = "a", *, curve: str = "c", source: str = "clip.mp4") -> ProbeKey:
    return ProbeKey(digest, curve, source, "libx264", "1280x720")


def of_itself(digest: str = "i") -> ProbeKey:
    return ProbeKey(digest, digest, "clip.mp4", None, "1280x720")


def open_store(
    path: Path,
    *,
    warned: list[str] | None = None,
    limit_bytes: int = _ROOMY,
    clock: Callable[[], float] = lambda: 1000.0,
    busy_timeout_s: float = 5.0,
) -> SqliteProbeStore:
    told: list[str] = [] if warned is None else warned
    return SqliteProbeStore(
        path,
        limit_bytes=limit_bytes,
        warn=told.append,
        clock=clock,
        busy_timeout_s=busy_timeout_s,
    )

"""What `score` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.model import Comparison, PoolMethod, Resolution, ScoreSet, Source, VmafModel

__all__ = ["PooledScores", "RemoteScoreResult", "ScoreResult"]


@dataclass(frozen=True, slots=True)
class PooledScores:
    """Every pooling of one clip's per-frame scores, in VMAF points."""

    mean: float
    harmonic_mean: float
    min: float
    max: float
    p1: float
    p5: float
    p10: float


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """Outcome of `score`.

    Attributes:
        score: Pooled by `pool`.
        pooled: All poolings.
        feature_means: Mean of each elementary feature.
        scores: The per-frame scores behind it.
        display: Size at which the clips were compared.
        hdr: Whether the reference is PQ or HLG, for which VMAF is not validated.
        offset: Number of the reference's frame that the distorted's first one was compared with;
            negative where frames of the distorted were skipped.
        notes: Sentences about the comparison that an engineer should know.
    """

    reference: Source
    distorted: Source
    model: VmafModel
    pool: PoolMethod
    score: float
    pooled: PooledScores
    feature_means: dict[str, float]
    scores: ScoreSet
    display: Resolution
    hdr: bool
    wall_time_s: float
    offset: int = 0
    notes: tuple[str, ...] = ()

    @property
    def comparison(self) -> Comparison | None:
        """What both clips were brought to; None where the scorer does not tell."""
        return self.scores.comparison


@dataclass(frozen=True, slots=True)
class RemoteScoreResult:
    """Outcome of `score --server`: what a scoring server tells.

    Attributes:
        reference: The reference, by its name on the server.
        distorted: The distorted clip, likewise.
        server: Address of the server.
        request_id: What the server's log calls the request.
        model: Name of the VMAF model that scored; of a server of an earlier version, as it was
            asked for, and empty for the default. It tells none of the following either.
        model_version: Such as `0.6.1`; of a custom model, the SHA-256 of its file.
        backend: What the server computed the scores with: `ffmpeg`, `libvmaf` or `vmaf`.
        backend_version: Version of libvmaf.
        n_frames: Frame pairs compared, before subsampling; 0 where it is not known.
        pooled: All poolings by name, and `max`; empty where they are not known.
        pool: How `score` is pooled.
        subsample: Every n-th frame was scored.
        score: Pooled by `pool`.
        features: Mean of each elementary feature.
    """

    reference: str
    distorted: str
    server: str
    request_id: str
    model: str
    model_version: str
    backend: str
    backend_version: str
    n_frames: int
    pooled: Mapping[str, float]
    pool: str
    subsample: int
    score: float
    features: Mapping[str, float]
    wall_time_s: float

"""What `score` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmafx_tune.model import PoolMethod, Resolution, ScoreSet, Source, VmafModel

__all__ = ["PooledScores", "ScoreResult"]


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

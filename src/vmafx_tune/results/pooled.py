"""Scores pooled over time, which results of all commands hold."""

from __future__ import annotations

from dataclasses import dataclass

from vmafx_tune.results.record import Record

__all__ = ["PooledScores"]


@dataclass(frozen=True, kw_only=True)
class PooledScores(Record):
    """Every pooling of a clip's per-frame scores, in VMAF points."""

    mean: float
    """Arithmetic mean."""
    harmonic_mean: float
    """n / Σ(1/(s+1)) - 1, as libvmaf pools."""
    min: float
    """Lowest frame score."""
    max: float
    """Highest frame score."""
    p1: float
    """1st percentile."""
    p5: float
    """5th percentile."""
    p10: float
    """10th percentile."""

"""What a point must tell of itself to become a rung; all else that it carries passes through."""

from __future__ import annotations

from typing import Protocol, TypeVar

__all__ = ["PointT", "RateQuality"]


class RateQuality(Protocol):
    """A measured point: what it costs and what it gives."""

    @property
    def bitrate_kbps(self) -> float:
        """Average video bitrate."""

    @property
    def vmaf(self) -> float:
        """Pooled score at display size, in VMAF points."""


PointT = TypeVar("PointT", bound=RateQuality)
"""The caller's own type of points."""

"""The upper convex hull of measured points: the renditions that are worth their bits."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["PointT", "RateQuality", "frontier", "upper_hull"]


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


def upper_hull(
    points: Iterable[PointT], *, tie_break: Callable[[PointT], Any] = repr
) -> tuple[PointT, ...]:
    """Find the points that no other point, and no mix of two others, beats.

    The rising part of the upper convex hull in (bitrate, VMAF), both axes linear: from the cheapest
    point to the cheapest of those with the highest score. Along it bitrate and VMAF strictly rise
    and the gain per bit strictly falls, so no point of it is dominated. Points on a straight line
    between two others are left out, as far as floats tell. The hull is the same for any order of
    `points` and is its own hull.

    A. M. Andrew, "Another efficient algorithm for convex hulls in two dimensions", Information
    Processing Letters 9(5), 1979.

    Args:
        points: Measured points, in any order. Those whose bitrate or score is not finite, or whose
            bitrate is not above zero, do not count.
        tie_break: Sort key among points of the same bitrate and score; the least one is kept.

    Returns:
        The hull by ascending bitrate; empty where no point counts.
    """
    hull: list[PointT] = []
    for point in frontier(points, tie_break):
        while len(hull) >= 2 and _gain(hull[-2], hull[-1]) <= _gain(hull[-1], point):
            hull.pop()
        hull.append(point)
    return tuple(hull)


def frontier(
    points: Iterable[PointT], tie_break: Callable[[PointT], Any] = repr
) -> Iterator[PointT]:
    """Yield the points that no other one dominates; bitrate and quality strictly rise."""

    def rank(point: PointT) -> tuple[float, float]:
        return point.bitrate_kbps, -point.vmaf

    usable = (p for p in points if 0 < p.bitrate_kbps < math.inf and math.isfinite(p.vmaf))
    best_vmaf = -math.inf
    for (_, loss), equals in groupby(sorted(usable, key=rank), key=rank):
        if -loss > best_vmaf:
            best_vmaf = -loss
            yield min(equals, key=tie_break)


def _gain(lower: RateQuality, upper: RateQuality) -> float:
    """VMAF points per kb/s on the way from one point to the next."""
    return (upper.vmaf - lower.vmaf) / (upper.bitrate_kbps - lower.bitrate_kbps)

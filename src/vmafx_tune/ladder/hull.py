"""The upper convex hull of measured points: the renditions that are worth their bits."""

from __future__ import annotations

import math
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vmafx_tune.ladder.rate_quality import PointT, RateQuality

__all__ = ["upper_hull"]

_Spot: TypeAlias = tuple[float, float]

# (3 + 16ε)ε with ε = 2⁻⁵³ bounds the rounding of a 2-D orientation test, relative to the size of
# its two products: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust
# Geometric Predicates", Discrete & Computational Geometry 18, 1997.
_RELATIVE_ROUNDING = (3 + 16 * 2.0**-53) * 2.0**-53
# The bound above leaves out underflow, which a product near the smallest floats may suffer.
_UNDERFLOW = 1e-290


def upper_hull(
    points: Iterable[PointT], *, tie_break: Callable[[PointT], Any] = repr
) -> tuple[PointT, ...]:
    """Find the points that no other point, and no mix of two others, beats.

    The rising part of the upper convex hull in (bitrate, VMAF), both axes linear: from the cheapest
    point to the cheapest of those with the highest score. Along it bitrate and VMAF strictly rise
    and the gain per bit strictly falls, so no point of it is dominated. Points on a straight line
    between two others are left out. Turns are decided exactly, whatever the rounding, so the hull
    is the same for any order of `points` and is its own hull.

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
    spots: list[_Spot] = []
    for spot, point in _frontier(points, tie_break):
        while len(hull) >= 2 and not _turns_right(spots[-2], spots[-1], spot):
            spots.pop()
            hull.pop()
        spots.append(spot)
        hull.append(point)
    return tuple(hull)


def _frontier(
    points: Iterable[PointT], tie_break: Callable[[PointT], Any]
) -> Iterator[tuple[_Spot, PointT]]:
    """Yield the points that no other one dominates; bitrate and quality strictly rise."""
    given = tuple(points)
    best_vmaf = -math.inf
    ranked = sorted(_ranks(given))
    for (bitrate_kbps, loss), equals in groupby(ranked, key=itemgetter(0, 1)):
        if -loss > best_vmaf:
            best_vmaf = -loss
            kept = min((given[index] for _, _, index in equals), key=tie_break)
            yield (bitrate_kbps, best_vmaf), kept


def _ranks(points: Sequence[RateQuality]) -> Iterator[tuple[float, float, int]]:
    """Yield what sorts the cheapest first, then the best, and the index of each usable point."""
    for index, point in enumerate(points):
        bitrate_kbps, vmaf = float(point.bitrate_kbps), float(point.vmaf)
        if 0 < bitrate_kbps < math.inf and math.isfinite(vmaf):
            yield bitrate_kbps, -vmaf, index


def _turns_right(a: _Spot, b: _Spot, c: _Spot) -> bool:
    """Whether the way from `a` over `b` to `c` bends downwards, decided exactly."""
    ahead = (b[0] - a[0]) * (c[1] - a[1])
    aside = (b[1] - a[1]) * (c[0] - a[0])
    turn = ahead - aside
    # False for products that overflowed too, since their difference is not a number.
    if abs(turn) > _RELATIVE_ROUNDING * (abs(ahead) + abs(aside)) + _UNDERFLOW:
        return turn < 0
    return _exact_turn(a, b, c) < 0


def _exact_turn(a: _Spot, b: _Spot, c: _Spot) -> int:
    # Floats are whole numbers over powers of two; a common scale per axis leaves the sign alone.
    ax, bx, cx = _whole(a[0], b[0], c[0])
    ay, by, cy = _whole(a[1], b[1], c[1])
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def _whole(*values: float) -> tuple[int, ...]:
    ratios = [value.as_integer_ratio() for value in values]
    scale = max(denominator for _, denominator in ratios)
    return tuple(numerator * (scale // denominator) for numerator, denominator in ratios)

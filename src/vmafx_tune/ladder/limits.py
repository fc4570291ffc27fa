"""Limits that a ladder must keep, whatever the hull offers."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.formatting import given, rough_bitrate, vmaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmafx_tune.ladder.hull import PointT, RateQuality
    from vmafx_tune.results.rung_choice import RungChoice

__all__ = ["NEARLY_BEST_VMAF", "apply_caps", "non_shrinking", "shrinks", "told"]

NEARLY_BEST_VMAF = 1.0
"""Within this, tops are as good as each other: a sixth of a just-noticeable difference."""


def apply_caps(
    hull: Sequence[PointT], caps: RungChoice
) -> tuple[tuple[PointT, ...], tuple[str, ...]]:
    """Leave the part of a hull that keeps the limits.

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        caps: The limits. Where no point reaches `max_vmaf`, the top of the hull stays.

    Returns:
        The points left, and a sentence about each end that a limit of bitrate, or a lack of points,
        takes from the ladder.

    Raises:
        InvalidLadderError: The hull has points, but none keeps the limits.
    """
    if not hull:
        return (), ()
    start, end = _first_allowed(hull, caps), _end_of_allowed(hull, caps)
    if start >= end:
        raise InvalidLadderError(
            f"No point of the hull, which goes from {told(hull[0])} to {told(hull[-1])}, is "
            f"within the limits of the ladder: {', '.join(_limits(caps))}. Relax one, or measure "
            "other targets or resolutions."
        )
    return tuple(hull[start:end]), tuple(_notes(hull, caps, start, end))


def _first_allowed(hull: Sequence[RateQuality], caps: RungChoice) -> int:
    start = 0
    if caps.min_vmaf is not None:
        start = bisect_left(hull, caps.min_vmaf, key=_vmaf)
    if caps.min_bitrate_kbps is not None:
        start = max(start, bisect_left(hull, caps.min_bitrate_kbps, key=_bitrate_kbps))
    return start


def _end_of_allowed(hull: Sequence[RateQuality], caps: RungChoice) -> int:
    end = len(hull)
    if caps.max_vmaf is not None:
        end = min(end, bisect_left(hull, caps.max_vmaf, key=_vmaf) + 1)
    if caps.max_bitrate_kbps is not None:
        end = min(end, bisect_right(hull, caps.max_bitrate_kbps, key=_bitrate_kbps))
    return end


def _notes(hull: Sequence[RateQuality], caps: RungChoice, start: int, end: int) -> Iterator[str]:
    """Tell what viewers miss: a ladder that ends at its own VMAF limits misses nothing."""
    low, high = caps.min_bitrate_kbps, caps.max_bitrate_kbps
    if low is not None:
        wanted = hull[_first_allowed(hull, replace(caps, min_bitrate_kbps=None))]
        if wanted.bitrate_kbps < low:
            yield (
                f"The bottom of the ladder is missing: {told(wanted)} is below --min-bitrate "
                f"{given(low)}, so the ladder starts at {told(hull[start])}."
            )
    if high is not None:
        wanted = hull[_end_of_allowed(hull, replace(caps, max_bitrate_kbps=None)) - 1]
        if wanted.bitrate_kbps > high:
            yield (
                f"The top of the ladder is missing: {told(wanted)} is above --max-bitrate "
                f"{given(high)}, so the ladder ends at {told(hull[end - 1])}."
            )
    if caps.max_vmaf is not None and hull[-1].vmaf < caps.max_vmaf:
        yield (
            f"The top of the ladder is missing: no point reaches VMAF {given(caps.max_vmaf)}. "
            f"The best one is {told(hull[-1])}; sample at a higher target or resolution to "
            "reach it."
        )


def _limits(caps: RungChoice) -> Iterator[str]:
    if caps.min_vmaf is not None:
        yield f"VMAF at least {given(caps.min_vmaf)}"
    if caps.max_vmaf is not None:
        yield f"nothing above the first to reach VMAF {given(caps.max_vmaf)}"
    if caps.min_bitrate_kbps is not None:
        yield f"at least {given(caps.min_bitrate_kbps)} kb/s"
    if caps.max_bitrate_kbps is not None:
        yield f"at most {given(caps.max_bitrate_kbps)} kb/s"


def told(point: RateQuality) -> str:
    """Name a point by its score and bitrate, for sentences."""
    return f"VMAF {vmaf(point.vmaf)} at {rough_bitrate(point.bitrate_kbps)} kb/s"


def _vmaf(point: RateQuality) -> float:
    return point.vmaf


def _bitrate_kbps(point: RateQuality) -> float:
    return point.bitrate_kbps


def shrinks(points: Sequence[PointT], size_of: Callable[[PointT], int]) -> bool:
    """Whether some point has fewer pixels than the one below it.

    Args:
        points: By ascending bitrate.
        size_of: Counts the pixels of a point's picture.
    """
    return any(size_of(upper) < size_of(lower) for lower, upper in pairwise(points))


def non_shrinking(hull: Sequence[PointT], size_of: Callable[[PointT], int]) -> tuple[PointT, ...]:
    """Leave out the points whose loss costs viewers the least, until no picture shrinks.

    What points are worth is the mean score of viewers whose throughput is spread evenly over the
    logarithm of the hull's bitrates, each watching the best point that fits; one for whom nothing
    fits counts as 0. No other choice of points is worth more. Dynamic programming finds it: as a
    further point never makes a ladder worse, only the last point of each size so far can come right
    below the next one. The top goes only where it is smaller than points that are worth more.

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        size_of: Counts the pixels of a point's picture. Sizes of different shapes compare by it
            too; equal counts may follow each other in any order.

    Returns:
        The points that are left, by ascending bitrate; the same ones where no picture shrinks.
    """
    if not shrinks(hull, size_of):
        return tuple(hull)
    # Not below 0: watching is never worth less than not being able to.
    scores = [max(point.vmaf, 0.0) for point in hull]
    worth: list[float] = []
    below: list[int] = []
    last_of_size: dict[int, int] = {}
    for index, point in enumerate(hull):
        size, reach = size_of(point), math.log(hull[-1].bitrate_kbps / point.bitrate_kbps)
        # What all of them gain alike by the new point is added below.
        candidates = [
            (worth[lower] - scores[lower] * reach, lower)
            for lower_size, lower in last_of_size.items()
            if lower_size <= size
        ]
        most, rung_below = max(candidates, default=(0.0, -1))
        worth.append(most + scores[index] * reach)
        below.append(rung_below)
        last_of_size[size] = index
    as_good = (i for i, score in enumerate(scores) if score >= scores[-1] - NEARLY_BEST_VMAF)
    top = max(as_good, key=lambda index: (worth[index], index))
    return tuple(hull[index] for index in _path(below, top))


def _path(below: Sequence[int], top: int) -> list[int]:
    """Follow the best choice from its top down; returns its points from the lowest up."""
    path = [top]
    while below[path[-1]] >= 0:
        path.append(below[path[-1]])
    return path[::-1]

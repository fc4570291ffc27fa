"""The part of a hull on which the picture never gets smaller as the bitrate rises."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.ladder.rate_quality import PointT

__all__ = ["non_shrinking", "shrinks"]


def shrinks(points: Sequence[PointT], size_of: Callable[[PointT], int]) -> bool:
    """Whether some point has fewer pixels than the one below it.

    Args:
        points: By ascending bitrate.
        size_of: Counts the pixels of a point's picture.
    """
    return any(size_of(upper) < size_of(lower) for lower, upper in pairwise(points))


def non_shrinking(hull: Sequence[PointT], size_of: Callable[[PointT], int]) -> tuple[PointT, ...]:
    """Leave out the points whose loss costs viewers the least, until no picture shrinks.

    The top stays. What the others are worth is the mean score of viewers whose throughput is spread
    evenly over the logarithm of the hull's bitrates, each watching the best point that fits; one
    for whom nothing fits counts as 0. No other choice of points is worth more. Dynamic programming
    finds it: as a further point never makes a ladder worse, only the last point of each size so far
    can come right below the next one.

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
    return tuple(hull[index] for index in _path(below))


def _path(below: Sequence[int]) -> list[int]:
    """Follow the best choice from the top down; returns its points from the lowest up."""
    path = [len(below) - 1]
    while below[path[-1]] >= 0:
        path.append(below[path[-1]])
    return path[::-1]

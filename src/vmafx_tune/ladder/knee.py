"""Knees: the points of a hull where further bits begin to give less."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.ladder.rate_quality import PointT, RateQuality
    from vmafx_tune.ladder.selection_options import SelectionOptions

__all__ = ["select_knees"]


def select_knees(hull: Sequence[PointT], options: SelectionOptions) -> tuple[PointT, ...]:
    """Choose both ends of a hull, then the sharpest knees between them.

    With both axes brought to 0..1, the next rung is always the point that is farthest from the
    chord between the rungs on either side of it, the cheapest on a tie. That point is the knee of
    V. Satopää et al., "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011; it is applied
    recursively as D. Douglas and T. Peucker simplify a line (Cartographica 10(2), 1973).

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        options: `max_rungs` is used. 1 gives the top of the hull.

    Returns:
        The rungs by ascending bitrate; the whole hull where it has no more than `max_rungs` points.
    """
    if len(hull) <= options.max_rungs:
        return tuple(hull)
    if options.max_rungs == 1:
        return (hull[-1],)
    chosen = [0, len(hull) - 1]
    candidates = [_farthest(spots := _normalized(hull), *chosen)]
    while len(chosen) < options.max_rungs:
        _, knee, first, last = heappop(candidates)
        chosen.append(knee)
        for start, end in ((first, knee), (knee, last)):
            if end - start > 1:
                heappush(candidates, _farthest(spots, start, end))
    return tuple(hull[index] for index in sorted(chosen))


class _Spot(NamedTuple):
    x: float
    y: float


class _Candidate(NamedTuple):
    """The farthest point from a chord; the first in order is the farthest, then the cheapest."""

    negated_distance: float
    knee: int
    start: int
    end: int


def _normalized(hull: Sequence[RateQuality]) -> list[_Spot]:
    x = _min_max([point.bitrate_kbps for point in hull])
    y = _min_max([point.vmaf for point in hull])
    return [_Spot(*pair) for pair in zip(x, y, strict=True)]


def _min_max(rising: Sequence[float]) -> Iterator[float]:
    low, high = rising[0], rising[-1]
    return ((value - low) / (high - low) for value in rising)


def _farthest(spots: Sequence[_Spot], start: int, end: int) -> _Candidate:
    a, b = spots[start], spots[end]
    dx, dy = b.x - a.x, b.y - a.y
    length = math.hypot(dx, dy)

    def distance(index: int) -> float:
        spot = spots[index]
        return abs(dx * (spot.y - a.y) - dy * (spot.x - a.x)) / length

    knee = max(range(start + 1, end), key=distance)
    return _Candidate(-distance(knee), knee, start, end)

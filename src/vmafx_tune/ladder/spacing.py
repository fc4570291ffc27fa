"""Strategies that choose rungs from a hull, all of one type."""

from __future__ import annotations

import math
from bisect import bisect_left
from heapq import heappop, heappush
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vmafx_tune.choices import Spacing
from vmafx_tune.ladder.optimal_spacing import select_optimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmafx_tune.ladder.hull import PointT, RateQuality
    from vmafx_tune.ladder.selection_options import SelectionOptions

__all__ = [
    "STRATEGIES",
    "SpacingStrategy",
    "select_knees",
    "select_log_bitrates",
    "select_vmaf_steps",
]


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


class SpacingStrategy(Protocol):
    """Chooses rungs from a hull."""

    def __call__(self, hull: Sequence[PointT], options: SelectionOptions, /) -> tuple[PointT, ...]:
        """Return at most `options.max_rungs` points of `hull` by ascending bitrate.

        Args:
            hull: Points by ascending bitrate, whose VMAF strictly rises too; may be empty.
            options: What is asked of the ladder.
        """


def select_log_bitrates(hull: Sequence[PointT], options: SelectionOptions) -> tuple[PointT, ...]:
    """Choose the points nearest to evenly spaced logarithms of bitrate, from end to end.

    Where one point is the nearest to several of them, the ladder has fewer rungs rather than
    crowded ones.

    Args:
        hull: Points by ascending bitrate.
        options: `max_rungs` is used. 1 gives the top of the hull.

    Returns:
        The rungs by ascending bitrate.
    """
    if not hull or options.max_rungs == 1:
        return tuple(hull[-1:])
    logs = [math.log(point.bitrate_kbps) for point in hull]
    width = (logs[-1] - logs[0]) / (options.max_rungs - 1)
    nearest = {_nearest(logs, logs[0] + width * rung) for rung in range(options.max_rungs)}
    return tuple(hull[index] for index in sorted(nearest))


def _nearest(ascending: Sequence[float], value: float) -> int:
    """Index of the item nearest to `value`, the lower one on a tie."""
    above = min(bisect_left(ascending, value), len(ascending) - 1)
    below = max(above - 1, 0)
    return above if ascending[above] - value < value - ascending[below] else below


def select_vmaf_steps(hull: Sequence[PointT], options: SelectionOptions) -> tuple[PointT, ...]:
    """Walk down from the top, each time to the cheapest point at most one VMAF step below.

    So neighbours never differ by more than the step, with as few rungs as that takes. Where the
    hull has a hole that is wider, the next point below it follows.

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        options: `max_rungs` and `vmaf_step` are used. Where they run out, the bottom is missing.

    Returns:
        The rungs by ascending bitrate.
    """
    if not hull:
        return ()
    vmafs = [point.vmaf for point in hull]
    walk = [len(hull) - 1]
    while len(walk) < options.max_rungs and walk[-1] > 0:
        here = walk[-1]
        walk.append(min(bisect_left(vmafs, vmafs[here] - options.vmaf_step), here - 1))
    return tuple(hull[index] for index in reversed(walk))


STRATEGIES: Mapping[Spacing, SpacingStrategy] = MappingProxyType(
    {
        Spacing.KNEE: select_knees,
        Spacing.LOG_BITRATE: select_log_bitrates,
        Spacing.VMAF: select_vmaf_steps,
        Spacing.OPTIMAL: select_optimal,
    }
)
"""The strategy of each spacing."""

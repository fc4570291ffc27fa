"""Strategies that choose rungs from a hull, all of one type."""

from __future__ import annotations

import math
from bisect import bisect_left
from heapq import heappop, heappush
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vmafx_tune.choices import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vmafx_tune.ladder.hull import PointT, RateQuality
    from vmafx_tune.ladder.throughput import Throughput
    from vmafx_tune.results.rung_choice import RungChoice


__all__ = [
    "STRATEGIES",
    "SpacingStrategy",
    "are_apart",
    "select_knees",
    "select_log_bitrates",
    "select_optimal",
    "select_vmaf_steps",
]

# Of the lower neighbour's bitrate: a gap in kb/s alone would leave cheap content without a ladder.
_LARGEST_GAP = 0.25


def are_apart(lower: RateQuality, upper: RateQuality, choice: RungChoice) -> bool:
    """Whether two points are far enough apart to be neighbouring rungs; a tie passes.

    Where it holds for two points, it holds for any that are further apart on either side.
    """
    gap_kbps = min(choice.min_bitrate_gap_kbps, lower.bitrate_kbps * _LARGEST_GAP)
    return upper.bitrate_kbps - lower.bitrate_kbps >= gap_kbps


def select_optimal(
    hull: Sequence[PointT],
    choice: RungChoice,
    throughput: Throughput,
    size_of: Callable[[PointT], int] | None = None,
) -> tuple[PointT, ...]:
    """Choose the rungs from which an average viewer gets the highest VMAF.

    A viewer plays the highest rung whose bitrate is at most `safety_factor` of the throughput, and
    one for whom even the lowest rung is too much cannot play, which counts as 0. After Y. Reznik et
    al., "Optimal Design of Encoding Profiles for ABR Streaming", Packet Video Workshop 2018.

    Each rung adds its gain over the rung below for all viewers that reach it, so the best ladder of
    k rungs that ends at a point extends a best one of k - 1 rungs: dynamic programming finds the
    best of all, in time proportional to rungs times the square of the points. Neighbours are kept
    apart by the least gap from the start, so the gap filter has nothing left to drop. Among equals
    the choice has the fewest rungs.

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        choice: `max_rungs`, `min_bitrate_gap_kbps` and `safety_factor` are used.
        throughput: The viewers.
        size_of: Counts the pixels of a point's picture, which then never gets smaller as the
            bitrate rises; None where it may.

    Returns:
        The rungs by ascending bitrate. The ends of the hull are among them only where that serves
        the viewers.
    """
    import numpy as np

    if not hull:
        return ()
    # The share of viewers that can play each point.
    reach = [throughput.share_at_least(p.bitrate_kbps / choice.safety_factor) for p in hull]
    vmafs = np.array([point.vmaf for point in hull], dtype=np.float64)
    sizes = np.array([size_of(point) if size_of else 0 for point in hull])
    n_apart = [_n_apart(hull, top, choice) for top in range(len(hull))]
    # By the point on top: the best ladder of so many rungs or fewer, and what it delivers.
    ladders: list[tuple[int, ...]] = [(top,) for top in range(len(hull))]
    delivered = vmafs * reach
    for _ in range(choice.max_rungs - 1):
        lower, worth = ladders.copy(), delivered.copy()
        for top in np.flatnonzero(n_apart).tolist():
            below = slice(n_apart[top])
            without = np.where(sizes[below] <= sizes[top], worth[below], -np.inf)
            extended = without - vmafs[below] * reach[top] + vmafs[top] * reach[top]
            best = int(extended.argmax())
            if extended[best] > delivered[top]:
                ladders[top], delivered[top] = (*lower[best], top), extended[best]
        if ladders == lower:
            break
    best = max(range(len(hull)), key=lambda top: (delivered[top], -len(ladders[top])))
    return tuple(hull[index] for index in ladders[best])


def _n_apart(hull: Sequence[RateQuality], top: int, choice: RungChoice) -> int:
    """Count the points, from the lowest up, that are far enough below the one at `top`."""
    return bisect_left(
        range(top), True, key=lambda below: not are_apart(hull[below], hull[top], choice)
    )


def select_knees(hull: Sequence[PointT], choice: RungChoice) -> tuple[PointT, ...]:
    """Choose both ends of a hull, then the sharpest knees between them.

    With both axes brought to 0..1, the next rung is always the point that is farthest from the
    chord between the rungs on either side of it, the cheapest on a tie. That point is the knee of
    V. Satopää et al., "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011; it is applied
    recursively as D. Douglas and T. Peucker simplify a line (Cartographica 10(2), 1973).

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        choice: `max_rungs` is used. 1 gives the top of the hull.

    Returns:
        The rungs by ascending bitrate; the whole hull where it has no more than `max_rungs` points.
    """
    if len(hull) <= choice.max_rungs:
        return tuple(hull)
    if choice.max_rungs == 1:
        return (hull[-1],)
    chosen = [0, len(hull) - 1]
    candidates = [_farthest(spots := _normalized(hull), *chosen)]
    while len(chosen) < choice.max_rungs:
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

    def __call__(self, hull: Sequence[PointT], choice: RungChoice, /) -> tuple[PointT, ...]:
        """Return at most `choice.max_rungs` points of `hull` by ascending bitrate.

        Args:
            hull: Points by ascending bitrate, whose VMAF strictly rises too; may be empty.
            choice: What is asked of the ladder.
        """


def select_log_bitrates(hull: Sequence[PointT], choice: RungChoice) -> tuple[PointT, ...]:
    """Choose the points nearest to evenly spaced logarithms of bitrate, from end to end.

    Where one point is the nearest to several of them, the ladder has fewer rungs rather than
    crowded ones.

    Args:
        hull: Points by ascending bitrate.
        choice: `max_rungs` is used. 1 gives the top of the hull.

    Returns:
        The rungs by ascending bitrate.
    """
    if not hull or choice.max_rungs == 1:
        return tuple(hull[-1:])
    logs = [math.log(point.bitrate_kbps) for point in hull]
    width = (logs[-1] - logs[0]) / (choice.max_rungs - 1)
    nearest = {_nearest(logs, logs[0] + width * rung) for rung in range(choice.max_rungs)}
    return tuple(hull[index] for index in sorted(nearest))


def _nearest(ascending: Sequence[float], value: float) -> int:
    """Index of the item nearest to `value`, the lower one on a tie."""
    above = min(bisect_left(ascending, value), len(ascending) - 1)
    below = max(above - 1, 0)
    return above if ascending[above] - value < value - ascending[below] else below


def select_vmaf_steps(hull: Sequence[PointT], choice: RungChoice) -> tuple[PointT, ...]:
    """Walk down from the top, each time to the cheapest point at most one VMAF step below.

    So neighbours never differ by more than the step, with as few rungs as that takes. Where the
    hull has a hole that is wider, the next point below it follows.

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        choice: `max_rungs` and `vmaf_step` are used. Where they run out, the bottom is missing.

    Returns:
        The rungs by ascending bitrate.
    """
    if not hull:
        return ()
    vmafs = [point.vmaf for point in hull]
    walk = [len(hull) - 1]
    while len(walk) < choice.max_rungs and walk[-1] > 0:
        here = walk[-1]
        walk.append(min(bisect_left(vmafs, vmafs[here] - choice.vmaf_step), here - 1))
    return tuple(hull[index] for index in reversed(walk))


STRATEGIES: Mapping[Spacing, SpacingStrategy] = MappingProxyType(
    {
        Spacing.KNEE: select_knees,
        Spacing.LOG_BITRATE: select_log_bitrates,
        Spacing.VMAF: select_vmaf_steps,
    }
)
"""The strategy of each spacing but `optimal`, which knows the viewers."""

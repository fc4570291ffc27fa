"""The rungs that serve a given audience best."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.ladder.hull import PointT, RateQuality
    from vmafx_tune.ladder.selection_options import SelectionOptions
    from vmafx_tune.ladder.throughput import Throughput

__all__ = ["expected_vmaf", "select_optimal"]


def expected_vmaf(
    rungs: Sequence[RateQuality], throughput: Throughput, *, safety_factor: float = 1.0
) -> float:
    """Return the VMAF that an average viewer gets.

    A viewer plays the highest rung whose bitrate is at most `safety_factor` of the throughput, and
    one for whom even the lowest rung is too much cannot play, which counts as 0. After Y. Reznik et
    al., "Optimal Design of Encoding Profiles for ABR Streaming", Packet Video Workshop 2018.

    Args:
        rungs: By ascending bitrate; VMAF strictly rises too.
        throughput: The viewers.
        safety_factor: Share of the throughput that a player dares to use, above 0 and at most 1.

    Returns:
        Expected score in VMAF points; 0 for no rungs.
    """
    reach = _reach(rungs, throughput, safety_factor)
    gains = [upper - lower for lower, upper in pairwise([0.0, *(rung.vmaf for rung in rungs)])]
    return math.fsum(gain * share for gain, share in zip(gains, reach, strict=True))


def select_optimal(
    hull: Sequence[PointT],
    options: SelectionOptions,
    size_of: Callable[[PointT], int] | None = None,
) -> tuple[PointT, ...]:
    """Choose the rungs whose `expected_vmaf` is the highest that any choice has.

    Each rung adds its gain over the rung below for all viewers that reach it, so the best ladder of
    k rungs that ends at a point extends a best one of k - 1 rungs: dynamic programming finds the
    best of all, in time proportional to rungs times the square of the points. Neighbours are kept
    apart by the least gap from the start, so the gap filter has nothing left to drop. Among equals
    the choice has the fewest rungs.

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        options: `max_rungs`, `min_gap_kbps`, `throughput` and `safety_factor` are used.
        size_of: Counts the pixels of a point's picture, which then never gets smaller as the
            bitrate rises; None where it may.

    Returns:
        The rungs by ascending bitrate. The ends of the hull are among them only where that serves
        the viewers.

    Raises:
        InvalidLadderError: `options` has no throughput.
    """
    import numpy as np

    reach = _reach(hull, options.viewers(), options.safety_factor)
    if not hull:
        return ()
    vmafs = np.array([point.vmaf for point in hull], dtype=np.float64)
    sizes = np.array([size_of(point) if size_of else 0 for point in hull])
    n_apart = [_n_apart(hull, top, options) for top in range(len(hull))]
    # By the point on top: the best ladder of so many rungs or fewer, and what it delivers.
    ladders: list[tuple[int, ...]] = [(top,) for top in range(len(hull))]
    delivered = vmafs * reach
    for _ in range(options.max_rungs - 1):
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


def _n_apart(hull: Sequence[RateQuality], top: int, options: SelectionOptions) -> int:
    """Count the points, from the lowest up, that are far enough below the one at `top`."""
    return bisect_left(
        range(top), True, key=lambda below: not options.are_apart(hull[below], hull[top])
    )


def _reach(
    points: Sequence[RateQuality], throughput: Throughput, safety_factor: float
) -> list[float]:
    """Share of viewers that can play each point."""
    return [throughput.share_at_least(point.bitrate_kbps / safety_factor) for point in points]

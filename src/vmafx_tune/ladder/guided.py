"""Sampling of a ladder whose title was measured with other encoders: a few points along the hull.

What the others measured shows which size is the best at each score, and how the bitrate rises
between them. So little is left to find out: how far this encoder is from the others, which one
probe says, then the ends of the range, and points in between that are evenly spaced in their
scores, each of the size that may be the cheapest there. There is one probe at a time, since each of
so few should know of all before it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.hull_estimate import N_SCORES, HullEstimate, ProbeWish
from vmafx_tune.ladder.hull_probes import (
    cheapest_able,
    crossing_step,
    expected_step,
    is_reached,
    limit_probe,
    untaken,
)

__all__ = ["guided_probe"]

# As in `adaptive`, but at the top only, and a probe less is worth more than a step.
_END_STEPS = 2.0
# A size of which less is known is tried for what it may be. Encoders differ most in how sizes
# compare, and a hull that keeps to a wrong size, however near the best, never finds out.
_OPTIMISM = 1.5
# Neighbours on the hull that are closer leave little to find between them, and so does the end of
# the range.
_NARROW_VMAF = 3.0


def guided_probe(state: HullEstimate) -> ProbeWish | None:
    """Choose what to measure next; None where the hull is known well enough, or nothing is left."""
    left = state.problem.max_guided - len(state.measured)
    if left <= 0:
        return None
    if not state.measured:
        return _at(state, N_SCORES // 2)
    return _highest(state) or _lowest(state) or _between(state, left)


def _highest(state: HullEstimate) -> ProbeWish | None:
    """Reach the highest target, a step better for each near miss.

    Near their ceilings, curves are flatter than estimated, and a better estimate would miss again.
    """
    position, target = N_SCORES - 1, state.problem.highest
    size = cheapest_able(state, position)
    if size is None:
        return _towards_limit(state, limit_probe(state, position))
    if is_reached(state, size, position, _END_STEPS):
        return None
    own = [point.vmaf for point in state.measured if point.size == size]
    near = [vmaf for vmaf in own if target - _NARROW_VMAF < vmaf < target]
    misses = 0 if max(own, default=0.0) >= target else len(near)
    return untaken(state, size, crossing_step(state, size, position) - misses)


def _towards_limit(state: HullEstimate, limit: ProbeWish | None) -> ProbeWish | None:
    """Go half of the way to the best quality at a time, where others reached the target."""
    known = (point for curves in state.problem.others for point in curves.measured)
    if limit is None or all(point.vmaf < state.problem.highest for point in known):
        return limit
    best = min(state.taken[limit.size], default=state.problem.last_step)
    return limit._replace(step=best // 2)


def _lowest(state: HullEstimate) -> ProbeWish | None:
    """Come near to the lowest target, where sizes are closest, and the last steps far apart."""
    if min(point.vmaf for point in state.measured) <= state.problem.lowest + _NARROW_VMAF:
        return None
    return limit_probe(state, 0) if cheapest_able(state, 0) is None else _at(state, 0)


def _between(state: HullEstimate, left: int) -> ProbeWish | None:
    """Divide the widest gaps of the measured hull, as evenly as the probes that are left allow."""
    gaps = list(_gaps(state))
    parts = dict.fromkeys(gaps, 1)
    for _ in range(left if gaps else 0):
        parts[max(gaps, key=lambda gap: (gap[1] - gap[0]) / parts[gap])] += 1
    for low, high in sorted(gaps, key=lambda gap: (-parts[gap], gap[0] - gap[1])):
        n_parts = max(parts[low, high], 2)
        if wish := _at(state, round(low + (n_parts // 2) / n_parts * (high - low))):
            return wish
    return None


def _at(state: HullEstimate, position: int) -> ProbeWish | None:
    """Ask the size that may be the cheapest at a score, unless its step for it is measured.

    The lower confidence bound of D. D. Cox and S. John, "SDO: A statistical method for global
    optimization", 1997.
    """
    able = [size for size in state.open_sizes if state.reachable[size][position]]
    if not able:
        return None

    def at_best(size: int) -> float:
        rate = state.rates[size]
        return float(rate.mean[position] - _OPTIMISM * rate.deviation[position])

    size = min(able, key=lambda size: (at_best(size), size))
    step = expected_step(state, size, position)
    return None if step in state.taken[size] else ProbeWish(size, step)


def _gaps(state: HullEstimate) -> list[tuple[int, int]]:
    """Find the parts of the range, by indices of scores, between neighbours that are far apart."""
    vmafs = state.vmafs
    hull = [point.vmaf for point in upper_hull(state.measured)]
    places = np.searchsorted(vmafs, np.clip(hull, vmafs[0], vmafs[-1])).tolist()
    return [
        (low, high) for low, high in pairwise(places) if vmafs[high] - vmafs[low] > _NARROW_VMAF
    ]

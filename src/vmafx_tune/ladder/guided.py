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
from vmafx_tune.ladder.hull_probes import MeasuredPoint, end_probe, nearest_step, untaken

__all__ = ["guided_probe"]

# As in `adaptive`, but a probe less is worth more than a step.
_END_STEPS = 2.0
# A size of which less is known is tried for what it may be. Encoders differ most in how sizes
# compare, and a hull that keeps to a wrong size, however near the best, never finds out.
_OPTIMISM = 1.5
# Neighbours on the hull that are closer leave little to find between them.
_NARROW_VMAF = 3.0


def guided_probe(state: HullEstimate) -> ProbeWish | None:
    """Choose what to measure next; None where the hull is known well enough, or nothing is left."""
    left = state.problem.max_guided - len(state.measured)
    if left <= 0:
        return None
    if not state.measured:
        return _at(state, N_SCORES // 2)
    for position in (N_SCORES - 1, 0):
        if wish := end_probe(state, position, _END_STEPS):
            return wish
    return _between(state, left)


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
    """Ask the size that may be the cheapest at a score.

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
    return untaken(state, size, nearest_step(state, size, position))


def _gaps(state: HullEstimate) -> list[tuple[int, int]]:
    """Find the parts of the range, by indices of scores, between neighbours that are far apart."""
    vmafs = state.vmafs
    hull = [point.vmaf for point in upper_hull(map(MeasuredPoint, state.measured))]
    places = np.searchsorted(vmafs, np.clip(hull, vmafs[0], vmafs[-1])).tolist()
    return [
        (low, high) for low, high in pairwise(places) if vmafs[high] - vmafs[low] > _NARROW_VMAF
    ]

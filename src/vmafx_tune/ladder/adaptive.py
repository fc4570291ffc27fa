"""Adaptive sampling of a ladder: which encodes can change the hull most?

The bitrates of all sizes are estimated over the scores between the lowest and the highest target,
each with its deviation. A probe pays where a size is expected to be cheaper than the hull of what
was measured, or where that hull is expected to be wrong; where even an optimist sees no gain, a
size is left alone. The expected error of the hull, as a share of the bitrate, says when to stop.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vmafx_tune.ladder.guided import guided_probe
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.hull_estimate import N_SCORES, HullEstimate, HullProblem, ProbeWish
from vmafx_tune.ladder.hull_model import Measured
from vmafx_tune.ladder.hull_probes import end_probe, nearest_step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray


__all__ = ["HullProblem", "Measured", "ProbeWish", "next_probes", "probes_expected"]

# Mean error of the hull that is good enough, as a share of the bitrate.
_TOLERANCE = 0.003
# What a part of the range that nothing measured covers counts as its error.
_UNCOVERED = 0.3
# Sizes that are closer tell nearly the same, so not all of them are asked at the beginning.
_OPENING_OCTAVES = 0.7
_ON_HULL = 2e-3
# A curve through measured points strays to both sides, and its mean by so much of the deviation.
_STRAY = 0.35
# So far apart on the hull, points leave room for a curve that nobody expects.
_WIDE_GAP_VMAF = 10.0
# What is measured differs from what was expected, which takes so many probes more.
_SURPRISES = 1.3


def next_probes(
    problem: HullProblem, measured: Sequence[Measured], closed: Collection[int] = ()
) -> tuple[ProbeWish, ...]:
    """Choose what to measure next, at most one step of each size.

    Depends on what was measured alone, not on the order or on who measured it.

    Args:
        problem: What is sampled.
        measured: All points so far, each once.
        closed: Sizes at which nothing more is to be measured.

    Returns:
        Steps that are not measured yet; empty where the hull is known well enough, or as well as
        the limits allow.
    """
    state = HullEstimate(problem, measured, closed)
    if not state.open_sizes:
        return ()
    if problem.others:
        return tuple(filter(None, [guided_probe(state)]))
    if not measured:
        return tuple(_opening(state))
    return tuple(sorted(_round(state))) or _doubtful(state)


def probes_expected(
    problem: HullProblem,
    measured: Sequence[Measured],
    wishes: Sequence[ProbeWish],
    closed: Collection[int] = (),
) -> Mapping[int, float]:
    """Tell how many probes of each size should come after those that are under way.

    It takes as long as choosing all of them does.

    Args:
        problem: What is sampled.
        measured: All points so far, each once.
        wishes: Probes under way.
        closed: Sizes at which nothing more is to be measured.
    """
    counts: Counter[int] = Counter()
    while wishes:
        state = HullEstimate(problem, measured, ())
        for wish in wishes:
            state = state.believing(wish)
        measured = state.measured
        wishes = next_probes(problem, measured, closed)
        counts.update(wish.size for wish in wishes)
    return {size: _SURPRISES * count for size, count in counts.items()}


def _doubtful(state: HullEstimate) -> tuple[ProbeWish, ...]:
    """Look into the widest gap of the measured hull, whatever is estimated to be there.

    An estimate cannot tell how wrong its own idea of curves is. Between far-apart points of the
    hull, the size of the better one is asked half-way to the next step that it was measured at.
    """
    lowest, highest = state.problem.lowest, state.problem.highest
    gaps = sorted(
        (max(worse.vmaf, lowest) - min(better.vmaf, highest), better.size, better.step)
        for worse, better in pairwise(upper_hull(state.measured))
    )
    for gap, size, step in gaps:
        # Nothing is to be found where the size is below the range.
        end = min(math.ceil(float(state.steps[size].mean[0])), state.problem.last_step) + 1
        middle = (step + min([end, *(other for other in state.taken[size] if other > step)])) // 2
        if gap < -_WIDE_GAP_VMAF and size in state.open_sizes and middle > step:
            return (ProbeWish(size, middle),)
    return ()


def _round(state: HullEstimate) -> Iterator[ProbeWish]:
    """Choose one probe after the other, each as if those before it had given what is expected.

    The believer of D. Ginsbourger, R. Le Riche and L. Carraro, "Kriging is well-suited to
    parallelize optimization", 2010.
    """
    while state.open_sizes and (wish := _most_telling(state)):
        yield wish
        state = state.believing(wish)


def _most_telling(state: HullEstimate) -> ProbeWish | None:
    """Choose the probe that can change the hull most; None where none can by much."""
    for position in (N_SCORES - 1, 0):
        if wish := end_probe(state, position):
            return wish
    errors = {size: _errors(state, size) for size in state.open_sizes}
    if np.max(list(errors.values()), axis=0).mean() <= _TOLERANCE:
        return None
    size = max(errors, key=lambda size: float(errors[size].mean()))
    return ProbeWish(size, nearest_step(state, size, int(np.argmax(errors[size]))))


def _opening(state: HullEstimate) -> Iterator[ProbeWish]:
    """Begin near where hulls are: large sizes at high scores, small ones at low ones."""
    problem = state.problem
    by_pixels = sorted(state.open_sizes, key=lambda size: -problem.pixels[size])
    octaves = [math.log2(problem.pixels[size]) for size in by_pixels]
    extent = octaves[0] - octaves[-1]
    last = math.inf
    for size, octave in zip(by_pixels, octaves, strict=True):
        if last - octave < _OPENING_OCTAVES and size != by_pixels[-1]:
            continue
        last = octave
        share = (octaves[0] - octave) / extent if extent else 0.0
        position = round((1 - share) * (N_SCORES - 1))
        yield ProbeWish(size, nearest_step(state, size, position))


def _errors(state: HullEstimate, size: int) -> NDArray[np.float64]:
    """Estimate by how much a probe of `size` would change the hull, for each score."""
    rate = state.rates[size]
    hull = np.where(np.isnan(state.known), state.predicted + _UNCOVERED, state.known)
    distance = np.where(np.isfinite(hull), hull - rate.mean, 0.0)
    wins = rate.mean - state.predicted < _ON_HULL
    strays = np.maximum(np.abs(distance), _STRAY * rate.deviation)
    errors = np.where(wins, strays, _mean_gain(distance, rate.deviation))
    return np.where(_may_probe(state, size), errors, 0.0)


def _may_probe(state: HullEstimate, size: int) -> NDArray[np.bool_]:
    steps = np.clip(np.floor(state.steps[size].mean + 0.5), 0, state.problem.last_step)
    return state.reachable[size] & ~np.isin(steps, list(state.taken[size]))


def _mean_gain(
    distance: NDArray[np.float64], deviation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of the positive part of a normal variable.

    The expected improvement of D. R. Jones, M. Schonlau and W. J. Welch, "Efficient global
    optimization of expensive black-box functions", J. Global Optimization 13, 1998.
    """
    density, below = _normal(distance / np.maximum(deviation, 1e-9))
    return np.asarray(distance * below + deviation * density)


def _normal(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Density and distribution function of the standard normal distribution."""
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x])
    return density, below

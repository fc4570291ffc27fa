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

from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.hull_estimate import N_SCORES, HullEstimate, HullProblem, ProbeWish
from vmafx_tune.ladder.hull_model import Measured

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray


__all__ = ["HullProblem", "Measured", "ProbeWish", "next_probes", "probes_expected"]

# What a part of the range that nothing measured covers counts as its error.
_UNCOVERED = 0.3
# Sizes that are closer tell nearly the same, so not all of them are asked at the beginning.
_OPENING_OCTAVES = 0.7
# So many steps may the first point to reach an end of the range be dearer than the estimate of what
# reaches it just so, which lies between two steps.
_END_STEPS = 1.25
_LEAST_END_ERROR = 0.05
# An end is aimed at with so many deviations to spare, since a miss is worth less than a hit.
_CAUTION = 0.2
_ON_HULL = 2e-3
# A curve through measured points strays to both sides, and its mean by so much of the deviation.
_STRAY = 0.35
# So far apart on the hull, points leave room for a curve that nobody expects.
_WIDE_GAP_VMAF = 10.0
# What is measured differs from what was expected, which takes so many probes more.
_SURPRISES = 1.3
# A curve that falls so much slower than a typical one is near its ceiling or its floor.
_FLAT_PACE = 0.4


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
        for worse, better in pairwise(upper_hull(map(_Known, state.measured)))
    )
    for gap, size, step in gaps:
        # Nothing is to be found where the size is below the range.
        end = min(math.ceil(float(state.steps[size].mean[0])), state.problem.last_step) + 1
        middle = (step + min([end, *(other for other in state.taken[size] if other > step)])) // 2
        if gap < -_WIDE_GAP_VMAF and size in state.open_sizes and middle > step:
            return (ProbeWish(size, middle),)
    return ()


class _Known:
    """A measured point as hulls take it."""

    def __init__(self, point: Measured) -> None:
        self.bitrate_kbps = math.exp(point.log_rate)
        self.vmaf, self.size, self.step = point.vmaf, point.size, point.step


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
        if wish := _end(state, position):
            return wish
    errors = {size: _errors(state, size) for size in state.open_sizes}
    if np.max(list(errors.values()), axis=0).mean() <= state.problem.tolerance:
        return None
    size = max(errors, key=lambda size: float(errors[size].mean()))
    return ProbeWish(size, _nearest(state, size, int(np.argmax(errors[size]))))


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
        yield ProbeWish(size, _nearest(state, size, position))


def _nearest(state: HullEstimate, size: int, position: int) -> int:
    """Find the step at which a size should have a score; the knob's end where it is far off."""
    limit = _flat_towards(state, size, position)
    if limit is not None:
        return limit
    step = math.floor(float(state.steps[size].mean[position]) + 0.5)
    return min(max(step, 0), state.problem.last_step)


def _flat_towards(state: HullEstimate, size: int, position: int) -> int | None:
    """Find the end of the knob towards a score that a flat curve may never have.

    Of two points on the same side of the score, a curve that changes much less between them than
    curves do says little of where the score is, but its end says all.
    """
    target, width = state.vmafs[position], state.problem.prior.width
    own = [point for point in state.measured if point.size == size]
    good = [point for point in own if point.vmaf >= target]
    if len(own) < 2 or 0 < len(good) < len(own):
        return None
    near, far = own[-2:] if good else own[:2]
    odds = state.scale.odds([near.vmaf, far.vmaf])
    pace = float(odds[0] - odds[1]) * width / (far.step - near.step)
    if pace > _FLAT_PACE:
        return None
    return state.problem.last_step if good else 0


def _end(state: HullEstimate, position: int) -> ProbeWish | None:
    target = state.vmafs[position]
    able = [size for size in state.open_sizes if state.reachable[size][position]]
    if not able:
        return _limit(state, position)
    size = min(able, key=lambda size: (state.rates[size].mean[position], size))
    ideal = state.rates[size].mean[position]
    reaching = [p.log_rate for p in state.measured if p.vmaf >= target]
    if reaching and min(reaching) - ideal < _END_STEPS * _stride(state, size, position):
        return None
    limit = _flat_towards(state, size, position)
    if limit is not None:
        return _untaken(state, size, limit)
    steps = state.steps[size]
    crossing = float(steps.mean[position] - _CAUTION * steps.deviation[position])
    return _untaken(state, size, math.floor(crossing))


def _limit(state: HullEstimate, position: int) -> ProbeWish | None:
    """Ask the size that comes nearest to an end out of reach for the end of its knob."""
    upwards = position > 0
    vmafs = [point.vmaf for point in state.measured]
    if max(vmafs) >= state.problem.highest if upwards else min(vmafs) <= state.problem.lowest:
        return None
    step = 0 if upwards else state.problem.last_step
    if any(point.step == step for point in state.measured):
        return None
    crossings = {size: float(state.steps[size].mean[position]) for size in state.open_sizes}
    size = (max if upwards else min)(crossings, key=lambda size: (crossings[size], -size))
    return ProbeWish(size, step)


def _stride(state: HullEstimate, size: int, position: int) -> float:
    """Estimate how much of the bitrate's logarithm a step takes."""
    inner = min(max(position, 1), N_SCORES - 2)
    near, far = inner - 1, inner + 1
    steps, rates = state.steps[size].mean, state.rates[size].mean
    walked = abs(steps[far] - steps[near])
    stride = abs(rates[far] - rates[near]) / walked if walked else 0.0
    return max(stride, _LEAST_END_ERROR)


def _untaken(state: HullEstimate, size: int, step: int) -> ProbeWish | None:
    """Find a step at or right beside `step` that is not measured."""
    nearby = (step, step - 1, step + 1)
    for candidate in (min(max(near, 0), state.problem.last_step) for near in nearby):
        if candidate not in state.taken[size]:
            return ProbeWish(size, candidate)
    return None


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

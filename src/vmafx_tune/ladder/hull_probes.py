"""Which step of a size to measure for a score, and what an end of the range takes."""

from __future__ import annotations

import math

from vmafx_tune.ladder.hull_estimate import N_SCORES, HullEstimate, ProbeWish

__all__ = [
    "cheapest_able",
    "crossing_step",
    "end_probe",
    "expected_step",
    "is_reached",
    "limit_probe",
    "nearest_step",
    "untaken",
]

# So many steps may the first point to reach an end of the range be dearer than the estimate of what
# reaches it just so, which lies between two steps.
_END_STEPS = 1.25
_LEAST_END_ERROR = 0.05
# An end is aimed at with so many deviations to spare, since a miss is worth less than a hit.
_CAUTION = 0.2
# A curve that falls so much slower than a typical one is near its ceiling or its floor.
_FLAT_PACE = 0.4


def expected_step(state: HullEstimate, size: int, position: int) -> int:
    """Round where a size is estimated to have a score to a step of the knob.

    Args:
        state: What is known.
        size: Index of the size.
        position: Index of the score among the state's.
    """
    step = math.floor(float(state.steps[size].mean[position]) + 0.5)
    return min(max(step, 0), state.problem.last_step)


def nearest_step(state: HullEstimate, size: int, position: int) -> int:
    """Find the step at which a size should have a score; the knob's end where it is far off.

    Args:
        state: What is known.
        size: Index of the size.
        position: Index of the score among the state's.
    """
    limit = _flat_towards(state, size, position)
    return expected_step(state, size, position) if limit is None else limit


def _flat_towards(state: HullEstimate, size: int, position: int) -> int | None:
    """Find the end of the knob towards a score that a flat curve may never have.

    Of two points on the same side of the score, a curve that changes much less between them than
    curves do says little of where the score is, but its end says all.
    """
    target, prior = state.vmafs[position], state.problem.prior
    own = [point for point in state.measured if point.size == size]
    good = [point for point in own if point.vmaf >= target]
    if len(own) < 2 or 0 < len(good) < len(own):
        return None
    near, far = own[-2:] if good else own[:2]
    odds = state.scale.odds([near.vmaf, far.vmaf])
    pace = float(odds[0] - odds[1]) / (prior.widths(far.step) - prior.widths(near.step))
    if pace > _FLAT_PACE:
        return None
    return state.problem.last_step if good else 0


def end_probe(state: HullEstimate, position: int) -> ProbeWish | None:
    """Find what to measure so that an end of the range is reached by the cheapest encode, or about.

    Args:
        state: What is known.
        position: Index of the end among the state's scores.
    """
    size = cheapest_able(state, position)
    if size is None:
        return limit_probe(state, position)
    if is_reached(state, size, position, _END_STEPS):
        return None
    limit = _flat_towards(state, size, position)
    return untaken(state, size, crossing_step(state, size, position) if limit is None else limit)


def cheapest_able(state: HullEstimate, position: int) -> int | None:
    """Find the size that should be the cheapest at a score; None where no size may have it."""
    able = [size for size in state.open_sizes if state.reachable[size][position]]
    return min(able, key=lambda size: (state.rates[size].mean[position], size), default=None)


def is_reached(state: HullEstimate, size: int, position: int, tolerance: float) -> bool:
    """Tell whether a score is reached by a measured point that is cheap enough.

    Args:
        state: What is known.
        size: Index of the size that should be the cheapest there.
        position: Index of the score among the state's.
        tolerance: Steps that the point may be dearer than the estimate.
    """
    reaching = [p.log_rate for p in state.measured if p.vmaf >= state.vmafs[position]]
    ideal = float(state.rates[size].mean[position])
    return bool(reaching) and min(reaching) - ideal < tolerance * _stride(state, size, position)


def crossing_step(state: HullEstimate, size: int, position: int) -> int:
    """Find the last step that should still reach a score; it may be out of the knob's range."""
    steps = state.steps[size]
    return math.floor(float(steps.mean[position] - _CAUTION * steps.deviation[position]))


def limit_probe(state: HullEstimate, position: int) -> ProbeWish | None:
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


def untaken(state: HullEstimate, size: int, step: int) -> ProbeWish | None:
    """Find a step of a size, at or right beside `step`, that is not measured."""
    nearby = (step, step - 1, step + 1)
    for candidate in (min(max(near, 0), state.problem.last_step) for near in nearby):
        if candidate not in state.taken[size]:
            return ProbeWish(size, candidate)
    return None

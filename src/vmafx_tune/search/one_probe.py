"""An answer from one probe: the typical curve, shifted through it, and how far that may be off.

How far was learned from the curves of many clips; see `benchmarks/estimates.py`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.knob import score_at, widths_at
from vmafx_tune.sampling.estimates import estimate_of
from vmafx_tune.search.expected_curve import (
    expected_crossing,
    prior_of,
    typical_ceiling,
    widths_between,
)
from vmafx_tune.search.state import SearchState
from vmafx_tune.search.strategy import wished_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmafx_tune.model import Probe
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.search.state import SearchProblem

__all__ = ["Estimated", "check_estimable", "estimated", "step_to_probe", "why_unknown"]


@frozen
class _Error:
    """Half a 95 % interval, by how far a curve was extrapolated: it grows, up to where curves end.

    Attributes:
        least: Of a curve that was measured at its crossing.
        share: What it grows by with each width of the typical curve.
        most: Where it ends.
    """

    least: float
    share: float
    most: float = math.inf

    def at(self, widths: float, oddity: float = 1.0) -> float:
        """Tell the error after so many widths, in either direction, of a clip so odd."""
        most = self.most * min(oddity, _MOST_EFFECT)
        return min(most, oddity * (self.least + self.share * abs(widths)))


# Of crossings, in widths; of scores, in their log-odds; of bitrates, in their logarithms. On these
# scales they are alike for encoders, poolings and targets.
_CROSSING = _Error(0.15, 1.5, 1.8)
_SCORE = _Error(0.2, 1.25, 2.7)
_BITRATE = _Error(0.0, 0.8)
# Clips that take fewer bits are pictures with next to nothing in them, whose curves have any shape.
_USUAL_BITS_PER_PIXEL = 0.08
_ODDITY = 0.8
_MOST_ODDITY = 10.0
_MOST_EFFECT = 2.0
# What bitrates fall by over the width of the typical curve, as a logarithm.
_FALL = 0.6
# What neighbours may contradict each other by, in VMAF points.
_NOISE = 0.1
# The range of a knob is some ten widths.
_MOST_WIDTHS = 10.0
_HIGHEST_TARGET = 96.0
_KNOWN_MODELS = frozenset({"vmaf_v0.6.1"})
# So near a crossing another probe tells no more that matters, in widths of the typical curve.
_NEAR_WIDTHS = 0.5
_LEAST_NEAR_STEPS = 1.0


@frozen
class Estimated:
    """What is expected of an answer.

    The errors are half the widths of 95 % intervals; None where they are not known.

    Attributes:
        step: Worst step that should reach the target; 0 where none should.
        reached: Whether it should reach the target.
        vmaf: Pooled score that it should have.
        bitrate_kbps: What it should take.
        step_error: How many steps the worst one that reaches the target may be away.
        vmaf_error: How far the score may be off, in VMAF points.
        bitrate_error_kbps: How far the bitrate may be off.
    """

    step: int
    reached: bool
    vmaf: float
    bitrate_kbps: float
    step_error: int | None
    vmaf_error: float | None
    bitrate_error_kbps: float | None


def check_estimable(request: SearchRequest) -> None:
    """Refuse a search of which one probe says too little.

    Raises:
        UsageError: It has conditions or a limit that only a measured answer can meet, or asks for
            bisection.
    """
    if request.conditions:
        raise UsageError(
            "--proof none cannot estimate the conditions of --require. Leave out one of the two."
        )
    if request.max_bitrate_kbps is not None:
        raise UsageError(
            "--proof none cannot hold an answer to --max-bitrate, which needs measured encodes. "
            "Leave out one of the two."
        )
    if request.strategy is SearchStrategy.BISECT:
        raise UsageError(
            "--proof none makes one probe, so --strategy bisect has no effect. Leave out one of "
            "the two."
        )


def step_to_probe(problem: SearchProblem, state: SearchState) -> int | None:
    """Choose the only step to measure: the one nearest to where the curve should cross the target.

    Steps that the store holds cost nothing. A run that is repeated takes the same step again; for
    another target, a stored step near the crossing is taken.

    Args:
        problem: What is searched, with seeds and hints.
        state: What was measured before, for other targets.

    Returns:
        None where a step near the crossing was measured.
    """
    crossing = expected_crossing(problem, state)
    if state.bracket.n_open == 0 or _near(state.scores, crossing, problem):
        return None
    step = wished_step(problem, state, crossing)
    if step in problem.seeds or not problem.seeds:
        return step
    seeded = SearchState(replace(problem, known={**problem.seeds, **state.found}))
    crossing = expected_crossing(problem, seeded)
    near = _near(problem.seeds, crossing, problem) - state.found.keys()
    if near or seeded.bracket.n_open == 0:
        return min(near or problem.seeds, key=lambda one: abs(one - crossing))
    return wished_step(problem, seeded, crossing)


def _near(steps: Iterable[int], crossing: float, problem: SearchProblem) -> set[int]:
    return {
        step
        for step in steps
        if abs(step - crossing) <= _LEAST_NEAR_STEPS
        or abs(widths_between(problem, step, crossing)) <= _NEAR_WIDTHS
    }


def estimated(
    request: SearchRequest,
    problem: SearchProblem,
    probes: Mapping[int, Probe],
    scores: Mapping[int, float],
) -> Estimated:
    """Estimate an answer from what was measured.

    Args:
        request: What is asked.
        problem: The same, with hints.
        probes: What was measured, by step; at least one.
        scores: Their pooled scores.
    """
    state = SearchState(replace(problem, known=scores))
    crossing = expected_crossing(problem, state)
    step = _worst_reaching(crossing, state)
    nearest = min(probes, key=lambda one: (abs(one - crossing), one))
    widths = widths_between(problem, nearest, crossing)
    known, oddity = _unlearned(request) is None, _oddity(request, probes[nearest])
    sampled = _sampled_errors(request, probes[nearest])
    off = _CROSSING.at(widths, oddity) if known else None
    if step in probes:
        vmaf, vmaf_error = scores[step], sampled[0]
    else:
        error = None if sampled[0] is None or not known else (_SCORE.at(widths), sampled[0])
        vmaf, vmaf_error = _score(
            problem, state, step, widths_between(problem, crossing, step), error
        )
    bitrate_kbps, bitrate_error = _bitrate(
        problem, probes, step, oddity, sampled[1] if known else None
    )
    return Estimated(
        step=step,
        reached=vmaf >= problem.target if step in probes else crossing >= 0,
        vmaf=vmaf,
        bitrate_kbps=bitrate_kbps,
        step_error=_step_error(problem, state, crossing, off, sampled[0]),
        vmaf_error=vmaf_error,
        bitrate_error_kbps=sampled[1] if step in probes else bitrate_error,
    )


def why_unknown(request: SearchRequest) -> str | None:
    """Say why nobody knows how far an estimate may be off; None where that is known."""
    single = request.estimates and request.sample is not None and len(request.sample.segments) == 1
    return _unlearned(request) or ("a single part has no spread" if single else None)


def _unlearned(request: SearchRequest) -> str | None:
    """Say what is unlike the encodes and scores that the error was learned of."""
    if request.caps:
        return f"{' and '.join(request.caps)} in the encoder arguments may bend the curve"
    if not request.has_typical_curve:
        return f"it was not learned for {request.encoder}"
    if request.template.model.name not in _KNOWN_MODELS:
        return f"it was not learned for the model {request.template.model.name}"
    if request.target > _HIGHEST_TARGET:
        return f"above {_HIGHEST_TARGET:g} curves are too flat"
    return None


def _sampled_errors(request: SearchRequest, probe: Probe) -> tuple[float | None, float | None]:
    """Tell how far the score and the bitrate of a probe may be off; only those of a sample are."""
    if not request.estimates:
        return 0.0, 0.0
    found = estimate_of(request, probe)
    return found.vmaf_error, found.bitrate_error_kbps


def _score(
    problem: SearchProblem,
    state: SearchState,
    step: int,
    beyond: float,
    error: tuple[float, float] | None,
) -> tuple[float, float | None]:
    """Estimate the score of a step, and how far it may be off.

    Args:
        problem: What is searched.
        state: What was measured: scores lie between those of better and of worse steps.
        step: One that was not measured.
        beyond: How far it is beyond the crossing, in widths.
        error: What it may be off in log-odds, and the probe's own score in points; None where
            nobody knows.
    """
    ceiling = typical_ceiling(problem.target)
    place = widths_at(problem.target, ceiling) + beyond
    score = score_at(place, ceiling)
    if error is None:
        return score, None
    off, sampled = error
    low, high = (score_at(place + sign * off, ceiling) for sign in (1, -1))
    low = max([low, *(found - _NOISE for at, found in state.scores.items() if at > step)])
    high = min([high, *(found + _NOISE for at, found in state.scores.items() if at < step)])
    return score, math.hypot(max(score - low, high - score, _NOISE), sampled)


def _oddity(request: SearchRequest, probe: Probe) -> float:
    """Tell how many times larger errors are than usual, by the bits that a clip takes."""
    encode = request.template.encode
    size = encode.size or encode.source.resolution
    bits = 1000 * probe.bitrate_kbps / (size.pixels * float(encode.source.frame_rate))
    if bits >= _USUAL_BITS_PER_PIXEL:
        return 1.0
    return min(math.pow(_USUAL_BITS_PER_PIXEL / max(bits, 1e-9), _ODDITY), _MOST_ODDITY)


def _bitrate(
    problem: SearchProblem,
    probes: Mapping[int, Probe],
    step: int,
    oddity: float,
    sampled: float | None,
) -> tuple[float, float | None]:
    """Estimate the bitrate of a step from the nearest probe, and how far it may be off."""
    nearest = min(probes, key=lambda one: (abs(one - step), one))
    widths = min(max(widths_between(problem, nearest, step), -_MOST_WIDTHS), _MOST_WIDTHS)
    bitrate_kbps = probes[nearest].bitrate_kbps * math.exp(-_FALL * widths)
    if sampled is None:
        return bitrate_kbps, None
    share = sampled / probes[nearest].bitrate_kbps if sampled else 0.0
    off = math.expm1(_BITRATE.at(widths, min(oddity, _MOST_EFFECT)))
    return bitrate_kbps, bitrate_kbps * math.hypot(off, share)


def _step_error(
    problem: SearchProblem,
    state: SearchState,
    crossing: float,
    off: float | None,
    sampled: float | None,
) -> int | None:
    """Tell how many steps the worst one that reaches the target may be from the estimated one.

    Args:
        problem: What is searched.
        state: What was measured: the answer is between the ends of its bracket.
        crossing: Where the curve should cross the target, in steps.
        off: How far that may be off, in widths; None where nobody knows.
        sampled: How far the score of the nearest probe may be off; None likewise.
    """
    if off is None or sampled is None:
        return None
    prior, target, ceiling = prior_of(problem), problem.target, typical_ceiling(problem.target)
    widths = math.hypot(off, widths_at(target - sampled, ceiling) - widths_at(target, ceiling))
    best_place = prior.widths(crossing)
    low, best, high = (
        _worst_reaching(place, state)
        for place in map(prior.place, (best_place - widths, best_place, best_place + widths))
    )
    return max(best - low, high - best)


def _worst_reaching(crossing: float, state: SearchState) -> int:
    """Find the answer for a crossing: between what was measured, however that is rounded."""
    least = max(state.bracket.passing, 0)
    return min(max(math.floor(crossing), least), max(state.bracket.missing - 1, least))

"""Where a curve should cross the target, estimated from what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.search.curve import PchipCurve
from vmafx_tune.search.expected_curve import Expectation, pace, tells_its_step
from vmafx_tune.search.prior import TYPICAL_CEILING, Prior

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmafx_tune.search.state import SearchProblem, SearchState

__all__ = ["expected_crossing", "prior_of"]

_LEAST_HEADROOM = 0.5
_ABOVE_HIGHEST = 1.0
# A curve that rises so much slower than expected has its ceiling below the target, as small
# renditions at display size do.
_LEVELLING_OFF = 0.6
_APART = 1e-6


def expected_crossing(problem: SearchProblem, state: SearchState) -> float:
    """Estimate where the curve crosses the target, in steps and fractions; it may be anywhere.

    Args:
        problem: Gives the target, the prior and the hints.
        state: What was measured.
    """
    ceiling = _ceiling(problem, state)
    prior, target = prior_of(problem), problem.target
    expected = Expectation.through(problem.hints, prior=prior, ceiling=ceiling, target=target)
    goal = expected.step_at(target)
    points = [
        _Point(expected.step_at(score), step, score) for step, score in sorted(state.scores.items())
    ]
    # The bracket's better end may be a step that is too large, and one before it may well miss.
    passing = _chain(
        p for p in reversed(points) if p.step <= state.bracket.passing and p.score >= target
    )
    missing = _chain(p for p in points if p.step >= state.bracket.missing)
    if not passing and _pace(missing, prior) < _LEVELLING_OFF:
        return -1.0
    telling = _telling(passing, ceiling, target)
    if telling and missing and _same_order(telling[0], missing[0]):
        return _between(telling, missing, goal)
    if nearest := missing or telling or passing:
        return _beyond(nearest, goal, prior)
    return goal


def prior_of(problem: SearchProblem) -> Prior:
    """What a typical clip scores, as far as anybody knows."""
    return problem.prior or Prior.across(0, problem.last_step)


@dataclass(frozen=True, slots=True)
class _Point:
    """A measured step on the scale on which curves are nearly straight.

    Attributes:
        expected: Step at which this score was expected.
        step: Step at which the clip has it.
        score: In VMAF points.
    """

    expected: float
    step: int
    score: float


def _ceiling(problem: SearchProblem, state: SearchState) -> float:
    """Guess what the clip's best score is: above all that was seen, and above the target."""
    highest = max((*state.scores.values(), *problem.hints.values()), default=0.0)
    return max(TYPICAL_CEILING, problem.target + _LEAST_HEADROOM, highest + _ABOVE_HIGHEST)


def _chain(outwards: Iterable[_Point]) -> list[_Point]:
    """Keep the points that agree with a falling curve, from the bracket's end outwards."""
    chain: list[_Point] = []
    for point in outwards:
        if not chain or _same_order(chain[-1], point):
            chain.append(point)
    return chain


def _same_order(inner: _Point, outer: _Point) -> bool:
    further = (outer.expected - inner.expected) * (1 if outer.step > inner.step else -1)
    return further > _APART


def _telling(passing: Sequence[_Point], ceiling: float, target: float) -> list[_Point]:
    """Keep what tells where the curve falls, if the bracket's end does."""
    telling = [point for point in passing if tells_its_step(point.score, ceiling, target)]
    return telling if telling[:1] == passing[:1] else []


def _between(passing: Sequence[_Point], missing: Sequence[_Point], goal: float) -> float:
    """Interpolate the step over the straightened score, which is monotone in both."""
    points = [*reversed(passing), *missing]
    curve = PchipCurve([point.expected for point in points], [point.step for point in points])
    return curve.at(goal)


def _beyond(outwards: Sequence[_Point], goal: float, prior: Prior) -> float:
    """Walk from the bracket's end to the target, as expected, at the clip's pace."""
    end = outwards[0]
    return end.step + (goal - end.expected) / _pace(outwards, prior)


def _pace(outwards: Sequence[_Point], prior: Prior) -> float:
    """Estimate how fast the clip's curve falls next to what is expected, at its nearest points."""
    for near, far in pairwise(outwards[:2]):
        return pace(far.expected - near.expected, far.step - near.step, prior)
    return 1.0

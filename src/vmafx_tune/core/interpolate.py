"""The interpolating search: guess where the curve crosses the target, and measure there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.core.ledger import Bracket, Ledger
from vmafx_tune.core.prior import TYPICAL_CEILING, Prior
from vmafx_tune.core.probe_budget import ProbeBudget

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from vmafx_tune.core.ledger import SearchOutcome, SearchProblem

__all__ = ["interpolate", "probes_left"]

_NOTHING: Mapping[int, float] = MappingProxyType({})

_LEAST_HEADROOM = 0.5
_ABOVE_HIGHEST = 1.0
# So close below the ceiling a curve is flat: a score there does not tell where its step is.
_FLAT_MARGIN = 1.0
_FLAT_SHARE = 0.4
_GENTLEST, _STEEPEST = 0.2, 3.0
_PRIOR_WEIGHT = 0.5
# A curve that rises so much slower than the prior has its ceiling below the target, as small
# renditions at display size do.
_LEVELLING_OFF = 0.6
_APART = 1e-6
_NEAR_END = 0.1


def interpolate(problem: SearchProblem) -> Generator[int, float, SearchOutcome]:
    """Measure where the curve should cross the target, and learn from the miss.

    Each probe goes to the step nearest to the estimated crossing: it is the one that, with its
    neighbour, proves the answer if the estimate is off by less than one step. The bracket between
    the steps that pass and those that miss is kept as in `bisect`, and nothing but measurements
    narrows it, so an answer means the same with both.

    On a curve that falls with each step no answer takes more than two probes above what `bisect`
    needs for it; on any curve, no search takes more than two above the most that `bisect` may need.
    A guess that would break this moves to the nearest step that keeps it, which turns the search
    into bisection where guesses go on failing.

    Args:
        problem: What to search.

    Yields:
        A step whose score is not known yet.

    Returns:
        The outcome; see `SearchOutcome`.
    """
    ledger = Ledger(problem)
    budget = ProbeBudget.of(ledger.bracket, problem.max_probes)
    prior = problem.prior or Prior.across(0, problem.last_step)
    while ledger.may_probe:
        wish = _wish(problem, ledger, prior)
        step = budget.nearest_affordable(wish, ledger.bracket, ledger.n_new)
        ledger.record(step, (yield step))
    return ledger.outcome()


def probes_left(problem: SearchProblem, measured: Mapping[int, float] = _NOTHING) -> int:
    """Bound how many more probes `interpolate` makes; see `search.probes_left`."""
    scores = {**problem.known, **measured}
    n_made = len(scores) - len(problem.known)
    budget = ProbeBudget.of(Bracket.of(problem.known, problem), problem.max_probes)
    most = budget.most_left(Bracket.of(scores, problem), n_made)
    return max(0, min(problem.max_probes - n_made, most))


def _wish(problem: SearchProblem, ledger: Ledger, prior: Prior) -> int:
    """Choose the open step nearest to the estimated crossing, or an end of the range near it.

    The end of the range needs no neighbour for its proof, so it is worth a try where an estimate
    that extrapolates comes close to it.
    """
    bracket = ledger.bracket
    crossing = _crossing(problem, ledger, prior)
    near = _NEAR_END * problem.last_step
    if (
        ledger.scores
        and bracket.missing > problem.last_step
        and crossing > problem.last_step - near
    ):
        return problem.last_step
    if ledger.scores and bracket.passing < 0 and crossing < near:
        return 0
    return round(min(max(crossing, bracket.passing + 1), bracket.missing - 1))


@dataclass(frozen=True, slots=True)
class _Point:
    """A measured step on the scale on which curves are nearly straight.

    Attributes:
        typical: Step at which a typical clip has this score.
        step: Step at which this clip has it.
        score: In VMAF points.
    """

    typical: float
    step: int
    score: float


def _crossing(problem: SearchProblem, ledger: Ledger, prior: Prior) -> float:
    """Estimate where the curve crosses the target, in steps and fractions; it may be anywhere."""
    ceiling = _ceiling(problem.target, ledger.scores)
    goal = prior.step_at(problem.target, ceiling)
    points = [
        _Point(prior.step_at(score, ceiling), step, score)
        for step, score in sorted(ledger.scores.items())
    ]
    passing = _chain(p for p in reversed(points) if p.step <= ledger.bracket.passing)
    missing = _chain(p for p in points if p.step >= ledger.bracket.missing)
    if not passing and _pace(missing, prior) < _LEVELLING_OFF:
        return 0.0
    telling = _telling(passing, ceiling, problem.target)
    if telling and missing and _same_order(telling[0], missing[0]):
        return _between(telling, missing, goal)
    if nearest := missing or telling or passing:
        return _beyond(nearest, goal, prior)
    return goal


def _ceiling(target: float, scores: Mapping[int, float]) -> float:
    """Guess what the clip's best score is: above all that was seen, and above the target."""
    highest = max(scores.values(), default=0.0)
    return max(TYPICAL_CEILING, target + _LEAST_HEADROOM, highest + _ABOVE_HIGHEST)


def _chain(outwards: Iterable[_Point]) -> list[_Point]:
    """Keep the points that agree with a falling curve, from the bracket's end outwards."""
    chain: list[_Point] = []
    for point in outwards:
        if len(chain) < 1 or _same_order(chain[-1], point):
            chain.append(point)
    return chain


def _same_order(inner: _Point, outer: _Point) -> bool:
    further = (outer.typical - inner.typical) * (1 if outer.step > inner.step else -1)
    return further > _APART


def _telling(passing: Sequence[_Point], ceiling: float, target: float) -> list[_Point]:
    """Keep what tells where the curve falls, if the bracket's end does."""
    margin = min(_FLAT_MARGIN, _FLAT_SHARE * (ceiling - target))
    telling = [point for point in passing if point.score <= ceiling - margin]
    return telling if telling[:1] == passing[:1] else []


def _between(passing: Sequence[_Point], missing: Sequence[_Point], goal: float) -> float:
    """Interpolate the step over the straightened score, which is monotone in both."""
    # Here, because most of the package's start-up time would be numpy's.
    from vmafx_tune.core.curve import PchipCurve

    points = [*reversed(passing), *missing]
    curve = PchipCurve([point.typical for point in points], [point.step for point in points])
    return float(curve(goal))


def _beyond(outwards: Sequence[_Point], goal: float, prior: Prior) -> float:
    """Walk from the bracket's end to the target, along the prior's shape at the clip's pace."""
    end = outwards[0]
    return end.step + (goal - end.typical) / _pace(outwards, prior)


def _pace(outwards: Sequence[_Point], prior: Prior) -> float:
    """Estimate how fast the clip's curve falls next to the prior, from its two nearest points.

    Points that are close together say little, so the prior's pace counts as much as a pair that is
    half a width apart.
    """
    for near, far in pairwise(outwards[:2]):
        typical, steps = abs(far.typical - near.typical), abs(far.step - near.step)
        weight = _PRIOR_WEIGHT * prior.width
        pace = (typical + weight) / (steps + weight)
        return min(max(pace, _GENTLEST), _STEEPEST)
    return 1.0

"""Where a curve is expected to have each score, and where it should cross the target.

It has the typical shape, bent through hints. All places here are in widths of the typical curve,
on which scale clips' curves are straight even where the knob is not.

Hints are scores of part of a clip, or of the clip made smaller. Their curve has the shape of the
whole clip's and is off by some steps, so it makes a better prior than the curve of a typical clip.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import inf, log
from statistics import StatisticsError, fmean, linear_regression
from typing import TYPE_CHECKING

from vmafx_tune.frozen import frozen
from vmafx_tune.knob import TypicalCurve, widths_at
from vmafx_tune.search.curve import PchipCurve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vmafx_tune.search.state import SearchProblem, SearchState


__all__ = [
    "GENTLEST",
    "LOWEST_CEILING",
    "STEEPEST",
    "TYPICAL_CEILING",
    "Expectation",
    "expected_crossing",
    "pace",
    "prior_of",
    "tells_its_step",
    "typical_ceiling",
    "widths_between",
]

TYPICAL_CEILING = 98.5
"""Score that a typical clip approaches at its best quality; clips with little motion end at 97.4,
those with much at 100."""
LOWEST_CEILING = 97.0
"""Score that every clip reaches against itself."""

_LEAST_HEADROOM = 2.0
_ABOVE_HIGHEST = 1.0
# Small renditions at display size level off far below typical clips. So many scores tell it.
_TELLING_SCORES = 3
_LOWEST = 1.0
_HEADROOMS = (0.2, 0.4, 0.7, 1.1, 1.7, 2.6, 4.0, 6.0, 9.0)
# Squared steps that a ceiling must be better by, for each squared factor of e in its headroom.
_DOUBT = 0.005
# A curve that rises so much slower than expected has its ceiling below the target, as small
# renditions at display size do.
_LEVELLING_OFF = 0.6
_APART = 1e-6

GENTLEST, STEEPEST = 0.2, 3.0
"""How much slower or faster than the prior a curve may fall before it is taken for an accident."""

_PRIOR_WEIGHT = 0.25
# So close below the ceiling a curve is flat.
_FLAT_MARGIN = 1.0
_FLAT_SHARE = 0.4


@frozen
class _Point:
    """A score on a scale on which curves are nearly straight.

    Attributes:
        expected: Place at which this score was expected: for a hint, by the typical curve.
        place: Place at which the clip has it.
        step: Its step.
        score: In VMAF points.
    """

    expected: float
    place: float
    step: int
    score: float


@frozen
class Expectation:
    """The place at which each score is expected: a scale on which the clip's curve is straight.

    Without hints this is the typical curve's scale. With hints it runs through them, and along the
    typical curve beyond them. Whatever the hints are, a higher score is expected at a better place.

    Attributes:
        ceiling: Score that the clip approaches at its best quality; above all that was seen.
        anchors: Hints that agree with a falling curve, by ascending step.
    """

    ceiling: float
    anchors: tuple[_Point, ...] = ()

    @classmethod
    def through(
        cls, hints: Mapping[int, float], *, prior: TypicalCurve, ceiling: float, target: float
    ) -> Expectation:
        """Bend the prior through hints.

        Args:
            hints: Scores by step, all below `ceiling`; in any order, and of any shape. Those that
                contradict ones nearer to the target are left out.
            prior: What a typical clip scores.
            ceiling: Score that the clip approaches at its best quality.
            target: The score whose step matters most.
        """
        telling = {
            step: score for step, score in hints.items() if tells_its_step(score, ceiling, target)
        }
        anchors = [
            _Point(widths_at(score, ceiling), prior.widths(step), step, score)
            for step, score in sorted((telling or hints).items())
        ]
        return cls(ceiling, _agreeing(anchors, widths_at(target, ceiling)))

    def place_of(self, score: float) -> float:
        """Find where a score is expected: a place that may lie out of the range."""
        typical = widths_at(score, self.ceiling)
        anchors = self.anchors
        if not anchors:
            return typical
        position = bisect_right(anchors, typical, key=lambda anchor: anchor.expected)
        if 0 < position < len(anchors):
            return _between(anchors[position - 1], anchors[position], typical)
        outwards = anchors if position == 0 else anchors[::-1]
        return _beyond(outwards, typical)


def expected_crossing(problem: SearchProblem, state: SearchState) -> float:
    """Estimate where the curve crosses the target, in steps and fractions; it may be anywhere.

    Args:
        problem: Gives the target, the prior and the hints.
        state: What was measured.
    """
    ceiling = _ceiling(problem, state)
    prior, target = prior_of(problem), problem.target
    expected = Expectation.through(problem.hints, prior=prior, ceiling=ceiling, target=target)
    goal = expected.place_of(target)
    points = [
        _Point(expected.place_of(score), prior.widths(step), step, score)
        for step, score in sorted(state.scores.items())
    ]
    # The bracket's better end may be a step that is too large, and one before it may well miss.
    passing = _chain(
        (p for p in reversed(points) if p.step <= state.bracket.passing and p.score >= target),
        _same_order,
    )
    missing = _chain((p for p in points if p.step >= state.bracket.missing), _same_order)
    if not passing and _pace(missing) < _LEVELLING_OFF:
        return -1.0
    if passing and missing and _same_order(passing[0], missing[0]):
        return prior.place(_interpolated(passing, missing, goal))
    nearest = missing or passing
    return prior.place(_beyond(nearest, goal) if nearest else goal)


def prior_of(problem: SearchProblem) -> TypicalCurve:
    """What a typical clip scores, as far as anybody knows."""
    return problem.prior or TypicalCurve.across(0, problem.last_step)


def widths_between(problem: SearchProblem, start: float, end: float) -> float:
    """Measure from step to step in widths of the typical curve; above 0 if `end` is worse."""
    prior = prior_of(problem)
    return prior.widths(end) - prior.widths(start)


def _ceiling(problem: SearchProblem, state: SearchState) -> float:
    """Guess what the clip's best score is: above all that was seen, and above the target.

    It is the typical one, until scores are on a straighter line with another.
    """
    highest = max((*state.scores.values(), *problem.hints.values()), default=0.0)
    usual = max(typical_ceiling(problem.target), highest + _ABOVE_HIGHEST)
    if len(state.scores) < _TELLING_SCORES:
        return usual
    least, prior = max(problem.target, highest, _LOWEST), prior_of(problem)

    def badness(ceiling: float) -> float:
        lower = log((usual - least) / (ceiling - least))
        return _bend(state.scores, ceiling, prior) + _DOUBT * lower**2

    ceilings = (least + headroom for headroom in _HEADROOMS if least + headroom < usual)
    return min((usual, *ceilings), key=badness)


def _bend(scores: Mapping[int, float], ceiling: float, prior: TypicalCurve) -> float:
    """Measure how far scores are from a straight line: a mean square, in squared steps."""
    expected = [widths_at(score, ceiling) for score in scores.values()]
    places = [prior.widths(step) for step in scores]
    try:
        slope, start = linear_regression(expected, places)
    except StatisticsError:
        # All scores are the same.
        return inf
    if slope <= 0:
        return inf
    off = (place - start - slope * x for place, x in zip(places, expected, strict=True))
    return fmean((prior.width * one) ** 2 for one in off)


def typical_ceiling(target: float) -> float:
    """Guess what the best score of a clip is of which nothing is known, above a target."""
    return max(TYPICAL_CEILING, target + _LEAST_HEADROOM)


def _chain(outwards: Iterable[_Point], agree: Callable[[_Point, _Point], bool]) -> list[_Point]:
    """Keep the points that agree with a falling curve, from the first of them outwards."""
    chain: list[_Point] = []
    for point in outwards:
        if not chain or agree(chain[-1], point):
            chain.append(point)
    return chain


def _same_order(inner: _Point, outer: _Point) -> bool:
    further = (outer.expected - inner.expected) * (1 if outer.step > inner.step else -1)
    return further > _APART


def _interpolated(passing: Sequence[_Point], missing: Sequence[_Point], goal: float) -> float:
    """Interpolate the place over the straightened score, which is monotone in both."""
    points = [*reversed(passing), *missing]
    curve = PchipCurve([point.expected for point in points], [point.place for point in points])
    return curve.at(goal)


def _beyond(outwards: Sequence[_Point], goal: float) -> float:
    """Walk from the innermost point to where a score is, as expected, at the clip's pace."""
    end = outwards[0]
    return end.place + (goal - end.expected) / _pace(outwards)


def _pace(outwards: Sequence[_Point]) -> float:
    """Estimate how fast the clip's curve falls next to what is expected, at two points."""
    for near, far in pairwise(outwards[:2]):
        return pace(far.expected - near.expected, far.place - near.place)
    return 1.0


def pace(typical: float, own: float) -> float:
    """Estimate how fast a curve falls next to a typical one, from two of its points.

    Points that are close together say little, so the typical pace counts as much as a pair that is
    a quarter of a width apart.

    Args:
        typical: How far apart a typical clip has their scores, in widths.
        own: How far apart this one has them.

    Returns:
        1 for the typical pace, more for a steeper curve.
    """
    found = (abs(typical) + _PRIOR_WEIGHT) / (abs(own) + _PRIOR_WEIGHT)
    return min(max(found, GENTLEST), STEEPEST)


def tells_its_step(score: float, ceiling: float, target: float) -> bool:
    """Tell whether a score is far enough below the ceiling to say where on the curve its step is.

    Args:
        score: A measured score.
        ceiling: Score that the clip approaches at its best quality.
        target: The score searched for, below `ceiling`; near it the margin shrinks.
    """
    return score <= ceiling - min(_FLAT_MARGIN, _FLAT_SHARE * (ceiling - target))


def _between(better: _Point, worse: _Point, typical: float) -> float:
    share = (typical - better.expected) / (worse.expected - better.expected)
    return better.place + share * (worse.place - better.place)


def _agreeing(anchors: Sequence[_Point], goal: float) -> tuple[_Point, ...]:
    """Keep what falls about as a curve does, from the anchor nearest to the goal outwards."""
    if not anchors:
        return ()
    first = min(range(len(anchors)), key=lambda index: abs(anchors[index].expected - goal))
    better = _chain(anchors[first::-1], _plausible)
    worse = _chain(anchors[first:], _plausible)
    return (*reversed(better), *worse[1:])


def _plausible(inner: _Point, outer: _Point) -> bool:
    apart = outer.place - inner.place
    return GENTLEST <= (outer.expected - inner.expected) / apart <= STEEPEST

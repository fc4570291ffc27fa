"""A smooth curve through measured points that never overshoots them.

Plain Python but for many values at once: a search asks for one, and importing numpy for that would
be most of its start-up time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeVar

from vmafx_tune.frozen import frozen
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.search.expected_curve import (
    TYPICAL_CEILING,
    Expectation,
    pace,
    tells_its_step,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from vmafx_tune.search.state import SearchProblem, SearchState

__all__ = ["PchipCurve", "expected_crossing", "prior_of"]

NumberT = TypeVar("NumberT", "float", "NDArray[np.float64]")


class PchipCurve:
    """Piecewise cubic Hermite interpolation that is monotone wherever its points are.

    The same curve as `scipy.interpolate.PchipInterpolator`: slopes by F. N. Fritsch and J. Butland,
    "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat.
    Comput. 5(2), 1984; end slopes by C. Moler, "Numerical Computing with MATLAB", section 3.6. It
    is defined between its first and last point only, since a cubic means nothing beyond them.

    Args:
        x: Strictly increasing and finite; at least 2 of them.
        y: Finite values at `x`, as many.

    Raises:
        ValueError: The points do not make a curve.
    """

    def __init__(self, x: Iterable[float], y: Iterable[float]) -> None:
        self._x, self._y = _floats(x), _floats(y)
        _require_curve(self._x, self._y)
        width = _differences(self._x)
        secant = [rise / run for rise, run in zip(_differences(self._y), width, strict=True)]
        slope = _slopes(width, secant)
        # On segment k with t = x - x[k]: y[k] + slope[k]·t + c2[k]·t² + c3[k]·t³.
        self._segments = [
            (y, left, (3 * s - 2 * left - right) / w, (left + right - 2 * s) / w**2)
            for y, (left, right), s, w in zip(
                self._y[:-1], pairwise(slope), secant, width, strict=True
            )
        ]
        areas = [_area(w, *segment) for w, segment in zip(width, self._segments, strict=True)]
        self._area_before = list(accumulate(areas, initial=0.0))

    @property
    def domain(self) -> tuple[float, float]:
        """The first and the last x."""
        return self._x[0], self._x[-1]

    def at(self, x: float) -> float:
        """Evaluate the curve at one place.

        Raises:
            ValueError: `x` is outside the domain.
        """
        segment, t = self._locate(x)
        return _value(t, *self._segments[segment])

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the curve at many places.

        Args:
            x: Any shape, within `domain`.

        Returns:
            Values in the shape of `x`.

        Raises:
            ValueError: Some `x` is outside the domain.
        """
        import numpy as np

        points = np.asarray(x, dtype=np.float64)
        first, last = self.domain
        if not np.all((points >= first) & (points <= last)):
            raise self._outside()
        found = np.searchsorted(self._x, points, side="right") - 1
        segment = np.minimum(found, len(self._segments) - 1)
        coefficients = np.moveaxis(np.array(self._segments)[segment], -1, 0)
        return np.asarray(_value(points - np.array(self._x)[segment], *coefficients))

    def integrate(self, a: float, b: float) -> float:
        """Return the exact integral from `a` to `b`; negative where `b` is below `a`.

        Raises:
            ValueError: A limit is outside the domain.
        """
        return self._area_until(b) - self._area_until(a)

    def _area_until(self, x: float) -> float:
        segment, t = self._locate(x)
        return self._area_before[segment] + _area(t, *self._segments[segment])

    def _locate(self, x: float) -> tuple[int, float]:
        first, last = self.domain
        if not first <= x <= last:
            raise self._outside()
        segment = min(bisect_right(self._x, x), len(self._segments)) - 1
        return segment, x - self._x[segment]

    def _outside(self) -> ValueError:
        first, last = self.domain
        return ValueError(f"x must be within [{first}, {last}], where the curve is defined.")


def _value(t: NumberT, y: NumberT, slope: NumberT, c2: NumberT, c3: NumberT) -> NumberT:
    return y + t * (slope + t * (c2 + t * c3))


def _area(t: float, y: float, slope: float, c2: float, c3: float) -> float:
    """Area from the start of a segment to `t` past it."""
    return t * (y + t * (slope / 2 + t * (c2 / 3 + t * c3 / 4)))


def _floats(values: Iterable[float]) -> list[float]:
    try:
        return [float(value) for value in values]
    except TypeError as error:
        raise ValueError("x and y must be flat: numbers, not lists of them.") from error


def _differences(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]


def _require_curve(x: Sequence[float], y: Sequence[float]) -> None:
    if len(x) != len(y):
        raise ValueError(f"x and y must be equally long, not {len(x)} and {len(y)}.")
    if len(x) < 2:
        raise ValueError(f"A curve needs at least 2 points, not {len(x)}.")
    if not all(map(math.isfinite, (*x, *y))):
        raise ValueError("x and y must be finite.")
    if min(_differences(x)) <= 0:
        raise ValueError("x must be strictly increasing.")


def _slopes(width: Sequence[float], secant: Sequence[float]) -> list[float]:
    """Slopes at the points: one-sided ones at the ends, means of the secants between them."""
    if len(secant) == 1:
        return [secant[0], secant[0]]
    inner = map(_inner_slope, width, width[1:], secant, secant[1:])
    first = _end_slope(width[0], width[1], secant[0], secant[1])
    last = _end_slope(width[-1], width[-2], secant[-1], secant[-2])
    return [first, *inner, last]


def _inner_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    """Weighted harmonic mean of the two secants, 0 at a local extreme."""
    if _sign(secant) * _sign(next_secant) <= 0:
        return 0.0
    weight, next_weight = 2 * next_width + width, next_width + 2 * width
    # A secant so small that its inverse overflows means a slope of zero, which inf gives.
    return (weight + next_weight) / (weight / secant + next_weight / next_secant)


def _end_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    """One-sided three-point slope, held back where it would break the shape."""
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    if _sign(slope) != _sign(secant):
        return 0.0
    if _sign(secant) != _sign(next_secant) and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return slope


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


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


def prior_of(problem: SearchProblem) -> TypicalCurve:
    """What a typical clip scores, as far as anybody knows."""
    return problem.prior or TypicalCurve.across(0, problem.last_step)


@frozen
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


def _beyond(outwards: Sequence[_Point], goal: float, prior: TypicalCurve) -> float:
    """Walk from the bracket's end to the target, as expected, at the clip's pace."""
    end = outwards[0]
    return end.step + (goal - end.expected) / _pace(outwards, prior)


def _pace(outwards: Sequence[_Point], prior: TypicalCurve) -> float:
    """Estimate how fast the clip's curve falls next to what is expected, at its nearest points."""
    for near, far in pairwise(outwards[:2]):
        return pace(far.expected - near.expected, far.step - near.step, prior)
    return 1.0

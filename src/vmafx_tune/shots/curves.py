"""What each setting of a shot should take and give, from the few that were measured. Pure.

Between measured points both curves are interpolated where they are nearly straight: the bitrate in
its logarithm, the score on the scale of a typical clip's curve. The score also follows what the
shot had in encodes of the whole source, whose curve has the same shape and is off by a little.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.search.curve import PchipCurve
from vmafx_tune.search.expected_curve import TYPICAL_CEILING, pace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmafx_tune.knob import TypicalCurve

__all__ = ["USUAL_FALL", "ShotCurve", "ShotPoint"]

_ABOVE_HIGHEST = 1.0
_LEAST_FALL = 0.005
# Two points so close together say as much of how fast the bitrate falls as is known beforehand.
_FALL_WEIGHT = 2.0

USUAL_FALL = 0.12
"""How much the logarithm of a bitrate falls from one step to the next, where nobody knows."""


class ShotPoint(NamedTuple):
    """A measured setting of a shot.

    Attributes:
        size_bytes: Of its packets.
        score: Pooled score.
    """

    size_bytes: int
    score: float


class ShotCurve:
    """The curve of one shot over the steps of the knob.

    Args:
        points: What was measured, by step; at least one.
        hints: Scores of the shot in encodes of the whole source, by step.
        prior: What a typical clip scores over the steps.
        fall: How much the logarithm of the bitrate falls with each step, as far as is known.
    """

    def __init__(
        self,
        points: Mapping[int, ShotPoint],
        hints: Mapping[int, float],
        *,
        prior: TypicalCurve,
        fall: float = USUAL_FALL,
    ) -> None:
        self._points = dict(sorted(points.items()))
        self._prior = prior
        scores = [*(point.score for point in points.values()), *hints.values()]
        self._ceiling = max(TYPICAL_CEILING, max(scores) + _ABOVE_HIGHEST)
        self._places = self._placed(hints)
        self._sizes = {step: math.log(one.size_bytes) for step, one in self._points.items()}
        self._fall = fall

    def at(self, step: int) -> tuple[float, float]:
        """Return the size in bytes and the score at a step: those measured, or estimates."""
        if (point := self._points.get(step)) is not None:
            return point
        place = _along(self._places, step, self._paces())
        size = _along(self._sizes, step, self._falls())
        return math.exp(size), self._prior.score_at(place, self._ceiling)

    def _placed(self, hints: Mapping[int, float]) -> dict[int, float]:
        """Put scores on the scale of the prior; hints are moved to what was measured."""
        places = {s: self._prior.step_at(p.score, self._ceiling) for s, p in self._points.items()}
        told = {s: self._prior.step_at(score, self._ceiling) for s, score in sorted(hints.items())}
        if not told:
            return places
        slopes = (1.0, 1.0)
        off = {step: place - _along(told, step, slopes) for step, place in places.items()}
        moved = {step: place + _linear(off, step) for step, place in told.items()}
        return dict(sorted((moved | places).items()))

    def _paces(self) -> tuple[float, float]:
        """How fast the score falls beyond the first and the last point, next to the prior."""
        steps = list(self._places)
        if len(steps) < 2:
            return 1.0, 1.0
        ends = ((steps[0], steps[1]), (steps[-2], steps[-1]))
        first, last = (pace(self._places[b] - self._places[a], b - a, self._prior) for a, b in ends)
        return first, last

    def _falls(self) -> tuple[float, float]:
        """How fast the size falls beyond the first and the last point."""
        steps = list(self._sizes)
        if len(steps) < 2:
            return -self._fall, -self._fall
        ends = ((steps[0], steps[1]), (steps[-2], steps[-1]))
        first, last = (-self._fallen(*end) for end in ends)
        return first, last

    def _fallen(self, better: int, worse: int) -> float:
        fallen = self._sizes[better] - self._sizes[worse] + _FALL_WEIGHT * self._fall
        return max(fallen / (worse - better + _FALL_WEIGHT), _LEAST_FALL)


def _along(knots: Mapping[int, float], step: int, slopes: tuple[float, float]) -> float:
    """Interpolate, and go on straight with the slopes given beyond the first and the last knot."""
    steps = list(knots)
    if step <= steps[0]:
        return knots[steps[0]] + (step - steps[0]) * slopes[0]
    if step >= steps[-1]:
        return knots[steps[-1]] + (step - steps[-1]) * slopes[1]
    return PchipCurve(steps, knots.values()).at(step)


def _linear(knots: Mapping[int, float], step: int) -> float:
    """Interpolate on straight lines; the first and the last knot go on."""
    steps: Sequence[int] = list(knots)
    position = bisect_right(steps, step)
    if position in {0, len(steps)}:
        return knots[steps[min(position, len(steps) - 1)]]
    ((left, right),) = pairwise(steps[position - 1 : position + 1])
    share = (step - left) / (right - left)
    return knots[left] + share * (knots[right] - knots[left])

"""What each setting of a shot should take and give, from the few that were measured. Pure.

Between measured points both curves are interpolated where they are nearly straight: the bitrate in
its logarithm, the score on the scale of a typical clip's curve. The score also follows what the
shot had in encodes of the whole source, whose curve has the same shape and is off by a little.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vmafx_tune.knob import score_at, widths_at
from vmafx_tune.search.curve import PchipCurve
from vmafx_tune.search.expected_curve import TYPICAL_CEILING, pace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmafx_tune.knob import TypicalCurve

__all__ = ["USUAL_FALL", "ShotCurve", "ShotPoint"]

PlaceT = TypeVar("PlaceT", int, float)

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
        place = _along(self._places, self._prior.widths(step), self._paces())
        size = _along(self._sizes, step, self._falls())
        return math.exp(size), score_at(place, self._ceiling)

    def _placed(self, hints: Mapping[int, float]) -> dict[float, float]:
        """Put scores and steps on the scale of the prior; hints are moved to what was measured."""
        places = self._on_scale({step: point.score for step, point in self._points.items()})
        told = self._on_scale(dict(sorted(hints.items())))
        if not told:
            return places
        slopes = (1.0, 1.0)
        off = {at: place - _along(told, at, slopes) for at, place in places.items()}
        moved = {at: place + _linear(off, at) for at, place in told.items()}
        return dict(sorted((moved | places).items()))

    def _on_scale(self, scores: Mapping[int, float]) -> dict[float, float]:
        ceiling, prior = self._ceiling, self._prior
        return {prior.widths(step): widths_at(score, ceiling) for step, score in scores.items()}

    def _paces(self) -> tuple[float, float]:
        """How fast the score falls beyond the first and the last point, next to the prior."""
        steps = list(self._places)
        if len(steps) < 2:
            return 1.0, 1.0
        ends = ((steps[0], steps[1]), (steps[-2], steps[-1]))
        first, last = (pace(self._places[b] - self._places[a], b - a) for a, b in ends)
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


def _along(knots: Mapping[PlaceT, float], at: PlaceT, slopes: tuple[float, float]) -> float:
    """Interpolate, and go on straight with the slopes given beyond the first and the last knot."""
    places = list(knots)
    if at <= places[0]:
        return knots[places[0]] + (at - places[0]) * slopes[0]
    if at >= places[-1]:
        return knots[places[-1]] + (at - places[-1]) * slopes[1]
    return PchipCurve(places, knots.values()).at(at)


def _linear(knots: Mapping[float, float], at: float) -> float:
    """Interpolate on straight lines; the first and the last knot go on."""
    places: Sequence[float] = list(knots)
    position = bisect_right(places, at)
    if position in {0, len(places)}:
        return knots[places[min(position, len(places) - 1)]]
    ((left, right),) = pairwise(places[position - 1 : position + 1])
    share = (at - left) / (right - left)
    return knots[left] + share * (knots[right] - knots[left])

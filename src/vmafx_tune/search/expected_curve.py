"""Where a curve is expected to have each score: the typical shape, bent through hints.

Hints are scores of part of a clip, or of the clip made smaller. Their curve has the shape of the
whole clip's and is off by some steps, so it makes a better prior than the curve of a typical clip.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmafx_tune.knob import TypicalCurve

__all__ = [
    "GENTLEST",
    "LOWEST_CEILING",
    "STEEPEST",
    "TYPICAL_CEILING",
    "Expectation",
    "pace",
    "tells_its_step",
]

TYPICAL_CEILING = 98.5
"""Score that a typical clip approaches at its best quality; clips with little motion end at 97.4,
those with much at 100."""
LOWEST_CEILING = 97.0
"""Score that every clip reaches against itself."""

GENTLEST, STEEPEST = 0.2, 3.0
"""How much slower or faster than the prior a curve may fall before it is taken for an accident."""

_PRIOR_WEIGHT = 0.5
# So close below the ceiling a curve is flat.
_FLAT_MARGIN = 1.0
_FLAT_SHARE = 0.4


@frozen
class _Anchor:
    """A hint: the step at which a typical clip has its score, and the step at which it was."""

    typical: float
    step: int


@frozen
class Expectation:
    """The step at which each score is expected: a scale on which the clip's curve is straight.

    Without hints this is the prior's scale. With hints it runs through them, and along the prior
    beyond them. Whatever the hints are, a higher score is expected at a better step.

    Attributes:
        prior: What a typical clip scores.
        ceiling: Score that the clip approaches at its best quality; above all that was seen.
        anchors: Hints that agree with a falling curve, by ascending step.
    """

    prior: TypicalCurve
    ceiling: float
    anchors: tuple[_Anchor, ...] = ()

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
            _Anchor(prior.step_at(score, ceiling), step)
            for step, score in sorted((telling or hints).items())
        ]
        goal = prior.step_at(target, ceiling)
        return cls(prior, ceiling, _agreeing(anchors, goal))

    def step_at(self, score: float) -> float:
        """Find where a score is expected: a step that may lie out of the range and between two."""
        typical = self.prior.step_at(score, self.ceiling)
        anchors = self.anchors
        if not anchors:
            return typical
        position = bisect_right(anchors, typical, key=lambda anchor: anchor.typical)
        if 0 < position < len(anchors):
            return _between(anchors[position - 1], anchors[position], typical)
        outwards = anchors if position == 0 else anchors[::-1]
        return outwards[0].step + (typical - outwards[0].typical) / self._pace(outwards)

    def _pace(self, outwards: Sequence[_Anchor]) -> float:
        for end, inner in pairwise(outwards[:2]):
            return pace(inner.typical - end.typical, inner.step - end.step, self.prior)
        return 1.0


def pace(typical: float, steps: float, prior: TypicalCurve) -> float:
    """Estimate how fast a curve falls next to the prior, from two of its points.

    Points that are close together say little, so the prior's pace counts as much as a pair that is
    half a width apart.

    Args:
        typical: How far apart a typical clip has their scores, in steps.
        steps: How far apart they are.
        prior: What a typical clip scores.

    Returns:
        1 for the prior's pace, more for a steeper curve.
    """
    weight = _PRIOR_WEIGHT * prior.width
    found = (abs(typical) + weight) / (abs(steps) + weight)
    return min(max(found, GENTLEST), STEEPEST)


def tells_its_step(score: float, ceiling: float, target: float) -> bool:
    """Tell whether a score is far enough below the ceiling to say where on the curve its step is.

    Args:
        score: A measured score.
        ceiling: Score that the clip approaches at its best quality.
        target: The score searched for, below `ceiling`; near it the margin shrinks.
    """
    return score <= ceiling - min(_FLAT_MARGIN, _FLAT_SHARE * (ceiling - target))


def _between(better: _Anchor, worse: _Anchor, typical: float) -> float:
    share = (typical - better.typical) / (worse.typical - better.typical)
    return better.step + share * (worse.step - better.step)


def _agreeing(anchors: Sequence[_Anchor], goal: float) -> tuple[_Anchor, ...]:
    """Keep what falls about as a curve does, from the anchor nearest to the goal outwards."""
    if not anchors:
        return ()
    first = min(range(len(anchors)), key=lambda index: abs(anchors[index].typical - goal))
    better = _chain(anchors[first::-1])
    worse = _chain(anchors[first:])
    return (*reversed(better), *worse[1:])


def _chain(outwards: Iterable[_Anchor]) -> list[_Anchor]:
    chain: list[_Anchor] = []
    for anchor in outwards:
        if not chain or _plausible(chain[-1], anchor):
            chain.append(anchor)
    return chain


def _plausible(inner: _Anchor, outer: _Anchor) -> bool:
    steps = outer.step - inner.step
    return GENTLEST <= (outer.typical - inner.typical) / steps <= STEEPEST

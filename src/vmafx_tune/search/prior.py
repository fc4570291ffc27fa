"""What a typical clip scores over an encoder's quality knob."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["LOWEST_CEILING", "TYPICAL_CEILING", "Prior"]

TYPICAL_CEILING = 98.5
"""Score that a typical clip approaches at its best quality; clips with little motion end at 97.4,
those with much at 100."""
LOWEST_CEILING = 97.0
"""Score that every clip reaches against itself."""

_LEAST_SCORE = 0.5
# Across software encoders the curve is half-way down at about three quarters of the knob's range
# or later, and a tenth of the range wide.
_GENERIC_MIDPOINT = 0.8
_GENERIC_WIDTH = 0.1


@dataclass(frozen=True, slots=True)
class Prior:
    """A logistic fall of the score over steps: `ceiling / (1 + exp((step - midpoint) / width))`.

    Measured curves of software encoders follow it within a step or so between VMAF 20 and 96, once
    it is shifted to the clip. Its inverse is therefore a scale on which curves are nearly straight,
    which makes interpolation between far-apart probes precise.

    Attributes:
        midpoint: Step at which a typical clip scores half of its ceiling.
        width: Steps over which the odds `score / (ceiling - score)` fall by a factor of e; above 0.
    """

    midpoint: float
    width: float

    @classmethod
    def across(cls, best: float, worst: float) -> Prior:
        """Make the prior of an encoder of which only the knob's range is known.

        Args:
            best: Position of the knob's best value, in steps.
            worst: Position of its worst value.
        """
        extent = worst - best
        return cls(best + _GENERIC_MIDPOINT * extent, max(_GENERIC_WIDTH * extent, 1e-3))

    def step_at(self, score: float, ceiling: float) -> float:
        """Find where a typical clip has a score.

        Args:
            score: In VMAF points, less than `ceiling`; what is close to 0 counts as a little more.
            ceiling: Score that the clip approaches at its best quality.

        Returns:
            The step, which may lie out of the range and between two; falls strictly as `score`
            rises.
        """
        score = max(score, _LEAST_SCORE)
        return self.midpoint + self.width * math.log((ceiling - score) / score)

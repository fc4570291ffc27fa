"""The values of an encoder's quality knob, as integer steps."""

from __future__ import annotations

import math
from fractions import Fraction

from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen

__all__ = ["KnobGrid"]


@frozen
class KnobGrid:
    """Maps steps to knob values; a lower step is better quality, whatever way the knob runs.

    Step `k` stands `k` increments away from `best`. Counting starts there, so that the best quality
    of the range is always on the grid and a target missed at step 0 really is out of reach; where
    the increment does not divide the range, the values stop short of `worst`.

    Arithmetic is exact on the decimal values as written: step 3 of 0.1 is 0.3, never
    0.30000000000000004, so that a quality can be printed, compared and used as a key.

    Attributes:
        best: Knob value of step 0.
        worst: Knob value that no step passes; less than `best` where higher is better.
        increment: Distance between neighbouring values, above zero.

    Raises:
        UsageError: A value is not finite, or the increment is not above zero.
    """

    best: float
    worst: float
    increment: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.best) and math.isfinite(self.worst)):
            raise UsageError(
                f"The quality range {self.best:g} to {self.worst:g} needs two finite ends."
            )
        if not (math.isfinite(self.increment) and self.increment > 0):
            raise UsageError(
                f"The quality increment is {self.increment:g}, but it must be above zero."
            )

    @classmethod
    def between(cls, lo: float, hi: float, increment: float, *, higher_is_better: bool) -> KnobGrid:
        """Make the grid of a range, whichever of its ends is the better quality.

        Args:
            lo: Lowest knob value allowed.
            hi: Highest knob value allowed.
            increment: Distance between neighbouring values.
            higher_is_better: Whether the knob's higher values give better quality, as `q:v` does.

        Raises:
            UsageError: `lo` is above `hi`, or the values make no grid.
        """
        if lo > hi:
            raise UsageError(
                f"The quality range starts at {lo:g} and ends below it, at {hi:g}. Swap the two."
            )
        return cls(hi, lo, increment) if higher_is_better else cls(lo, hi, increment)

    @property
    def last_step(self) -> int:
        """The step of the worst quality."""
        return int(abs(_exact(self.worst) - _exact(self.best)) / _exact(self.increment))

    @property
    def n_steps(self) -> int:
        """How many values the knob can take; at least one."""
        return self.last_step + 1

    def quality_of(self, step: int) -> float:
        """Return the knob value of `step`.

        Raises:
            IndexError: `step` is not in `0..last_step`.
        """
        if not 0 <= step <= self.last_step:
            raise IndexError(f"Step {step} is not in 0..{self.last_step}.")
        return self._quality_of(step)

    def step_of(self, quality: float) -> int:
        """Return the step of a knob value.

        Raises:
            UsageError: The knob cannot take `quality`.
        """
        if not math.isfinite(quality):
            raise UsageError(f"A quality must be a number {self._extent}, not {quality:g}.")
        steps = (_exact(quality) - _exact(self.best)) / self._stride
        if steps.denominator != 1 or not 0 <= steps <= self.last_step:
            nearest = self._quality_of(min(max(round(steps), 0), self.last_step))
            raise UsageError(
                f"A quality of {float(quality)} is not a number {self._extent}; the nearest one "
                f"is {nearest:g}."
            )
        return int(steps)

    def position_of(self, quality: float) -> float:
        """Return where a knob value lies, in steps; it may be between two, or out of the range."""
        return (quality - self.best) / float(self._stride)

    @property
    def _stride(self) -> Fraction:
        return _exact(self.increment) * (1 if self.best <= self.worst else -1)

    @property
    def _extent(self) -> str:
        last = self._quality_of(self.last_step)
        return f"from {self.best:g} to {last:g} in steps of {self.increment:g}"

    def _quality_of(self, step: int) -> float:
        return float(_exact(self.best) + step * self._stride)


def _exact(value: float) -> Fraction:
    # Through the shortest text that names the float: 0.1 becomes 1/10, not the binary value near
    # it. float() first, because a numpy scalar's repr is not a number.
    return Fraction(repr(float(value)))

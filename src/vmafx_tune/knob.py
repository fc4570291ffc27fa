"""An encoder's scales: its constant-quality setting, and its presets."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "X264_PRESETS",
    "Knob",
    "Presets",
    "Scout",
    "SlowPreset",
    "TypicalCurve",
    "score_at",
    "widths_at",
]


_LEAST_SCORE = 0.5
_LARGEST_EXPONENT = 700.0
# Across software encoders the curve is half-way down at about three quarters of the knob's range
# or later, and a tenth of the range wide.
_GENERIC_MIDPOINT = 0.8
_GENERIC_WIDTH = 0.1


@frozen
class TypicalCurve:
    """What a typical clip scores over a knob: `ceiling / (1 + exp(widths))`.

    Places are values of the knob, or steps of it, and `widths` is how far a place is from the
    midpoint: `(place - midpoint) / width` where the knob is even. Measured curves of software
    encoders follow it within a step or so between VMAF 20 and 96, once it is shifted to the clip.
    Its inverse is therefore a scale on which curves are nearly straight, and on which encoders can
    be compared. No result depends on it: it is a first guess.

    Attributes:
        midpoint: Place at which the score is half of its ceiling.
        width: Distance over which the odds `score / (ceiling - score)` fall by a factor of e where
            the knob is even; above 0.
        bends: What an even knob would have, and the knob's own widths instead, both rising; empty
            for a knob that is even. In between and beyond it is straight.
    """

    midpoint: float
    width: float
    bends: tuple[tuple[float, float], ...] = ()

    @classmethod
    def across(cls, best: float, worst: float) -> TypicalCurve:
        """Make the curve of an encoder of which only the knob's range is known.

        Args:
            best: Place of the knob's best value.
            worst: Place of its worst value.
        """
        extent = worst - best
        return cls(best + _GENERIC_MIDPOINT * extent, max(_GENERIC_WIDTH * abs(extent), 1e-3))

    @classmethod
    def through(cls, *measured: tuple[float, float]) -> TypicalCurve:
        """Make the curve of a knob that is not even.

        Args:
            measured: Places, and how many widths each is from the midpoint; both rising, at least
                two of them.
        """
        (first, least), (last, most) = measured[0], measured[-1]
        width = (last - first) / (most - least)
        midpoint = first - least * width
        even = ((place - midpoint) / width for place, _ in measured)
        return cls(midpoint, width, tuple(zip(even, (own for _, own in measured), strict=True)))

    def moved(self, shift: float, pace: float = 1.0) -> TypicalCurve:
        """Make the curve of clips that are unlike typical ones, whatever bends it has.

        Args:
            shift: How far their quality falls off after that of typical clips, in widths.
            pace: How much faster it falls; above 0.
        """
        if not self.bends:
            return TypicalCurve(self.midpoint + shift * self.width, self.width / pace)
        return TypicalCurve.through(
            *((self.midpoint + even * self.width, (own - shift) * pace) for even, own in self.bends)
        )

    def widths(self, place: float) -> float:
        """Tell how far a place is from the midpoint; it may be out of the range."""
        even = (place - self.midpoint) / self.width
        return _along(self.bends, even) if self.bends else even

    def place(self, widths: float) -> float:
        """Find the place that is so far from the midpoint: the inverse of `widths`."""
        even = _along([(y, x) for x, y in self.bends], widths) if self.bends else widths
        return self.midpoint + self.width * even

    def step_at(self, score: float, ceiling: float) -> float:
        """Find where a typical clip has a score.

        Args:
            score: In VMAF points, less than `ceiling`; what is close to 0 counts as a little more.
            ceiling: Score that the clip approaches at its best quality.

        Returns:
            The step, which may lie out of the range and between two; falls strictly as `score`
            rises.
        """
        return self.place(widths_at(score, ceiling))

    def score_at(self, step: float, ceiling: float) -> float:
        """Find what a typical clip scores at a step: the inverse of `step_at`."""
        return score_at(self.widths(step), ceiling)


def widths_at(score: float, ceiling: float) -> float:
    """Find how far from the midpoint a typical curve has a score, in widths: its odds.

    Args:
        score: In VMAF points, less than `ceiling`; what is close to 0 counts as a little more.
        ceiling: Score that the clip approaches at its best quality.
    """
    score = max(score, _LEAST_SCORE)
    return math.log((ceiling - score) / score)


def score_at(widths: float, ceiling: float) -> float:
    """Find the score so far from the midpoint of a typical curve: the inverse of `widths_at`."""
    return ceiling / (1 + math.exp(min(widths, _LARGEST_EXPONENT)))


def _along(points: Sequence[tuple[float, float]], x: float) -> float:
    """Follow straight lines through points whose x rise; the first and the last go on."""
    after = min(max(bisect_right(points, x, key=lambda point: point[0]), 1), len(points) - 1)
    (left, y), (right, next_y) = points[after - 1 : after + 1]
    return y + (x - left) / (right - left) * (next_y - y)


@frozen
class Knob:
    """An encoder's constant-quality setting: its values, also as integer steps.

    A lower step is better quality, whatever way the knob runs. Step `n` stands `n` increments away
    from `best`. Counting starts there, so that the best quality of the range is always a step and
    a target missed at step 0 really is out of reach; where the increment does not divide the range,
    the steps stop short of `worst`.

    Arithmetic is exact on the decimal values as written: step 3 of 0.1 is 0.3, never
    0.30000000000000004, so that a quality can be printed, compared and used as a key.

    Attributes:
        name: ffmpeg's option without the dash: `crf`, `cq`, `qp`, `global_quality`, `q:v`.
        lo: Lowest value used.
        hi: Highest value used.
        default: The encoder's own, or the usual one where it has none.
        increment: Distance between neighbouring values; the smallest that the encoder tells apart,
            unless the knob is narrowed.
        higher_is_better: Whether higher values mean better quality.
        beyond: What an encoder makes of values past the better end of the range, as a sentence;
            empty where it takes none.
        typical: What a typical clip scores over its values; None where it was not measured.
        like_x264: The same by the values of x264's CRF that give one clip the same quality, where
            they were measured: less near to a typical clip, but precise between encoders.
    """

    name: str
    lo: float
    hi: float
    default: float
    increment: float = 1.0
    higher_is_better: bool = False
    beyond: str = ""
    typical: TypicalCurve | None = None
    like_x264: TypicalCurve | None = None

    @property
    def label(self) -> str:
        """The name as a word that is safe in file names."""
        return self.name.replace(":", "").replace("global_quality", "gq")

    @property
    def extent(self) -> str:
        """Range, step and direction in words, for messages and `--help`."""
        better = "higher" if self.higher_is_better else "lower"
        return (
            f"{self.text(self.lo)} to {self.text(self.hi)} in steps of {self.text(self.increment)}"
            f" ({better} is better)"
        )

    @staticmethod
    def text(value: float) -> str:
        """Write a value as ffmpeg takes it: `23`, `23.5`."""
        return f"{value:.10g}"

    def check(self, quality: float) -> None:
        """Refuse a value that the encoder does not take.

        Raises:
            UsageError: It is out of range, or lies between two values.
        """
        in_range = math.isfinite(quality) and self.lo <= quality <= self.hi
        if not in_range or not _is_multiple(quality, self.increment):
            beyond = "" if in_range or not self.beyond else f" {self.beyond}"
            raise UsageError(
                f"{self.name} {quality:g} is not possible; it goes from {self.extent}.{beyond}"
            )

    def check_increment(self, increment: float) -> None:
        """Refuse a distance between values that the encoder cannot tell apart.

        Raises:
            UsageError: It is not a positive multiple of `self.increment`.
        """
        positive = math.isfinite(increment) and increment > 0
        if not positive or not _is_multiple(increment, self.increment):
            raise UsageError(
                f"A step of {increment:g} is not possible for {self.name}: use a multiple of "
                f"{self.text(self.increment)}."
            )

    def narrowed(self, lo: float, hi: float, increment: float) -> Knob:
        """Return the part of the knob that a search may use.

        Args:
            lo: Lowest value allowed.
            hi: Highest value allowed.
            increment: Distance between neighbouring values.

        Raises:
            UsageError: An end is not finite, or the increment or the better end, from which steps
                count, is not a multiple of the encoder's increment.
        """
        self.check_increment(increment)
        if not (math.isfinite(lo) and math.isfinite(hi)):
            raise UsageError(f"The quality range {lo:g} to {hi:g} needs two finite ends.")
        best = hi if self.higher_is_better else lo
        if not _is_multiple(best, self.increment):
            raise UsageError(
                f"The better end of the quality range, {self.text(best)}, is not a value of "
                f"{self.name}: use a multiple of {self.text(self.increment)}."
            )
        return replace(self, lo=lo, hi=hi, increment=increment, typical=self.usual)

    @property
    def best(self) -> float:
        """The value of step 0."""
        return self.hi if self.higher_is_better else self.lo

    @property
    def worst(self) -> float:
        """The value that no step passes."""
        return self.lo if self.higher_is_better else self.hi

    @property
    def prior(self) -> TypicalCurve:
        """What a typical clip scores over the steps."""
        return self._over_steps(self.usual)

    @property
    def scale(self) -> TypicalCurve:
        """Likewise, for comparing what encoders make of one clip."""
        return self._over_steps(self.like_x264 or self.usual)

    def _over_steps(self, curve: TypicalCurve) -> TypicalCurve:
        midpoint = self.position_of(curve.midpoint)
        return replace(curve, midpoint=midpoint, width=curve.width / self.increment)

    @property
    def usual(self) -> TypicalCurve:
        """What a typical clip scores over the values, as far as anybody knows."""
        return self.typical or TypicalCurve.across(self.best, self.worst)

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
        return _exact(self.increment) * (-1 if self.higher_is_better else 1)

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


def _is_multiple(value: float, increment: float) -> bool:
    return (_exact(value) / _exact(increment)).denominator == 1


X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
"""x264's preset names, fastest first: the vocabulary that every encoder understands here."""


@frozen
class Scout:
    """A preset that is much faster than another, and shows what that one will score.

    Attributes:
        preset: Its name, as the encoder has it.
        effort: Processor time of an encode, in that of libx264's with its default preset.
        lead: By how much its knob must be better to score the same, in widths of the knob's scale.
    """

    preset: str
    effort: float
    lead: float


@frozen
class SlowPreset:
    """A preset that takes several times as long as others.

    Attributes:
        name: As the encoder has it.
        effort: As of a `Scout`.
        scouts: Others, the fastest first; each is nearer to it than the one before.
    """

    name: str
    effort: float
    scouts: tuple[Scout, ...]


@frozen
class Presets:
    """An encoder's speeds, in its own words and in x264's.

    Attributes:
        native: Its own values, fastest first; empty for an encoder with one speed only.
        from_x264: Its own value for each of `X264_PRESETS`, in their order; empty likewise.
        default: What is used where the user names none.
    """

    native: tuple[str, ...] = ()
    from_x264: tuple[str, ...] = ()
    default: str = "medium"

    def native_of(self, preset: str | None) -> str:
        """Translate a preset; x264's names go before native ones that read the same.

        Args:
            preset: One of `X264_PRESETS` or a native value; None for the default.

        Returns:
            The native value; empty for an encoder with one speed only, for which any of x264's
            names will do.

        Raises:
            UsageError: It is neither.
        """
        name = self.default if preset is None else preset
        if not self.native and name in X264_PRESETS:
            return ""
        if name in X264_PRESETS:
            return self.from_x264[X264_PRESETS.index(name)]
        if name in self.native:
            return name
        raise UsageError(f"unknown preset '{name}'; use {self.vocabulary}.")

    @property
    def vocabulary(self) -> str:
        """All that `native_of` takes, in words."""
        own = [value for value in self.native if value not in X264_PRESETS]
        listing = ", ".join(X264_PRESETS)
        return f"{listing}; or its own {', '.join(own)}" if own else listing

"""An encoder's scales: its constant-quality setting, and its presets."""

from __future__ import annotations

import math
from fractions import Fraction

from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen

__all__ = ["X264_PRESETS", "Knob", "Presets", "TypicalCurve"]


@frozen
class TypicalCurve:
    """What a typical clip scores over a knob: `98 / (1 + exp((value - midpoint) / width))`.

    A first guess only: no result depends on it.

    Attributes:
        midpoint: Value at which the score is half of its ceiling.
        width: Change of the value over which the odds `score / (98 - score)` fall by a factor of e;
            above 0.
    """

    midpoint: float
    width: float


@frozen
class Knob:
    """An encoder's constant-quality setting.

    Attributes:
        name: ffmpeg's option without the dash: `crf`, `cq`, `qp`, `global_quality`, `q:v`.
        lo: Lowest value used.
        hi: Highest value used.
        default: The encoder's own, or the usual one where it has none.
        increment: Smallest change that the encoder tells apart.
        higher_is_better: Whether higher values mean better quality.
        beyond: What an encoder makes of values past the better end of the range, as a sentence;
            empty where it takes none.
    """

    name: str
    lo: float
    hi: float
    default: float
    increment: float = 1.0
    higher_is_better: bool = False
    beyond: str = ""

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


def _is_multiple(value: float, increment: float) -> bool:
    # Through the decimal text: in binary, 23.1 is no multiple of 0.1.
    return (Fraction(repr(float(value))) / Fraction(repr(float(increment)))).denominator == 1


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

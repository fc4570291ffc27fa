"""What measured points tell of the curves of all sizes, and how much they leave open.

A Gaussian process over quality and size (C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes
for Machine Learning", MIT Press 2006, chapter 2): what was measured at one size informs the others,
and an estimate is the surer the nearer it is to something measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vmafx_tune.frozen import frozen
from vmafx_tune.search.expected_curve import TYPICAL_CEILING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from vmafx_tune.knob import TypicalCurve

__all__ = ["CurveModel", "Estimate", "KnownCurves", "Measured", "QualityScale"]

_LEAST_SCORE = 0.5
_HEADROOM = 1.0
# The scale's origin for what is linear: the middle of what ladders ask for, about VMAF 82.
_CENTRE = 1.5


@frozen
class Measured:
    """One measured point.

    Attributes:
        size: Index of its resolution.
        step: Of the quality knob.
        log_rate: Natural logarithm of the bitrate in kb/s.
        vmaf: Pooled score.
    """

    size: int
    step: int
    log_rate: float
    vmaf: float

    @property
    def bitrate_kbps(self) -> float:
        """Average video bitrate."""
        return math.exp(self.log_rate)


@frozen
class KnownCurves:
    """What was measured of the same sizes with another encoder.

    Attributes:
        prior: What a typical clip scores over that encoder's steps.
        measured: Its points.
    """

    prior: TypicalCurve
    measured: tuple[Measured, ...]


@frozen
class Estimate:
    """Values with their standard deviations, one for each place asked for."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


@frozen
class QualityScale:
    """The scale on which curves are nearly straight: log odds of a score below a ceiling.

    Attributes:
        ceiling: In VMAF points, above all scores that are placed on it.
    """

    ceiling: float

    @classmethod
    def above(cls, vmafs: Sequence[float]) -> QualityScale:
        """Make the scale for scores up to the highest of `vmafs`."""
        return cls(max(TYPICAL_CEILING, max(vmafs) + _HEADROOM))

    def odds(self, vmaf: ArrayLike) -> NDArray[np.float64]:
        """Place scores on the scale, where they keep their order."""
        scores = np.clip(np.asarray(vmaf, dtype=np.float64), _LEAST_SCORE, None)
        return np.asarray(np.log(scores / (self.ceiling - scores)))


class CurveModel:
    """Estimates bitrate and step over the score, for every size.

    Args:
        pixels: Luma samples of each size.
        prior: What a typical clip scores over the steps.
        scale: Where scores are placed.
        measured: What is known; may be empty.
        others: What is known of other encoders on the same clip.
    """

    def __init__(
        self,
        pixels: Sequence[int],
        prior: TypicalCurve,
        scale: QualityScale,
        measured: Sequence[Measured],
        others: Sequence[KnownCurves] = (),
    ) -> None:
        self._scale = scale
        self._prior = prior
        self._octaves = np.log2(np.array(pixels, dtype=np.float64) / max(pixels))
        curves = [KnownCurves(prior, tuple(measured)), *others]
        places = np.concatenate(
            [self._places(*_scores_and_sizes(of.measured), i) for i, of in enumerate(curves)],
            axis=1,
        )
        points = [(point, of.prior) for of in curves for point in of.measured]
        rates = [point.log_rate for point, _ in points]
        steps = [own.widths(point.step) for point, own in points]
        self._rates = _Process(_RATE, places, np.array(rates))
        self._steps = _Process(_STEP, places, np.array(steps))

    def log_rate(self, size: int, vmafs: NDArray[np.float64]) -> Estimate:
        """Estimate the logarithm of the bitrate in kb/s at which `size` has these scores."""
        return self._rates.at(self._places(vmafs, size))

    def step(self, size: int, vmafs: NDArray[np.float64]) -> Estimate:
        """Estimate at which step `size` has these scores; it may be beyond the knob's range."""
        found = self._steps.at(self._places(vmafs, size))
        half = found.deviation / 2
        better, mean, worse = map(self._at, (found.mean - half, found.mean, found.mean + half))
        return Estimate(mean, worse - better)

    def _at(self, widths: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([self._prior.place(float(value)) for value in widths])

    def _places(
        self, vmafs: ArrayLike, size: int | Sequence[int], encoder: int = 0
    ) -> NDArray[np.float64]:
        odds = self._scale.odds(vmafs) - _CENTRE
        octaves = np.broadcast_to(self._octaves[np.asarray(size, dtype=np.intp)], odds.shape)
        return np.stack([odds, octaves, np.full(odds.shape, float(encoder))])


def _scores_and_sizes(points: Sequence[Measured]) -> tuple[list[float], list[int]]:
    return [point.vmaf for point in points], [point.size for point in points]


@frozen
class _Part:
    """How far curves stray from the mean: deviations of what is constant, linear and bent."""

    level: float
    slope: float
    bend: float

    def covariance(
        self, linear: NDArray[np.float64], alike: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.asarray(self.level**2 + self.slope**2 * linear + self.bend**2 * alike)


@frozen
class _Spread:
    """How far the curves of a clip stray from the mean.

    Attributes:
        common: Deviation that all sizes share.
        trend: Deviation that grows with the distance from the largest size.
        own: Deviation of each size by itself, and of those near it.
        bend_odds: Distance on the scale over which bends are alike.
        kin_octaves: Distance over which sizes are alike.
        fading: Share of `common` that a size of half of the pixels has less.
    """

    common: _Part
    trend: _Part
    own: _Part
    bend_odds: float
    kin_octaves: float
    fading: float = 0.0

    def covariance(
        self, one: NDArray[np.float64], other: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        linear = np.multiply.outer(one[0], other[0])
        apart = np.subtract.outer(one[0], other[0]) / self.bend_odds
        alike = np.exp(-0.5 * apart**2)
        remote = np.multiply.outer(one[1], other[1])
        kin = np.exp(-0.5 * (np.subtract.outer(one[1], other[1]) / self.kin_octaves) ** 2)
        shared = np.multiply.outer(1 + self.fading * one[1], 1 + self.fading * other[1])
        return np.asarray(
            shared * self.common.covariance(linear, alike)
            + remote * self.trend.covariance(linear, alike)
            + kin * self.own.covariance(linear, alike)
        )

    def variance(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the diagonal of `covariance(places, places)`."""
        odds, octaves, _ = places
        itself = np.ones_like(odds)
        return np.asarray(
            self.common.covariance(odds**2, itself)
            + octaves**2 * self.trend.covariance(odds**2, itself)
            + self.own.covariance(odds**2, itself)
        )


@frozen
class _Habits:
    """What is known of curves before anything is measured; a mean and deviations from it.

    Attributes:
        level: Mean where the score's odds are at their centre, for the largest size.
        slope: Change of the mean with the odds.
        per_octave: Change of the mean with each doubling of the pixels.
        noise: Of a single measurement.
        spread: Deviations of curves from the mean.
        single: The part of them that each encoder has by itself; what is left, all encoders of a
            clip share.
    """

    level: float
    slope: float
    per_octave: float
    noise: float
    spread: _Spread
    single: _Spread

    def mean(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        odds, octaves, _ = places
        return np.asarray(self.level + self.slope * odds + self.per_octave * octaves)

    def covariance(
        self, one: NDArray[np.float64], other: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        whole = self.spread.covariance(one, other)
        differ = np.not_equal.outer(one[2], other[2])
        return whole - differ * self.single.covariance(one, other) if differ.any() else whole


class _Process:
    """A Gaussian process, conditioned on what was measured."""

    def __init__(
        self, habits: _Habits, places: NDArray[np.float64], values: NDArray[np.float64]
    ) -> None:
        self._habits = habits
        self._measured = places
        spread = habits.covariance(places, places) + habits.noise**2 * np.eye(len(values))
        self._inverse = np.linalg.inv(spread)
        self._weights = self._inverse @ (values - habits.mean(places))

    def at(self, places: NDArray[np.float64]) -> Estimate:
        across = self._habits.covariance(places, self._measured)
        mean = self._habits.mean(places) + across @ self._weights
        known = np.einsum("ij,jk,ik->i", across, self._inverse, across)
        open_ = self._habits.spread.variance(places) - known
        return Estimate(mean, np.sqrt(np.clip(open_, 0.0, None)))


# Fits to every step at four sizes of a film clip with libx264, by the highest marginal likelihood,
# and wider than these where titles and encoders differ: in their levels, and in how sizes compare.
_RATE = _Habits(
    level=6.8,
    slope=0.5,
    per_octave=0.0,
    noise=0.006,
    spread=_Spread(
        common=_Part(1.5, 0.12, 0.14),
        trend=_Part(0.12, 0.25, 0.06),
        own=_Part(0.12, 0.12, 0.2),
        bend_odds=1.5,
        kin_octaves=0.66,
    ),
    single=_Spread(
        common=_Part(0.4, 0.08, 0.03),
        trend=_Part(0.04, 0.03, 0.01),
        own=_Part(0.012, 0.012, 0.012),
        bend_odds=1.5,
        kin_octaves=0.66,
        fading=0.35,
    ),
)
_STEP = _Habits(
    level=-1.4,
    slope=-0.85,
    per_octave=0.9,
    noise=0.03,
    spread=_Spread(
        common=_Part(0.6, 0.12, 0.1),
        trend=_Part(0.15, 0.15, 0.04),
        own=_Part(0.12, 0.09, 0.18),
        bend_odds=1.3,
        kin_octaves=0.6,
    ),
    single=_Spread(
        common=_Part(0.5, 0.12, 0.08),
        trend=_Part(0.08, 0.06, 0.03),
        own=_Part(0.05, 0.05, 0.05),
        bend_odds=1.3,
        kin_octaves=0.6,
        fading=0.1,
    ),
)

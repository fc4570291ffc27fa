"""What is known of a ladder's hull, and what the estimated curves of all sizes make of it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vmafx_tune.frozen import frozen
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.hull_model import CurveModel, KnownCurves, Measured, QualityScale
from vmafx_tune.search.curve import PchipCurve

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from vmafx_tune.knob import TypicalCurve
    from vmafx_tune.ladder.hull import PointT
    from vmafx_tune.ladder.hull_model import Estimate

__all__ = ["N_SCORES", "HullEstimate", "HullProblem", "ProbeWish"]

N_SCORES = 81
"""Scores between the lowest and the highest target at which the hull is looked at."""

# Estimates far from what was measured may be absurd, and are kept to what floats can hold.
_LOG_RATES = (-50.0, 50.0)
# Scores so far outside of the range say little of it, least of all where curves are flat.
_MARGIN = 2.0
_LOW_MARGIN = 25.0


class ProbeWish(NamedTuple):
    """A probe to make: the index of its size, and its step."""

    size: int
    step: int


@frozen
class HullProblem:
    """One ladder to sample, fully determined but for the measurements.

    Attributes:
        pixels: Luma samples of each size.
        last_step: Steps run from 0, the best quality, to this one.
        lowest: Score at which the hull begins to matter.
        highest: Score at which it ends to.
        prior: What a typical clip scores over the steps.
        max_probes: How many steps of one size may be measured.
        max_guided: How many steps of all sizes may be measured where `others` are known.
        others: What is known of other encoders on the same clip, at the same sizes.
    """

    pixels: tuple[int, ...]
    last_step: int
    lowest: float
    highest: float
    prior: TypicalCurve
    max_probes: int = 12
    max_guided: int = 0
    others: tuple[KnownCurves, ...] = ()


class _Spot(NamedTuple):
    bitrate_kbps: float
    vmaf: float


class HullEstimate:
    """What is known, and what follows from it for every score between the targets.

    Args:
        problem: What is sampled.
        measured: All points so far, each once, in any order.
        closed: Sizes at which nothing more is to be measured.

    Attributes:
        taken: Steps that are measured, by size.
        open_sizes: Sizes at which there may be further probes.
        scale: Where scores are placed.
        model: Estimates the curves.
        vmafs: Scores that estimates are made for, from the lowest target to the highest.
    """

    def __init__(
        self, problem: HullProblem, measured: Sequence[Measured], closed: Collection[int]
    ) -> None:
        self.problem = problem
        self.measured = measured = tuple(sorted(measured, key=_order))
        self.taken = [{p.step for p in measured if p.size == size} for size in self.sizes]
        self.open_sizes = [
            size
            for size in self.sizes
            if size not in closed
            and len(self.taken[size]) < min(problem.max_probes, problem.last_step + 1)
        ]
        known = [point for curves in problem.others for point in curves.measured]
        self.scale = QualityScale.above(
            [problem.highest, *(point.vmaf for point in (*measured, *known))]
        )
        self.model = CurveModel(
            problem.pixels,
            problem.prior,
            self.scale,
            _telling(problem, measured),
            [KnownCurves(of.prior, _telling(problem, of.measured)) for of in problem.others],
        )
        self.vmafs = np.linspace(problem.lowest, problem.highest, N_SCORES)

    def believing(self, wish: ProbeWish) -> HullEstimate:
        """Take a probe for granted that gives what is expected, and close its size."""
        position = int(np.argmin(np.abs(self.steps[wish.size].mean - wish.step)))
        expected = Measured(
            *wish,
            float(self.rates[wish.size].mean[position]),
            float(self.vmafs[position]),
        )
        closed = frozenset({*set(self.sizes) - set(self.open_sizes), wish.size})
        return HullEstimate(self.problem, (*self.measured, expected), closed)

    @property
    def sizes(self) -> range:
        """Indices of all sizes."""
        return range(len(self.problem.pixels))

    @cached_property
    def rates(self) -> list[Estimate]:
        """Logarithms of the bitrate over `vmafs`, by size."""
        return [self.model.log_rate(size, self.vmafs) for size in self.sizes]

    @cached_property
    def steps(self) -> list[Estimate]:
        """Steps over `vmafs`, by size."""
        return [self.model.step(size, self.vmafs) for size in self.sizes]

    @cached_property
    def reachable(self) -> list[NDArray[np.bool_]]:
        """Whether a step of the knob may have each of `vmafs`, by size."""
        return [self._reachable(size) for size in self.sizes]

    @cached_property
    def predicted(self) -> NDArray[np.float64]:
        """The bitrate of the estimated hull over `vmafs`; infinite where no size reaches."""
        spots: list[_Spot] = []
        for rates, reached in zip(self.rates, self.reachable, strict=True):
            kbps = np.exp(np.clip(rates.mean[reached], *_LOG_RATES))
            spots += map(_Spot, kbps.tolist(), self.vmafs[reached].tolist())
        found = self._over_scores(spots)
        return np.where(np.isnan(found), np.inf, found)

    @cached_property
    def known(self) -> NDArray[np.float64]:
        """The bitrate of the measured hull over `vmafs`; not a number where it does not go."""
        return self._over_scores(self.measured)

    def _over_scores(self, points: Sequence[PointT]) -> NDArray[np.float64]:
        hull = upper_hull(points)
        found = np.full(len(self.vmafs), np.nan)
        if len(hull) < 2:
            return found
        within = (self.vmafs >= hull[0].vmaf) & (self.vmafs <= hull[-1].vmaf)
        curve = PchipCurve([p.vmaf for p in hull], [math.log(p.bitrate_kbps) for p in hull])
        found[within] = curve(self.vmafs[within])
        return found

    def _reachable(self, size: int) -> NDArray[np.bool_]:
        steps, last = self.steps[size], self.problem.last_step
        reached = (steps.mean + steps.deviation >= 0) & (steps.mean - steps.deviation <= last)
        for point in self.measured:
            if point.size == size and point.step == 0:
                reached &= self.vmafs <= point.vmaf
            if point.size == size and point.step == last:
                reached &= self.vmafs >= point.vmaf
        return reached


def _order(point: Measured) -> tuple[int, int]:
    return (point.size, point.step)


def _telling(problem: HullProblem, measured: Sequence[Measured]) -> tuple[Measured, ...]:
    """Leave out what lies so far outside of the range that it would mislead.

    Where curves are flat, near their ceilings, many bitrates have one score. The cheapest of those
    that are too good for the range, and the dearest of those that are too bad, still bound it.
    """
    too_good = [p for p in measured if p.vmaf > problem.highest + _MARGIN]
    too_bad = [p for p in measured if p.vmaf < problem.lowest - _LOW_MARGIN]
    bounds = {p.size: p for p in sorted(too_good, key=_order)}.values()
    outer = {p.size: p for p in sorted(too_bad, key=_order, reverse=True)}.values()
    left_out = {*too_good, *too_bad} - {*bounds, *outer}
    return tuple(point for point in measured if point not in left_out)

"""A target and further conditions as one score, so that a search has one curve to look at.

Conditions on other metrics are brought to the scale of VMAF, by how many steps of the knob a value
is from its bound: on that scale their curves are as straight as VMAF's own. What a search decides
by is exact: the score reaches the target where all of the conditions are met, and only there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.frozen import frozen
from vmafx_tune.knob import score_at, widths_at
from vmafx_tune.scoring.conditions import Condition
from vmafx_tune.scoring.metrics import VMAF
from vmafx_tune.scoring.pooling import pool_scores
from vmafx_tune.search.expected_curve import typical_ceiling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.knob import TypicalCurve
    from vmafx_tune.model import PoolMethod, ScoreSet

__all__ = ["Check", "Goal", "Reading"]

_LEAST_SCORE = 0.5
_LEAST_HEADROOM = 0.01
_LEAST_NOISE = 1e-7
# Beyond these, two measurements differ by accident, or not at all.
_SLOWEST, _FASTEST = 1e-4, 1e4


class Reading(NamedTuple):
    """What a search reads out of a probe.

    Attributes:
        vmaf: Pooled score.
        values: Of each condition.
    """

    vmaf: float
    values: tuple[float, ...] = ()


class Check(NamedTuple):
    """Whether a value meets a condition, or the target.

    Attributes:
        name: As on the command line: `vmaf.p5>=85`.
        value: What was measured.
        ok: Whether it meets it.
    """

    name: str
    value: float
    ok: bool


@frozen
class Goal:
    """What an answer must reach.

    Attributes:
        pool: How frame scores are pooled for the target.
        conditions: What it must meet besides.
        prior: What a typical clip scores over the steps of the knob.
        paces: How fast each condition's values get worse, next to what is usual; empty where
            nothing was measured.
    """

    pool: PoolMethod
    conditions: tuple[Condition, ...]
    prior: TypicalCurve
    paces: tuple[float, ...] = ()

    def read(self, scores: ScoreSet) -> Reading:
        """Pool what was measured."""
        values = tuple(condition.value_of(scores) for condition in self.conditions)
        return Reading(pool_scores(scores.frames, self.pool), values)

    def score(self, reading: Reading, target: float) -> float:
        """Put a reading on the scale of VMAF, for a search.

        Args:
            reading: What was measured.
            target: Pooled score to reach.

        Returns:
            At least `target` where VMAF reaches it and all conditions are met, and less otherwise;
            VMAF itself where there are no conditions.
        """
        paces = self.paces or (1.0,) * len(self.conditions)
        known = zip(self.conditions, reading.values, paces, strict=True)
        return min((reading.vmaf, *(self._equivalent(*one, target) for one in known)))

    def scaled(self, readings: Mapping[int, Reading]) -> Goal:
        """Learn from measurements how fast the clip's own values get worse.

        Clips differ in that by far more than in VMAF: CAMBI rises with each step, or hardly.

        Args:
            readings: What was measured, by step.
        """
        if not self.conditions or len(readings) < 2:
            return self
        paces = tuple(
            self._pace(condition, {step: one.values[index] for step, one in readings.items()})
            for index, condition in enumerate(self.conditions)
        )
        return replace(self, paces=paces)

    def _pace(self, condition: Condition, values: Mapping[int, float]) -> float:
        """Compare two measurements, those nearest to the bound, with what is usual."""
        bound = _place(condition, condition.bound)
        places = {step: _place(condition, value) for step, value in values.items()}
        near, other = sorted(places, key=lambda step: (abs(places[step] - bound), step))[:2]
        pace = (places[near] - places[other]) / (self.prior.widths(other) - self.prior.widths(near))
        return min(pace, _FASTEST) if pace > _SLOWEST else 1.0

    def checks(self, reading: Reading, target: float) -> tuple[Check, ...]:
        """Hold a reading against the target, and against each condition."""
        aim = Condition(VMAF, self.pool.value, target)
        pairs = [(aim, reading.vmaf), *zip(self.conditions, reading.values, strict=True)]
        return tuple(
            Check(str(condition), value, condition.is_met_by(value)) for condition, value in pairs
        )

    def _equivalent(self, condition: Condition, value: float, pace: float, target: float) -> float:
        """Find the score that is as far from the target as a value is from its bound, in steps."""
        ceiling = typical_ceiling(target)
        margin = (_place(condition, value) - _place(condition, condition.bound)) / pace
        score = score_at(widths_at(target, ceiling) - margin, ceiling)
        if condition.is_met_by(value):
            return max(score, target)
        return min(score, math.nextafter(target, -math.inf))


def _place(condition: Condition, value: float) -> float:
    """Say how good a value is, in widths of a typical curve from wherever."""
    metric = condition.metric
    if metric.name == VMAF:
        ceiling = typical_ceiling(condition.bound)
        score = min(max(value, _LEAST_SCORE), ceiling - _LEAST_HEADROOM)
        return math.log(score / (ceiling - score))
    if metric.is_similarity:
        # In decibels, on which scale it falls evenly.
        value = -10 * math.log10(max(1 - value, _LEAST_NOISE))
    return (-value if metric.lower_is_better else value) / metric.fall

"""Temporal pooling: many frame scores become one.

Plain Python, because the search pools a few thousand scores per probe and importing numpy for that
would cost more than it saves.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

from vmafx_tune.errors import ScoringError
from vmafx_tune.model import PoolMethod
from vmafx_tune.results.measurement import MetricScores, PooledScores
from vmafx_tune.scoring.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "mean",
    "pool_metric",
    "pool_scores",
    "pooled_metrics",
    "running_means",
    "summarize",
    "summarize_metric",
]

# libvmaf's logs have six decimals. Those who pool them expect what the decimals give, and not the
# 89.09581561200001 that sums of their nearest doubles end with.
_UNIT = 10**6


def pool_scores(scores: Sequence[float], method: PoolMethod) -> float:
    """Pool per-frame VMAF scores into one value.

    Args:
        scores: VMAF points, one per frame; the order does not matter.
        method: Temporal pooling. `HARMONIC_MEAN` is `n / Σ(1/(s+1)) - 1`, with libvmaf's offset of
            one (libvmaf.c); the percentiles interpolate linearly, as numpy's default does.

    Returns:
        Pooled score in VMAF points; may exceed 100 with a model that does not clip there.

    Raises:
        ScoringError: `scores` is empty or not finite.
    """
    _require_poolable(scores)
    match method:
        case PoolMethod.MEAN:
            return mean(scores)
        case PoolMethod.HARMONIC_MEAN:
            return _harmonic_mean(scores)
        case PoolMethod.MIN:
            return float(min(scores))
        case PoolMethod.P1:
            return _percentile(sorted(scores), 1)
        case PoolMethod.P5:
            return _percentile(sorted(scores), 5)
        case PoolMethod.P10:
            return _percentile(sorted(scores), 10)


def mean(values: Sequence[float]) -> float:
    """Take the arithmetic mean: of decimals, the double nearest to their exact mean.

    Args:
        values: At least one; what is not finite makes the mean so, too.
    """
    units = _units(values)
    if units is not None:
        return _ratio(sum(units), len(units))
    return (math.fsum if all(map(math.isfinite, values)) else sum)(values) / len(values)


def running_means(values: Sequence[float], length: int) -> list[float]:
    """Take the `mean` of each run of values, so that equal runs have equal ones.

    Args:
        values: All of them finite.
        length: Of each run, at least 1 and at most that of `values`.
    """
    firsts, units = range(len(values) - length + 1), _units(values)
    if units is None:
        return [math.fsum(values[first : first + length]) / length for first in firsts]
    sums = list(accumulate(units, initial=0))
    return [_ratio(sums[first + length] - sums[first], length) for first in firsts]


def summarize(scores: Sequence[float]) -> PooledScores:
    """Pool per-frame VMAF scores in every way at once.

    Args:
        scores: VMAF points, one per frame; the order does not matter.

    Returns:
        The same values as `pool_scores` gives one by one, and the maximum.

    Raises:
        ScoringError: `scores` is empty or not finite.
    """
    _require_poolable(scores)
    ascending = sorted(scores)
    return PooledScores(
        mean=mean(ascending),
        harmonic_mean=_harmonic_mean(ascending),
        min=float(ascending[0]),
        max=float(ascending[-1]),
        p1=_percentile(ascending, 1),
        p5=_percentile(ascending, 5),
        p10=_percentile(ascending, 10),
    )


def pool_metric(values: Sequence[float], pooling: str) -> float:
    """Pool per-frame values of a metric into one.

    Args:
        values: One per frame, at least one; the order does not matter. They may be infinite, as
            those of equal pictures are, and then so is what is made of them.
        pooling: `mean`, `harmonic_mean`, `min`, `max`, or a percentile such as `p5`; see
            `pool_scores`.
    """
    match pooling:
        case "mean":
            return mean(values)
        case "harmonic_mean":
            return _harmonic_mean(values)
        case "min":
            return float(min(values))
        case "max":
            return float(max(values))
        case _:
            return _percentile(sorted(values), int(pooling.removeprefix("p")))


def summarize_metric(values: Sequence[float], *, lower_is_better: bool) -> MetricScores:
    """Pool per-frame values of a metric in every way at once.

    Args:
        values: As for `pool_metric`.
        lower_is_better: Whether the metric rises where quality falls.
    """
    ascending = sorted(values)
    return MetricScores(
        better="lower" if lower_is_better else "higher",
        mean=mean(ascending),
        # It is a mean that leans to the low values, which are the best ones here.
        harmonic_mean=None if lower_is_better else _harmonic_mean(ascending),
        min=float(ascending[0]),
        max=float(ascending[-1]),
        **{f"p{percent}": _percentile(ascending, percent) for percent in (1, 5, 10, 90, 95, 99)},
    )


def pooled_metrics(columns: Mapping[str, Sequence[float]]) -> dict[str, MetricScores]:
    """Pool the columns of metrics in every way.

    Args:
        columns: Per-frame values by the names of results.
    """
    lower = {name for name, metric in METRICS.items() if metric.lower_is_better}
    return {
        name: summarize_metric(values, lower_is_better=name in lower)
        for name, values in columns.items()
    }


def _require_poolable(scores: Sequence[float]) -> None:
    if len(scores) == 0:
        raise ScoringError(
            "There are no frame scores to pool. Check that both clips have frames and that "
            "subsampling leaves at least one of them."
        )
    for position, score in enumerate(scores):
        if not math.isfinite(score):
            raise ScoringError(
                f"Scored frame {position} has the score {score}, which cannot be pooled. Score "
                "the pair again with another --backend or --model."
            )


def _units(values: Sequence[float]) -> list[int] | None:
    """Count decimals in units of their last digit; None for numbers that have further digits."""
    if not all(map(math.isfinite, values)):
        return None
    units = [round(value * _UNIT) for value in values]
    return units if all(map(_is_decimal, units, values)) else None


def _is_decimal(units: int, value: float) -> bool:
    return units / _UNIT == value


def _ratio(units: int, n: int) -> float:
    # Division of integers is exact but for its one rounding, however large they are.
    return units / (n * _UNIT)


def _harmonic_mean(scores: Sequence[float]) -> float:
    # An unclipped model can go below zero. At -1 a term becomes infinite and the pooled score -1;
    # below it the formula means nothing, so that limit is kept.
    if min(scores) <= -1:
        return -1.0
    total = math.fsum(1 / (score + 1) for score in scores)
    pooled = len(scores) / total - 1 if total else math.inf
    # Of equal scores it is that score, to the last bit.
    return min(max(pooled, min(scores)), max(scores))


def _percentile(ascending: Sequence[float], percent: int) -> float:
    # Whole-number arithmetic finds the neighbours, so a rank that falls on a frame is exact.
    below, hundredths = divmod((len(ascending) - 1) * percent, 100)
    if hundredths == 0:
        return float(ascending[below])
    neighbours = ascending[below : below + 2]
    units = _units(neighbours)
    if units is None:
        low, high = neighbours
        if low == high:  # which may be infinite
            return float(low)
        return float(low + (high - low) * hundredths / 100)
    return _ratio(units[0] * (100 - hundredths) + units[1] * hundredths, 100)

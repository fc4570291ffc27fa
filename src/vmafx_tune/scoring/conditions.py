"""Conditions that an answer must meet: a metric, how it is pooled, and a bound.

`vmaf.p5>=85,cambi.mean<=5`. Pure: what is read here is checked against the metrics' own rows.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import given
from vmafx_tune.frozen import frozen
from vmafx_tune.scoring.metrics import METRICS, VMAF, Metric, nearest_names
from vmafx_tune.scoring.pooling import pool_metric
from vmafx_tune.scoring.targets import checked_score

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.model import ScoreSet, VmafModel

__all__ = ["Condition", "metrics_of", "parse_condition", "parse_conditions"]

_CONDITION = re.compile(
    r"(?P<metric>\w+)\s*(\.\s*(?P<pooling>\w+)\s*)?(?P<sign><=|>=|≤|≥|[<>=]+)\s*(?P<bound>[^<>=≤≥\s]\S*)"
)
_SIGNS = {"≤": "<=", "≥": ">="}
_MEANS = ("mean", "harmonic_mean")
_POOLINGS = (*_MEANS, "min", "max")
_PERCENTILE = re.compile(r"p([1-9]\d?)")
_OF_COLUMNS = {
    column: metric for metric in METRICS.values() for column in metric.columns or (metric.name,)
}


@frozen
class Condition:
    """A bound on a pooled metric; a tie meets it.

    Attributes:
        column: The metric, or one of its planes, by the name in results: `vmaf`, `psnr_cb`.
        pooling: `mean`, `harmonic_mean`, `min`, `max`, or a percentile from `p1` to `p99`.
        bound: The worst value that meets it.
    """

    column: str
    pooling: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{given(self.bound)}"

    @property
    def name(self) -> str:
        """What it is about: `vmaf.p5`."""
        return f"{self.column}.{self.pooling}"

    @property
    def sign(self) -> str:
        """`>=`, or `<=` for a metric that rises where quality falls."""
        return _sign(self.metric)

    @property
    def metric(self) -> Metric:
        """The metric's facts."""
        return _OF_COLUMNS[self.column]

    @property
    def is_mean(self) -> bool:
        """Whether some of the frames tell its value without bias."""
        return self.pooling in _MEANS

    def value_of(self, scores: ScoreSet) -> float:
        """Pool what was measured."""
        values = scores.frames if self.column == VMAF else scores.metrics[self.column]
        return pool_metric(values, self.pooling)

    def is_met_by(self, value: float) -> bool:
        """Tell whether a pooled value meets it."""
        return value <= self.bound if self.metric.lower_is_better else value >= self.bound


def metrics_of(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """List the metrics that must be computed beside VMAF, in the order of results."""
    asked = {condition.metric.name for condition in conditions}
    return tuple(name for name in METRICS if name in asked and name != VMAF)


def parse_conditions(texts: Iterable[str], model: VmafModel) -> tuple[Condition, ...]:
    """Parse conditions, and leave out repeats.

    Raises:
        UsageError: One makes no sense, or asks for what `model` cannot give.
    """
    return tuple(dict.fromkeys(parse_condition(text, model) for text in texts))


def parse_condition(text: str, model: VmafModel) -> Condition:
    """Parse `vmaf.p5>=85`; without a pooling it is the mean.

    Args:
        text: The condition.
        model: Scores VMAF.

    Raises:
        UsageError: It is not a condition, its metric or pooling is unknown, its sign is the wrong
            way round, or its bound is out of the metric's range.
    """
    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{text}' is not a condition. Write it as METRIC.POOLING>=VALUE: vmaf.p5>=85 or "
            "cambi.mean<=5."
        )
    column, pooling = match["metric"], match["pooling"] or "mean"
    if column not in _OF_COLUMNS:
        raise UsageError(
            f"'{text}' has an unknown metric, '{column}'.{nearest_names(column, _OF_COLUMNS)} Use "
            f"one of {', '.join(METRICS)}."
        )
    metric = _OF_COLUMNS[column]
    _check_pooling(text, pooling, metric)
    condition = Condition(column, pooling, _checked_bound(text, match["bound"], metric, model))
    if _SIGNS.get(match["sign"], match["sign"]) != condition.sign:
        better = "lower" if metric.lower_is_better else "higher"
        raise UsageError(
            f"'{text}' is the wrong way round: {better} {metric.title} is better, and a condition "
            f"is the worst value allowed. Use {condition}."
        )
    return condition


def _sign(metric: Metric) -> str:
    return "<=" if metric.lower_is_better else ">="


def _check_pooling(text: str, pooling: str, metric: Metric) -> None:
    if pooling not in _POOLINGS and not _PERCENTILE.fullmatch(pooling):
        raise UsageError(
            f"'{text}' has an unknown pooling, '{pooling}'.{nearest_names(pooling, _POOLINGS)} Use "
            f"{', '.join(_POOLINGS)}, or a percentile from p1 to p99."
        )
    if pooling == "harmonic_mean" and metric.lower_is_better:
        raise UsageError(
            f"'{text}' makes no sense: the harmonic mean leans to low values, which are the best "
            f"of {metric.title}. Use mean, p95 or max."
        )


def _checked_bound(text: str, bound: str, metric: Metric, model: VmafModel) -> float:
    try:
        number = float(bound)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise UsageError(f"'{text}' has '{bound}' where a number belongs.")
    if metric.name == VMAF:
        return checked_score(number, model, f"The bound of '{text}'")
    if metric.lowest <= number <= metric.highest:
        return number
    meant = ""
    if metric.highest == 1 < number <= 100:
        meant = f" Did you mean {given(round(number / 100, 9))}?"
    raise UsageError(
        f"The bound of '{text}' is out of range: {metric.title} goes from "
        f"{given(metric.lowest)} to {given(metric.highest)}.{meant}"
    )

from __future__ import annotations

import json
import math
import random
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest

from vmafx_tune.errors import ScoringError
from vmafx_tune.model import PoolMethod
from vmafx_tune.results.measurement import PooledScores
from vmafx_tune.scoring.pooling import mean, pool_metric, pool_scores, summarize, summarize_metric

GOLDEN = Path(__file__).parents[4] / "shared" / "golden"
POOLINGS = [field.name for field in fields(PooledScores)]
LOGS = sorted(GOLDEN.glob("*.json"))


def test_harmonic_mean_has_libvmafs_offset_of_one() -> None:
    assert pool_scores([0, 99], PoolMethod.HARMONIC_MEAN) == pytest.approx(2 / (1 + 1 / 100) - 1)


def test_harmonic_mean_of_black_frames_is_zero_and_no_division_error() -> None:
    assert pool_scores([0.0, 0.0], PoolMethod.HARMONIC_MEAN) == 0


@pytest.mark.parametrize("lowest", [-1.0, -7.5])
def test_harmonic_mean_stops_at_minus_one_where_its_formula_ends(lowest: float) -> None:
    assert pool_scores([lowest, 90.0], PoolMethod.HARMONIC_MEAN) == -1


@pytest.mark.parametrize("n", [5, 125, 250, 1000])
def test_the_mean_of_decimals_is_the_double_of_their_decimal_mean(n: int) -> None:
    dice = random.Random(n)
    for _ in range(200):
        units = [dice.randrange(10**8) for _ in range(n)]
        scores = [float(f"{unit // 10**6}.{unit % 10**6:06}") for unit in units]
        expected = float(Fraction(sum(units), n * 10**6))
        assert pool_scores(scores, PoolMethod.MEAN) == mean(scores) == expected
        assert len(repr(expected)) <= len("99.123456000")  # n divides a thousand


def test_a_percentile_between_two_decimals_is_a_decimal() -> None:
    assert [pool_scores([84.1, 84.2], method) for method in (PoolMethod.P1, PoolMethod.P10)] == [
        84.101, 84.11
    ]  # fmt: skip


@pytest.mark.parametrize("score", [100.0, 97.428043])
@pytest.mark.parametrize("n", [3, 49, 997])
def test_equal_scores_pool_to_that_score(score: float, n: int) -> None:
    assert {getattr(summarize([score] * n), name) for name in POOLINGS} == {score}


@pytest.mark.parametrize("odd", [math.inf, math.nan])
def test_a_feature_that_is_not_finite_has_no_finite_mean(odd: float) -> None:
    assert not math.isfinite(mean([1.5, odd]))


def test_a_percentile_between_two_frames_is_interpolated() -> None:
    scores = [50.0, 10.0, 40.0, 20.0, 30.0]

    assert pool_scores(scores, PoolMethod.P1) == pytest.approx(10.4)
    assert pool_scores(scores, PoolMethod.P10) == pytest.approx(14)


def test_a_percentile_that_falls_on_a_frame_is_that_frames_score_exactly() -> None:
    scores = [0.1 * k for k in range(101)]

    summary = summarize(scores)

    assert (summary.p1, summary.p5, summary.p10) == (scores[1], scores[5], scores[10])


@pytest.mark.parametrize("method", PoolMethod)
def test_one_frame_pools_to_its_own_score(method: PoolMethod) -> None:
    assert pool_scores([93.5], method) == 93.5


def test_scores_above_100_are_not_clipped() -> None:
    assert summarize([104.0, 110.0]).max == 110


@pytest.mark.parametrize("method", PoolMethod)
def test_no_frames_at_all_are_an_error(method: PoolMethod) -> None:
    with pytest.raises(ScoringError, match="no frame scores"):
        pool_scores([], method)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_an_error_that_names_the_frame(broken: float) -> None:
    with pytest.raises(ScoringError, match=f"frame 1 has the score {broken}"):
        summarize([90.0, broken, 91.0])


@pytest.mark.skipif(not LOGS, reason="the golden logs are not beside this checkout")
@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_frame_scores_pool_to_what_libvmaf_itself_logged(log: Path) -> None:
    logged = json.loads(log.read_text(encoding="utf-8"))

    pooled = summarize([frame["metrics"]["vmaf"] for frame in logged["frames"]])

    # The log has six decimals, of the frames and of the pooled scores.
    for name, value in logged["pooled_metrics"]["vmaf"].items():
        assert getattr(pooled, name) == pytest.approx(value, abs=1.1e-6)


def test_a_metric_of_equal_frames_is_infinite_in_each_pooling_that_they_decide() -> None:
    pooled = summarize_metric([math.inf, 40.0, math.inf, math.inf], lower_is_better=False)

    assert (pooled.min, pooled.max, pooled.mean, pooled.p99) == (40.0, *[math.inf] * 3)
    assert pooled.harmonic_mean == pytest.approx(4 / (1 / 41) - 1)
    assert summarize_metric([math.inf] * 2, lower_is_better=False).harmonic_mean == math.inf


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_metric_is_pooled_as_vmaf_is(pooling: str) -> None:
    values = [90.5, 71.25, 83.0, 99.125]

    assert pool_metric(values, pooling) == getattr(summarize(values), pooling)


def test_a_metric_that_rises_as_quality_falls_has_no_harmonic_mean() -> None:
    assert summarize_metric([1.0, 3.0], lower_is_better=True).harmonic_mean is None

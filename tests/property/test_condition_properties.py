"""Conditions: they say what was written, and a search finds what a look at each step finds."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.search.fakes import CRF, MODEL, CurveProber, request
from vmafx_tune.choices import SearchStrategy as SearchChoice
from vmafx_tune.errors import UsageError
from vmafx_tune.model import PoolMethod
from vmafx_tune.scoring.conditions import Condition, parse_condition
from vmafx_tune.scoring.metrics import METRICS
from vmafx_tune.search.engine import search
from vmafx_tune.search.goal import Goal, Reading

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

PERCENTILES = [f"p{percent}" for percent in (1, 5, 42, 99)]


@st.composite
def conditions(draw: DrawFn) -> Condition:
    metric = METRICS[draw(st.sampled_from(sorted(METRICS)))]
    poolings = ["mean", "min", "max", *PERCENTILES]
    poolings += [] if metric.lower_is_better else ["harmonic_mean"]
    bound = draw(st.floats(metric.lowest, metric.highest, allow_subnormal=False))
    column = draw(st.sampled_from([*(metric.columns or (metric.name,))]))
    return Condition(column, draw(st.sampled_from(poolings)), bound)


def values(condition: Condition) -> SearchStrategy[float]:
    metric = condition.metric
    highest = 1.0 if metric.is_similarity else 120.0
    usual = st.floats(0, highest, allow_subnormal=False)
    return st.one_of(usual, st.just(condition.bound), st.sampled_from([highest, metric.lowest]))


@given(conditions())
def test_a_condition_that_is_written_is_read_as_it_was(condition: Condition) -> None:
    # Fifteen digits are written, as of all limits that are given.
    again = parse_condition(str(condition), MODEL)

    assert (again.column, again.pooling) == (condition.column, condition.pooling)
    assert again.bound == pytest.approx(condition.bound, rel=1e-14)
    assert parse_condition(str(again), MODEL) == again


@given(conditions())
def test_a_condition_with_its_sign_the_other_way_round_is_refused(condition: Condition) -> None:
    other = {"<=": ">=", ">=": "<="}[condition.sign]

    with pytest.raises(UsageError, match=r"wrong way round.*Use"):
        parse_condition(str(condition).replace(condition.sign, other), MODEL)


@given(conditions(), st.floats(allow_nan=False))
def test_a_bound_is_taken_exactly_where_the_metric_has_it(
    condition: Condition, bound: float
) -> None:
    text = f"{condition.name}{condition.sign}{bound!r}"
    if condition.metric.lowest <= bound <= condition.metric.highest:
        assert parse_condition(text, MODEL).bound == bound
    else:
        with pytest.raises(UsageError, match="range"):
            parse_condition(text, MODEL)


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_condition(text, MODEL).metric.name in METRICS


@given(st.data(), st.lists(conditions(), max_size=3), st.floats(1, 100), st.floats(0, 100))
def test_a_score_reaches_the_target_exactly_where_all_is_met(
    data: st.DataObject, some: list[Condition], target: float, vmaf: float
) -> None:
    goal = Goal(PoolMethod.MEAN, tuple(some), CRF.prior)
    found = tuple(data.draw(values(condition)) for condition in some)

    score = goal.score(Reading(vmaf, found), target)

    met = [condition.is_met_by(value) for condition, value in zip(some, found, strict=True)]
    assert (score >= target) == (vmaf >= target and all(met))
    assert math.isfinite(score)


@given(st.data(), conditions(), st.floats(1, 100))
def test_a_better_value_never_lowers_the_score(
    data: st.DataObject, condition: Condition, target: float
) -> None:
    goal = Goal(PoolMethod.MEAN, (condition,), CRF.prior)
    pair = sorted(data.draw(st.tuples(values(condition), values(condition))))
    worse, better = reversed(pair) if condition.metric.lower_is_better else pair

    lower, higher = (goal.score(Reading(100.0, (value,)), target) for value in (worse, better))

    assert lower <= higher


@given(
    st.lists(st.floats(0, 100), min_size=20, max_size=20),
    st.lists(st.floats(20, 60), min_size=20, max_size=20),
    st.lists(st.floats(0, 20), min_size=20, max_size=20),
    st.floats(1, 99),
    st.floats(20, 60),
    st.floats(0, 20),
    st.sampled_from(SearchChoice),
)
def test_a_search_finds_what_a_look_at_every_step_finds(
    vmafs: list[float],
    psnrs: list[float],
    cambis: list[float],
    target: float,
    psnr: float,
    cambi: float,
    strategy: SearchChoice,
) -> None:
    vmafs, psnrs, cambis = sorted(vmafs)[::-1], sorted(psnrs)[::-1], sorted(cambis)
    knob = type(CRF)("crf", 0, 19, default=10)
    asked = request(
        target=target,
        knob=knob,
        strategy=strategy,
        require=[f"psnr.mean>={psnr!r}", f"cambi.p95<={cambi!r}"],
    )
    prober = CurveProber(
        lambda quality: vmafs[int(quality)],
        metrics_of=lambda quality: {"psnr": psnrs[int(quality)], "cambi": cambis[int(quality)]},
        own_metrics={"psnr": 60.0, "cambi": 0.0},
    )

    result = search(asked, prober)

    meets = [
        step
        for step in range(20)
        if vmafs[step] >= target and psnrs[step] >= psnr and cambis[step] <= cambi
    ]
    assert result.ok == bool(meets)
    if meets:
        assert result.best_crf == meets[-1]
        assert result.proven
        assert bool(result.next_worse_fails) == (meets[-1] < 19)

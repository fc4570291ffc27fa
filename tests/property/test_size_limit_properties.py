"""Searches in which good encodes may turn out too large, with both strategies."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.search.state import TOO_LARGE, Measurement, SearchOutcome, SearchProblem
from vmafx_tune.search.strategy import probes_left, solve

from .strategies import falling_curves, most_bisections, problems, rough_curves

Curve = tuple[Measurement, ...]
Case = tuple[Curve, SearchProblem]

EXTRA = {SearchStrategy.BISECT: 0, SearchStrategy.INTERPOLATE: 4}
both_strategies = pytest.mark.parametrize("name", SearchStrategy)


@st.composite
def limited(draw: st.DrawFn, max_probes: st.SearchStrategy[int] | None = None) -> Case:
    """A falling curve whose best steps, none or all of them, are too large; some may be known."""
    scores, problem = draw(problems(falling_curves(), max_probes))
    first_allowed = draw(st.integers(0, len(scores)))
    curve = (TOO_LARGE,) * first_allowed + scores[first_allowed:]
    return curve, replace(problem, known={step: curve[step] for step in problem.known})


@st.composite
def chaotic(draw: st.DrawFn) -> Case:
    """Scores in any order, and steps that are too large anywhere among them."""
    scores, problem = draw(problems(rough_curves(), st.integers(0, 12)))
    large = draw(st.sets(st.integers(0, len(scores) - 1), max_size=20))
    curve = tuple(TOO_LARGE if step in large else score for step, score in enumerate(scores))
    return curve, replace(problem, known={step: curve[step] for step in problem.known})


def run(name: SearchStrategy, case: Case) -> tuple[SearchOutcome, list[int]]:
    """Search a curve; returns the outcome and the steps asked for."""
    curve, problem = case[0], replace(case[1], strategy=name)
    asked: list[int] = []

    def measure(step: int) -> Measurement:
        assert step not in asked
        assert step not in problem.known
        asked.append(step)
        return curve[step]

    return solve(problem, measure), asked


def allowed(curve: Curve) -> dict[int, float]:
    return {step: score for step, score in enumerate(curve) if score is not TOO_LARGE}


@both_strategies
@given(case=limited())
def test_the_answer_is_the_worst_step_that_passes_if_it_is_not_too_large(
    case: Case, name: SearchStrategy
) -> None:
    curve, problem = case

    outcome, _ = run(name, case)

    passing = [step for step, score in allowed(curve).items() if score >= problem.target]
    assert outcome.converged
    assert outcome.reached == outcome.proven == bool(passing)
    assert not passing or outcome.best_step == max(passing)


@both_strategies
@given(case=limited())
def test_where_all_that_pass_are_too_large_the_best_that_is_not_is_found(
    case: Case, name: SearchStrategy
) -> None:
    curve, _ = case

    outcome, _ = run(name, case)

    if not outcome.reached:
        fits = allowed(curve)
        assert (outcome.best_step is None) == (not fits)
        assert outcome.best_step is None or fits[outcome.best_step] == max(fits.values())


@both_strategies
@given(case=limited(st.integers(0, 12)))
def test_sizes_never_cost_more_probes_than_the_strategy_may_take(
    case: Case, name: SearchStrategy
) -> None:
    _, problem = case

    outcome, asked = run(name, case)

    most = most_bisections(problem)
    assert len(asked) <= min(most + EXTRA[name], problem.max_probes)
    assert outcome.converged or len(asked) == problem.max_probes


@both_strategies
@given(case=chaotic())
def test_whatever_is_too_large_nothing_is_proven_but_a_measured_answer_with_its_neighbour(
    case: Case, name: SearchStrategy
) -> None:
    _, problem = case

    outcome, asked = run(name, case)

    best, scores = outcome.best_step, outcome.scores
    passing = [step for step, score in scores.items() if score >= problem.target]
    assert outcome.reached == bool(passing)
    assert not passing or best == max(passing)
    if outcome.proven:
        assert best is not None
        assert scores[best] >= problem.target
        assert best == problem.last_step or scores[best + 1] < problem.target
        assert all(step < best for step in outcome.too_large)
    assert {*scores, *outcome.too_large} == {*problem.known, *asked}
    assert outcome.converged or len(asked) == problem.max_probes


@both_strategies
@given(case=chaotic())
def test_probes_left_counts_those_that_were_too_large(case: Case, name: SearchStrategy) -> None:
    curve, problem = case[0], replace(case[1], strategy=name)
    measured: dict[int, Measurement] = {}
    bounds = [probes_left(problem, measured)]

    def measure(step: int) -> Measurement:
        measured[step] = curve[step]
        bounds.append(probes_left(problem, measured))
        return curve[step]

    solve(problem, measure)

    assert all(before > after for before, after in pairwise(bounds))
    assert all(bound >= len(measured) - n_done for n_done, bound in enumerate(bounds))
    assert bounds[-1] == 0

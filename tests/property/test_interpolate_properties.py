from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.search.state import SearchOutcome, SearchProblem
from vmafx_tune.search.strategy import probes_left, solve

from .strategies import falling_curves, most_bisections, problems, rough_curves

Curve = tuple[float, ...]
BUDGETS = st.integers(0, 12)
EXTRA = 4


@st.composite
def searches(
    draw: st.DrawFn, curves: st.SearchStrategy[Curve], max_probes: st.SearchStrategy[int]
) -> tuple[Curve, SearchProblem]:
    """A curve and a search on it, with any prior or none, however wrong."""
    curve, problem = draw(problems(curves, max_probes))
    finite = st.floats(-300, 300)
    prior = draw(st.none() | st.builds(TypicalCurve, finite, st.floats(0.001, 100)))
    return curve, replace(problem, prior=prior)


def shaped_curves() -> st.SearchStrategy[Curve]:
    """Falling curves as encoders make them, with plateaus, cliffs and ends that are saturated."""
    lengths = st.lists(st.integers(1, 40), min_size=1, max_size=6)
    levels = st.lists(st.integers(0, 100).map(float), min_size=6, max_size=6)
    steps = st.tuples(lengths, levels).map(
        lambda drawn: [
            level
            for length, level in zip(drawn[0], sorted(drawn[1], reverse=True), strict=False)
            for _ in range(length)
        ]
    )
    logistic = st.builds(
        logistic_curve,
        st.integers(1, 250),
        st.floats(-50, 300),
        st.floats(0.1, 60),
        st.floats(20, 110),
    )
    return st.one_of(falling_curves(), steps.map(tuple), logistic)


def logistic_curve(n_steps: int, midpoint: float, width: float, ceiling: float) -> Curve:
    odds = (min((step - midpoint) / width, 500) for step in range(n_steps))
    return tuple(ceiling / (1 + math.exp(exponent)) for exponent in odds)


def run(curve: Curve, problem: SearchProblem) -> tuple[SearchOutcome, int]:
    """Search a curve; returns the outcome and the number of probes."""
    asked: list[int] = []

    def measure(step: int) -> float:
        assert step not in asked
        assert step not in problem.known
        asked.append(step)
        return curve[step]

    return solve(problem, measure), len(asked)


@given(searches(shaped_curves(), st.just(30)))
def test_on_a_falling_curve_the_answer_is_that_of_measuring_every_step_and_is_proven(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    passing = [step for step, score in enumerate(curve) if score >= problem.target]
    assert outcome.converged
    assert outcome.reached == outcome.proven == bool(passing)
    assert not passing or outcome.best_step == max(passing)


@given(searches(shaped_curves(), BUDGETS))
def test_on_a_falling_curve_a_search_ends_with_an_answer_wherever_bisection_does(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    bisected, n_bisected = run(curve, replace(problem, strategy=SearchStrategy.BISECT))
    assert outcome.converged or problem.max_probes < most_bisections(problem)
    assert outcome.converged or not bisected.converged or problem.max_probes == n_bisected


@given(searches(rough_curves(), BUDGETS))
def test_on_any_curve_an_answer_is_proven_exactly_when_its_neighbour_is_measured_and_misses(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    best, scores = outcome.best_step, outcome.scores
    passes = best is not None and curve[best] >= problem.target
    bounded = best is not None and (
        best == problem.last_step or scores.get(best + 1, math.inf) < problem.target
    )
    assert outcome.proven == (passes and bounded)
    assert all(curve[step] == score for step, score in scores.items())


@given(searches(rough_curves(), BUDGETS))
def test_on_any_curve_a_search_ends_within_two_probes_above_bisections_most(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, n_made = run(curve, problem)

    most = most_bisections(problem)
    assert n_made <= min(most + EXTRA, problem.max_probes)
    assert outcome.converged or n_made == problem.max_probes
    assert outcome.converged or problem.max_probes < most


@given(searches(rough_curves(), BUDGETS))
def test_probes_left_falls_with_every_probe_and_never_promises_too_few(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case
    measured: dict[int, float] = {}
    bounds = [probes_left(problem)]

    def measure(step: int) -> float:
        measured[step] = curve[step]
        bounds.append(probes_left(problem, measured))
        return curve[step]

    solve(problem, measure)

    assert all(before > after for before, after in pairwise(bounds))
    assert all(bound >= len(measured) - n_done for n_done, bound in enumerate(bounds))
    assert bounds[-1] == 0


@pytest.mark.parametrize(("increment", "most"), [(1.0, 3.6), (0.25, 4.2)])
def test_curves_like_those_of_encoders_take_few_probes_on_coarse_and_on_fine_grids(
    increment: float, most: float
) -> None:
    dice = random.Random(7)
    prior = TypicalCurve(38.4 / increment, 4.8 / increment)
    counts = []
    for _ in range(100):
        ceiling = dice.choice((97.4, 98.5, 99.9))
        midpoint, width = dice.gauss(39, 3), dice.uniform(4, 6)
        smooth = logistic_curve(
            int(51 / increment) + 1, midpoint / increment, width / increment, ceiling
        )
        noisy = tuple(score + dice.gauss(0, 0.02) for score in smooth)
        for target in (75, 80, 85, 90, 93, 95):
            problem = SearchProblem(target, len(noisy) - 1, prior=prior)
            outcome, n_made = run(noisy, problem)
            assert outcome.proven
            counts.append(n_made)

    assert mean(counts) <= most

from __future__ import annotations

import math
import random
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.knob import TypicalCurve
from vmafx_tune.search.expected_curve import Expectation
from vmafx_tune.search.prescan import MOST_LOOKS, next_look
from vmafx_tune.search.state import SearchOutcome, SearchProblem
from vmafx_tune.search.strategy import probes_left, solve

from .strategies import most_bisections, rough_curves, vmaf_points
from .test_interpolate_properties import (
    BUDGETS,
    EXTRA,
    logistic_curve,
    run,
    searches,
    shaped_curves,
)

if TYPE_CHECKING:
    from .strategies import Curve

PRIOR = TypicalCurve(38.4, 4.8)


@st.composite
def hinted_searches(
    draw: st.DrawFn, curves: st.SearchStrategy[Curve], max_probes: st.SearchStrategy[int]
) -> tuple[Curve, SearchProblem]:
    """A search with hints that may be anything."""
    curve, problem = draw(searches(curves, max_probes))
    steps = st.integers(0, problem.last_step)
    hints = draw(st.dictionaries(steps, st.floats(-1e4, 1e4) | vmaf_points(), max_size=6))
    return curve, replace(problem, hints=hints)


@st.composite
def seeded_searches(
    draw: st.DrawFn, curves: st.SearchStrategy[Curve]
) -> tuple[Curve, SearchProblem]:
    """A search with hints that may be anything, and seeds that are true."""
    curve, problem = draw(hinted_searches(curves, st.just(30)))
    steps = draw(st.sets(st.integers(0, problem.last_step), max_size=12))
    return curve, replace(problem, seeds={step: curve[step] for step in steps})


def steps_of(curve: Curve, problem: SearchProblem) -> tuple[SearchOutcome, list[int]]:
    """Search a curve; returns the outcome and the steps asked for, in order."""
    asked: list[int] = []

    def measure(step: int) -> float:
        asked.append(step)
        return curve[step]

    return solve(problem, measure), asked


@given(hinted_searches(shaped_curves(), st.just(30)))
def test_hints_of_any_kind_never_change_the_answer_on_a_falling_curve(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    passing = [step for step, score in enumerate(curve) if score >= problem.target]
    assert outcome.converged
    assert outcome.reached == outcome.proven == bool(passing)
    assert not passing or outcome.best_step == max(passing)


@given(hinted_searches(shaped_curves(), BUDGETS))
def test_hints_of_any_kind_cost_no_more_than_two_probes_above_bisections(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    _, n_made = run(curve, problem)

    most = most_bisections(problem)
    assert n_made <= min(most + EXTRA, problem.max_probes)


@given(hinted_searches(rough_curves(), BUDGETS))
def test_hints_are_no_measurements_and_prove_nothing(case: tuple[Curve, SearchProblem]) -> None:
    curve, problem = case

    outcome, n_made = run(curve, problem)

    best, scores = outcome.best_step, outcome.scores
    assert len(scores) == n_made + len(problem.known)
    assert all(curve[step] == score for step, score in scores.items())
    bounded = best is not None and (
        best == problem.last_step or scores.get(best + 1, math.inf) < problem.target
    )
    assert outcome.proven == (outcome.reached and bounded)
    assert n_made <= most_bisections(problem) + EXTRA


@given(
    st.dictionaries(st.integers(0, 51), st.floats(-1e4, 1e4) | vmaf_points(), max_size=6),
    vmaf_points(),
    st.lists(vmaf_points(), min_size=2, max_size=20),
)
def test_whatever_the_hints_a_higher_score_is_expected_at_a_better_place(
    hints: dict[int, float], target: float, scores: list[float]
) -> None:
    ceiling = max(*hints.values(), *scores, target, 97.0) + 1
    expected = Expectation.through(hints, prior=PRIOR, ceiling=ceiling, target=target)

    places = [expected.place_of(score) for score in sorted(scores)]

    assert all(map(math.isfinite, places))
    assert places == sorted(places, reverse=True)


@given(seeded_searches(shaped_curves()))
def test_seeds_never_change_the_answer_and_never_cost_an_encode_more_than_bisection_and_some(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, asked = steps_of(curve, problem)

    passing = [step for step, score in enumerate(curve) if score >= problem.target]
    assert outcome.reached == outcome.proven == bool(passing)
    assert not passing or outcome.best_step == max(passing)
    most = most_bisections(problem)
    assert sum(step not in problem.seeds for step in asked) <= most + EXTRA


@given(hinted_searches(rough_curves(), st.integers(1, 12)), st.data())
def test_a_search_that_is_repeated_takes_the_steps_that_it_took_however_it_was_cut_short(
    case: tuple[Curve, SearchProblem], data: st.DataObject
) -> None:
    curve, problem = case
    outcome, first = steps_of(curve, problem)
    kept = data.draw(st.integers(0, len(first)))

    seeds = {step: curve[step] for step in first[:kept]}
    repeated, again = steps_of(curve, replace(problem, seeds=seeds))

    assert again == first
    assert repeated == outcome


@given(seeded_searches(rough_curves()), st.data())
def test_whatever_a_store_came_to_hold_a_second_run_measures_nothing(
    case: tuple[Curve, SearchProblem], data: st.DataObject
) -> None:
    curve, problem = case
    first = solve(problem, lambda step: curve[step])
    seeds = {**problem.seeds, **{s: v for s, v in first.scores.items() if s not in problem.known}}

    solve(replace(problem, seeds=seeds), lambda step: seeds[step])


@given(
    st.dictionaries(st.integers(0, 51), vmaf_points(), max_size=20), vmaf_points(), rough_curves()
)
def test_seeds_that_are_wrong_prove_nothing_and_end_like_any_others(
    seeds: dict[int, float], target: float, curve: Curve
) -> None:
    last = len(curve) - 1
    problem = SearchProblem(target, last, seeds={s: v for s, v in seeds.items() if s <= last})

    outcome, n_made = run(curve, problem)

    assert n_made <= problem.max_probes
    assert outcome.reached == any(score >= target for score in outcome.scores.values())
    assert all(curve[step] == score for step, score in outcome.scores.items())


@given(seeded_searches(shaped_curves()))
def test_probes_left_never_promises_too_few_where_there_are_seeds(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case
    measured: dict[int, float] = {}

    def measure(step: int) -> float:
        assert probes_left(problem, measured) > 0
        measured[step] = curve[step]
        return curve[step]

    solve(problem, measure)

    assert probes_left(problem, measured) == 0


@given(hinted_searches(rough_curves(), BUDGETS))
def test_looks_are_few_and_each_is_at_a_step_of_its_own(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case
    seen: dict[int, float] = {}

    while (step := next_look(problem, seen)) is not None:
        assert step not in seen
        seen[step] = curve[step]
        assert len(seen) <= MOST_LOOKS


@pytest.mark.parametrize(("most_off", "offset", "most"), [(0.4, 0.0, 2.3), (2.0, 3.0, 2.9)])
def test_hints_of_about_the_right_shape_leave_little_but_the_proof_to_measure(
    most_off: float, offset: float, most: float
) -> None:
    dice = random.Random(11)
    counts = []
    for _ in range(100):
        midpoint, width = dice.gauss(39, 4), dice.uniform(4, 6)
        curve = logistic_curve(52, midpoint, width, 99)
        off = dice.uniform(-most_off, most_off)
        part = [score - offset for score in logistic_curve(52, midpoint + off, width, 99)]
        for target in (75, 80, 85, 90, 93):
            problem = SearchProblem(target, 51, prior=PRIOR)
            hints: dict[int, float] = {}
            while (step := next_look(problem, hints)) is not None:
                hints[step] = part[step]
            outcome, n_made = run(curve, replace(problem, hints=hints))
            assert outcome.proven
            counts.append(n_made)

    assert mean(counts) <= most

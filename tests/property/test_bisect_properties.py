from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.search.strategy import probes_left, solve

from .strategies import bisections, falling_curves, rough_curves

if TYPE_CHECKING:
    from vmafx_tune.search.state import SearchOutcome, SearchProblem

Curve = tuple[float, ...]
BUDGETS = st.integers(0, 9)


def run(curve: Curve, problem: SearchProblem) -> tuple[SearchOutcome, list[int]]:
    """Bisect on a curve; returns the outcome and the steps asked for, in order."""
    asked: list[int] = []

    def measure(step: int) -> float:
        asked.append(step)
        return curve[step]

    return solve(problem, measure), asked


def worst_passing(curve: Curve, target: float) -> int | None:
    return max((step for step, score in enumerate(curve) if score >= target), default=None)


@given(bisections(falling_curves(), with_known=False))
def test_on_a_falling_curve_the_answer_is_that_of_measuring_every_step(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, asked = run(curve, problem)

    expected = worst_passing(curve, problem.target)
    assert outcome.converged
    assert outcome.reached == outcome.proven == (expected is not None)
    assert not outcome.reached or outcome.best_step == expected
    assert outcome.non_monotone == ()
    assert len(asked) <= math.ceil(math.log2(len(curve))) + 2


@given(bisections(falling_curves()))
def test_known_scores_change_neither_the_answer_nor_the_bound_on_probes(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case
    cold = replace(problem, known={})

    outcome, asked = run(curve, problem)

    cold_outcome, _ = run(curve, cold)
    assert outcome.reached == cold_outcome.reached
    assert not outcome.reached or outcome.best_step == cold_outcome.best_step
    assert len(asked) <= probes_left(problem) <= probes_left(cold)


@given(bisections(rough_curves(), BUDGETS))
def test_no_step_is_measured_twice_and_never_more_than_allowed(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, asked = run(curve, problem)

    assert len(asked) == len(set(asked)) <= problem.max_probes
    assert problem.known.keys().isdisjoint(asked)
    assert outcome.scores == {step: curve[step] for step in (*problem.known, *asked)}
    assert list(outcome.scores) == sorted(outcome.scores)


@given(bisections(rough_curves(), BUDGETS))
def test_an_answer_is_proven_exactly_when_its_neighbour_is_measured_and_misses(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    best, scores = outcome.best_step, outcome.scores
    passes = best is not None and scores[best] >= problem.target
    bounded = best is not None and (
        best == problem.last_step or scores.get(best + 1, math.inf) < problem.target
    )
    assert outcome.reached == passes
    assert outcome.proven == (passes and bounded)


@given(bisections(rough_curves(), BUDGETS))
def test_no_measured_step_worse_than_the_answer_passes(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    passing = [step for step, score in outcome.scores.items() if score >= problem.target]
    assert outcome.reached == bool(passing)
    assert not passing or outcome.best_step == max(passing)


@given(bisections(rough_curves(), BUDGETS))
def test_a_search_that_misses_names_the_highest_score(case: tuple[Curve, SearchProblem]) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    if not outcome.reached and outcome.scores:
        assert outcome.best_step is not None
        assert outcome.scores[outcome.best_step] == max(outcome.scores.values())
    if not outcome.reached and outcome.converged:
        assert outcome.scores[0] < problem.target


@given(bisections(rough_curves(), BUDGETS))
def test_a_search_either_converges_or_uses_up_its_probes(
    case: tuple[Curve, SearchProblem],
) -> None:
    curve, problem = case

    outcome, asked = run(curve, problem)

    assert outcome.converged or len(asked) == problem.max_probes
    assert not (outcome.reached and outcome.converged) or outcome.proven


@given(bisections(rough_curves()))
def test_no_contradiction_goes_unnoticed(case: tuple[Curve, SearchProblem]) -> None:
    curve, problem = case

    outcome, _ = run(curve, problem)

    contradicts = any(b > a for a, b in combinations(outcome.scores.values(), 2))
    assert bool(outcome.non_monotone) == contradicts
    assert all(
        better < worse and curve[worse] > curve[better] for better, worse in outcome.non_monotone
    )


@given(bisections(rough_curves(), st.integers(0, 20)))
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

    made = len(measured)
    assert all(before > after for before, after in pairwise(bounds))
    assert all(bound >= made - n_done for n_done, bound in enumerate(bounds))
    assert bounds[-1] == 0

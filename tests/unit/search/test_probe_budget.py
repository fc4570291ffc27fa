from __future__ import annotations

import pytest

from vmafx_tune.search.probe_budget import ProbeBudget
from vmafx_tune.search.state import Bracket


def test_every_answer_may_take_two_probes_more_than_bisection_needs_for_it() -> None:
    budget = ProbeBudget.of(Bracket(-1, 4), max_probes=12)

    # Bisection asks 2 first; then 1 and 0, or 3.
    assert budget.first == -1
    assert budget.probes == (5, 5, 4, 4, 4)


def test_what_bisection_finds_with_the_probes_allowed_may_take_no_more_of_them() -> None:
    assert ProbeBudget.of(Bracket(-1, 52), max_probes=6).probes == (6,) * 53
    assert max(ProbeBudget.of(Bracket(-1, 52), max_probes=1).probes) == 6


def test_a_first_guess_may_be_anywhere() -> None:
    bracket = Bracket(-1, 52)
    budget = ProbeBudget.of(bracket, max_probes=12)

    assert [budget.nearest_affordable(wish, bracket, 0) for wish in (0, 30, 51)] == [0, 30, 51]


def test_without_probes_to_spare_only_steps_near_the_midpoint_are_affordable() -> None:
    bracket = Bracket(-1, 52)
    budget = ProbeBudget.of(bracket, max_probes=6)

    assert budget.nearest_affordable(0, bracket, 0) == 20
    assert budget.nearest_affordable(51, bracket, 0) == 31


def test_guesses_that_go_on_failing_end_within_the_budget() -> None:
    bracket = Bracket(-1, 52)
    budget = ProbeBudget.of(bracket, max_probes=12)
    n_made = 0

    while bracket.n_open:
        step = budget.nearest_affordable(bracket.passing + 1, bracket, n_made)
        bracket, n_made = Bracket(step, bracket.missing), n_made + 1

    assert n_made <= 8


@pytest.mark.parametrize(("passing", "n_made", "most"), [(-1, 0, 8), (30, 3, 5), (50, 3, 1)])
def test_what_is_left_is_bound_by_the_budget_and_by_the_open_steps(
    passing: int, n_made: int, most: int
) -> None:
    budget = ProbeBudget.of(Bracket(-1, 52), max_probes=12)

    assert budget.most_left(Bracket(passing, 52), n_made) == most

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from vmafx_tune.knob import TypicalCurve
from vmafx_tune.search.state import TOO_LARGE, Measurement, SearchOutcome, SearchProblem
from vmafx_tune.search.strategy import probes_expected, probes_left, solve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRIOR = TypicalCurve(midpoint=38.0, width=5.0)


def typical(shift: float = 0.0, *, width: float = 5.0, ceiling: float = 98.0) -> list[float]:
    """52 scores along the prior's curve, moved by `shift` steps."""
    return [ceiling / (1 + math.exp((step - 38 - shift) / width)) for step in range(52)]


def run(
    scores: Sequence[float],
    *,
    target: float = 90,
    known: Mapping[int, float] | None = None,
    max_probes: int = 12,
    prior: TypicalCurve | None = PRIOR,
) -> tuple[SearchOutcome, list[int]]:
    """Interpolate on a list of scores; returns the outcome and the steps asked for, in order."""
    asked: list[int] = []

    def measure(step: int) -> float:
        asked.append(step)
        return scores[step]

    problem = SearchProblem(target, len(scores) - 1, known or {}, max_probes, prior)
    return solve(problem, measure), asked


def test_a_clip_like_the_prior_takes_the_answer_and_its_neighbour() -> None:
    scores = typical()

    outcome, asked = run(scores)

    assert outcome.proven
    assert outcome.best_step is not None
    assert sorted(asked) == [outcome.best_step, outcome.best_step + 1]


@pytest.mark.parametrize("shift", [-8.0, -3.0, 3.0, 8.0])
def test_one_probe_tells_how_far_a_clip_is_from_the_prior(shift: float) -> None:
    outcome, asked = run(typical(shift))

    assert outcome.proven
    assert len(asked) <= 3


def test_with_nothing_known_of_the_encoder_a_search_takes_few_probes_all_the_same() -> None:
    outcome, asked = run(typical(), prior=None)

    assert outcome.proven
    assert len(asked) <= 4


def test_scores_of_other_targets_leave_only_the_proof_to_measure() -> None:
    scores = typical(-4, width=6)

    outcome, asked = run(scores, target=80, known={20: scores[20], 24: scores[24], 31: scores[31]})

    assert outcome.proven
    assert len(asked) == 2


def test_a_pass_that_should_be_the_last_is_followed_by_its_neighbour() -> None:
    scores = typical()
    answer = max(step for step, score in enumerate(scores) if score >= 90)

    _, asked = run(scores, known={answer: scores[answer]})

    assert asked == [answer + 1]


def test_a_miss_that_should_be_the_first_is_followed_by_the_step_before_it() -> None:
    scores = typical()
    answer = max(step for step, score in enumerate(scores) if score >= 90)

    _, asked = run(scores, known={answer + 1: scores[answer + 1]})

    assert asked == [answer]


def test_a_target_out_of_reach_ends_at_the_best_quality() -> None:
    outcome, asked = run(typical(ceiling=70))

    assert not outcome.reached
    assert outcome.converged
    assert asked[-1] == 0
    assert len(asked) <= 4


def test_a_curve_that_levels_off_below_the_target_is_measured_at_the_best_quality_next() -> None:
    scores = typical(-2, ceiling=68)

    outcome, asked = run(scores, target=80)

    assert outcome.converged
    assert not outcome.reached
    assert asked[2:] == [0]


def test_a_clip_that_always_passes_ends_at_the_worst_quality() -> None:
    outcome, asked = run([97.4] * 52)

    assert outcome.best_step == 51
    assert outcome.proven
    assert len(asked) <= 4


def test_a_cliff_takes_no_more_than_four_probes_above_bisection() -> None:
    for edge in range(52):
        outcome, asked = run([97.0] * edge + [3.0] * (52 - edge))

        assert outcome.converged
        assert outcome.best_step == edge - 1 or (edge == 0 and not outcome.reached)
        assert len(asked) <= 10


def test_a_curve_in_steps_takes_no_more_than_four_probes_above_bisection() -> None:
    scores = [99.0 - step // 13 * 4 for step in range(52)]

    for target in (98, 94, 90, 86):
        outcome, asked = run(scores, target=target)

        assert outcome.proven or target > 95
        assert len(asked) <= 10


def test_running_out_keeps_the_best_answer_so_far_and_claims_no_proof() -> None:
    outcome, asked = run(typical(), max_probes=1)

    assert len(asked) == 1
    assert not outcome.converged
    assert not outcome.proven


def test_as_many_probes_as_bisection_needs_are_enough() -> None:
    for edge in range(52):
        outcome, _ = run([97.0] * edge + [3.0] * (52 - edge), max_probes=6)

        assert outcome.converged


def test_a_score_above_the_usual_ceiling_is_taken_as_one() -> None:
    outcome, _ = run([110.0 - step for step in range(52)], target=104)

    assert outcome.best_step == 6
    assert outcome.proven


def test_a_contradiction_is_noted_and_the_answer_is_proven_by_its_neighbour() -> None:
    scores = typical()
    scores[10] = 50.0

    outcome, _ = run(scores, known={10: 50.0, 20: scores[20]})

    assert outcome.proven
    assert (10, 20) in outcome.non_monotone


def test_probes_left_counts_four_above_bisections_most_and_none_for_a_closed_bracket() -> None:
    scores = typical()
    answer = max(step for step, score in enumerate(scores) if score >= 90)
    proof = {answer: scores[answer], answer + 1: scores[answer + 1]}

    assert probes_left(SearchProblem(90, last_step=51)) == 10
    assert probes_left(SearchProblem(90, last_step=51, max_probes=3)) == 3
    assert probes_left(SearchProblem(90, last_step=51), proof) == 0


def expected(measured: Mapping[int, float], *targets: float, **changes: Any) -> float:
    """Estimate how many probes searches for `targets` take, from what was measured."""
    problems = [SearchProblem(target, 51, prior=PRIOR, **changes) for target in targets]
    return probes_expected([(problem, measured) for problem in problems])


def test_a_guess_and_its_neighbour_are_expected_and_then_one_of_them() -> None:
    scores = typical()
    guess = run(scores)[1][0]

    first = expected({}, 90)
    second = expected({guess: scores[guess]}, 90)

    assert 2 < first < 3
    assert 1 < second < 2


def test_what_comes_after_a_neighbour_counts_half_as_it_may_close_the_case() -> None:
    # Step 31 should just pass, and 32 miss; but 31 may miss as well.
    one, two = expected({30: 91.2}, 90), expected({30: 91.6}, 90)
    assert one < two < 2 * one


def test_of_a_search_that_need_not_prove_its_answer_no_neighbour_is_expected() -> None:
    targets = range(60, 96)
    early, proven = (
        {expected({}, target, cautious=early) for target in targets} for early in (True, False)
    )
    assert (early, proven) == ({1.25}, {2.5})


def test_a_step_that_is_open_alone_is_certain() -> None:
    assert expected({30: 92.0, 32: 88.0}, 90) == 1
    assert expected({30: 92.0, 31: 88.0}, 90) == 0


def test_the_probes_of_a_search_that_is_out_of_guesses_are_those_that_bisect() -> None:
    # So gentle a curve does not reach the target: step 0 is wished for, 16 is what can be afforded.
    measured = {48: 78.0, 45: 80.7, 41: 83.7, 36: 86.8, 31: 89.3}
    assert 5 <= expected(measured, 90) <= probes_left(SearchProblem(90, 51), measured)


def test_an_end_of_the_range_that_hints_lead_to_is_expected_to_be_the_answer() -> None:
    assert expected({}, 70, hints={40: 97.0, 51: 95.0}) == 1


def test_a_step_that_several_searches_ask_for_counts_once() -> None:
    alone = expected({}, 90)
    assert expected({}, 90, 90) == alone
    assert alone < expected({}, 90, 90.5) < 2 * alone
    assert expected({}, 70, 90) == 2 * alone


def test_a_miss_that_is_better_than_a_step_that_is_too_large_is_no_end_to_interpolate_from() -> (
    None
):
    # The curve would have to rise from step 2 on, and fall again after step 4.
    known: dict[int, Measurement] = {2: 60.0, 4: TOO_LARGE, 8: 40.0}
    problem = SearchProblem(target=80, last_step=10, known=known, prior=PRIOR)

    outcome = solve(problem, lambda step: 50.0 - step)

    assert outcome.converged
    assert (outcome.reached, outcome.best_step) == (False, 2)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.search.state import SearchOutcome, SearchProblem
from vmafx_tune.search.strategy import probes_left, solve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def bisecting(
    target: float = 90,
    last_step: int = 51,
    known: Mapping[int, float] | None = None,
    max_probes: int = 12,
) -> SearchProblem:
    return SearchProblem(target, last_step, known or {}, max_probes, strategy=SearchStrategy.BISECT)


def falling(answer: int) -> list[float]:
    """52 scores that reach 90 up to step `answer` and miss it beyond."""
    return [90.5 + (answer - step) for step in range(52)]


def run(
    scores: Sequence[float],
    *,
    target: float = 90,
    known: Mapping[int, float] | None = None,
    max_probes: int = 12,
) -> tuple[SearchOutcome, list[int]]:
    """Bisect on a list of scores; returns the outcome and the steps asked for, in order."""
    asked: list[int] = []

    def measure(step: int) -> float:
        asked.append(step)
        return scores[step]

    return solve(bisecting(target, len(scores) - 1, known, max_probes), measure), asked


def test_each_probe_goes_to_the_midpoint_rounded_up() -> None:
    outcome, asked = run(falling(30))

    assert asked == [26, 39, 33, 30, 32, 31]
    assert outcome.best_step == 30


def test_an_answer_is_proven_by_its_neighbour() -> None:
    outcome, _ = run(falling(30))

    assert outcome.proven
    assert outcome.converged
    assert outcome.scores[30] >= 90 > outcome.scores[31]


def test_a_tie_passes() -> None:
    scores = [93.0, 92.0, 91.0, 90.0, 89.0]

    outcome, _ = run(scores, target=90.0)

    assert outcome.best_step == 3


def test_the_last_step_is_proven_by_the_end_of_the_range() -> None:
    outcome, asked = run([95.0] * 52)

    assert outcome.best_step == 51
    assert outcome.proven
    assert asked[-1] == 51


def test_a_range_of_one_step_takes_one_probe() -> None:
    outcome, asked = run([95.0])

    assert asked == [0]
    assert outcome.proven


def test_an_unreachable_target_gives_the_highest_score_with_the_best_quality_measured() -> None:
    scores = [80.0 - step for step in range(52)]

    outcome, asked = run(scores)

    assert not outcome.reached
    assert not outcome.proven
    assert outcome.converged
    assert outcome.best_step == 0
    assert asked[-1] == 0


def test_of_equally_good_misses_the_cheapest_is_named() -> None:
    outcome, _ = run([80.0] * 8)

    assert outcome.best_step == max(outcome.scores)


def test_running_out_keeps_the_best_answer_so_far_and_claims_no_proof() -> None:
    outcome, asked = run(falling(30), max_probes=3)

    assert asked == [26, 39, 33]
    assert outcome.best_step == 26
    assert outcome.reached
    assert not outcome.converged
    assert not outcome.proven


def test_running_out_without_a_pass_does_not_claim_the_target_unreachable() -> None:
    outcome, _ = run(falling(0), max_probes=2)

    assert not outcome.reached
    assert not outcome.converged


def test_the_last_probe_allowed_may_still_prove_the_answer() -> None:
    outcome, asked = run(falling(30), max_probes=6)

    assert len(asked) == 6
    assert outcome.proven


def test_known_scores_narrow_the_bracket_and_are_not_measured_again() -> None:
    scores = falling(30)

    outcome, asked = run(scores, known={28: scores[28], 32: scores[32]})

    assert asked == [30, 31]
    assert outcome.proven
    assert list(outcome.scores) == [28, 30, 31, 32]


def test_known_scores_that_prove_the_answer_take_no_probe() -> None:
    scores = falling(30)

    outcome, asked = run(scores, known={30: scores[30], 31: scores[31]}, max_probes=0)

    assert asked == []
    assert outcome.proven


def test_with_nothing_known_and_no_probe_allowed_there_is_no_answer() -> None:
    outcome, _ = run(falling(30), max_probes=0)

    assert outcome.best_step is None
    assert not outcome.converged


def test_a_worse_step_that_passes_is_continued_from_and_noted() -> None:
    scores = falling(20)
    scores[40] = 95.0

    outcome, _ = run(scores, known={20: scores[20], 21: scores[21], 40: scores[40]})

    assert outcome.best_step == 40
    assert outcome.proven
    assert outcome.scores[41] < 90
    assert outcome.non_monotone == ((21, 40),)


def test_a_flat_curve_is_no_contradiction() -> None:
    outcome, _ = run([90.0] * 10)

    assert outcome.non_monotone == ()


def test_a_whole_range_of_crf_takes_six_probes_and_of_tenths_nine() -> None:
    assert probes_left(bisecting(90, last_step=51)) == 6
    assert probes_left(bisecting(90, last_step=510)) == 9


def test_probes_left_is_bound_by_what_is_still_allowed() -> None:
    problem = bisecting(90, last_step=510, max_probes=3)

    assert probes_left(problem) == 3
    assert probes_left(problem, {255: 95.0}) == 2


def test_probes_left_does_not_count_known_scores_as_probes() -> None:
    problem = bisecting(90, last_step=510, known={0: 99.0}, max_probes=3)

    assert probes_left(problem, {0: 99.0, 255: 95.0}) == 2


def test_an_error_in_a_measurement_reaches_the_caller() -> None:
    def fail(step: int) -> float:
        raise OSError(f"no encode at {step}")

    with pytest.raises(OSError, match="no encode at 26"):
        solve(bisecting(), fail)


def test_later_changes_of_the_callers_scores_do_not_reach_the_problem() -> None:
    scores = {3: 91.0}
    problem = SearchProblem(90, last_step=51, known=scores)

    scores[4] = 90.5

    assert problem.known == {3: 91.0}


@pytest.mark.parametrize(
    ("last_step", "known", "max_probes"), [(-1, {}, 1), (5, {}, -1), (5, {6: 90.0}, 1)]
)
def test_a_problem_that_makes_no_sense_is_refused(
    last_step: int, known: dict[int, float], max_probes: int
) -> None:
    with pytest.raises(ValueError, match="not"):
        SearchProblem(90, last_step, known, max_probes)

from __future__ import annotations

import math
from typing import Any

import pytest

from vmafx_tune.knob import TypicalCurve
from vmafx_tune.search.expected_curve import Expectation, expected_crossing
from vmafx_tune.search.state import SearchProblem, SearchState
from vmafx_tune.search.strategy import solve

PRIOR = TypicalCurve(midpoint=38.0, width=5.0)


def typical(shift: float = 0.0, *, width: float = 5.0, ceiling: float = 98.0) -> list[float]:
    """52 scores along the prior's curve, moved by `shift` steps."""
    return [ceiling / (1 + math.exp((step - 38 - shift) / width)) for step in range(52)]


def steps_asked(
    scores: list[float],
    hints: dict[int, float],
    seeds: dict[int, float] | None = None,
    *,
    known: dict[int, float] | None = None,
    target: float = 90,
) -> list[int]:
    asked: list[int] = []

    def measure(step: int) -> float:
        asked.append(step)
        return scores[step]

    problem = SearchProblem(
        target, 51, known=known or {}, prior=PRIOR, hints=hints, seeds=seeds or {}
    )
    assert solve(problem, measure).converged
    return asked


def expectation(hints: dict[int, float], target: float = 90) -> Expectation:
    return Expectation.through(hints, prior=PRIOR, ceiling=98, target=target)


def expected_step(expected: Expectation, score: float) -> float:
    return PRIOR.place(expected.place_of(score))


def answer_of(scores: list[float], target: float = 90) -> int:
    return max(step for step, score in enumerate(scores) if score >= target)


def test_without_hints_scores_are_expected_where_a_typical_clip_has_them() -> None:
    assert expected_step(expectation({}), 90) == PRIOR.step_at(90, 98)


def test_one_hint_moves_the_typical_curve_through_it() -> None:
    moved = typical(-6)

    assert expected_step(expectation({24: moved[24]}), moved[20]) == pytest.approx(20)


def test_between_hints_and_beyond_them_the_curve_keeps_their_slope() -> None:
    steep = typical(-6, width=3)
    expected = expectation({20: steep[20], 32: steep[32]}, target=70)

    assert expected_step(expected, steep[26]) == pytest.approx(26, abs=0.1)
    assert expected_step(expected, steep[36]) == pytest.approx(36, abs=0.6)


def test_a_hint_that_contradicts_one_nearer_to_the_target_is_left_out() -> None:
    scores = typical()

    expected = expectation({26: scores[26], 10: 20.0})

    assert expected_step(expected, 90) == pytest.approx(PRIOR.step_at(90, 98))


def test_a_hint_close_to_the_ceiling_counts_only_where_there_is_no_other() -> None:
    scores = typical(-3)

    expected = expectation({5: 97.8, 24: scores[24]})

    assert expected_step(expected, scores[20]) == pytest.approx(20)
    assert expected_step(expectation({5: 97.8}), 97.8) == pytest.approx(5)


def test_hints_of_the_clip_itself_leave_the_proof_to_measure() -> None:
    scores = typical(-7, width=6)
    answer = answer_of(scores)

    asked = steps_asked(scores, {step: scores[step] for step in (27, 20)})

    assert sorted(asked) == [answer, answer + 1]


@pytest.mark.parametrize("shift", [-1.5, -0.7, 0.4, 0.9])
@pytest.mark.parametrize("pace", [1.0, 1.3])
def test_a_knob_whose_last_steps_take_more_quality_costs_no_more_probes(
    shift: float, pace: float
) -> None:
    # As SVT-AV1's.
    prior = TypicalCurve.through((0, -6), (40, -3), (55, -1), (62, 1.5))
    clip = prior.moved(shift, pace)
    scores = [clip.score_at(step, 98.5) for step in range(63)]

    for target in (60, 75, 90):
        outcome = solve(SearchProblem(target, 62, prior=prior), scores.__getitem__)
        assert outcome.proven
        assert len(outcome.scores) <= (3 if pace == 1.0 else 4)


@pytest.mark.parametrize("off", [-2, -1, 1, 2, 3])
def test_one_probe_tells_how_many_steps_the_hints_are_off(off: int) -> None:
    scores, part = typical(-7, width=6.5), typical(-7 + off, width=6.5)

    asked = steps_asked(scores, {step: part[step] for step in (27, 20)})

    assert len(asked) <= 3


def test_hints_that_show_a_clip_which_always_passes_lead_to_the_end_of_the_range() -> None:
    assert steps_asked([97.4] * 52, {26: 97.4, 48: 97.3}) == [51]


def test_what_is_measured_outweighs_what_was_hinted_at() -> None:
    scores = typical()
    answer = answer_of(scores)

    asked = steps_asked(
        scores, {10: 60.0, 40: 99.0}, known={answer: scores[answer], answer + 2: scores[answer + 2]}
    )

    assert asked == [answer + 1]


def test_a_curve_that_levels_off_below_typical_ones_is_followed_to_its_own_ceiling() -> None:
    # Measured: a rendition of half the height, scored at display size.
    upper = [92.0, 92.0, 91.9, 91.9, 91.8, 91.8, 91.7, 91.7, 91.6, 91.5, 91.4, 91.3, 91.1, 90.8]
    lower = [90.6, 90.3, 89.9, 89.5, 89.0, 88.4, 87.8, 87.0, 86.1, 85.1, 84.05, 82.9, 81.5]
    scores = [*upper, *lower, *(80.0 - 2 * step for step in range(25))]

    asked = steps_asked(scores, {}, known={step: scores[step] for step in (24, 25, 26)}, target=91)

    assert len(asked) <= 4
    assert {12, 13} <= set(asked)


def test_hints_move_an_estimate_and_leave_the_bracket_alone() -> None:
    problem = SearchProblem(90, 51, prior=PRIOR, hints={20: 50.0, 30: 40.0})

    assert SearchState(problem).bracket.n_open == 52
    assert expected_crossing(problem, SearchState(problem)) < 20


def test_seeds_that_hold_the_proof_are_all_that_is_asked_for() -> None:
    scores = typical(-7)
    answer = answer_of(scores)
    seeds = {step: scores[step] for step in (3, answer, answer + 1, 44)}

    assert steps_asked(scores, {}, seeds) == [answer, answer + 1]


def test_seeds_of_other_targets_lead_to_the_crossing_between_them() -> None:
    scores = typical(-7, width=6)
    answer = answer_of(scores)
    seeds = {step: scores[step] for step in (answer - 5, answer - 4, answer + 6)}

    assert sorted(steps_asked(scores, {}, seeds)) == [answer, answer + 1]


def test_a_seed_is_taken_where_the_search_meets_it() -> None:
    scores = typical()
    cold = steps_asked(scores, {})
    others = {step: scores[step] for step in range(52)}

    assert steps_asked(scores, {}, others) == cold


@pytest.mark.parametrize("name", ["hints", "seeds", "known"])
def test_a_step_out_of_range_is_refused_with_its_number(name: str) -> None:
    stray: Any = {name: {52: 80.0}}

    with pytest.raises(ValueError, match=r"\[52\] are not in 0\.\.51"):
        SearchProblem(90, 51, **stray)


def test_a_hint_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        SearchProblem(90, 51, hints={20: math.nan})

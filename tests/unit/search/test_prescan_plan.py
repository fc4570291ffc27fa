from __future__ import annotations

import math

from vmafx_tune.knob import TypicalCurve
from vmafx_tune.search.prescan import MOST_LOOKS, next_look
from vmafx_tune.search.state import SearchProblem

PRIOR = TypicalCurve(midpoint=38.0, width=5.0)


def typical(shift: float) -> list[float]:
    return [98 / (1 + math.exp((step - 38 - shift) / 5)) for step in range(52)]


def looks(scores: list[float], *, known: dict[int, float] | None = None) -> list[int]:
    seen: dict[int, float] = {}
    while True:
        problem = SearchProblem(90, 51, known=known or {}, prior=PRIOR, hints=seen)
        step = next_look(problem)
        if step is None:
            return list(seen)
        seen[step] = scores[step]


def test_the_first_look_is_where_a_typical_clip_crosses_the_target() -> None:
    assert looks(typical(0)) == [round(PRIOR.step_at(90, 98))]


def test_a_look_far_from_the_crossing_is_followed_by_one_near_it() -> None:
    first, second = looks(typical(-8))

    assert first == round(PRIOR.step_at(90, 98))
    assert abs(second - (PRIOR.step_at(90, 98) - 8)) <= 1


def test_there_are_no_more_than_a_few_looks_whatever_they_show() -> None:
    assert len(looks([50.0 + 40 * (step % 2) for step in range(52)])) <= MOST_LOOKS


def test_a_look_is_not_taken_twice() -> None:
    taken = looks([97.4] * 52)

    assert len(taken) == len(set(taken))


def test_no_look_is_taken_where_a_probe_is_near_the_crossing() -> None:
    scores = typical(-8)

    assert looks(scores, known={step: scores[step] for step in (18, 22)}) == []


def test_no_look_is_taken_where_the_proof_is_known() -> None:
    scores = typical(0)
    answer = max(step for step, score in enumerate(scores) if score >= 90)

    assert looks(scores, known={step: scores[step] for step in (answer, answer + 1)}) == []


def test_two_looks_that_send_a_search_to_an_end_of_the_range_are_enough() -> None:
    for scores in (
        [97.4 - step / 50 for step in range(52)],
        [60 - step / 50 for step in range(52)],
    ):
        assert len(looks(scores)) <= 2

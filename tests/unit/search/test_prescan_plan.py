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
        step = next_look(SearchProblem(90, 51, known=known or {}, prior=PRIOR), seen)
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


def test_hints_of_cheaper_looks_lead_to_the_crossing_at_once() -> None:
    scores = typical(-8)
    hints = {step: scores[step] - 0.5 for step in (18, 26)}
    problem = SearchProblem(90, 51, prior=PRIOR, hints=hints)
    first = next_look(problem, {})

    assert first is not None
    assert abs(first - (PRIOR.step_at(90, 98) - 8)) <= 1
    assert next_look(problem, {first: scores[first]}) is None

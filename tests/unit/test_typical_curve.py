from __future__ import annotations

import pytest

from vmafx_tune.knob import TypicalCurve


def test_half_of_the_ceiling_is_scored_at_the_midpoint() -> None:
    assert TypicalCurve(38.4, 4.8).step_at(49.0, 98.0) == pytest.approx(38.4)


def test_higher_scores_lie_at_better_steps() -> None:
    steps = [TypicalCurve(38.4, 4.8).step_at(score, 98.0) for score in (1, 40, 75, 90, 97)]

    assert steps == sorted(steps, reverse=True)


def test_a_score_of_nothing_has_a_step_too() -> None:
    assert TypicalCurve(38.4, 4.8).step_at(0.0, 98.0) > 51


def test_a_prior_across_a_range_has_its_fall_inside() -> None:
    prior = TypicalCurve.across(10, 110)

    assert 10 < prior.step_at(95, 98) < prior.step_at(60, 98) < 110


def test_a_prior_across_a_single_step_is_still_one() -> None:
    assert TypicalCurve.across(0, 0).width > 0

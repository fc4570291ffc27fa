from __future__ import annotations

import pytest

from vmafx_tune.knob import Knob, TypicalCurve


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


BENT = TypicalCurve.through((10, -6), (40, -3), (60, -1), (63, 0))


@pytest.mark.parametrize("place", [1, 10, 25.5, 40, 59, 62, 70])
def test_the_place_so_many_widths_from_the_midpoint_is_that_place_again(place: float) -> None:
    assert BENT.place(BENT.widths(place)) == pytest.approx(place)


def test_a_knob_that_is_not_even_loses_more_where_it_is_steeper() -> None:
    assert BENT.widths(25) == pytest.approx(-4.5)
    assert BENT.widths(61.5) == pytest.approx(-0.5)


@pytest.mark.parametrize("curve", [BENT, TypicalCurve(38.4, 4.8)])
def test_a_curve_is_moved_and_falls_faster_in_its_own_widths(curve: TypicalCurve) -> None:
    moved = curve.moved(0.5, 2.0)

    for place in (5, 30, 50, 62):
        assert moved.widths(place) == pytest.approx(2.0 * (curve.widths(place) - 0.5))
        assert moved.place(moved.widths(place)) == pytest.approx(place)


def test_a_knob_that_is_not_even_keeps_its_form_on_a_grid_of_quarters() -> None:
    knob = Knob("crf", 1, 63, 35, 0.25, typical=BENT)

    assert knob.prior.step_at(49, 98) == pytest.approx(knob.position_of(63))
    assert knob.prior.step_at(90, 98) == pytest.approx(knob.position_of(BENT.step_at(90, 98)))

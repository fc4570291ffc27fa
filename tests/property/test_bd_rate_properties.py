from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vmafx_tune.core.bd_rate import bd_rate

from .strategies import rate_points

RatePoints = list[tuple[float, float]]


def percent(points: RatePoints, anchor_points: RatePoints) -> float:
    """The BD-rate of two curves that are known to have one."""
    result = bd_rate("tested", points, "anchor", anchor_points)
    assume(result.overlap is not None)
    assert result.percent is not None
    return result.percent


@given(rate_points())
def test_a_curve_against_itself_differs_by_nothing(points: RatePoints) -> None:
    assert percent(points, points) == 0


@given(rate_points(), st.floats(0.05, 20))
def test_scaled_bitrates_differ_by_their_factor(points: RatePoints, factor: float) -> None:
    scaled = [(rate * factor, vmaf) for rate, vmaf in points]

    assert percent(scaled, points) == pytest.approx((factor - 1) * 100, rel=1e-6, abs=1e-6)


@given(rate_points(), rate_points())
def test_swapping_the_curves_inverts_the_ratio(one: RatePoints, other: RatePoints) -> None:
    there, back = percent(one, other), percent(other, one)

    assert math.log1p(there / 100) == pytest.approx(-math.log1p(back / 100), abs=1e-6)


@given(rate_points(), rate_points(), st.data())
def test_neither_the_order_of_points_nor_dominated_ones_matter(
    points: RatePoints, anchor_points: RatePoints, data: st.DataObject
) -> None:
    rate, vmaf = data.draw(st.sampled_from(points))
    dominated = (rate * data.draw(st.floats(1, 5)), vmaf - data.draw(st.floats(0, 5)))
    shuffled = data.draw(st.permutations([*points, dominated]))

    plain = bd_rate("tested", points, "anchor", anchor_points)

    assert bd_rate("tested", shuffled, "anchor", anchor_points) == plain

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.points import Point
from vmafx_tune.ladder.hull import upper_hull

from .strategies import clouds

Spot = tuple[Fraction, Fraction]

# Of the score: what decides whether a point is on the hull is the rounded gain per bit.
ROUNDING = Fraction(1, 10**12)


def spot_of(point: Point) -> Spot:
    return Fraction(point.bitrate_kbps), Fraction(point.vmaf)


def is_dominated(point: Point, cloud: list[Point]) -> bool:
    return any(
        other.bitrate_kbps <= point.bitrate_kbps
        and other.vmaf >= point.vmaf
        and (other.bitrate_kbps, other.vmaf) != (point.bitrate_kbps, point.vmaf)
        for other in cloud
    )


def height(a: Spot, b: Spot, x: Fraction) -> Fraction:
    """Height at `x` of the line through `a` and `b`."""
    return a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0])


@given(clouds())
def test_hull_points_are_some_of_the_points_and_none_of_them_is_dominated(
    cloud: list[Point],
) -> None:
    hull = upper_hull(cloud)

    assert {id(point) for point in hull} <= {id(point) for point in cloud}
    assert not any(is_dominated(point, cloud) for point in hull)


@given(clouds(min_size=1))
def test_no_point_lies_above_the_hull_by_more_than_rounding(cloud: list[Point]) -> None:
    hull = [spot_of(point) for point in upper_hull(cloud)]

    for x, y in map(spot_of, cloud):
        over = next(((a, b) for a, b in pairwise(hull) if a[0] <= x <= b[0]), None)
        assert x >= hull[0][0]
        assert y <= (height(*over, x) * (1 + ROUNDING) if over else hull[-1][1])


@given(clouds())
def test_bitrate_and_quality_rise_along_the_hull_and_the_gain_per_bit_falls(
    cloud: list[Point],
) -> None:
    hull = upper_hull(cloud)

    slopes = [(b.vmaf - a.vmaf) / (b.bitrate_kbps - a.bitrate_kbps) for a, b in pairwise(hull)]
    assert all(slope > 0 for slope in slopes)
    assert all(before > after for before, after in pairwise(slopes))
    assert all(a.bitrate_kbps < b.bitrate_kbps for a, b in pairwise(hull))


@given(clouds(), st.data())
def test_the_order_of_the_points_does_not_matter(cloud: list[Point], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(cloud))

    assert upper_hull(shuffled) == upper_hull(cloud)


@given(clouds())
def test_a_hull_is_its_own_hull(cloud: list[Point]) -> None:
    hull = upper_hull(cloud)

    assert upper_hull(hull) == hull


@given(clouds(min_size=1), st.data())
def test_points_that_are_dominated_or_unusable_change_nothing(
    cloud: list[Point], data: st.DataObject
) -> None:
    beaten_by = data.draw(st.sampled_from(cloud))
    dominated = Point(
        beaten_by.bitrate_kbps + data.draw(st.floats(0, 500)),
        beaten_by.vmaf - data.draw(st.floats(1, 50)),
    )
    unusable = Point(data.draw(st.sampled_from((math.nan, math.inf, 0.0, -1.0))), 100.0)

    assert upper_hull([unusable, *cloud, dominated]) == upper_hull(cloud)

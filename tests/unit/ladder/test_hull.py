from __future__ import annotations

import math
import random
from importlib import import_module

import numpy as np
import pytest

from tests.support.points import Point, points
from vmafx_tune.ladder.hull import upper_hull

RISING = points((200, 40), (500, 70), (1200, 85), (3000, 93))


def test_points_that_gain_less_and_less_are_all_on_the_hull() -> None:
    assert upper_hull(RISING) == RISING


def test_the_hull_runs_above_the_points_and_not_below() -> None:
    above, below = Point(1000, 85), Point(2000, 60)
    ends = points((500, 50), (4000, 95))

    assert upper_hull([*ends, above, below]) == (ends[0], above, ends[1])


@pytest.mark.parametrize(
    "useless",
    [
        pytest.param(Point(600, 69), id="dearer and worse"),
        pytest.param(Point(500, 60), id="as dear and worse"),
        pytest.param(Point(600, 70), id="dearer and no better"),
        pytest.param(Point(9000, 93), id="dearer than the top and no better"),
        pytest.param(Point(9000, 80), id="dearer than the top and worse"),
        pytest.param(Point(200, 39), id="as dear as the bottom and worse"),
        pytest.param(Point(800, 74), id="below the line between neighbours"),
        pytest.param(Point(0, 99), id="no bits"),
        pytest.param(Point(-5, 99), id="negative bits"),
        pytest.param(Point(math.nan, 99), id="unknown bits"),
        pytest.param(Point(math.inf, 99), id="infinite bits"),
        pytest.param(Point(800, math.nan), id="unknown quality"),
        pytest.param(Point(800, math.inf), id="infinite quality"),
        pytest.param(Point(100, -math.inf), id="infinitely bad"),
    ],
)
def test_points_that_are_beaten_or_mean_nothing_are_left_out(useless: Point) -> None:
    assert upper_hull([useless, *RISING]) == RISING
    assert upper_hull([*RISING, useless]) == RISING


def test_points_on_a_straight_line_between_two_others_are_left_out() -> None:
    line = points((100, 10), (200, 20), (300, 30), (400, 40))

    assert upper_hull(line) == (line[0], line[-1])


@pytest.mark.parametrize("scale", [1e-170, 1e160])
def test_values_whose_products_leave_the_range_of_floats_still_have_a_hull(scale: float) -> None:
    scaled = [Point(p.bitrate_kbps * scale, p.vmaf * scale) for p in RISING]

    assert upper_hull(scaled) == tuple(scaled)


@pytest.mark.parametrize("order", [1, -1])
def test_of_equal_points_the_first_by_the_tie_break_is_kept(order: int) -> None:
    equals = [Point(500, 70, "1280x720"), Point(500, 70, "640x360")]

    assert upper_hull(equals[::order]) == (equals[0],)
    assert upper_hull(equals[::order], tie_break=lambda p: len(p.label)) == (equals[1],)


@pytest.mark.parametrize("measured", [(), points((math.nan, 50))], ids=["none", "no usable one"])
def test_without_a_usable_point_the_hull_is_empty(measured: tuple[Point, ...]) -> None:
    assert upper_hull(measured) == ()


def test_a_single_point_is_its_own_hull() -> None:
    assert upper_hull(points((500, 70))) == points((500, 70))


def test_whole_numbers_and_numpy_scalars_are_numbers_too() -> None:
    mixed = [Point(200, np.float64(40)), Point(np.float64(500), 70)]

    assert upper_hull(mixed) == tuple(mixed)


def test_the_hull_is_the_rising_upper_part_of_the_one_by_scipy() -> None:
    numbers = random.Random(7)
    cloud = [Point(numbers.uniform(50, 8000), numbers.uniform(0, 100)) for _ in range(400)]
    coordinates = np.array([(p.bitrate_kbps, p.vmaf) for p in cloud])
    convex = import_module("scipy.spatial").ConvexHull(coordinates)
    # An edge whose outward normal points up and to the left rises and has no point above it.
    rising = [
        edge
        for edge, (right, up, _) in zip(convex.simplices, convex.equations, strict=True)
        if up > 0 and right < 0
    ]
    expected = {cloud[index] for edge in rising for index in edge}

    assert set(upper_hull(cloud)) == expected
    assert len(expected) > 4

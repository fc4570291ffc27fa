from __future__ import annotations

import pytest

from tests.support.points import bitrates_of, points
from vmafx_tune.ladder.spacing import select_knees
from vmafx_tune.results.rung_choice import RungChoice

# On axes of 0..1: (0,0) (.1,.5) (.2,.7) (.4,.85) (.7,.95) (1,1).
HULL = points((0, 0), (100, 50), (200, 70), (400, 85), (700, 95), (1000, 100))


def test_a_hull_of_no_more_points_than_rungs_is_taken_whole() -> None:
    assert select_knees(HULL, RungChoice(max_rungs=6)) == HULL
    assert select_knees(HULL, RungChoice(max_rungs=9)) == HULL


@pytest.mark.parametrize(
    ("max_rungs", "bitrates"),
    [
        (1, [1000]),
        (2, [0, 1000]),
        # Above the chord from end to end, (.2,.7) is the highest.
        (3, [0, 200, 1000]),
        # From the chord on the left (.1,.5) is 0.03/√0.53 = 0.041 away; from that on the right
        # (.4,.85) is 0.06/√0.73 = 0.070 away and (.7,.95) is 0.05/√0.73 = 0.059.
        (4, [0, 200, 400, 1000]),
        # (.7,.95) is only 0.015/√0.3825 = 0.024 away from its new chord.
        (5, [0, 100, 200, 400, 1000]),
    ],
)
def test_rungs_come_in_the_order_of_their_distance_from_the_chord(
    max_rungs: int, bitrates: list[float]
) -> None:
    assert bitrates_of(select_knees(HULL, RungChoice(max_rungs=max_rungs))) == bitrates


def test_of_points_as_far_away_the_cheapest_is_taken() -> None:
    symmetric = points((0, 0), (25, 75), (100, 100))
    twice = points((0, 0), (32, 64), (64, 96), (128, 128))

    assert select_knees(symmetric, RungChoice(max_rungs=2)) == symmetric[::2]
    assert bitrates_of(select_knees(twice, RungChoice(max_rungs=3))) == [0, 32, 128]


def test_points_that_are_one_on_normalised_axes_have_knees_too() -> None:
    huge = points((1e-20, 1e-20), (2e-20, 4e-20), (3e-20, 6e-20), (1e305, 1e305), (1e306, 2e306))

    assert len(select_knees(huge, RungChoice(max_rungs=4))) == 4


def test_an_empty_hull_has_no_knees() -> None:
    assert select_knees((), RungChoice()) == ()

from __future__ import annotations

import pytest

from tests.support.points import Point, bitrates_of, expected_vmaf, points
from vmafx_tune.ladder.spacing import select_optimal
from vmafx_tune.ladder.throughput import LogNormalThroughput, MeasuredThroughput
from vmafx_tune.results.rung_choice import RungChoice

HULL = points((500, 50), (1000, 70), (2000, 85), (4000, 95))


def optimal(
    hull: tuple[Point, ...], *kbps: float, max_rungs: int = 2, min_bitrate_gap_kbps: float = 0
) -> list[float]:
    """The bitrates of the rungs for viewers with these throughputs."""
    choice = RungChoice(max_rungs=max_rungs, min_bitrate_gap_kbps=min_bitrate_gap_kbps)
    return bitrates_of(select_optimal(hull, choice, MeasuredThroughput(kbps)))


def test_a_viewer_gets_the_highest_rung_that_fits_and_nothing_below_the_lowest() -> None:
    # 0, 50 (a tie fits), 50, 70 and 95.
    viewers = MeasuredThroughput((499, 500, 999, 1999, 90_000))
    rungs = (HULL[0], HULL[1], HULL[3])

    assert expected_vmaf(rungs, viewers) == pytest.approx((0 + 50 + 50 + 70 + 95) / 5)


def test_a_careful_player_uses_only_a_share_of_the_throughput() -> None:
    viewers = MeasuredThroughput((1249, 1250))

    assert expected_vmaf(HULL[1:], viewers, safety_factor=0.8) == pytest.approx(35)


def test_no_rungs_deliver_nothing() -> None:
    assert expected_vmaf((), MeasuredThroughput((5000,))) == 0


def test_rungs_go_where_the_viewers_are() -> None:
    assert optimal(HULL, 1100, 1200, 1300, 4500) == [1000, 4000]
    assert optimal(HULL, 600, 700, 2500, 3900) == [500, 2000]


def test_one_rung_serves_the_most_viewers_as_well_as_it_can() -> None:
    # 50 for all four is less than 70 for three.
    assert optimal(HULL, 600, 1100, 1100, 4500, max_rungs=1) == [1000]


def test_a_rung_that_serves_nobody_is_not_in_the_ladder() -> None:
    assert optimal(HULL, 700, 1500, max_rungs=4) == [500, 1000]


def test_the_gap_is_kept_by_choosing_and_not_by_dropping() -> None:
    crowded = points((500, 50), (600, 60), (2000, 85), (4000, 95))

    rungs = optimal(crowded, 550, 650, 2100, 4100, max_rungs=4, min_bitrate_gap_kbps=900)

    # Without 500 the first viewer gets nothing; with it 600 is too close.
    assert rungs == [500, 2000, 4000]


def test_a_rung_just_a_gap_away_is_allowed() -> None:
    rungs = optimal(HULL, 600, 1100, 2100, 4100, max_rungs=4, min_bitrate_gap_kbps=500)

    assert rungs == [500, 1000, 2000, 4000]


def test_viewers_below_every_rung_leave_one_rung() -> None:
    assert len(optimal(HULL, 10, max_rungs=3)) == 1


def test_a_hull_of_thousands_of_points_is_no_obstacle() -> None:
    hull = points(*((100 + i, 100 - 50_000 / (i + 500)) for i in range(2000)))
    viewers = LogNormalThroughput(1500, 0.6)

    rungs = select_optimal(hull, RungChoice(max_rungs=6), viewers)

    spread = hull[:: len(hull) // 5]
    assert len(rungs) == 6
    assert expected_vmaf(rungs, viewers) > expected_vmaf(spread, viewers)

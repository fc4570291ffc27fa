from __future__ import annotations

import pytest

from tests.support.points import Point, bitrates_of, points
from vmafx_tune.choices import Spacing
from vmafx_tune.ladder.spacing import STRATEGIES, select_log_bitrates, select_vmaf_steps
from vmafx_tune.results.rung_choice import RungChoice

OCTAVES = points((100, 20), (200, 50), (400, 70), (800, 82), (1600, 90), (3200, 95), (6400, 98))


def vmafs_of(rungs: tuple[Point, ...]) -> list[float]:
    return [rung.vmaf for rung in rungs]


@pytest.mark.parametrize(
    ("max_rungs", "bitrates"),
    [
        (1, [6400]),
        (2, [100, 6400]),
        (3, [100, 800, 6400]),
        (4, [100, 400, 1600, 6400]),
        (7, [100, 200, 400, 800, 1600, 3200, 6400]),
    ],
)
def test_log_bitrate_spacing_takes_the_rungs_nearest_to_equal_ratios(
    max_rungs: int, bitrates: list[float]
) -> None:
    options = RungChoice(max_rungs=max_rungs)

    assert bitrates_of(select_log_bitrates(OCTAVES, options)) == bitrates


def test_log_bitrate_spacing_takes_no_point_twice() -> None:
    crowded = points((100, 20), (110, 30), (120, 35), (6400, 98))

    rungs = select_log_bitrates(crowded, RungChoice(max_rungs=4))

    assert bitrates_of(rungs) == [100, 120, 6400]


def test_vmaf_spacing_takes_the_cheapest_point_at_most_a_step_below_the_last() -> None:
    dense = points(*((100 + 10 * i, 60 + i) for i in range(36)))

    rungs = select_vmaf_steps(dense, RungChoice(max_rungs=99, vmaf_step=6))

    assert vmafs_of(rungs) == [60, 65, 71, 77, 83, 89, 95]


def test_vmaf_spacing_crosses_a_hole_to_the_next_point_below() -> None:
    rungs = select_vmaf_steps(OCTAVES, RungChoice(max_rungs=9, vmaf_step=8))

    assert vmafs_of(rungs) == [20, 50, 70, 82, 90, 98]


def test_vmaf_spacing_stops_at_the_most_rungs() -> None:
    rungs = select_vmaf_steps(OCTAVES, RungChoice(max_rungs=2, vmaf_step=8))

    assert vmafs_of(rungs) == [90, 98]


def test_every_spacing_that_does_not_need_the_viewers_has_a_strategy() -> None:
    assert {*STRATEGIES, Spacing.OPTIMAL} == set(Spacing)


@pytest.mark.parametrize("spacing", STRATEGIES)
@pytest.mark.parametrize("hull", [(), OCTAVES[:1]], ids=["no point", "one point"])
def test_a_hull_of_one_point_or_none_is_the_ladder(
    spacing: Spacing, hull: tuple[Point, ...]
) -> None:
    assert STRATEGIES[spacing](hull, RungChoice(spacing=spacing)) == hull

from __future__ import annotations

from fractions import Fraction

import pytest

from vmafx_tune.errors import UsageError
from vmafx_tune.shots.division import checked_min_frames, shots_between


def lengths(cuts: list[int], n_frames: int, min_frames: int) -> list[int]:
    return [shot.n_frames for shot in shots_between(cuts, n_frames, min_frames)]


def test_a_clip_is_divided_at_its_cuts() -> None:
    assert [shot.first_frame for shot in shots_between([40, 25], 100, 10)] == [0, 25, 40]
    assert lengths([40, 25], 100, 10) == [25, 15, 60]


def test_a_clip_without_cuts_is_one_shot() -> None:
    assert lengths([], 100, 10) == [100]


def test_cuts_outside_of_the_clip_count_for_nothing() -> None:
    assert lengths([-3, 0, 100, 140], 100, 10) == [100]


def test_a_short_shot_is_merged_with_the_shorter_of_its_neighbours() -> None:
    assert lengths([50, 55], 75, 10) == [50, 25]
    assert lengths([20, 25], 100, 10) == [25, 75]


def test_short_shots_at_the_ends_are_merged_with_the_only_neighbour() -> None:
    assert lengths([3, 97], 100, 10) == [100]


def test_segments_begin_shots_however_near_a_cut_is() -> None:
    assert [shot.first_frame for shot in shots_between([40], 100, 10, 25)] == [0, 25, 40, 50, 75]
    assert [shot.first_frame for shot in shots_between([30], 100, 10, 25)] == [0, 25, 50, 75]
    assert [shot.first_frame for shot in shots_between([30, 45], 100, 10, 25)] == [0, 25, 50, 75]
    assert [shot.n_frames for shot in shots_between([25], 78, 10, 25)] == [25, 25, 25, 3]


def test_a_flicker_becomes_one_shot() -> None:
    assert lengths(list(range(30, 61)), 90, 25) == [30, 30, 30]


def test_a_clip_that_is_shorter_than_a_shot_is_one_shot() -> None:
    assert lengths([4], 8, 10) == [8]


@pytest.mark.parametrize(("seconds", "frames"), [(None, 25), (1.0, 25), (0.01, 1), (0.5, 13)])
def test_the_least_length_is_rounded_up_to_frames(seconds: float | None, frames: int) -> None:
    assert checked_min_frames(seconds, Fraction(25)) == frames


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_length_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match=r"not a valid length\. Use more than 0"):
        checked_min_frames(seconds, Fraction(25))

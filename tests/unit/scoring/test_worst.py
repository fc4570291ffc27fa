"""Where a clip scores worst."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.model import ScoreSet
from vmafx_tune.scoring.pooling import mean
from vmafx_tune.scoring.worst import worst_frames, worst_second, worst_seconds


def scored(*frames: float, subsample: int = 1) -> ScoreSet:
    return ScoreSet(frames, {}, len(frames) * subsample, "m", "ffmpeg", subsample=subsample)


def test_the_worst_frames_are_not_neighbours() -> None:
    frames = [90.0] * 40
    frames[20:23] = [31.0, 30.0, 32.0]
    frames[5], frames[33] = 50.0, 40.0
    found = worst_frames(scored(*frames), Fraction(10), most=3)
    assert [(worst.frame, worst.vmaf) for worst in found] == [(21, 30), (33, 40), (5, 50)]


def test_the_worst_seconds_do_not_overlap() -> None:
    frames = [90.0] * 40
    frames[12:22] = [10.0] * 10
    frames[30:40] = [20.0] * 10
    found = worst_seconds(scored(*frames), Fraction(10), most=2)
    assert [(worst.start_s, worst.vmaf_score) for worst in found] == [(1.2, 10), (3.0, 20)]


def test_of_equal_seconds_the_first_is_the_worst_with_the_score_of_its_frames() -> None:
    found = worst_seconds(scored(*[97.427723] * 5000), Fraction(25), most=2)
    assert [(worst.start_s, worst.vmaf_score) for worst in found] == [
        (0, 97.427723),
        (1, 97.427723),
    ]


@pytest.mark.parametrize("digits", [6, 9])
def test_a_second_has_the_mean_of_its_frames_wherever_it_is(digits: int) -> None:
    second = [round(90 + math.sin(place), digits) for place in range(10)]
    found = worst_seconds(scored(*second * 200), Fraction(10), most=1)
    assert [(worst.start_s, worst.vmaf_score) for worst in found] == [(0, mean(second))]


def test_of_every_nth_frame_no_worst_second_is_told() -> None:
    frames = [90.0] * 10 + [30.0] * 10
    worst = worst_second(scored(*frames), Fraction(10))
    assert worst is not None
    assert (worst.start_s, worst.vmaf_score) == (1, 30)
    assert worst_second(scored(*frames, subsample=2), Fraction(10)) is None


def test_places_have_time_codes_of_the_distorted_clip() -> None:
    frames = [90.0] * 30
    frames[7] = 1.0
    (frame,) = worst_frames(scored(*frames), Fraction(30000, 1001), most=1, first_frame=107_892)
    assert (frame.frame, frame.time_code) == (107_899, "01:00:00.230")
    assert frame.time_s == pytest.approx(107_899 * 1001 / 30_000)


def test_of_every_nth_frame_places_are_those_of_the_clip() -> None:
    frames = [90.0] * 20
    frames[8:13] = [10.0] * 5
    some = scored(*frames, subsample=5)
    assert worst_frames(some, Fraction(25), most=1)[0].frame == 40
    assert worst_seconds(some, Fraction(25), most=1)[0].start_s == 1.6


def test_a_clip_shorter_than_a_second_is_one_second() -> None:
    (second,) = worst_seconds(scored(80, 90), Fraction(25))
    assert (second.start_s, second.vmaf_score, second.time_code) == (0, 85, "00:00:00.000")


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=80),
    st.integers(1, 12),
    st.integers(1, 6),
)
def test_what_is_found_is_apart_and_nothing_worse_is_left_out(
    frames: list[float], rate: int, most: int
) -> None:
    found = worst_frames(scored(*frames), Fraction(rate), most=most)
    places = [worst.frame for worst in found]
    assert 1 <= len(places) <= most
    assert all(abs(a - b) >= rate for a in places for b in places if a != b)
    assert [worst.vmaf for worst in found] == sorted(worst.vmaf for worst in found)
    assert found[0].vmaf == min(frames)
    for place, score in enumerate(frames):
        if all(abs(place - taken) >= rate for taken in places):
            assert len(places) == most
            assert score >= found[-1].vmaf

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.media.timing import (
    Timing,
    frame_timing,
    is_regular,
    pulled_down_timing,
    without_resets,
)

MILLISECOND = Fraction(1, 1000)
RATES = st.sampled_from(
    [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]
)


def milliseconds(n_frames: int, rate: Fraction) -> list[int]:
    return [round(i * 1000 / rate) for i in range(n_frames)]


@given(rate=RATES, n_frames=st.integers(2, 400), start=st.integers(-5000, 5000))
def test_rounding_to_milliseconds_does_not_make_a_rate_variable(
    rate: Fraction, n_frames: int, start: int
) -> None:
    ticks = [start + t for t in milliseconds(n_frames, rate)]

    assert is_regular(ticks, MILLISECOND)


@given(rate=RATES, n_frames=st.integers(4, 400), data=st.data())
def test_one_frame_missing_anywhere_inside_makes_the_rate_variable(
    rate: Fraction, n_frames: int, data: st.DataObject
) -> None:
    ticks = milliseconds(n_frames, rate)
    del ticks[data.draw(st.integers(1, n_frames - 2))]

    assert not is_regular(ticks, MILLISECOND)


@given(rate=RATES, n_frames=st.integers(2, 400))
def test_the_declared_rate_is_taken_where_the_timestamps_agree(
    rate: Fraction, n_frames: int
) -> None:
    timing = frame_timing(milliseconds(n_frames, rate), MILLISECOND, [rate])

    assert timing == Timing(n_frames, rate, variable=False)


def test_a_second_declared_rate_is_taken_where_the_first_is_off() -> None:
    timestamps = milliseconds(100, Fraction(25))

    timing = frame_timing(timestamps, MILLISECOND, [Fraction(50), Fraction(25)])

    assert timing.frame_rate == 25


def test_the_rate_is_measured_where_every_declared_one_is_off() -> None:
    timing = frame_timing(milliseconds(101, Fraction(25)), MILLISECOND, [Fraction(30)])

    assert timing == Timing(101, Fraction(25), variable=False)


def test_a_variable_rate_is_the_average_over_all_frames() -> None:
    times = [0, 40, 80, 160]

    timing = frame_timing(times, MILLISECOND, [Fraction(25)])
    with_last = frame_timing(times, MILLISECOND, [Fraction(25)], last_ticks=340)

    assert (timing.variable, timing.ticks_per_second) == (True, 1000)
    assert timing.frame_rate == Fraction(3, 1) / Fraction(160, 1000)
    assert with_last.frame_rate == Fraction(4, 1) / Fraction(500, 1000)


def test_a_slide_show_has_a_rate_too() -> None:
    timing = frame_timing([0, 3_000_000, 9_000_000], MILLISECOND, [Fraction(25)])

    assert timing == Timing(3, Fraction(1, 4500), variable=True, ticks_per_second=1000)


def test_frames_may_come_in_any_order() -> None:
    timestamps: list[int | None] = [*range(0, 4000, 40)]
    random.Random(1).shuffle(timestamps)

    assert not frame_timing(timestamps, MILLISECOND, [Fraction(25)]).variable


@pytest.mark.parametrize("timestamps", [[0], [None, None, None], [0, None, 80], [7, 7, 7]], ids=str)
def test_without_usable_timestamps_the_declared_rate_stands(timestamps: list[int | None]) -> None:
    timing = frame_timing(timestamps, MILLISECOND, [Fraction(30)])

    assert timing == Timing(len(timestamps), Fraction(30), variable=False)


def test_a_stream_that_says_nothing_goes_at_25_frames_per_second() -> None:
    assert frame_timing([None, None], None, []).frame_rate == 25


def test_coarse_ticks_do_not_hide_a_missing_frame() -> None:
    assert not is_regular([0, 1, 2, 4, 5, 6], Fraction(1, 25))


@given(
    runs=st.lists(st.integers(min_value=2, max_value=40), min_size=1, max_size=5),
    frame=st.integers(min_value=2, max_value=4000),
    start=st.integers(min_value=0, max_value=100_000),
)
def test_times_that_start_again_go_on_in_one_grid(runs: list[int], frame: int, start: int) -> None:
    times: list[int | None] = [start + i * frame for n in runs for i in range(n)]

    presentation, decoding = without_resets(times, times)

    total = sum(runs)
    assert presentation == decoding == [start + i * frame for i in range(total)]


def test_film_with_repeated_fields_has_the_rate_of_film() -> None:
    durations = [4504, 3003] * 24

    timing = pulled_down_timing(durations, Fraction(1, 90_000), [Fraction(30_000, 1001)])

    assert timing is not None
    assert (timing.n_frames, timing.frame_rate) == (48, Fraction(24_000, 1001))
    assert pulled_down_timing([3003] * 48, Fraction(1, 90_000), []) is None

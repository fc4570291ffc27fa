"""Where a knob ceases to matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.search.limit import (
    MeasuredStep,
    Plateau,
    is_saturated,
    plateau_at_best,
    plateau_at_worst,
)


def steps(*measured: tuple[int, float]) -> list[MeasuredStep]:
    return [MeasuredStep(step, kbps, 90 - step / 10) for step, kbps in measured]


# Bytes of two seconds of noise by x264 with -maxrate 200k -bufsize 200k, as kb/s.
CAPPED = steps((0, 246.7), (2, 249.3), (7, 247.8), (14, 247.4), (24, 248.1), (34, 116.1))


def test_a_plateau_is_where_bitrates_do_not_follow_the_knob() -> None:
    assert plateau_at_best(CAPPED, last_step=50) == Plateau(0, 24, 246.7)
    assert plateau_at_worst(CAPPED, last_step=50) is None


def test_a_plateau_at_the_worst_end_is_found_from_there() -> None:
    held = steps((0, 2500), (14, 1235.5), (24, 1235.5), (50, 1236.0))
    assert plateau_at_worst(held, last_step=50) == Plateau(14, 50, 1236.0)
    assert plateau_at_best(held, last_step=50) is None


@pytest.mark.parametrize("measured", [[], steps((0, 100)), steps((0, 100), (1, 99))])
def test_a_few_neighbouring_steps_are_no_plateau(measured: list[MeasuredStep]) -> None:
    assert plateau_at_best(measured, last_step=500) is None


@given(
    st.lists(st.integers(0, 60), unique=True, min_size=1).map(sorted),
    st.floats(10, 1e5),
    st.floats(0.75, 0.97),
)
def test_bitrates_that_follow_the_knob_are_no_plateau(
    numbers: list[int], kbps: float, keeps: float
) -> None:
    # The slowest of measured encoders keep 97 % of the bitrate from one of 60 steps to the next.
    measured = steps(*((number, kbps * keeps**number) for number in numbers))
    assert plateau_at_best(measured, last_step=60) is None
    assert plateau_at_worst(measured, last_step=60) is None


@pytest.mark.parametrize(
    ("best", "other", "saturated"),
    [
        ((91.2, 4000), (91.0, 1000), True),
        ((91.2, 4000), (89.0, 2000), False),
        ((75.0, 900), (70.0, 640), False),
        ((91.2, 4000), (91.3, 1000), False),
    ],
)
def test_a_score_that_hardly_rises_with_bits_is_saturated(
    best: tuple[float, float], other: tuple[float, float], *, saturated: bool
) -> None:
    measured = [MeasuredStep(0, best[1], best[0]), MeasuredStep(9, other[1], other[0])]
    assert is_saturated(measured, 95) is saturated
    assert not is_saturated(measured[:1], 95)

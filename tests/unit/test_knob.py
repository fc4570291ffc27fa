from __future__ import annotations

import math

import pytest

from vmafx_tune.errors import UsageError
from vmafx_tune.knob import Knob


def crf(lo: float = 0, hi: float = 51, increment: float = 1) -> Knob:
    return Knob("crf", lo, hi, default=lo, increment=increment)


def upwards(lo: float, hi: float, increment: float = 1) -> Knob:
    return Knob("q:v", lo, hi, default=lo, increment=increment, higher_is_better=True)


def all_qualities(grid: Knob) -> list[float]:
    return [grid.quality_of(step) for step in range(grid.n_steps)]


def test_steps_of_crf_are_the_crf_values() -> None:
    assert all_qualities(crf()) == list(range(52))


def test_steps_run_downwards_where_higher_is_better() -> None:
    grid = upwards(1, 100)

    assert (grid.quality_of(0), grid.quality_of(99), grid.last_step) == (100, 1, 99)
    assert grid.step_of(50) == 50


def test_tenths_come_out_as_written() -> None:
    grid = crf(increment=0.1)

    assert grid.last_step == 510
    assert grid.quality_of(3) == 0.3
    assert [repr(quality) for quality in all_qualities(grid)] == [
        f"{step // 10}.{step % 10}" for step in range(511)
    ]


def test_a_range_need_not_start_at_a_multiple_of_its_increment() -> None:
    assert all_qualities(crf(18.6, 19.6, 0.25)) == [18.6, 18.85, 19.1, 19.35, 19.6]


@pytest.mark.parametrize(
    ("higher_is_better", "qualities"),
    [(False, [10, 13, 16, 19]), (True, [20, 17, 14, 11])],
)
def test_an_increment_that_does_not_divide_the_range_keeps_its_best_end(
    *, higher_is_better: bool, qualities: list[float]
) -> None:
    grid = upwards(10, 20, 3) if higher_is_better else crf(10, 20, 3)

    assert all_qualities(grid) == qualities


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_a_range_of_one_value_has_one_step(*, higher_is_better: bool) -> None:
    grid = upwards(23, 23) if higher_is_better else crf(23, 23)

    assert all_qualities(grid) == [23]


def test_a_step_beyond_the_range_is_refused() -> None:
    for step in (-1, 52):
        with pytest.raises(IndexError, match=r"0\.\.51"):
            crf().quality_of(step)


@pytest.mark.parametrize(("quality", "nearest"), [(23.4, 23), (-3, 0), (60, 51)])
def test_a_quality_off_the_grid_is_refused_with_the_nearest(quality: float, nearest: int) -> None:
    with pytest.raises(
        UsageError, match=f"from 0 to 51 in steps of 1; the nearest one is {nearest}"
    ):
        crf().step_of(quality)


def test_a_quality_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="not nan"):
        crf().step_of(math.nan)


@pytest.mark.parametrize("increment", [0, -1, math.nan, math.inf])
def test_an_increment_that_leads_nowhere_is_refused(increment: float) -> None:
    with pytest.raises(UsageError, match="use a multiple of 1"):
        crf().narrowed(20, 40, increment)


@pytest.mark.parametrize(("lo", "hi"), [(math.nan, 51), (0, math.inf)])
def test_a_range_without_an_end_is_refused(lo: float, hi: float) -> None:
    with pytest.raises(UsageError, match="finite"):
        crf().narrowed(lo, hi, 1)


@pytest.mark.parametrize(
    ("knob", "lo", "hi", "sentence"),
    [
        (crf(), 20.5, 40, r"better end .* 20\.5, is not a value of crf: use a multiple of 1\."),
        (crf(1, 51, 0.1), 18.65, 40, r" 18\.65, .* a multiple of 0\.1\."),
        (upwards(1, 99), 20, 40.5, r" 40\.5, is not a value of q:v"),
    ],
)
def test_a_range_whose_better_end_is_no_value_of_the_knob_is_refused(
    knob: Knob, lo: float, hi: float, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        knob.narrowed(lo, hi, 1)


def test_the_better_end_may_be_any_value_and_the_worse_one_between_two() -> None:
    assert all_qualities(crf(increment=0.25).narrowed(20.25, 22.3, 1)) == [20.25, 21.25, 22.25]
    assert all_qualities(upwards(1, 99).narrowed(20.5, 22, 1)) == [22, 21]


def test_a_knob_is_narrowed_to_a_range_and_keeps_its_typical_curve() -> None:
    knob = upwards(1, 100).narrowed(20, 40, 2)

    assert (knob.best, knob.worst, knob.last_step) == (40, 20, 10)
    assert 2 * knob.prior.width == upwards(1, 100).prior.width


def test_a_position_may_lie_between_two_steps_and_out_of_the_range() -> None:
    halves, downwards = crf(20, 30, 0.5), upwards(1, 100)

    assert [halves.position_of(quality) for quality in (20, 20.25, 31, 19)] == [0, 0.5, 22, -2]
    assert [downwards.position_of(quality) for quality in (100, 60.5, 0)] == [0, 39.5, 100]

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from .strategies import grids

if TYPE_CHECKING:
    from vmafx_tune.knob import Knob


@given(grids(), st.data())
def test_every_step_survives_the_way_to_a_quality_and_back(grid: Knob, data: st.DataObject) -> None:
    step = data.draw(st.integers(0, grid.last_step))

    assert grid.step_of(grid.quality_of(step)) == step


@given(grids())
def test_qualities_run_strictly_from_best_towards_worst(grid: Knob) -> None:
    qualities = [grid.quality_of(step) for step in range(min(grid.n_steps, 300))]

    falls = grid.worst < grid.best
    assert qualities[0] == grid.best
    assert all((a > b) if falls else (a < b) for a, b in pairwise(qualities))


@given(grids())
def test_the_last_quality_is_the_last_that_does_not_pass_the_worst(grid: Knob) -> None:
    last = grid.quality_of(grid.last_step)

    short_of_worst = abs(grid.worst - last)
    assert min(grid.best, grid.worst) <= last <= max(grid.best, grid.worst)
    assert short_of_worst < grid.increment


@given(grids(), st.data())
def test_qualities_are_as_short_as_the_decimals_they_come_from(
    grid: Knob, data: st.DataObject
) -> None:
    quality = grid.quality_of(data.draw(st.integers(0, grid.last_step)))

    assert quality == round(quality, 2)

from __future__ import annotations

import math

import pytest

from tests.support.points import Point, bitrates_of, points
from vmafx_tune.core.caps import Caps
from vmafx_tune.core.selection import enforce_gap, ladder_notes, select_rungs
from vmafx_tune.core.selection_options import SelectionOptions
from vmafx_tune.errors import InvalidLadderError

HULL = points((200, 40), (500, 70), (1200, 85), (3000, 93))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param([1000, 1090, 1180, 1270], [1000, 1270], id="the top stays, 1180 goes"),
        pytest.param(
            [1000, 1090, 1180, 1290], [1000, 1180, 1290], id="measured from the last kept"
        ),
        pytest.param([1000, 1100, 1200], [1000, 1100, 1200], id="a tie passes"),
        pytest.param([1000, 1050], [1050], id="of two the top stays"),
        pytest.param([1000, 1010, 1020, 1030], [1030], id="all within one gap"),
        pytest.param([100, 1000, 1040, 1080], [100, 1080], id="only the neighbour of the top goes"),
        pytest.param([1000], [1000], id="one rung"),
        pytest.param([], [], id="no rung"),
    ],
)
def test_rungs_closer_than_the_gap_to_the_last_one_kept_go(
    given: list[float], kept: list[float]
) -> None:
    rungs = points(*((bitrate, float(i)) for i, bitrate in enumerate(given)))

    assert bitrates_of(enforce_gap(rungs, 100)) == kept


def test_neighbours_in_the_customary_ratio_are_not_worth_a_note() -> None:
    rungs = points((400, 50), (600, 70), (1500, 90))

    assert ladder_notes(rungs, rungs) == ()


def test_neighbours_outside_the_customary_ratio_are_told() -> None:
    rungs = points((500, 50), (700, 70), (2100, 90))

    assert ladder_notes(rungs, rungs) == (
        (
            "The rungs at 500 and 700 kb/s are a factor of 1.40 apart, less than 1.5: one of them "
            "adds little."
        ),
        (
            "The rungs at 700 and 2100 kb/s are a factor of 3.00 apart, more than 2.5: a switch "
            "between them will show."
        ),
    )


def test_ends_of_the_hull_without_a_rung_are_told() -> None:
    assert ladder_notes(HULL[1:3], HULL)[:2] == (
        (
            "The bottom of the hull, VMAF 40.00 at 200 kb/s, has no rung: the ladder starts with "
            "VMAF 70.00 at 500 kb/s."
        ),
        (
            "The top of the hull, VMAF 93.00 at 3000 kb/s, has no rung: the ladder ends with VMAF "
            "85.00 at 1200 kb/s."
        ),
    )


def test_no_rungs_are_worth_no_note() -> None:
    assert ladder_notes((), HULL) == ()


def test_a_ladder_is_the_capped_hull_thinned_to_its_knees_and_gaps() -> None:
    beaten = points((600, 60), (900, 70), (math.nan, 99))
    extra = points((240, 46), (8000, 99))
    options = SelectionOptions(max_rungs=4, min_gap_kbps=100, caps=Caps(max_vmaf=93))

    selection = select_rungs([*beaten, *extra, *HULL], options)

    assert selection.hull == (HULL[0], extra[0], *HULL[1:], extra[1])
    assert selection.rungs == HULL
    assert not any("missing" in note for note in selection.notes)


def test_each_end_that_is_missing_is_told_once() -> None:
    options = SelectionOptions(max_rungs=1, caps=Caps(max_vmaf=None, max_bitrate_kbps=1200))

    notes = select_rungs(HULL, options).notes

    assert sum("top of" in note for note in notes) == 1
    assert sum("bottom of" in note for note in notes) == 1


def test_the_callers_own_points_come_back_as_they_are() -> None:
    equals = [Point(500, 70, "1280x720"), Point(500, 70, "640x360")]

    selection = select_rungs(equals, SelectionOptions(), tie_break=lambda p: len(p.label))

    assert selection.rungs[0] is equals[1]


def test_without_a_usable_point_there_are_no_rungs() -> None:
    selection = select_rungs(points((math.nan, 80)), SelectionOptions())

    assert (selection.hull, selection.rungs, selection.notes) == ((), (), ())


def test_caps_that_leave_nothing_are_an_error() -> None:
    with pytest.raises(InvalidLadderError, match="Loosen one"):
        select_rungs(HULL, SelectionOptions(caps=Caps(max_bitrate_kbps=100)))


def test_one_rung_is_the_top_of_the_hull() -> None:
    assert select_rungs(HULL, SelectionOptions(max_rungs=1)).rungs == HULL[-1:]


@pytest.mark.parametrize("max_rungs", [0, -1])
def test_a_ladder_needs_a_rung(max_rungs: int) -> None:
    with pytest.raises(InvalidLadderError, match=f"at most {max_rungs} rungs .* at least 1"):
        SelectionOptions(max_rungs=max_rungs)


@pytest.mark.parametrize("gap", [-1.0, math.nan, math.inf])
def test_a_gap_is_a_number_from_zero(gap: float) -> None:
    with pytest.raises(InvalidLadderError, match="least gap between bitrates"):
        SelectionOptions(min_gap_kbps=gap)


@pytest.mark.parametrize("step", [0.0, -6.0, math.nan, math.inf])
def test_a_vmaf_step_is_a_number_above_zero(step: float) -> None:
    with pytest.raises(InvalidLadderError, match="VMAF step between rungs"):
        SelectionOptions(vmaf_step=step)


@pytest.mark.parametrize("factor", [0.0, 1.1, math.nan])
def test_a_safety_factor_is_a_share(factor: float) -> None:
    with pytest.raises(InvalidLadderError, match="safety factor"):
        SelectionOptions(safety_factor=factor)

from __future__ import annotations

import math
from operator import attrgetter

import pytest

from tests.support.points import Point, bitrates_of, points, sized
from vmafx_tune.choices import Spacing
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.selection import enforce_gap, ladder_notes, select_rungs
from vmafx_tune.ladder.throughput import LogNormalThroughput
from vmafx_tune.results.rung_choice import RungChoice

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

    assert bitrates_of(enforce_gap(rungs, RungChoice(min_bitrate_gap_kbps=100))) == kept


def test_the_gap_is_never_more_than_a_quarter_of_the_lower_neighbour() -> None:
    cheap = points((16, 40), (20, 50), (24, 60), (30, 70), (60, 85), (120, 93))

    kept = enforce_gap(cheap, RungChoice(min_bitrate_gap_kbps=100))

    assert bitrates_of(kept) == [16, 20, 30, 60, 120]


def test_the_note_of_a_dropped_rung_names_the_option_that_dropped_it() -> None:
    crowded = points((1000, 50), (1050, 60), (1090, 65), (2000, 70))

    selection = select_rungs(crowded, RungChoice(min_bitrate_gap_kbps=100))

    assert bitrates_of(selection.rungs) == [1000, 2000]
    assert selection.notes[0] == (
        "--min-bitrate-gap 100 dropped the rungs at 1,050 and 1,090 kb/s: too close to a neighbour."
    )


def test_a_bottom_that_is_too_close_to_the_top_names_the_gap() -> None:
    choice = RungChoice(min_bitrate_gap_kbps=100)

    notes = select_rungs(points((1000, 80), (1050, 81)), choice).notes

    assert notes == (
        "--min-bitrate-gap 100 dropped the rung at 1,000 kb/s: too close to a neighbour.",
        (
            "The bottom of the hull, VMAF 80.00 at 1,000 kb/s, has no rung "
            "(--min-bitrate-gap 100): the ladder starts with VMAF 81.00 at 1,050 kb/s."
        ),
    )


# The hull of a real cloud, whose curves of two sizes cross where they nearly touch.
CROSSING = sized(
    *((150, 60, 480), (300, 74, 480), (450, 81, 640), (600, 86, 480), (900, 91, 640)),
)


def widths(rungs: tuple[Point, ...]) -> list[int]:
    return [rung.pixels for rung in rungs]


def test_the_picture_never_gets_smaller_and_the_cheaper_loss_is_taken() -> None:
    selection = select_rungs(CROSSING, RungChoice(), size_of=attrgetter("resolution"))

    assert selection.hull == CROSSING
    assert bitrates_of(selection.rungs) == [150, 300, 600, 900]
    assert selection.notes[0] == (
        "Resolution never drops as bitrate rises, which leaves out the rung at 450 kb/s. "
        "--mixed-resolutions allows it."
    )


def test_mixed_resolutions_allow_smaller_pictures_above_larger_ones() -> None:
    choice = RungChoice(mixed_resolutions=True)

    assert select_rungs(CROSSING, choice, size_of=attrgetter("resolution")).rungs == CROSSING


def test_a_first_rung_of_a_larger_picture_goes_rather_than_all_smaller_ones() -> None:
    hull = sized((100, 40, 640), (120, 45, 480), (400, 70, 480), (2000, 94, 640))

    selection = select_rungs(hull, RungChoice(), size_of=attrgetter("resolution"))

    assert bitrates_of(selection.rungs) == [120, 400, 2000]
    assert "has no rung (no --mixed-resolutions)" in selection.notes[1]


def test_the_top_stays_though_its_picture_is_smaller_than_others() -> None:
    hull = sized((100, 40, 480), (400, 70, 640), (1000, 90, 480))

    selection = select_rungs(hull, RungChoice(), size_of=attrgetter("resolution"))

    assert bitrates_of(selection.rungs) == [100, 1000]


def test_a_smaller_picture_that_nobody_sees_is_better_does_not_end_the_ladder() -> None:
    hull = sized((360, 81.7, 640), (622, 90.56, 640), (851, 90.7, 320))

    selection = select_rungs(hull, RungChoice(), size_of=attrgetter("resolution"))

    assert bitrates_of(selection.rungs) == [360, 622]


def test_sizes_of_other_shapes_follow_each_other_where_they_have_as_many_pixels() -> None:
    upright_and_lying = sized((100, 40, 360 * 640), (400, 70, 640 * 360), (1000, 90, 720 * 1280))

    selection = select_rungs(upright_and_lying, RungChoice(), size_of=attrgetter("resolution"))

    assert selection.rungs == upright_and_lying


def test_a_hull_of_thousands_of_points_that_shrinks_all_the_time_is_no_obstacle() -> None:
    hull = sized(*((100 + i, 95 - 50_000 / (i + 600), i % 9) for i in range(5000)))

    selection = select_rungs(hull, RungChoice(), size_of=attrgetter("resolution"))

    assert len(selection.rungs) == 6
    assert widths(selection.rungs) == sorted(widths(selection.rungs))


def notes_on(rungs: tuple[Point, ...]) -> tuple[str, ...]:
    return ladder_notes(rungs, RungChoice(), spaced=rungs, free=rungs, allowed=rungs)


def test_neighbours_in_the_customary_ratio_are_not_worth_a_note() -> None:
    assert notes_on(points((400, 50), (600, 70), (1500, 90))) == ()


def test_neighbours_outside_the_customary_ratio_are_told_in_one_sentence_of_each_kind() -> None:
    assert notes_on(points((500, 50), (700, 70), (2100, 90), (2500, 91), (7500, 93))) == (
        "Rungs less than a factor of 1.5 apart add little: 500 and 700; 2,100 and 2,500 kb/s.",
        (
            "Switches between rungs more than a factor of 2.5 apart are visible: 700 and 2,100; "
            "2,500 and 7,500 kb/s."
        ),
    )


@pytest.mark.parametrize(
    ("choice", "cause"),
    [
        (RungChoice(max_rungs=1), "--max-rungs 1"),
        (
            RungChoice(spacing=Spacing.VMAF, vmaf_step=8, max_rungs=2),
            "--max-rungs 2",
        ),
        (
            RungChoice(spacing=Spacing.OPTIMAL, throughput="1300:0.05", max_rungs=1),
            "--spacing optimal",
        ),
    ],
)
def test_an_end_of_the_hull_without_a_rung_names_the_option_that_took_it(
    choice: RungChoice, cause: str
) -> None:
    selection = select_rungs(HULL, choice, throughput=LogNormalThroughput(1300, 0.05))

    start = selection.rungs[0]
    assert (
        f"The bottom of the hull, VMAF 40.00 at 200 kb/s, has no rung ({cause}): the ladder starts "
        f"with VMAF {start.vmaf:.2f} at {start.bitrate_kbps:,.0f} kb/s."
    ) in selection.notes


def test_no_rungs_are_worth_no_note() -> None:
    assert ladder_notes((), RungChoice(), spaced=(), free=HULL, allowed=HULL)[1:] == ()


def test_a_ladder_is_the_capped_hull_thinned_to_its_knees_and_gaps() -> None:
    beaten = points((600, 60), (900, 70), (math.nan, 99))
    extra = points((240, 46), (8000, 99))
    choice = RungChoice(max_rungs=4, max_vmaf=93)

    selection = select_rungs([*beaten, *extra, *HULL], choice)

    assert selection.hull == (HULL[0], extra[0], *HULL[1:], extra[1])
    assert selection.rungs == HULL
    assert not any("missing" in note for note in selection.notes)


def test_each_end_that_is_missing_is_told_once() -> None:
    choice = RungChoice(max_rungs=1, max_bitrate_kbps=1200)

    notes = select_rungs(HULL, choice).notes

    assert sum("top of" in note for note in notes) == 1
    assert sum("bottom of" in note for note in notes) == 1


def test_the_callers_own_points_come_back_as_they_are() -> None:
    equals = [Point(500, 70, "1280x720"), Point(500, 70, "640x360")]

    selection = select_rungs(equals, RungChoice(), tie_break=lambda p: len(p.label))

    assert selection.rungs[0] is equals[1]


def test_without_a_usable_point_there_are_no_rungs() -> None:
    selection = select_rungs(points((math.nan, 80)), RungChoice())

    assert (selection.hull, selection.rungs, selection.notes) == ((), (), ())


def test_caps_that_leave_nothing_are_an_error() -> None:
    with pytest.raises(InvalidLadderError, match="Relax one"):
        select_rungs(HULL, RungChoice(max_bitrate_kbps=100))


def test_one_rung_is_the_top_of_the_hull() -> None:
    assert select_rungs(HULL, RungChoice(max_rungs=1)).rungs == HULL[-1:]

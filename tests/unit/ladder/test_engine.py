from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.reports.ladder_factories import bare_point
from vmafx_tune.errors import CancelledError, EncodeFailedError, TargetUnreachableError
from vmafx_tune.events import CellFinished, Event, JobFinished, JobStarted
from vmafx_tune.ladder.engine import LadderRequest, build_ladder, points_of, select_ladder
from vmafx_tune.ladder.limits import Caps
from vmafx_tune.ladder.selection_options import SelectionOptions
from vmafx_tune.model import Resolution
from vmafx_tune.results.ladder import LadderCell, LadderPoint

if TYPE_CHECKING:
    from vmafx_tune.ladder.engine import LadderBuild

LARGE, MIDDLE, SMALL = Resolution(320, 180), Resolution(160, 90), Resolution(80, 46)
EVERYTHING = SelectionOptions(max_rungs=99, min_gap_kbps=0, caps=Caps(max_vmaf=None))


def request(
    *resolutions: Resolution,
    targets: tuple[float, ...] = (60.0, 80.0, 95.0),
    selection: SelectionOptions = EVERYTHING,
    workers: int = 1,
) -> LadderRequest:
    return LadderRequest(resolutions or (LARGE, SMALL), targets, selection, workers)


def crossing(resolution: Resolution, target: float) -> LadderCell:
    """Small pictures are cheaper up to VMAF 80; above, they cannot go."""
    if resolution == SMALL and target > 80:
        raise TargetUnreachableError("Too blurred.", best=None, limit="the size")
    base, slope = (10, 0.05) if resolution == SMALL else (40, 0.035)
    return LadderCell.answered(
        resolution,
        target,
        crf=100 - target,
        bitrate_kbps=base * 2 ** (slope * target),
        vmaf=target,
    )


def point_of(
    resolution: Resolution, crf: float, bitrate_kbps: float, vmaf: float, **more: Any
) -> LadderPoint:
    return replace(bare_point(resolution, crf, bitrate_kbps, vmaf), **more)


def sizes(build: LadderBuild) -> list[tuple[str, float]]:
    return [(str(cell.resolution), cell.target) for cell in build.cells]


def test_cells_stand_by_resolution_then_target() -> None:
    build = build_ladder(request(LARGE, SMALL, targets=(60.0, 80.0)), crossing)
    assert sizes(build) == [("320x180", 60), ("320x180", 80), ("80x46", 60), ("80x46", 80)]


def test_lower_resolutions_win_the_low_bitrates_and_higher_ones_the_high() -> None:
    build = build_ladder(request(), crossing)
    assert [(rung.resolution, rung.target_vmaf) for rung in build.rungs] == [
        (SMALL, 60),
        (SMALL, 80),
        (LARGE, 95),
    ]


def test_results_do_not_depend_on_the_number_of_workers() -> None:
    one = build_ladder(request(LARGE, MIDDLE, SMALL, workers=1), crossing)
    many = build_ladder(request(LARGE, MIDDLE, SMALL, workers=4), crossing)
    assert one == many


def test_several_resolutions_are_sampled_at_once_and_one_resolutions_targets_in_turn() -> None:
    together = threading.Barrier(2, timeout=120)
    asked: dict[Resolution, list[float]] = {LARGE: [], SMALL: []}

    def sampler(resolution: Resolution, target: float) -> LadderCell:
        together.wait()
        asked[resolution].append(target)
        return LadderCell.answered(resolution, target, crf=1, bitrate_kbps=1, vmaf=target)

    build_ladder(request(workers=2), sampler)
    assert asked == {LARGE: [60, 80, 95], SMALL: [60, 80, 95]}


def test_a_target_out_of_reach_fails_its_cell_only() -> None:
    build = build_ladder(request(), crossing)
    failed = [cell for cell in build.cells if not cell.ok]
    assert [(cell.resolution, cell.target) for cell in failed] == [(SMALL, 95)]
    assert failed[0].error == "Too blurred."
    assert failed[0].error_kind == "unreachable"
    assert failed[0].bitrate_kbps is None


def test_an_error_of_one_cell_fails_that_cell_with_its_sentence() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        if (resolution, target) == (LARGE, 80):
            raise EncodeFailedError("The encoder crashed.")
        return crossing(resolution, target)

    build = build_ladder(request(targets=(60.0, 80.0)), sampler)
    assert [cell.ok for cell in build.cells] == [True, False, True, True]
    assert build.cells[1].error == "The encoder crashed."
    assert build.cells[1].error_kind == "failed"


def test_without_any_reachable_cell_the_cells_are_there_and_no_rung_is() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        raise TargetUnreachableError("Never.", best=None, limit="the clip")

    build = build_ladder(request(), sampler)
    assert len(build.cells) == 6
    assert {cell.error_kind for cell in build.cells} == {"unreachable"}
    assert build.hull == ()
    assert build.rungs == ()


def test_limits_that_leave_nothing_keep_the_cells_and_say_why() -> None:
    selection = SelectionOptions(caps=Caps(max_bitrate_kbps=1))
    build = build_ladder(request(selection=selection), crossing)
    assert build.hull
    assert build.rungs == ()
    assert "No point of the hull" in build.notes[0]


def test_a_single_cell_is_a_ladder_of_one_rung() -> None:
    build = build_ladder(request(LARGE, targets=(80.0,)), crossing)
    assert [(rung.resolution, rung.vmaf) for rung in build.rungs] == [(LARGE, 80)]


def test_one_resolution_is_a_ladder_of_its_targets() -> None:
    build = build_ladder(request(LARGE), crossing)
    assert [rung.target_vmaf for rung in build.rungs] == [60, 80, 95]


def test_of_equal_bitrates_the_better_counts_and_of_equal_points_the_smaller() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        vmaf = 70.0 if resolution == MIDDLE else 80.0
        return LadderCell.answered(resolution, target, crf=20, bitrate_kbps=500, vmaf=vmaf)

    build = build_ladder(request(LARGE, MIDDLE, SMALL, targets=(60.0,)), sampler)
    assert [rung.resolution for rung in build.rungs] == [SMALL]


def test_points_measured_on_the_way_become_rungs_too() -> None:
    answer = LadderCell.answered(
        LARGE,
        80.0,
        crf=20,
        bitrate_kbps=500,
        vmaf=81,
        points=(
            point_of(LARGE, 10, 900, 92, codecs="avc1.64000d", peak_bitrate_kbps=1000),
            point_of(LARGE, 20, 500, 81, codecs="avc1.64000d", peak_bitrate_kbps=600),
        ),
    )
    build = select_ladder([answer], points_of([answer]), EVERYTHING)
    assert [(r.crf, r.target_vmaf, r.peak_bitrate_kbps) for r in build.rungs] == [
        (20, 80, 600),
        (10, None, 1000),
    ]


def test_a_rung_is_named_after_the_file_that_its_command_writes() -> None:
    points = [
        point_of(LARGE, 10, 900, 92, encode_command="ffmpeg clip.320x180.libx264.crf10.mp4"),
        point_of(LARGE, 20, 500, 81, encode_command="ffmpeg file:a:b.320x180.libx264.crf20.mp4"),
        point_of(LARGE, 30.5, 300, 61),
    ]
    build = select_ladder([], points, EVERYTHING)
    assert [rung.name for rung in build.rungs] == [
        "320x180-30.5",
        "a:b.320x180.libx264.crf20",
        "clip.320x180.libx264.crf10",
    ]


def test_an_encode_that_answers_two_targets_is_one_point_with_the_higher_target() -> None:
    cells = [
        LadderCell.answered(LARGE, target, crf=20, bitrate_kbps=500, vmaf=81)
        for target in (80.0, 81.0)
    ]
    assert len(points_of(cells)) == 1
    assert select_ladder(cells, points_of(cells), EVERYTHING).rungs[0].target_vmaf == 81


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling_one_cell_cancels_the_ladder_and_stops_the_sampler(workers: int) -> None:
    stopped = threading.Event()

    def sampler(resolution: Resolution, target: float) -> LadderCell:
        if resolution == SMALL:
            raise CancelledError("stop")
        return crossing(resolution, target)

    with pytest.raises(CancelledError):
        build_ladder(request(workers=workers), sampler, stop=stopped.set)
    assert stopped.is_set()


def test_a_fault_of_the_sampler_itself_is_not_hidden_in_a_cell() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build_ladder(request(), sampler)


def test_events_tell_each_cell_once_and_count_them() -> None:
    events: list[Event] = []
    build_ladder(request(workers=2), crossing, observe=events.append)
    finished = [event for event in events if isinstance(event, CellFinished)]
    assert [event.cells_done for event in finished] == [1, 2, 3, 4, 5, 6]
    assert {event.cells for event in finished} == {6}
    assert len([event for event in events if isinstance(event, JobStarted)]) == 2
    assert [e.ok for e in events if isinstance(e, JobFinished) and e.job == "80x46"] == [False]


def test_an_encode_of_another_profile_is_no_rung_but_stays_in_the_cloud() -> None:
    codecs = {75.0: "avc1.64000a", 85.0: "avc1.64000a", 95.0: "avc1.f4000a"}

    def sampler(resolution: Resolution, target: float) -> LadderCell:
        kbps = 10 ** (target / 30)
        point = point_of(resolution, 100 - target, kbps, target, codecs=codecs[target])
        return LadderCell.answered(
            resolution, target, crf=point.crf, bitrate_kbps=kbps, vmaf=target, points=(point,)
        )

    build = build_ladder(LadderRequest((Resolution(640, 360),), tuple(codecs)), sampler)
    assert len(build.points) == len(build.cells) == 3
    assert max(point.vmaf for point in build.hull) == 85.0
    assert all(rung.codecs == "avc1.64000a" for rung in build.rungs)
    assert "profile avc1.f4" in build.notes[0]

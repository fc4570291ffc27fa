from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.reports.ladder_factories import bare_point
from vmafx_tune.errors import CancelledError, EncodeFailedError, TargetUnreachableError
from vmafx_tune.events import CellFinished, Event, JobFinished, JobStarted
from vmafx_tune.ladder.engine import points_of, sample_grid, select_ladder
from vmafx_tune.model import Resolution
from vmafx_tune.results.ladder import LadderCell, LadderPoint, LadderResult
from vmafx_tune.results.rung_choice import RungChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.ladder.engine import Sampler

LARGE, MIDDLE, SMALL = Resolution(320, 180), Resolution(160, 90), Resolution(80, 46)
EVERYTHING = RungChoice(max_rungs=99, min_bitrate_gap_kbps=0)


def cells_of(
    *resolutions: Resolution,
    targets: tuple[float, ...] = (60.0, 80.0, 95.0),
    sampler: Sampler | None = None,
    workers: int = 1,
) -> tuple[LadderCell, ...]:
    return sample_grid(resolutions or (LARGE, SMALL), targets, sampler or crossing, workers=workers)


def ladder_of(
    cells: Sequence[LadderCell],
    points: Sequence[LadderPoint] | None = None,
    choice: RungChoice = EVERYTHING,
) -> LadderResult:
    """A ladder of these cells, its rungs chosen."""
    return select_ladder(
        LadderResult(
            schema_version=1,
            src=Path("clip.mp4"),
            encoder="libx264",
            target_vmafs=(60.0, 80.0, 95.0),
            resolutions=(LARGE, SMALL),
            cloud=tuple(cells),
            probes=points_of(cells) if points is None else tuple(points),
            selection=choice,
        )
    )


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


def test_cells_stand_by_resolution_then_target() -> None:
    cells = cells_of(LARGE, SMALL, targets=(60.0, 80.0))
    assert [(str(cell.resolution), cell.target) for cell in cells] == [
        ("320x180", 60),
        ("320x180", 80),
        ("80x46", 60),
        ("80x46", 80),
    ]


def test_lower_resolutions_win_the_low_bitrates_and_higher_ones_the_high() -> None:
    ladder = ladder_of(cells_of())
    assert [(rung.resolution, rung.target_vmaf) for rung in ladder.renditions] == [
        (SMALL, 60),
        (SMALL, 80),
        (LARGE, 95),
    ]


def test_results_do_not_depend_on_the_number_of_workers() -> None:
    one = cells_of(LARGE, MIDDLE, SMALL, workers=1)
    many = cells_of(LARGE, MIDDLE, SMALL, workers=4)
    assert one == many


def test_several_resolutions_are_sampled_at_once_and_one_resolutions_targets_in_turn() -> None:
    together = threading.Barrier(2, timeout=120)
    asked: dict[Resolution, list[float]] = {LARGE: [], SMALL: []}

    def sampler(resolution: Resolution, target: float) -> LadderCell:
        together.wait()
        asked[resolution].append(target)
        return LadderCell.answered(resolution, target, crf=1, bitrate_kbps=1, vmaf=target)

    cells_of(sampler=sampler, workers=2)
    assert asked == {LARGE: [60, 80, 95], SMALL: [60, 80, 95]}


def test_a_target_out_of_reach_fails_its_cell_only() -> None:
    failed = [cell for cell in cells_of() if not cell.ok]
    assert [(cell.resolution, cell.target) for cell in failed] == [(SMALL, 95)]
    assert failed[0].error == "Too blurred."
    assert failed[0].error_kind == "unreachable"
    assert failed[0].bitrate_kbps is None


def test_an_error_of_one_cell_fails_that_cell_with_its_sentence() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        if (resolution, target) == (LARGE, 80):
            raise EncodeFailedError("The encoder crashed.")
        return crossing(resolution, target)

    cells = cells_of(targets=(60.0, 80.0), sampler=sampler)
    assert [cell.ok for cell in cells] == [True, False, True, True]
    assert cells[1].error == "The encoder crashed."
    assert cells[1].error_kind == "failed"


def test_without_any_reachable_cell_the_cells_are_there_and_no_rung_is() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        raise TargetUnreachableError("Never.", best=None, limit="the clip")

    ladder = ladder_of(cells_of(sampler=sampler))
    assert len(ladder.cloud) == 6
    assert {cell.error_kind for cell in ladder.cloud} == {"unreachable"}
    assert ladder.hull == ()
    assert ladder.renditions == ()


def test_limits_that_leave_nothing_keep_the_cells_and_say_why() -> None:
    ladder = ladder_of(cells_of(), choice=RungChoice(max_bitrate_kbps=1))
    assert ladder.hull
    assert ladder.renditions == ()
    assert "No point of the hull" in ladder.notes[0]


def test_a_single_cell_is_a_ladder_of_one_rung() -> None:
    ladder = ladder_of(cells_of(LARGE, targets=(80.0,)))
    assert [(rung.resolution, rung.vmaf) for rung in ladder.renditions] == [(LARGE, 80)]


def test_one_resolution_is_a_ladder_of_its_targets() -> None:
    ladder = ladder_of(cells_of(LARGE))
    assert [rung.target_vmaf for rung in ladder.renditions] == [60, 80, 95]


def test_of_equal_bitrates_the_better_counts_and_of_equal_points_the_smaller() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        vmaf = 70.0 if resolution == MIDDLE else 80.0
        return LadderCell.answered(resolution, target, crf=20, bitrate_kbps=500, vmaf=vmaf)

    ladder = ladder_of(cells_of(LARGE, MIDDLE, SMALL, targets=(60.0,), sampler=sampler))
    assert [rung.resolution for rung in ladder.renditions] == [SMALL]


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
    ladder = ladder_of([answer])
    assert [(r.crf, r.target_vmaf, r.peak_bitrate_kbps) for r in ladder.renditions] == [
        (20, 80, 600),
        (10, None, 1000),
    ]


def test_a_rung_is_named_after_the_file_that_its_command_writes() -> None:
    points = [
        point_of(LARGE, 10, 900, 92, encode_command="ffmpeg clip.320x180.libx264.crf10.mp4"),
        point_of(LARGE, 20, 500, 81, encode_command="ffmpeg file:a:b.320x180.libx264.crf20.mp4"),
        point_of(LARGE, 30.5, 300, 61),
    ]
    ladder = ladder_of([], points)
    assert [rung.name for rung in ladder.renditions] == [
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
    assert ladder_of(cells).renditions[0].target_vmaf == 81


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling_one_cell_cancels_the_ladder_and_stops_the_sampler(workers: int) -> None:
    stopped = threading.Event()

    def sampler(resolution: Resolution, target: float) -> LadderCell:
        if resolution == SMALL:
            raise CancelledError("stop")
        return crossing(resolution, target)

    with pytest.raises(CancelledError):
        sample_grid((LARGE, SMALL), (60.0,), sampler, workers=workers, stop=stopped.set)
    assert stopped.is_set()


def test_a_fault_of_the_sampler_itself_is_not_hidden_in_a_cell() -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cells_of(sampler=sampler)


def test_events_tell_each_cell_once_and_count_them() -> None:
    events: list[Event] = []
    targets = (60.0, 80.0, 95.0)
    sample_grid((LARGE, SMALL), targets, crossing, workers=2, observe=events.append)
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

    ladder = ladder_of(cells_of(Resolution(640, 360), targets=tuple(codecs), sampler=sampler))
    assert len(ladder.probes) == len(ladder.cloud) == 3
    assert max(point.vmaf for point in ladder.hull) == 85.0
    assert all(rung.codecs == "avc1.64000a" for rung in ladder.renditions)
    assert "profile avc1.f4" in ladder.notes[0]

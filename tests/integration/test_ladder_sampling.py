"""A tiny ladder with the real ffmpeg and libvmaf."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.choices import ScoreAt
from vmafx_tune.ladder.cells import SearchingSampler
from vmafx_tune.ladder.engine import LadderRequest, build_ladder
from vmafx_tune.ladder.selection_options import SelectionOptions
from vmafx_tune.model import EncodeSpec, PoolMethod, ProbeSpec, Resolution
from vmafx_tune.options import ToolOptions
from vmafx_tune.search.grid import KnobGrid
from vmafx_tune.search.request import SearchRequest
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory
    from vmafx_tune.ladder.engine import LadderBuild

LARGE, SMALL = Resolution(160, 90), Resolution(80, 46)


def tiny_ladder(
    clips: ClipFactory, score_at: ScoreAt, targets: tuple[float, ...], *, workers: int = 2
) -> LadderBuild:
    session = Session(ToolOptions(cache=False))
    source = session.source(clips.moving())
    model = session.model(None, source.resolution)
    encode = EncodeSpec(source, "libx264", 23, preset="ultrafast", gop_frames=5)
    base = SearchRequest(
        ProbeSpec(encode, model, source.resolution),
        "crf",
        KnobGrid.between(15, 45, 10, higher_is_better=False),
        targets[0],
        PoolMethod.MEAN,
    )
    session.probing.scorer("auto", model)
    prober = session.prober()
    sampler = SearchingSampler(base, (LARGE, SMALL), prober, targets=targets, score_at=score_at)
    selection = SelectionOptions(min_gap_kbps=0)
    request = LadderRequest((LARGE, SMALL), targets, selection, workers=workers)
    with closing(session):
        return build_ladder(request, sampler, stop=prober.cancel)


def test_two_resolutions_and_two_targets_give_cells_and_rungs(clips: ClipFactory) -> None:
    build = tiny_ladder(clips, ScoreAt.DISPLAY, (20.0, 95.0))
    assert [(cell.resolution, cell.target) for cell in build.cells] == [
        (LARGE, 20),
        (LARGE, 95),
        (SMALL, 20),
        (SMALL, 95),
    ]
    assert build.cells[1].ok
    assert build.cells[1].vmaf is not None
    assert build.cells[1].vmaf >= 95
    assert build.cells[3].error_kind == "unreachable"
    rates = [rung.bitrate_kbps for rung in build.rungs]
    scores = [rung.vmaf for rung in build.rungs]
    assert rates == sorted(set(rates))
    assert scores == sorted(set(scores))
    for point in build.rungs:
        assert point.codecs.startswith("avc1.")
        assert point.peak_bitrate_kbps == pytest.approx(point.bitrate_kbps)  # one segment
        size = point.resolution
        assert f"scale={size.width}:{size.height}:flags=lanczos" in str(point.encode_command)


def test_scored_at_its_own_size_a_small_rendition_reaches_what_it_could_not_at_display(
    clips: ClipFactory,
) -> None:
    build = tiny_ladder(clips, ScoreAt.RENDITION, (95.0,))
    assert all(cell.ok for cell in build.cells)


def test_the_number_of_workers_changes_no_result(clips: ClipFactory) -> None:
    alone, together = (tiny_ladder(clips, ScoreAt.DISPLAY, (60.0,), workers=n) for n in (1, 2))
    assert measured(alone) == measured(together)


def measured(build: LadderBuild) -> list[tuple[Resolution, float, float, float]]:
    return [(p.resolution, p.crf, p.bitrate_kbps, p.vmaf) for p in build.points]

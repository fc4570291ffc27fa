"""A tiny ladder with the real ffmpeg and libvmaf."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.choices import ScoreAt
from vmafx_tune.knob import Knob
from vmafx_tune.ladder.cells import SearchingSampler
from vmafx_tune.ladder.engine import points_of, sample_grid
from vmafx_tune.model import EncodeSpec, PoolMethod, ProbeSpec, Resolution
from vmafx_tune.options import ToolOptions
from vmafx_tune.search.request import SearchRequest
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory
    from vmafx_tune.results.ladder import LadderCell

LARGE, SMALL = Resolution(160, 90), Resolution(80, 46)


def tiny_ladder(
    clips: ClipFactory, score_at: ScoreAt, targets: tuple[float, ...], *, workers: int = 2
) -> tuple[LadderCell, ...]:
    session = Session(ToolOptions(cache=False))
    source = session.reader.source(clips.moving())
    model = session.model(None, source.resolution)
    encode = EncodeSpec(source, "libx264", 23, preset="ultrafast", gop_frames=5)
    base = SearchRequest(
        ProbeSpec(encode, model, source.resolution),
        Knob("crf", 15, 45, default=25, increment=10),
        targets[0],
        PoolMethod.MEAN,
    )
    session.probing.scorer("auto", model)
    prober = session.prober()
    sampler = SearchingSampler(base, (LARGE, SMALL), prober, targets=targets, score_at=score_at)
    with closing(session):
        return sample_grid((LARGE, SMALL), targets, sampler, workers=workers, stop=prober.cancel)


def test_two_resolutions_and_two_targets_give_cells_and_points(clips: ClipFactory) -> None:
    cells = tiny_ladder(clips, ScoreAt.DISPLAY, (20.0, 95.0))
    assert [(cell.resolution, cell.target) for cell in cells] == [
        (LARGE, 20),
        (LARGE, 95),
        (SMALL, 20),
        (SMALL, 95),
    ]
    assert cells[1].ok
    assert cells[1].vmaf is not None
    assert cells[1].vmaf >= 95
    assert cells[3].error_kind == "unreachable"
    for point in points_of(cells):
        assert point.codecs.startswith("avc1.")
        assert point.peak_bitrate_kbps == pytest.approx(point.bitrate_kbps)  # one segment
        size = point.resolution
        assert f"scale={size.width}:{size.height}:flags=lanczos" in str(point.encode_command)


def test_scored_at_its_own_size_a_small_rendition_reaches_what_it_could_not_at_display(
    clips: ClipFactory,
) -> None:
    cells = tiny_ladder(clips, ScoreAt.RENDITION, (95.0,))
    assert all(cell.ok for cell in cells)


def test_the_number_of_workers_changes_no_result(clips: ClipFactory) -> None:
    alone, together = (tiny_ladder(clips, ScoreAt.DISPLAY, (60.0,), workers=n) for n in (1, 2))
    assert measured(alone) == measured(together)


def measured(cells: tuple[LadderCell, ...]) -> list[tuple[Resolution, float, float, float]]:
    return [(p.resolution, p.crf, p.bitrate_kbps, p.vmaf) for p in points_of(cells)]

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import SOURCE, CurveProber
from tests.unit.search.fakes import request as search_request
from vmafx_tune.choices import ScoreAt
from vmafx_tune.errors import CancelledError, EncodeFailedError
from vmafx_tune.events import Event, ProbeFinished
from vmafx_tune.ladder.cells import SearchingSampler, gop_frames, rendition_search
from vmafx_tune.ladder.engine import points_of, sample_grid
from vmafx_tune.model import Probe, ProbeSpec, Resolution, ScoreSet

if TYPE_CHECKING:
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.results.ladder import LadderCell

LARGE, SMALL = Resolution(320, 180), Resolution(160, 90)
TARGETS = (60.0, 75.0, 90.0)


@dataclass
class ScalingProber(CurveProber):
    """The small rendition costs half of the bits, and loses 20 points."""

    specs: list[ProbeSpec] = field(default_factory=list)
    ceilings_asked: int = 0

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        self.specs.append(spec)
        probe = super().probe(spec, on_progress=on_progress)
        if spec.encode.size == LARGE:
            return replace(probe, codecs="avc1.64000d", peak_bitrate_kbps=probe.bitrate_kbps * 1.5)
        frames = tuple(score - 20 for score in probe.scores.frames)
        scores = replace(probe.scores, frames=frames)
        return replace(probe, bitrate_kbps=probe.bitrate_kbps / 2, scores=scores)

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        self.ceilings_asked += 1
        return super().score_itself(spec)


def falling(quality: float) -> float:
    return 100 - quality


def sampler_with(prober: CurveProber, *resolutions: Resolution) -> SearchingSampler:
    return SearchingSampler(
        search_request(), resolutions or (LARGE, SMALL), prober, targets=TARGETS
    )


def cells_with(prober: CurveProber, *, workers: int = 1) -> tuple[LadderCell, ...]:
    sampler = sampler_with(prober)
    return sample_grid((LARGE, SMALL), TARGETS, sampler, workers=workers, stop=prober.cancel)


def test_a_cell_holds_the_answer_of_its_search_with_the_probe_behind_it() -> None:
    cell = sampler_with(ScalingProber(falling))(LARGE, 75.0)
    assert cell.ok
    assert (cell.crf, cell.vmaf) == (25, 75)
    assert cell.bitrate_kbps == next(p.bitrate_kbps for p in cell.points if p.crf == 25)
    assert cell.note is None


def test_probes_of_a_resolution_are_shared_between_its_targets_and_listed_once() -> None:
    prober = ScalingProber(falling)
    cells = cells_with(prober)
    made = [(spec.encode.size, spec.encode.quality) for spec in prober.specs]
    listed = [(p.resolution, p.crf) for cell in cells for p in cell.points]
    assert len(made) == len(set(made))
    assert sorted(map(str, listed)) == sorted(map(str, made))


def test_points_carry_what_a_manifest_needs() -> None:
    point = sampler_with(ScalingProber(falling))(LARGE, 75.0).points[0]
    assert point.codecs == "avc1.64000d"
    assert point.peak_bitrate_kbps == point.bitrate_kbps * 1.5
    assert str(point.encode_command).startswith("ffmpeg ")
    assert point.vmaf_pooled is not None
    assert point.vmaf_pooled.p5 == point.vmaf


def test_a_target_out_of_a_resolutions_reach_is_a_failed_cell_with_the_best_it_has() -> None:
    cells = cells_with(ScalingProber(falling))
    cell = cells[-1]
    assert (cell.resolution, cell.target) == (SMALL, 90)
    assert cell.error_kind == "unreachable"
    assert "the best is 80.00 at crf 0" in str(cell.error)
    assert (SMALL, 0) in {(p.resolution, p.crf) for p in points_of(cells)}
    assert [other.ok for other in cells] == [True, True, True, True, True, False]


def test_a_failed_probe_fails_its_cell_and_keeps_what_was_measured() -> None:
    prober = ScalingProber(falling, fail_at={5.0: EncodeFailedError("crashed")})
    sampler = sampler_with(prober)
    assert sampler(LARGE, 60.0).ok
    cell = sampler(LARGE, 95.0)
    assert (cell.error, cell.error_kind) == ("crashed", "failed")


def test_a_cancelled_probe_cancels_the_ladder() -> None:
    prober = ScalingProber(falling, fail_at={25.0: CancelledError("stop")})
    with pytest.raises(CancelledError):
        cells_with(prober, workers=2)
    assert prober.cancelled.is_set()


def test_the_same_cells_for_any_number_of_workers() -> None:
    one = cells_with(ScalingProber(falling))
    assert cells_with(ScalingProber(falling), workers=4) == one


def test_a_search_that_ran_out_of_probes_fills_its_cell_with_a_note() -> None:
    base = search_request(max_iter=2)
    cell = SearchingSampler(base, [LARGE], ScalingProber(falling))(LARGE, 60.0)
    assert cell.ok
    assert "stopped after 2 probes" in str(cell.note)


def test_the_source_is_scored_against_itself_once_for_all_resolutions() -> None:
    prober = ScalingProber(lambda quality: 50 - quality)
    cells = cells_with(prober, workers=2)
    assert not any(cell.ok for cell in cells)
    assert prober.ceilings_asked == 1


def test_renditions_are_scored_at_display_size_or_at_their_own() -> None:
    base = search_request()
    at_display = rendition_search(base, SMALL).template
    assert at_display.encode.size == SMALL
    assert at_display.display == SOURCE.resolution
    at_rendition = rendition_search(base, SMALL, ScoreAt.RENDITION).template
    assert at_rendition.encode.size == at_rendition.display == SMALL


def test_events_of_probes_name_their_resolution() -> None:
    events: list[Event] = []
    sampler = SearchingSampler(
        search_request(), [SMALL], ScalingProber(falling), observe=events.append
    )
    sampler(SMALL, 60.0)
    assert {event.job for event in events if isinstance(event, ProbeFinished)} == {"160x90"}


@pytest.mark.parametrize(
    ("gop_s", "rate", "frames"),
    [
        (2, Fraction(25), 50),
        (2, Fraction(30000, 1001), 60),
        (2, Fraction(24000, 1001), 48),
        (0.001, Fraction(25), 1),
    ],
)
def test_a_gop_lasts_the_nearest_number_of_frames(
    gop_s: float, rate: Fraction, frames: int
) -> None:
    assert gop_frames(gop_s, rate) == frames

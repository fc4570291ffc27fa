"""The ladder's API with a sampler of the caller's own: nothing is encoded or scored."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from vmafx_tune import LadderCell, Resolution, RungOptions, ladder, reselect
from vmafx_tune.choices import Sampling
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.events import Event, Warned
from vmafx_tune.options import EncodingOptions, SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmafx_tune.results.ladder import LadderResult

LARGE, MIDDLE, SMALL = Resolution(64, 48), Resolution(48, 36), Resolution(32, 24)
SOURCES = SourceOptions(size="64x48", fps="29.97")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.yuv"
    path.write_bytes(bytes(64 * 48 * 3 // 2) * 3)
    return path


def crossing(resolution: Resolution, target: float) -> LadderCell:
    base, slope = (10, 0.06) if resolution == SMALL else (50, 0.025)
    rate = base * 2 ** (slope * target)
    return LadderCell.answered(resolution, target, crf=100 - target, bitrate_kbps=rate, vmaf=target)


def build(
    clip: Path,
    *,
    resolutions: tuple[Resolution, ...] | None = (LARGE, SMALL),
    rungs: RungOptions | None = None,
    observe: Callable[[Event], None] = lambda event: None,
    gop_s: float = 2.0,
    same_gop_as: LadderResult | None = None,
) -> LadderResult:
    return ladder(
        clip,
        "x264",
        [60, 80, 95],
        resolutions=resolutions,
        rungs=rungs or RungOptions(min_bitrate_gap_kbps=0),
        sources=SOURCES,
        sampler=crossing,
        observe=observe,
        gop_s=gop_s,
        same_gop_as=same_gop_as,
    )


def test_a_plain_callable_is_enough_to_build_a_ladder(clip: Path) -> None:
    result = build(clip)
    assert [(rung.resolution, rung.target_vmaf) for rung in result.renditions] == [
        (SMALL, 60),
        (LARGE, 80),
        (LARGE, 95),
    ]
    assert result.encoder == "libx264"
    assert result.ffmpeg_bin is None


def test_the_result_tells_how_renditions_will_be_delivered(clip: Path) -> None:
    result = build(clip)
    assert result.gop_frames == 60
    assert result.segment_duration == Fraction(6006, 1000)
    assert result.source.frame_rate == Fraction(30000, 1001)


def test_resolutions_are_tried_from_the_largest(clip: Path) -> None:
    assert build(clip, resolutions=(SMALL, LARGE, MIDDLE)).resolutions == (LARGE, MIDDLE, SMALL)


def test_a_source_smaller_than_the_usual_sizes_is_tried_at_its_own(clip: Path) -> None:
    assert build(clip, resolutions=None).resolutions == (LARGE,)


def test_another_aspect_ratio_is_warned_of(clip: Path) -> None:
    events: list[Event] = []
    build(clip, resolutions=(LARGE, Resolution(32, 32)), observe=events.append)
    (warning,) = (event for event in events if isinstance(event, Warned))
    assert "32x32 has another aspect ratio" in warning.message


@pytest.mark.parametrize("gop_s", [0, -1, float("nan"), float("inf"), 61])
def test_a_gop_without_a_sensible_length_is_refused(clip: Path, gop_s: float) -> None:
    with pytest.raises(InvalidLadderError, match="is not a valid GOP length"):
        build(clip, gop_s=gop_s)


def test_a_gop_longer_than_the_source_is_one_gop(clip: Path) -> None:
    assert build(clip, gop_s=10).gop_frames == 300


def test_the_gop_of_another_ladder_is_taken_to_the_frame(clip: Path) -> None:
    other = build(clip, gop_s=1.5)

    assert build(clip, same_gop_as=other).gop_frames == other.gop_frames == 45
    faster = replace(other, source=replace(other.source, frame_rate=Fraction(60000, 1001)))
    with pytest.raises(InvalidLadderError, match="is not a whole number of frames"):
        build(clip, same_gop_as=faster)
    with pytest.raises(InvalidLadderError, match="does not say how long it is"):
        build(clip, same_gop_as=replace(other, gop_frames=None))


def test_sizes_that_must_be_there_are_tried_too(clip: Path) -> None:
    rules = RungOptions(min_bitrate_gap_kbps=0, include=str(SMALL), min_bottom=str(SMALL))
    result = build(clip, resolutions=(LARGE,), rungs=rules)

    assert result.resolutions == (LARGE, SMALL)
    assert SMALL in [rung.resolution for rung in result.renditions]
    with pytest.raises(InvalidLadderError, match="would upscale the source"):
        build(clip, rungs=RungOptions(include="1280x720"))


def test_no_target_is_no_ladder(clip: Path) -> None:
    with pytest.raises(InvalidLadderError, match="at least one target"):
        ladder(clip, "x264", [], sources=SOURCES, sampler=crossing)


def test_a_sampler_of_the_callers_own_fills_a_grid(clip: Path) -> None:
    assert build(clip).sampling is Sampling.GRID
    with pytest.raises(UsageError, match="Leave out one of them"):
        ladder(clip, "x264", [60], sources=SOURCES, sampler=crossing, sampling=Sampling.ADAPTIVE)


def test_an_adaptive_ladder_has_no_answers_to_verify(clip: Path) -> None:
    verified = EncodingOptions(sample="2x1s", verify=True)
    with pytest.raises(UsageError, match="--verify"):
        ladder(clip, "x264", [60], sources=SOURCES, encoding=verified, sampling=Sampling.ADAPTIVE)


def test_limits_are_refused_before_anything_is_sampled(clip: Path) -> None:
    def sampler(resolution: Resolution, target: float) -> LadderCell:
        raise AssertionError

    with pytest.raises(UsageError, match="maximum number of rungs is 0"):
        ladder(clip, "x264", [60], sources=SOURCES, sampler=sampler, rungs=RungOptions(max_rungs=0))


def test_other_rungs_are_chosen_from_what_was_measured(clip: Path) -> None:
    result = build(clip)
    fewer = reselect(result, RungOptions(max_rungs=2))
    assert [rung.target_vmaf for rung in fewer.renditions] == [60, 95]
    assert fewer.cloud == result.cloud
    assert fewer.selection is not None
    assert fewer.selection.min_bitrate_gap_kbps == 0
    assert reselect(fewer, RungOptions(max_rungs=6)) == result


def test_what_is_said_of_the_source_and_the_encodes_outlives_the_rungs(clip: Path) -> None:
    result = build(clip)
    assert result.encoding is not None
    noted = replace(
        result,
        source=replace(result.source, notes=("Of the source.",)),
        encoding=replace(result.encoding, notes=("Of the encodes.",)),
        notes=("Of the source.", "Of the encodes.", "Of the rungs."),
    )
    kept = reselect(noted, RungOptions(max_rungs=2)).notes
    assert kept[:2] == ("Of the source.", "Of the encodes.")
    assert "Of the rungs." not in kept


def test_without_a_change_a_ladder_comes_back_as_it_is(clip: Path) -> None:
    result = build(clip)
    assert reselect(result) is result


def touching(resolution: Resolution, target: float) -> LadderCell:
    """Two curves that nearly touch, so that the hull goes back and forth between them."""
    rates = {60.0: 100.0, 80: 200.0, 95: 400.0}
    if resolution == SMALL:
        bitrate_kbps, vmaf = rates[target], target
    else:
        bitrate_kbps, vmaf = {60.0: (120.0, 66.0), 80: (260.0, 86.0), 95: (500.0, 96.0)}[target]
    return LadderCell.answered(
        resolution, target, crf=40 - target / 10, bitrate_kbps=bitrate_kbps, vmaf=vmaf
    )


def pixels(result: LadderResult) -> list[int]:
    return [rung.pixels for rung in result.renditions]


def test_pictures_shrink_only_where_mixed_resolutions_are_asked_for(clip: Path) -> None:
    def built(rungs: RungOptions) -> LadderResult:
        return ladder(
            clip,
            targets=[60, 80, 95],
            resolutions=(LARGE, SMALL),
            rungs=rungs,
            sources=SOURCES,
            sampler=touching,
        )

    strict = built(RungOptions(min_bitrate_gap_kbps=0))
    mixed = built(RungOptions(min_bitrate_gap_kbps=0, mixed_resolutions=True))

    assert pixels(strict) == sorted(pixels(strict))
    assert pixels(mixed) != sorted(pixels(mixed))
    assert strict.hull == mixed.hull
    assert reselect(strict, RungOptions(mixed_resolutions=True)).renditions == mixed.renditions
    assert reselect(mixed, RungOptions(mixed_resolutions=False)).renditions == strict.renditions
    # As a ladder of an older version that did not know the rule.
    assert reselect(replace(mixed, selection=strict.selection)).renditions == strict.renditions

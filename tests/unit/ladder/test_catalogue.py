from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rate_curves import film
from vmafx_tune import RungOptions, catalogue
from vmafx_tune.choices import Minimize
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.catalogue import common_rungs
from vmafx_tune.results.ladder import LadderEncoding, LadderPoint, LadderResult

if TYPE_CHECKING:
    from tests.support.rate_curves import Encoder

SIZES = ((1920, 1080), (1280, 720), (854, 480), (640, 360))


def title(name: str, encoder: Encoder, crfs: range = range(18, 46, 2), **more: Any) -> LadderResult:
    probes = tuple(
        LadderPoint(
            width=width,
            height=height,
            crf=crf,
            bitrate_kbps=encoder.encode(size, crf).bitrate_kbps,
            vmaf=encoder.encode(size, crf).vmaf,
        )
        for size, (width, height) in enumerate(SIZES)
        for crf in crfs
    )
    return LadderResult(
        schema_version=1,
        src=Path(name),
        encoder="libx264",
        target_vmafs=(60, 80, 95),
        resolutions=(),
        cloud=(),
        probes=probes,
        **more,
    )


EASY = title("easy.mp4", film(midpoint=41, drop=1.5))
HARD = title("hard.mp4", film(midpoint=33, drop=3.5, loss=1.5))


def test_each_rung_is_a_size_and_a_value_of_the_knob_and_each_title_has_it() -> None:
    found = catalogue([EASY, HARD])
    assert len(found.renditions) > 2
    for made in found.titles:
        assert len(made.rungs) == len(found.renditions)
        for kind in ("bitrate_kbps", "vmaf"):
            values = [getattr(rung, kind) for rung in made.rungs]
            assert values == sorted(values)
    pixels = [rung.width * rung.height for rung in found.renditions]
    assert pixels == sorted(pixels)


def test_what_a_title_loses_is_the_mean_over_its_rungs() -> None:
    for made in catalogue([EASY, HARD]).titles:
        logs = [math.log1p(rung.loss_percent / 100) for rung in made.rungs]
        assert made.loss_percent == pytest.approx(100 * math.expm1(sum(logs) / len(logs)))


def test_where_a_value_was_measured_the_measurement_counts() -> None:
    found = {(rung.resolution, rung.crf): rung for rung in common_rungs([EASY, HARD])}
    for index, made in enumerate((EASY, HARD)):
        for point in made.probes:
            rung = found.get((point.resolution, point.crf))
            if rung is not None and point.vmaf < 97:
                assert rung.values[index].bitrate_kbps == pytest.approx(point.bitrate_kbps)
                assert rung.values[index].vmaf == pytest.approx(point.vmaf)


def test_nothing_is_taken_from_beyond_what_was_measured_of_every_title() -> None:
    easy = title("a", film(midpoint=41), range(28, 50))
    hard = title("b", film(midpoint=33), range(18, 36))
    assert {rung.crf for rung in common_rungs([easy, hard])} == set(range(28, 36))


def test_a_title_that_the_top_leaves_worse_than_its_own_ladder_is_told() -> None:
    easy = title("a", film(midpoint=44), range(30, 50))
    hard = title("b", film(midpoint=33), range(18, 36))
    notes = " ".join(catalogue([easy, hard]).notes)
    assert "The top rung gives 'b' VMAF" in notes


def test_the_worst_loss_is_lower_where_it_is_minimized() -> None:
    titles = [EASY, HARD, replace(EASY, src=Path("again.mp4"))]

    def worst(minimize: Minimize) -> float:
        choice = RungOptions(min_bitrate_gap_kbps=0, max_rungs=12)
        return max(
            made.loss_percent for made in catalogue(titles, choice, minimize=minimize).titles
        )

    assert worst(Minimize.WORST) <= worst(Minimize.MEAN) + 0.1


@pytest.mark.parametrize(
    ("titles", "sentence"),
    [
        ([], "for several titles"),
        ([EASY], "for several titles"),
        ([EASY, EASY], "'easy.mp4' is named more than once"),
        ([EASY, replace(HARD, encoder="libx265")], "in their encoder: libx264 and libx265"),
        ([EASY, replace(HARD, model="vmaf_v0.6.1neg")], "in their model:"),
        ([EASY, replace(HARD, maxrate_factor=1.5)], "in their --maxrate-factor: none and 1.5"),
        ([EASY, replace(HARD, probes=())], "'hard.mp4' has no measured encodes"),
        ([EASY, title("b", film(), range(46, 50))], "At no resolution were all titles measured"),
        ([EASY, replace(HARD, probes=HARD.probes[:1])], "At no resolution were all titles"),
    ],
)
def test_titles_that_cannot_have_a_ladder_in_common_are_refused(
    titles: list[LadderResult], sentence: str
) -> None:
    with pytest.raises(InvalidLadderError, match=sentence):
        catalogue(titles)


def with_command(made: LadderResult, command: str) -> LadderResult:
    return replace(made, probes=tuple(replace(p, encode_command=command) for p in made.probes))


@pytest.mark.parametrize("option", ["preset", "cpu-used", "quality"])
def test_presets_that_differ_are_found_in_the_commands(option: str) -> None:
    slow, fast = (f"ffmpeg -i a.mp4 -{option} {name} -crf 20 a.mkv" for name in ("slow", "fast"))
    with pytest.raises(InvalidLadderError, match="in their preset: slow and fast"):
        catalogue([with_command(EASY, slow), with_command(HARD, fast)])


def test_presets_that_differ_are_found_in_the_commands_of_chunks() -> None:
    def in_chunks(made: LadderResult, preset: str) -> LadderResult:
        chunk = f"ffmpeg -i a.mp4 -preset {preset} a.mkv"
        joined = with_command(made, "ffmpeg -f concat -i list.txt -c copy a.mkv").probes
        return replace(made, probes=tuple(replace(p, chunk_commands=(chunk,)) for p in joined))

    with pytest.raises(InvalidLadderError, match="in their preset: slow and fast"):
        catalogue([in_chunks(EASY, "slow"), in_chunks(HARD, "fast")])


@pytest.mark.parametrize(
    ("one", "other", "sentence"),
    [
        (
            {"encoding": LadderEncoding(encoder_args="-tune film")},
            {"encoding": LadderEncoding()},
            "in their --encoder-args: -tune film and none",
        ),
        ({"subsample": 1}, {"subsample": 5}, "in their --subsample: 1 and 5"),
    ],
)
def test_settings_that_differ_are_refused_where_both_ladders_tell_them(
    one: dict[str, Any], other: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidLadderError, match=sentence):
        catalogue([replace(EASY, **one), replace(HARD, **other)])
    for told in (one, other):
        assert catalogue([replace(EASY, **told), HARD]).renditions


def test_the_same_arguments_may_be_spaced_in_another_way() -> None:
    spaced = LadderEncoding(encoder_args="-tune  film ")
    one = replace(EASY, encoding=LadderEncoding(encoder_args="-tune film"))
    assert catalogue([one, replace(HARD, encoding=spaced)]).renditions


def test_a_depth_that_was_named_for_one_title_may_be_that_of_the_others_source() -> None:
    asked = replace(EASY, encoding=LadderEncoding(depth=10))
    left = replace(HARD, encoding=LadderEncoding())
    eight, ten = (f"ffmpeg -i a.mp4 -pix_fmt {name} a.mkv" for name in ("yuv420p", "yuv420p10le"))

    assert catalogue([with_command(asked, ten), with_command(left, ten)]).renditions
    with pytest.raises(InvalidLadderError, match="in their pixel format: yuv420p10le and yuv420p"):
        catalogue([with_command(asked, ten), with_command(left, eight)])
    free = replace(EASY, encoding=LadderEncoding())
    assert catalogue([with_command(free, ten), with_command(left, eight)]).renditions


FILMS = st.builds(
    film,
    st.just(4),
    midpoint=st.floats(33, 41),
    width=st.floats(3.8, 5.6),
    ceiling=st.floats(96.5, 99.5),
    loss=st.floats(0.5, 2),
    drop=st.floats(1, 4),
)


@given(st.lists(FILMS, min_size=2, max_size=5), st.sampled_from(Minimize))
@settings(max_examples=30, deadline=None)
def test_no_title_loses_less_than_nothing(films: list[Encoder], minimize: Minimize) -> None:
    titles = [title(f"{index}.mp4", each) for index, each in enumerate(films)]
    found = catalogue(titles, RungOptions(min_vmaf=0), minimize=minimize)
    assert all(rung.loss_percent >= 0 for made in found.titles for rung in made.rungs)


@given(FILMS)
@settings(max_examples=30, deadline=None)
def test_copies_of_one_title_lose_next_to_nothing(each: Encoder) -> None:
    found = catalogue(
        [title(name, each) for name in ("a.mp4", "b.mp4")],
        RungOptions(min_vmaf=0, mixed_resolutions=True),
    )
    assert all(made.loss_percent < 1 for made in found.titles)

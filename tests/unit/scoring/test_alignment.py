from __future__ import annotations

import pytest

from tests.unit.scoring.builders import a_request, a_source
from vmafx_tune.errors import FormatMismatchError, ScoringError
from vmafx_tune.model import PixelFormat, Resolution
from vmafx_tune.scoring.alignment import EncodeFacts, conversion, plan_scoring
from vmafx_tune.scoring.models import BUILT_IN_MODELS

RGB = PixelFormat("gbrp", 8, "444", is_rgb=True)
GREY = PixelFormat("gray", 8, "400")
V1 = BUILT_IN_MODELS["vmaf_v1.0.16_3d0h"]


def test_clips_meet_at_the_display_size_in_the_deeper_of_their_formats() -> None:
    ten_bit = a_source(pixel_format=PixelFormat("yuv420p10le", 10, "420"))

    plan = plan_scoring(a_request(distorted=ten_bit, display=Resolution(1920, 1080)))

    assert plan.size == Resolution(1920, 1080)
    assert plan.pix_fmt == "yuv420p10le"


def test_a_v1_model_brings_eight_bit_clips_to_ten() -> None:
    assert plan_scoring(a_request(model=V1)).pix_fmt == "yuv420p10le"


def test_a_v1_model_is_told_the_size_and_depth_that_the_encode_has_before_it_is_scaled() -> None:
    encode = a_source(resolution=Resolution(640, 360))

    plan = plan_scoring(a_request(distorted=encode, model=V1))

    assert plan.encode_facts == EncodeFacts(640, 360, 8)
    assert plan.encode_facts.options() == {
        "enc_width": "640",
        "enc_height": "360",
        "enc_bitdepth": "8",
    }


def test_other_models_are_told_nothing() -> None:
    assert plan_scoring(a_request()).encode_facts is None


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (EncodeFacts(640, 360, 32), ("640", "360", "16")),
        (EncodeFacts(160, 90, 8), ("216", "150", "8")),
        (EncodeFacts(90, 160, 8), ("180", "216", "8")),
        (EncodeFacts(215, 215, 8), ("216", "216", "8")),
        (EncodeFacts(8192, 4320, 10), ("7680", "4320", "10")),
    ],
)
def test_facts_that_cambi_does_not_accept_become_the_nearest_that_it_does(
    facts: EncodeFacts, told: tuple[str, str, str]
) -> None:
    assert tuple(facts.options().values()) == told


@pytest.mark.parametrize("size", [Resolution(1000, 800), Resolution(1400, 700)])
def test_an_encode_of_another_shape_is_told_of_as_one_of_the_displays_size(
    size: Resolution,
) -> None:
    plan = plan_scoring(a_request(distorted=a_source(resolution=size), model=V1))

    assert plan.encode_facts == EncodeFacts(1280, 720, 8)


@pytest.mark.parametrize(
    ("reference", "distorted", "compared_in"),
    [
        (("pc", "bt709"), ("tv", "smpte170m"), ("pc", "bt709")),
        (("tv", "smpte170m"), ("pc", "bt709"), ("tv", "smpte170m")),
        ((None, None), ("pc", "bt2020nc"), ("pc", "bt2020nc")),
        (("tv", "bt709"), (None, None), ("tv", "bt709")),
        ((None, None), (None, None), (None, None)),
    ],
)
def test_clips_are_compared_in_what_the_reference_states_and_else_in_what_the_other_does(
    reference: tuple[str | None, str | None],
    distorted: tuple[str | None, str | None],
    compared_in: tuple[str | None, str | None],
) -> None:
    ours, theirs = (
        a_source(color_range=side, color_space=matrix) for side, matrix in (reference, distorted)
    )

    comparison = plan_scoring(a_request(ours, theirs)).comparison

    assert (comparison.range, comparison.matrix) == compared_in


@pytest.mark.parametrize(
    ("stated", "compared_in"),
    [
        (("pc", "bt709"), ("pc", "bt709")),
        (("tv", None), ("tv", "smpte170m")),
        ((None, None), ("tv", "smpte170m")),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_rgb_becomes_what_the_other_clip_is(
    stated: tuple[str | None, str | None],
    compared_in: tuple[str, str],
    *,
    swapped: bool,
) -> None:
    rgb = a_source(pixel_format=RGB, color_range="pc", color_space="gbr")
    yuv = a_source(color_range=stated[0], color_space=stated[1])

    comparison = plan_scoring(a_request(*((yuv, rgb) if swapped else (rgb, yuv)))).comparison

    assert (comparison.range, comparison.matrix) == compared_in


def test_grey_has_a_range_but_no_matrix() -> None:
    grey = a_source(pixel_format=GREY, color_range="pc", color_space="gbr")

    comparison = plan_scoring(a_request(grey, grey)).comparison

    assert (comparison.pix_fmt, comparison.range, comparison.matrix) == ("yuv420p", "pc", None)


def test_both_names_of_bt601_are_one_matrix() -> None:
    one, other = (a_source(color_space=name) for name in ("bt470bg", "smpte170m"))
    plan = plan_scoring(a_request(one, other))

    assert conversion(one, plan) == conversion(other, plan) == ()


def test_a_matrix_that_cannot_be_converted_is_refused_beside_another_one_only() -> None:
    odd = a_source("odd.mp4", color_space="ictcp")

    assert plan_scoring(a_request(odd, odd)).comparison.matrix == "ictcp"
    assert plan_scoring(a_request(odd, a_source())).comparison.matrix == "ictcp"
    for pair in ((odd, a_source(color_space="bt709")), (a_source(pixel_format=RGB), odd)):
        with pytest.raises(FormatMismatchError, match=r"odd\.mp4.*the matrix ictcp cannot be"):
            plan_scoring(a_request(*pair))


def test_pictures_too_small_for_the_model_are_refused() -> None:
    with pytest.raises(ScoringError, match="needs frames of at least 160 samples per side"):
        plan_scoring(a_request(model=V1, display=Resolution(160, 90)))

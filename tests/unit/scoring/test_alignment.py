from __future__ import annotations

import pytest

from tests.unit.scoring.builders import a_request, a_source
from vmafx_tune.errors import ScoringError
from vmafx_tune.model import PixelFormat, Resolution
from vmafx_tune.scoring.alignment import EncodeFacts, plan_scoring
from vmafx_tune.scoring.models import BUILT_IN_MODELS

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
    ("reference", "distorted", "limited"),
    [
        ("pc", "tv", True),
        ("tv", "pc", True),
        (None, "pc", True),
        ("pc", "pc", False),
        ("tv", None, False),
        (None, None, False),
    ],
)
def test_sample_ranges_are_converted_only_where_they_differ(
    reference: str | None, distorted: str | None, *, limited: bool
) -> None:
    request = a_request(a_source(color_range=reference), a_source(color_range=distorted))

    assert plan_scoring(request).limit_range is limited


def test_pictures_too_small_for_the_model_are_refused() -> None:
    with pytest.raises(ScoringError, match="needs pictures of at least 160 samples a side"):
        plan_scoring(a_request(model=V1, display=Resolution(160, 90)))

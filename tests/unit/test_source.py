"""What is said of a source and its scoring before work starts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.scoring.builders import HD, a_source
from tests.unit.search.fakes import SOURCE
from vmafx_tune.errors import FormatMismatchError, HdrRefusedError
from vmafx_tune.events import Event, Warned
from vmafx_tune.model import PixelFormat, Resolution
from vmafx_tune.options import ScoringOptions, SourceOptions
from vmafx_tune.session import Session
from vmafx_tune.source import check_source, open_source, pair_notes
from vmafx_tune.source_reader import SourceReader

if TYPE_CHECKING:
    from vmafx_tune.model import Source


class OneSource(SourceReader):
    """Every file is the same clip."""

    def source(self, path: Path) -> Source:
        del path
        return SOURCE


def warnings_with(subsample: int) -> list[str]:
    told: list[Event] = []
    session = Session(observe=told.append)
    session.reader = OneSource(session, SourceOptions())
    open_source(Path("a.mp4"), ScoringOptions(subsample=subsample), session)
    return [event.message for event in told if isinstance(event, Warned)]


@pytest.mark.parametrize("subsample", [2, 4, 30])
def test_an_even_subsample_is_warned_of_with_an_odd_one(subsample: int) -> None:
    (warning,) = warnings_with(subsample)

    assert f"--subsample {subsample} is even" in warning
    assert f"such as {subsample + 1}." in warning


@pytest.mark.parametrize("subsample", [1, 3, 5])
def test_an_odd_subsample_is_no_trouble(subsample: int) -> None:
    assert warnings_with(subsample) == []


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_refused_and_with_consent_labelled(transfer: str, name: str) -> None:
    source = a_source(color_transfer=transfer)

    with pytest.raises(HdrRefusedError, match=rf"HDR \({name}\).*--allow-hdr"):
        check_source(source, allow_hdr=False)
    (note,) = check_source(source, allow_hdr=True)
    assert name in note


def test_a_plain_source_needs_no_note() -> None:
    assert check_source(a_source(), allow_hdr=False) == ()


def test_two_clips_of_one_kind_need_no_note() -> None:
    assert pair_notes(a_source("one.mp4"), a_source("other.mp4")) == ()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"variable_frame_rate": True}, "The frame rate of '/media/clip.mp4' varies"),
        ({"interlaced": True}, "interlaced"),
    ],
)
def test_what_scoring_passes_over_in_a_source_is_said(facts: dict[str, Any], said: str) -> None:
    (note,) = check_source(a_source(**facts), allow_hdr=False)

    assert said in note


def test_a_distorted_clip_of_another_size_is_scaled_to_the_reference_and_this_is_said() -> None:
    (note,) = pair_notes(a_source(), a_source(resolution=Resolution(640, 360)))

    assert note == "Compared at 1280x720: the distorted from 640x360 is scaled to it (bicubic)."


def test_a_larger_display_scales_both_clips_and_this_is_said() -> None:
    (note,) = pair_notes(a_source(), a_source(), Resolution(1920, 1080))

    assert note.startswith("Compared at 1920x1080: the reference from 1280x720 and the distorted")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"resolution": Resolution(960, 720)}, "aspect ratio of 1.778, the distorted at 1.333"),
        ({"frame_rate": Fraction(50)}, "25 frames per second, the distorted 50"),
        ({"variable_frame_rate": True}, "varies"),
        ({"interlaced": True}, "interlaced"),
    ],
)
def test_other_differences_of_the_distorted_clip_are_said(facts: dict[str, Any], said: str) -> None:
    assert any(said in note for note in pair_notes(a_source(), a_source(**facts)))


@pytest.mark.parametrize(
    "facts",
    [
        {"resolution": Resolution(960, 720), "sample_aspect_ratio": Fraction(4, 3)},
        {"resolution": Resolution(854, 480)},
    ],
)
def test_the_same_picture_shape_in_other_samples_is_no_stretching(facts: dict[str, Any]) -> None:
    notes = pair_notes(a_source(), a_source(**facts), HD)

    assert not any("aspect" in note for note in notes)


def test_a_rounded_frame_rate_is_no_difference() -> None:
    reference = a_source(frame_rate=Fraction(24000, 1001))

    assert pair_notes(reference, a_source(frame_rate=Fraction(2997, 125))) == ()


def test_depth_and_chroma_may_differ() -> None:
    distorted = a_source(pixel_format=PixelFormat("yuv444p12le", 12, "444"), rotation_deg=90)

    assert pair_notes(a_source(), distorted) == ()


def test_the_colours_from_which_and_to_which_a_clip_is_converted_are_said() -> None:
    rgb = a_source(pixel_format=PixelFormat("gbrp", 8, "444", is_rgb=True))
    full = a_source(color_range="pc", color_space="bt709")
    limited = a_source(color_range="tv", color_space="smpte170m")

    assert pair_notes(limited, full) == (
        "The distorted is converted from pc bt709 to the reference's tv smpte170m.",
    )
    assert pair_notes(rgb, full) == ("The reference is converted from RGB to pc bt709.",)
    assert pair_notes(full, a_source()) == ()


@pytest.mark.parametrize("distorted", ["bt709", "arib-std-b67"])
def test_hdr_is_not_compared_with_another_transfer_function(distorted: str) -> None:
    reference = a_source(color_transfer="smpte2084")

    with pytest.raises(FormatMismatchError, match=f"smpte2084.*{distorted}"):
        pair_notes(reference, a_source(color_transfer=distorted))


def test_wide_gamut_is_not_compared_with_normal_gamut() -> None:
    with pytest.raises(FormatMismatchError, match=r"primaries bt2020.*bt709"):
        pair_notes(a_source(color_primaries="bt2020"), a_source(color_primaries="bt709"))


@pytest.mark.parametrize("hdr_is_reference", [True, False])
def test_a_clip_without_a_label_is_taken_as_hdr_on_request_only(*, hdr_is_reference: bool) -> None:
    hdr, plain = a_source("hdr.mp4", color_transfer="smpte2084"), a_source("plain.mp4")
    pair = (hdr, plain) if hdr_is_reference else (plain, hdr)

    with pytest.raises(HdrRefusedError, match=r"hdr\.mp4' is HDR \(PQ\), and '.*plain\.mp4' does"):
        pair_notes(*pair)
    assert pair_notes(*pair, allow_hdr=True) == ()

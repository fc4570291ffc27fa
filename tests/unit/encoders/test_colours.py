from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.scoring.builders import a_source
from vmafx_tune.encoders.argv import check_labels, encode_arguments
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import MediaError
from vmafx_tune.model import EncodeSpec, PixelFormat, Resolution, Source

RGB = PixelFormat("gbrp", 8, "444", is_rgb=True)
GREY = PixelFormat("gray", 8, "400")


def arguments(source: Source, encoder: str, *extra: str, size: Resolution | None = None) -> str:
    spec = EncodeSpec(source, encoder, 30, extra_args=extra, size=size)
    return " ".join(encode_arguments(spec, encoder_row(encoder), "out.mp4"))


def test_planar_yuv_is_encoded_without_a_filter() -> None:
    assert "-vf" not in arguments(a_source(color_range="tv", color_space="bt709"), "libx264")


def test_rgb_is_converted_with_a_matrix_that_the_encode_states() -> None:
    command = arguments(a_source(pixel_format=RGB), "libx264")

    assert "out_color_matrix=bt709:out_range=tv,format=pix_fmts=yuv444p|" in command
    assert "-color_range tv" in command
    assert "-colorspace bt709" in command
    assert "format=pix_fmts=yuv420p|" in arguments(a_source(pixel_format=RGB), "libsvtav1")


def test_grey_keeps_its_samples_and_its_label() -> None:
    grey = a_source(pixel_format=GREY, color_range="tv")

    assert (
        "scale=in_range=pc:out_range=pc,format=pix_fmts=gray|gray10le|gray12le,setparams=range=tv"
    ) in arguments(grey, "libx264")
    assert "format=pix_fmts=yuv420p,setparams=range=tv" in arguments(grey, "libsvtav1")


def test_scaling_names_full_range_on_both_sides() -> None:
    full = a_source(color_range="pc")

    assert "scale=640:360:flags=lanczos:in_range=pc:out_range=pc" in arguments(
        full, "libx264", size=Resolution(640, 360)
    )


@pytest.mark.parametrize(
    ("color_range", "extra", "told"),
    [
        ("pc", (), True),
        ("tv", (), False),
        (None, (), False),
        ("pc", ("-color_range", "tv"), False),
        ("tv", ("-color_range", "pc"), True),
    ],
)
def test_vvenc_is_told_of_full_range(
    color_range: str | None, extra: tuple[str, ...], *, told: bool
) -> None:
    command = arguments(a_source(color_range=color_range), "libvvenc", *extra)

    assert ("videofullrange=1" in command) is told


@pytest.mark.parametrize(
    ("source", "encoded", "said"),
    [
        ({"color_range": "pc"}, {}, "range is pc, but the encode has tv"),
        ({"color_range": "tv"}, {"color_range": "pc"}, "range is tv, but the encode has pc"),
        (
            {"color_space": "smpte170m"},
            {"color_space": "bt709"},
            "matrix is smpte170m, but the encode has bt709",
        ),
        (
            {"color_transfer": "smpte2084"},
            {"color_transfer": "bt709"},
            "transfer function is smpte2084",
        ),
        ({"color_primaries": "bt2020"}, {"color_primaries": "bt709"}, "primaries is bt2020"),
    ],
)
def test_an_encode_that_states_other_colours_than_its_source_is_refused(
    source: dict[str, str], encoded: dict[str, str], said: str
) -> None:
    spec = EncodeSpec(a_source(**source), "libvvenc", 30)

    with pytest.raises(MediaError, match=f"libvvenc cannot keep the colours of .*{said}"):
        check_labels(spec, encoder_row(spec.encoder), a_source(**encoded))


@pytest.mark.parametrize(
    ("source", "encoded"),
    [
        ({}, {"color_range": "tv", "color_space": "bt709"}),
        ({"color_range": "tv"}, {}),
        ({"color_space": "bt470bg"}, {"color_space": "smpte170m"}),
        ({"pixel_format": RGB}, {"color_range": "tv", "color_space": "bt709"}),
    ],
)
def test_an_encode_with_the_colours_of_its_source_passes(
    source: dict[str, Any], encoded: dict[str, Any]
) -> None:
    spec = EncodeSpec(a_source(**source), "libx264", 30)

    check_labels(spec, encoder_row(spec.encoder), a_source(**encoded))


def test_colours_that_the_users_arguments_set_are_theirs_to_answer_for() -> None:
    spec = EncodeSpec(
        a_source(color_space="smpte170m"), "libx264", 30, extra_args=("-colorspace", "bt709")
    )

    check_labels(spec, encoder_row(spec.encoder), a_source(color_space="bt709"))


@pytest.mark.parametrize("encoder", ["libx264", "libsvtav1", "libaom-av1"])
def test_an_encode_that_puts_chroma_samples_elsewhere_is_refused(encoder: str) -> None:
    spec = EncodeSpec(a_source(chroma_location="topleft"), encoder, 30)
    row = encoder_row(encoder)

    for encoded in (a_source(chroma_location="left"), a_source()):
        with pytest.raises(MediaError, match=r"chroma location is topleft, .* has left"):
            check_labels(spec, row, encoded)
    check_labels(spec, row, a_source(chroma_location="topleft"))


@pytest.mark.parametrize(
    ("encoder", "place", "said"),
    [
        ("libvpx-vp9", "topleft", True),
        ("libvpx-vp9", "left", False),
        ("libvpx-vp9", None, False),
        ("libsvtav1", "center", True),
        ("libsvtav1", "topleft", False),
        ("libx264", "center", False),
    ],
)
def test_a_place_of_chroma_samples_that_a_format_cannot_state_is_said(
    encoder: str, place: str | None, said: bool
) -> None:
    spec = EncodeSpec(a_source(chroma_location=place), encoder, 30)
    row = encoder_row(encoder)

    assert [f"is {place}" in note for note in row.notes(spec)] == [True] * said
    check_labels(spec, row, a_source(chroma_location=None if said else place))


@pytest.mark.parametrize(
    ("encoder", "place"),
    [("libvpx-vp9", "topleft"), ("libsvtav1", "center"), ("libaom-av1", "top")],
)
def test_a_place_that_a_source_states_and_a_format_cannot_is_refused(
    encoder: str, place: str
) -> None:
    row = encoder_row(encoder)
    stated = EncodeSpec(a_source(chroma_location=place), encoder, 30)
    with pytest.raises(MediaError, match=rf"is {place}, which .* cannot signal"):
        row.check_location(stated)
    accepted = ("-chroma_sample_location", "left")
    by_format = a_source(chroma_location=place, codec="mjpeg")
    for fine in (replace(stated, extra_args=accepted), replace(stated, source=by_format)):
        row.check_location(fine)


def test_samples_of_another_sampling_have_no_place_to_state() -> None:
    full = a_source(pixel_format=PixelFormat("yuv444p", 8, "444"), chroma_location="topleft")
    asked = EncodeSpec(
        a_source(chroma_location="center"),
        "libvpx-vp9",
        30,
        extra_args=("-chroma_sample_location", "left"),
    )

    for spec in (EncodeSpec(full, "libsvtav1", 30), asked):
        row = encoder_row(spec.encoder)
        assert row.notes(spec) == ()
        check_labels(spec, row, a_source())

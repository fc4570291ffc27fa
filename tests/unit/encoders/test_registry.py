"""The rows: what they hold, and how one is found."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.encoders.specs import make_spec
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.errors import UnknownEncoderError, UsageError
from vmafx_tune.knob import X264_PRESETS, Knob

if TYPE_CHECKING:
    from vmafx_tune.encoders.row import EncoderRow

ROWS = pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)


def test_the_registry_holds_all_encoders_of_the_design() -> None:
    assert [row.name for row in all_rows()] == [
        "libx264",
        "libx265",
        "libsvtav1",
        "libaom-av1",
        "libvpx-vp9",
        "libvvenc",
        "h264_nvenc",
        "hevc_nvenc",
        "av1_nvenc",
        "h264_qsv",
        "hevc_qsv",
        "av1_qsv",
        "h264_amf",
        "hevc_amf",
        "av1_amf",
        "h264_videotoolbox",
        "hevc_videotoolbox",
    ]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("x264", "libx264"),
        ("x265", "libx265"),
        ("svt-av1", "libsvtav1"),
        ("aom", "libaom-av1"),
        ("vp9", "libvpx-vp9"),
        ("vvenc", "libvvenc"),
        ("LIBX264", "libx264"),
        (" x265 ", "libx265"),
    ],
)
def test_an_alias_finds_its_row_whatever_its_case(alias: str, name: str) -> None:
    assert encoder_row(alias).name == name


def test_names_and_aliases_are_unique() -> None:
    names = [name for row in all_rows() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("libx246", "libx264"),
        ("x26", "libx264"),
        ("svtav", "libsvtav1"),
        ("h264_nvec", "h264_nvenc"),
        ("libvpx_vp9", "libvpx-vp9"),
    ],
)
def test_a_misspelt_encoder_is_answered_with_the_nearest_names(typed: str, meant: str) -> None:
    with pytest.raises(UnknownEncoderError) as caught:
        encoder_row(typed)
    assert meant in caught.value.nearest
    assert str(caught.value).startswith(f"Unknown encoder '{typed}'. Did you mean ")


def test_the_name_of_a_codec_is_answered_with_its_encoders() -> None:
    with pytest.raises(UnknownEncoderError) as caught:
        encoder_row("av1")
    assert caught.value.nearest == ("libsvtav1", "libaom-av1", "av1_nvenc")


def test_a_name_like_no_other_is_answered_without_a_guess() -> None:
    with pytest.raises(UnknownEncoderError) as caught:
        encoder_row("zzzzzz")
    assert caught.value.nearest == ()


@ROWS
def test_every_row_is_frozen_and_hashable(row: EncoderRow) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.name = "other"  # type: ignore[misc]  # what is tested
    assert isinstance(hash(row), int)


@ROWS
def test_every_default_quality_is_in_range(row: EncoderRow) -> None:
    row.knob.check(row.knob.default)
    row.knob.check(row.knob.lo)
    row.knob.check(row.knob.hi)
    row.knob.check_increment(1)
    row.knob.check_increment(row.knob.increment)


@ROWS
def test_every_encoder_takes_all_of_x264s_preset_names(row: EncoderRow) -> None:
    natives = [row.presets.native_of(name) for name in X264_PRESETS]
    assert all(native in row.presets.native or native == "" for native in natives)


@ROWS
def test_slower_presets_never_map_to_faster_native_ones(row: EncoderRow) -> None:
    order = row.presets.native or ("",)
    places = [order.index(row.presets.native_of(name)) for name in X264_PRESETS]
    assert places == sorted(places)


@ROWS
def test_native_presets_pass_unless_x264_has_the_name(row: EncoderRow) -> None:
    own = [name for name in row.presets.native if name not in X264_PRESETS]
    assert [row.presets.native_of(name) for name in own] == own


@ROWS
def test_an_unknown_preset_is_refused_with_what_is_accepted(row: EncoderRow) -> None:
    with pytest.raises(UsageError, match=r"unknown preset 'warp'; use ultrafast, .*placebo"):
        row.presets.native_of("warp")


@ROWS
def test_no_preset_means_medium(row: EncoderRow) -> None:
    assert row.presets.native_of(None) == row.presets.native_of("medium")


@ROWS
def test_every_row_says_what_it_is(row: EncoderRow) -> None:
    assert row.codec in row.summary
    assert row.url.startswith("https://")
    assert re.fullmatch(
        r"[\d.]+ to [\d.]+ in steps of [\d.]+ \((higher|lower) is better\)", row.knob.extent
    )


@ROWS
def test_version_patterns_have_one_group(row: EncoderRow) -> None:
    if row.version_pattern is not None:
        assert re.compile(row.version_pattern).groups == 1
        assert row.version_label


@pytest.mark.parametrize(
    ("encoder", "preset", "native"),
    [
        ("libx264", "veryslow", "veryslow"),
        ("libx265", "placebo", "placebo"),
        ("libsvtav1", "medium", "7"),
        ("libsvtav1", "slow", "5"),
        ("libsvtav1", "fast", "9"),
        ("libsvtav1", "4", "4"),
        ("libsvtav1", "-1", "-1"),
        ("libaom-av1", "medium", "4"),
        ("libaom-av1", "ultrafast", "8"),
        ("libvpx-vp9", "medium", "2"),
        ("libvpx-vp9", "8", "8"),
        ("libvvenc", "ultrafast", "faster"),
        ("libvvenc", "faster", "faster"),
        ("libvvenc", "veryslow", "slower"),
        ("hevc_nvenc", "medium", "p4"),
        ("hevc_nvenc", "placebo", "p7"),
        ("hevc_nvenc", "p6", "p6"),
        ("av1_qsv", "ultrafast", "veryfast"),
        ("av1_qsv", "placebo", "veryslow"),
        ("av1_amf", "ultrafast", "speed"),
        ("av1_amf", "slow", "quality"),
        ("av1_amf", "high_quality", "high_quality"),
        ("hevc_videotoolbox", "slow", ""),
    ],
)
def test_presets_map_to_native_ones(encoder: str, preset: str, native: str) -> None:
    assert encoder_row(encoder).presets.native_of(preset) == native


@pytest.mark.parametrize(
    ("encoder", "quality"),
    [
        ("libx264", 51.1),
        ("libx264", -0.1),
        ("libx264", 23.05),
        ("libx264", float("nan")),
        ("libx264", float("inf")),
        ("libsvtav1", 0),
        ("libsvtav1", 30.1),
        ("libaom-av1", 30.5),
        ("libvvenc", 64),
        ("h264_nvenc", 52),
        ("h264_videotoolbox", 0),
    ],
)
def test_a_quality_that_the_encoder_does_not_take_is_refused(encoder: str, quality: float) -> None:
    knob = encoder_row(encoder).knob
    with pytest.raises(UsageError, match=r"is not possible; it goes from .* is better\)"):
        knob.check(quality)


@pytest.mark.parametrize(
    ("encoder", "increment"),
    [("libx264", 0.05), ("libsvtav1", 0.1), ("libaom-av1", 0.5), ("libx265", 0), ("libx265", -1)],
)
def test_a_step_that_the_encoder_cannot_tell_apart_is_refused(
    encoder: str, increment: float
) -> None:
    with pytest.raises(UsageError, match="use a multiple of"):
        encoder_row(encoder).knob.check_increment(increment)


@pytest.mark.parametrize(
    ("encoder", "increment"), [("libx264", 0.3), ("libsvtav1", 0.75), ("libaom-av1", 2)]
)
def test_a_multiple_of_the_finest_step_is_taken(encoder: str, increment: float) -> None:
    encoder_row(encoder).knob.check_increment(increment)


@given(row=st.sampled_from(all_rows()), step=st.integers(0, 520))
def test_every_step_of_a_knob_reaches_the_command_as_it_is(row: EncoderRow, step: int) -> None:
    quality = float(Decimal(str(row.knob.lo)) + step * Decimal(str(row.knob.increment)))
    if quality > row.knob.hi:
        with pytest.raises(UsageError):
            row.options(quality, None)
        return
    values = row.options(quality, None).values()
    assert any(value.removeprefix(f"{row.knob.name}=") == Knob.text(quality) for value in values)
    assert float(Knob.text(quality)) == quality


def test_only_videotoolbox_knobs_run_upwards() -> None:
    upwards = {row.kind for row in all_rows() if row.knob.higher_is_better}
    assert upwards == {"videotoolbox"}


def test_only_hevc_needs_a_tag_in_mp4() -> None:
    assert {row.codec: row.mp4_tag for row in all_rows() if row.mp4_tag} == {"hevc": "hvc1"}


@pytest.mark.parametrize(
    ("name", "quality", "why"),
    [
        ("libx264", 0.9, "in a profile that devices do not decode"),
        ("libsvtav1", 0, "0 is lossless"),
        ("libaom-av1", 0, "0 is lossless"),
        ("libvpx-vp9", 0, "0 is lossless"),
        ("av1_amf", 0, "0 is lossless"),
        ("hevc_videotoolbox", 100, "100 asks for lossless"),
    ],
)
def test_a_quality_in_an_encoders_lossless_mode_is_refused_with_that_reason(
    name: str, quality: float, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        encoder_row(name).knob.check(quality)


def test_a_slow_preset_has_a_scout_by_any_of_its_names() -> None:
    row = encoder_row("libsvtav1")
    scouts = row.scouts(make_spec(row.name, preset="2"))

    assert len(scouts) == 1
    assert row.scouts(make_spec(row.name, preset="veryslow")) == scouts
    assert row.effort_of(make_spec(row.name, preset="2")) > row.effort


def test_an_encoder_whose_usual_preset_is_slow_has_a_scout_without_any_preset() -> None:
    row = encoder_row("libvvenc")

    assert row.scouts(make_spec(row.name, preset=None))
    assert row.effort_of(make_spec(row.name, preset=None)) == row.effort


def test_a_preset_that_is_no_slow_one_has_no_scout_and_the_usual_effort() -> None:
    row = encoder_row("libx264")

    assert row.scouts(make_spec(row.name)) == ()
    assert row.effort_of(make_spec(row.name, preset="veryfast")) == row.effort


def test_a_preset_among_the_users_arguments_has_no_scout() -> None:
    spec = make_spec("libx264", preset="veryslow", extra_args=("-preset", "medium"))

    assert encoder_row("libx264").scouts(spec) == ()


@ROWS
def test_slow_presets_and_their_scouts_are_presets_of_the_encoder(row: EncoderRow) -> None:
    native = row.presets.native
    for slow in row.slow_presets:
        order = [native.index(scout.preset) for scout in slow.scouts]
        efforts = [scout.effort for scout in slow.scouts]
        assert [*order, native.index(slow.name)] == sorted({*order, native.index(slow.name)})
        assert [*efforts, slow.effort] == sorted({*efforts, slow.effort})

"""Closed GOPs of one length: how each encoder is asked for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmafx_tune.encoders.argv import user_command
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.errors import UsageError

from .specs import make_spec

FFMPEG = Path("/opt/ffmpeg")

ASKED = {
    "libx264": {"-g": "48", "-keyint_min": "48", "-sc_threshold": "0"},
    "libx265": {"-g": "48", "-x265-params": "min-keyint=48:scenecut=0:open-gop=0"},
    "libsvtav1": {"-g": "48", "-svtav1-params": "scd=0:irefresh-type=2"},
    "libaom-av1": {"-g": "48", "-keyint_min": "48"},
    "libvpx-vp9": {"-g": "48", "-keyint_min": "48"},
    "libvvenc": {"-vvenc-params": "intraperiod=48:decodingrefreshtype=idr_no_radl"},
    "nvenc": {"-g": "48", "-no-scenecut": "1", "-forced-idr": "1"},
    "qsv": {"-g": "48", "-adaptive_i": "0", "-flags": "+cgop"},
    "amf": {"-g": "48"},
    "videotoolbox": {"-g": "48", "-flags": "+cgop"},
}


def options_added(encoder: str, quality: float = 30) -> dict[str, str]:
    """Tell the options that a GOP adds to an encoder's command."""
    row = encoder_row(encoder)
    plain, with_gop = row.options(quality, None), row.options(quality, None, 48)
    return {f"-{name}": with_gop[name] for name in with_gop if name not in plain}


@pytest.mark.parametrize("encoder", [row.name for row in all_rows()])
def test_every_encoder_is_asked_in_its_own_words(encoder: str) -> None:
    expected = ASKED.get(encoder) or ASKED[encoder.partition("_")[2]]
    assert options_added(encoder) == expected


@pytest.mark.parametrize("encoder", [row.name for row in all_rows()])
def test_without_a_gop_the_command_leaves_keyframes_to_the_encoder(encoder: str) -> None:
    row = encoder_row(encoder)
    command = user_command(make_spec(encoder), row, FFMPEG)
    assert not {f"-{name}" for name, _ in row.gop_templates}.intersection(command)


def test_a_gop_stands_in_the_command_for_users() -> None:
    spec = make_spec(gop_frames=50)
    command = list(user_command(spec, encoder_row("libx264"), FFMPEG))
    assert command[command.index("-g") + 1] == "50"


def test_a_gop_shares_the_parameters_with_a_fractional_crf_and_the_users() -> None:
    extra = ("-svtav1-params", "tune=0:scd=1")
    spec = make_spec("libsvtav1", 34.25, extra_args=extra, gop_frames=50)
    command = list(user_command(spec, encoder_row("libsvtav1"), FFMPEG))
    assert command.count("-svtav1-params") == 1
    value = command[command.index("-svtav1-params") + 1]
    assert value == "crf=34.25:scd=0:irefresh-type=2:tune=0:scd=1"


def test_the_users_own_parameters_come_after_those_that_make_encodes_repeatable() -> None:
    spec = make_spec(extra_args=("-x264-params", "ref=4"), gop_frames=50)
    command = user_command(spec, encoder_row("libx264"), FFMPEG)
    assert command[-3:-1] == ("-x264-params", "sync-lookahead=0:ref=4")


def test_parameters_of_another_kind_are_left_alone() -> None:
    extra = ("-x264opts", "ref=4")
    spec = make_spec(extra_args=extra, gop_frames=50)
    assert user_command(spec, encoder_row("libx264"), FFMPEG)[-3:-1] == extra


@pytest.mark.parametrize("gop_frames", [0, -1])
def test_a_gop_without_frames_is_refused(gop_frames: int) -> None:
    with pytest.raises(UsageError, match=f"libx264: a GOP cannot have {gop_frames} frames"):
        encoder_row("libx264").check(make_spec(gop_frames=gop_frames))

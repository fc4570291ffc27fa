"""Encodes keep the colours of their source, and say so in the bitstream, whatever the encoder."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from tests.support.colour_clips import ColourSpec, luma_of, write_clip
from vmafx_tune.encoders.argv import user_command
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.media.ffmpeg import Ffmpeg, find_ffmpeg
from vmafx_tune.media.filtering import filter_source
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import EncodeSpec, Resolution, ScoreRequest, Source
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.models import BUILT_IN_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Written = Callable[[ColourSpec], Source]

SPECS = (
    ColourSpec("gray", "pc"),
    ColourSpec("gray", "tv"),
    ColourSpec("gray"),
    ColourSpec("gray16le", "pc"),
    ColourSpec("bgr0"),
    ColourSpec("gbrp10le"),
    ColourSpec("yuv420p", "pc"),
    ColourSpec("yuv420p", "pc", "bt709"),
    ColourSpec("yuv422p10le", "pc", "smpte170m"),
    ColourSpec("yuv444p12le", "tv", "bt2020nc"),
    ColourSpec("yuv420p", "tv", "smpte170m"),
    ColourSpec("yuv420p"),
)
ENCODERS = tuple(row.name for row in all_rows() if not row.is_hardware)
# A mean over the picture, in 8-bit codes: what rounding and a good encode leave, where a range or a
# matrix that is off by label or by sample takes ten and more.
BIAS = 0.5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("colours")
    sources: dict[ColourSpec, Source] = {}

    def source_of(spec: ColourSpec) -> Source:
        if spec not in sources:
            write_clip(spec, folder / f"{spec}.mkv")
            sources[spec] = probe_source(folder / f"{spec}.mkv")
        return sources[spec]

    return source_of


@pytest.fixture
def ffmpeg(ffmpeg_exe: Path) -> Ffmpeg:
    return find_ffmpeg(ffmpeg_exe, ProcessRunner())


def encoded(spec: EncodeSpec, ffmpeg: Ffmpeg, target: Path) -> Source:
    return FfmpegEncoder(ffmpeg, ProcessRunner()).encode(spec, target).encoded


def a_spec(source: Source, encoder: str, size: Resolution | None = None) -> EncodeSpec:
    quality = 20 if encoder == "libvvenc" else 10
    return EncodeSpec(source, encoder, quality, preset="ultrafast", size=size)


def in_bitstream(ffmpeg: Ffmpeg, encode: Source) -> Source:
    """Read an encode without its container, which may say something else."""
    suffix = {"h264": ".h264", "hevc": ".hevc", "vvc": ".vvc", "vp9": ".ivf"}
    bare = encode.path.with_suffix(suffix.get(encode.codec, ".obu"))
    copy = ("-v", "error", "-y", "-i", encode.path, "-c", "copy", bare)
    subprocess.run([ffmpeg.path, *copy], check=True, stdin=subprocess.DEVNULL)
    return probe_source(bare)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_bitstream_states_the_colours_of_the_source_and_holds_them(
    written: Written, ffmpeg: Ffmpeg, tmp_path: Path, encoder: str
) -> None:
    for spec in SPECS:
        source = written(spec)
        encode = encoded(a_spec(source, encoder), ffmpeg, tmp_path / f"{spec}.mp4")

        stated = ("tv", "bt709") if spec.is_rgb else (spec.range or "tv", spec.matrix)
        for found in (encode, in_bitstream(ffmpeg, encode)):
            assert (found.color_range or "tv", found.color_space) == stated, spec
        plan = plan_scoring(
            ScoreRequest(source, encode, BUILT_IN_MODELS["vmaf_v0.6.1"], source.resolution)
        )
        for ours, theirs in zip(luma_of(source, plan), luma_of(encode, plan), strict=True):
            bias = (ours - theirs).mean()
            assert abs(bias) / 2 ** (plan.bit_depth - 8) < BIAS, spec


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("place", ["left", "center", "topleft", "top"])
def test_the_bitstream_says_where_chroma_samples_lie(
    ffmpeg: Ffmpeg, tmp_path: Path, encoder: str, place: str
) -> None:
    clip = tmp_path / "clip.mkv"
    picture = f"testsrc2=s=96x64:r=25:d=0.08,format=yuv420p,setparams=chroma_location={place}"
    make = ("-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "ffv1", clip)
    subprocess.run([ffmpeg.path, *make], check=True, stdin=subprocess.DEVNULL)
    source = probe_source(clip)
    assert source.chroma_location == place

    spec = a_spec(source, encoder)
    encode = encoded(spec, ffmpeg, tmp_path / "encode.mp4")

    read = _vvc_location if encode.codec == "vvc" else _location
    found = read(ffmpeg, encode)
    row = encoder_row(encoder)
    if place in row.chroma_locations:
        assert (found or "left") == place
        assert row.notes(spec) == ()
    else:
        assert found is None
        assert (place != "left") == any(place in note for note in row.notes(spec))


def _location(ffmpeg: Ffmpeg, encode: Source) -> str | None:
    return in_bitstream(ffmpeg, encode).chroma_location


def _vvc_location(ffmpeg: Ffmpeg, encode: Source) -> str | None:
    """Read from the headers what ffmpeg's decoder of VVC does not tell."""
    trace = ("-i", encode.path, "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-")
    log = subprocess.run(
        [ffmpeg.path, "-hide_banner", *trace], check=True, stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    ).stderr  # fmt: skip
    number = re.search(r"vui_chroma_sample_loc_type_frame .* = (\d)$", log, re.MULTILINE)
    return ("left", "center", "topleft", "top")[int(number[1]) if number else 0]


@pytest.mark.parametrize("encoder", ["libx264", "libsvtav1", "libvvenc"])
def test_scaling_for_a_rendition_keeps_the_colours(
    written: Written, ffmpeg: Ffmpeg, tmp_path: Path, encoder: str
) -> None:
    for spec in (SPECS[0], SPECS[4], SPECS[7]):
        source = written(spec)
        encode = encoded(
            a_spec(source, encoder, Resolution(80, 48)), ffmpeg, tmp_path / f"{spec}.mp4"
        )

        stated = ("tv", "bt709") if spec.is_rgb else (spec.range, spec.matrix)
        assert (encode.color_range, encode.color_space) == stated, spec
        plan = plan_scoring(
            ScoreRequest(source, encode, BUILT_IN_MODELS["vmaf_v0.6.1"], source.resolution)
        )
        bias = luma_of(source, plan)[0].mean() - luma_of(encode, plan)[0].mean()
        assert abs(bias) / 2 ** (plan.bit_depth - 8) < BIAS, spec


@pytest.mark.parametrize(
    ("encoder", "spec"),
    [
        ("libx264", ColourSpec("bgr0")),
        ("libsvtav1", ColourSpec("gray", "pc")),
        ("libvvenc", ColourSpec("yuv420p", "pc", "bt709")),
    ],
)
def test_the_printed_command_repeats_an_encode_byte_for_byte(
    written: Written, ffmpeg: Ffmpeg, tmp_path: Path, encoder: str, spec: ColourSpec
) -> None:
    asked = a_spec(written(spec), encoder)
    ours = encoded(asked, ffmpeg, tmp_path / "ours.mp4")

    command = user_command(asked, encoder_row(encoder), ffmpeg.path)
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    assert (tmp_path / command[-1]).read_bytes() == ours.path.read_bytes()


def test_what_a_filter_says_of_chroma_samples_counts(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    picture = "testsrc2=s=96x64:r=25:d=0.08,format=yuv420p"
    make = ("-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "ffv1", clip)
    subprocess.run([ffmpeg.path, *make], check=True, stdin=subprocess.DEVNULL)
    source = probe_source(clip)

    for place, told in (("topleft", "topleft"), ("bottomleft", None), ("unspecified", None)):
        chain = f"setparams=chroma_location={place}"
        assert filter_source(source, chain, ffmpeg, ProcessRunner()).chroma_location == told


def test_a_place_of_chroma_samples_that_cannot_be_signalled_is_refused_with_what_to_do(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mkv"
    picture = "testsrc2=s=96x64:r=25:d=0.2,format=yuv420p,setparams=chroma_location=center"
    make = ("-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "ffv1", clip)
    subprocess.run([ffmpeg.path, *make], check=True, stdin=subprocess.DEVNULL)
    line = ("search", "-r", clip, "-c", "libsvtav1", "-t", "60", "--preset", "ultrafast")

    refused = run_cli(*line)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is center, which AV1 cannot signal" in refused.stderr
    for way in (
        ("--filter", "zscale=chromal=left"),
        ("--encoder-args", "-chroma_sample_location left"),
    ):
        assert way[0] in refused.stderr
        assert way[1] in refused.stderr
        assert run_cli(*line, *way).document["notes"] == []

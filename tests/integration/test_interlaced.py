"""Interlaced sources: their fields are coded as fields, or the user is told."""

from __future__ import annotations

import shlex
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.cli import run_cli
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory

N_FRAMES = 16
SIZE = Resolution(160, 96)
QUICK = ("--preset", "ultrafast", "--crf-lo", "24", "--crf-hi", "40", "-t", "80")
FIELDS = ("-flags", "+ilme+ildct")


def woven(clips: ClipFactory, first: str, codec: tuple[str, ...], suffix: str) -> Path:
    """A clip whose lines alternate between two moments, the one of `first` before the other."""
    weave = f"tinterlace=interleave_{first},setfield={first[0]}ff"
    name = f"woven-{first}{suffix}"
    frames = range(2 * N_FRAMES)
    options = ("-vf", weave, *codec)
    return clips.encode(name, pictures.moving, frames, options, size=SIZE, rate=Fraction(50))


def fields_of(clip: Path, ffmpeg: Path) -> tuple[str, str]:
    """What the container says of the fields, and what the decoder says of the first picture."""
    argv = [str(ffmpeg), "-hide_banner", "-i", str(clip), "-vf", "showinfo", "-frames:v", "1"]
    log = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, check=True)
    stream = next(line for line in log.stderr.splitlines() if "Video: h264" in line)
    picture = next(line for line in log.stderr.splitlines() if " i:" in line and "fmt:" in line)
    return stream, picture.partition(" i:")[2][0]


@pytest.mark.parametrize(
    ("first", "codec", "suffix"),
    [
        ("top", ("-c:v", "libx264", "-qp", "0", *FIELDS), ".mp4"),
        ("bottom", ("-c:v", "ffv1"), ".mkv"),
        ("bottom", ("-c:v", "mpeg2video", "-q:v", "2", *FIELDS), ".mpg"),
    ],
)
def test_x264_codes_the_fields_of_the_source(
    clips: ClipFactory,
    ffmpeg_exe: Path,
    tmp_path: Path,
    first: str,
    codec: tuple[str, ...],
    suffix: str,
) -> None:
    source = woven(clips, first, codec, suffix)

    done = run_cli("search", "-r", source, "-c", "x264", *QUICK)
    command = shlex.split(done.document["encode_command"])
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    encoded = tmp_path / command[-1]
    stream, picture = fields_of(encoded, ffmpeg_exe)

    assert measure_packets(encoded).size_bytes == done.document["size_bytes"]
    assert (f"{first} first" in stream, picture) == (True, first[0].upper())
    assert probe_source(encoded).interlaced
    # x264 notes its settings in the stream.
    assert f"interlaced={first[0]}ff".encode() in encoded.read_bytes()
    assert done.document["notes"] == []
    assert "--deinterlace" in done.stderr


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    return woven(clips, "top", ("-c:v", "libx264", "-qp", "0", *FIELDS), ".mp4")


def test_an_encoder_that_cannot_code_fields_is_noted_once(source: Path) -> None:
    found = run_cli("compare", "-r", source, "-c", "x264,x265", *QUICK, "--format", "json").document
    notes = {row["codec"]: row["notes"] for row in found["rows"]}

    assert notes["libx264"] == []
    assert len(notes["libx265"]) == 1
    assert "libx265 cannot encode fields: its encodes are flagged as pro" in notes["libx265"][0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ladder", "-r", "{}", "-t", "80", "--resolutions", "160x96,80x48"),
        ("search", "-r", "{}", "-c", "x264", "-t", "80", "--display", "320x192"),
        ("score", "{}", "{}", "--display", "320x192"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_woven_fields_are_not_scaled(source: Path, arguments: tuple[str, ...]) -> None:
    done = run_cli(*(argument.format(source) for argument in arguments))

    assert (done.exit_code, done.stdout) == (1, "")
    assert "is interlaced, and scaling it from 160x96" in done.stderr
    assert "--deinterlace" in done.stderr


def test_a_deinterlaced_source_makes_a_ladder_of_frames(source: Path) -> None:
    found = run_cli(
        *("ladder", "-r", source, "-c", "x264", "-t", "80", "--resolutions", "160x96,80x48"),
        *("--preset", "ultrafast", "--deinterlace", "--format", "json"),
    ).document

    assert found["filter"] == "bwdif=mode=send_frame:deint=interlaced"
    assert all("ildct" not in probe["encode_command"] for probe in found["probes"])


@pytest.mark.parametrize(
    ("codec", "depth", "pix_fmt"),
    [
        ("libx264", 10, "yuv420p10le"),
        ("libx265", 8, "yuv420p"),
        ("libsvtav1", 10, "yuv420p10le"),
        ("libvpx-vp9", 10, "yuv420p10le"),
    ],
)
def test_an_encode_has_the_depth_that_was_asked_for(
    clips: ClipFactory, tmp_path: Path, codec: str, depth: int, pix_fmt: str
) -> None:
    clip = clips.moving() if depth == 10 else clips.ten_bit()
    arguments = ("search", "-r", clip, "-c", codec, "-t", "70", "--max-iter", "2")
    found = run_cli(*arguments, "--preset", "ultrafast", "--depth", str(depth)).document
    command = shlex.split(found["encode_command"])
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    assert probe_source(Path(tmp_path, command[-1])).pixel_format.name == pix_fmt


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-c", "libvvenc", "--depth", "8"), "libvvenc: it encodes 10 bits per sample, not 8"),
        (("-c", "x264", "--depth", "9"), "--depth 9 is not a valid bit depth"),
        (("-c", "x264", "--depth", "10", "--encoder-args", "-pix_fmt yuv420p"), "Use one"),
    ],
)
def test_a_depth_that_cannot_be_had_is_refused(
    clips: ClipFactory, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run_cli("search", "-r", clips.moving(), "-t", "80", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr

"""What of a file is read: its stream, its part of the picture, its frames."""

from __future__ import annotations

import re
import shlex
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.cli import run_cli
from tests.support.clips import N_FRAMES, RATE
from vmafx_tune import EncodingOptions, ScoringOptions, SourceOptions, ToolOptions, score, search
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory

NO_CACHE = ToolOptions(cache=False)
FIRST_WITH_ANIMATED_WEBP = (63,)  # libavcodec of FFmpeg 9, which PyAV has from 19 on


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_of_several_video_streams_the_default_one_is_scored_and_named(
    clips: ClipFactory, suffix: str
) -> None:
    source = clips.two_streams(suffix)

    outcome = run_cli("score", source, clips.moving(), "--format", "json")

    assert outcome.document["display"] == "160x90"
    assert "2 video streams. Stream 1 is used" in outcome.stderr


@pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
@pytest.mark.parametrize("stream", [0, 1])
def test_the_stream_that_is_asked_for_is_the_one_that_is_compared(
    clips: ClipFactory, backend: str, stream: int
) -> None:
    result = score(
        clips.two_streams(),
        clips.moving(size=Resolution(80, 46)) if stream == 0 else clips.moving(),
        scoring=ScoringOptions(backend=backend),
        sources=SourceOptions(video_stream=stream),
    )
    assert result.reference_source.stream == stream
    assert result.pooled.min > 97.0


def test_the_printed_command_encodes_the_stream_that_was_measured(
    clips: ClipFactory, tmp_path: Path
) -> None:
    result = search(
        clips.two_streams(),
        "libx264",
        70,
        encoding=EncodingOptions(preset="ultrafast"),
        tools=NO_CACHE,
    )
    assert result.answer is not None
    clips.run(*result.answer.command[3:-1], str(tmp_path / "again.mp4"))

    assert probe_source(tmp_path / "again.mp4").resolution == Resolution(160, 90)
    assert measure_packets(tmp_path / "again.mp4").size_bytes == result.answer.size_bytes
    assert "V:1" in shlex.join(result.answer.command)


@pytest.mark.parametrize("command", ["score", "search", "compare", "ladder"])
def test_a_stream_that_the_file_does_not_have_is_a_usage_error_that_lists_those_it_has(
    clips: ClipFactory, command: str
) -> None:
    source = clips.two_streams()
    arguments = {
        "score": (source, source),
        "search": ("-r", source, "-t", "90"),
        "compare": ("-r", source),
        "ladder": ("-r", source),
    }
    outcome = run_cli(command, *arguments[command], "--video-stream", "2")
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert "0 (h264 80x46), 1 (h264 160x90)" in outcome.stderr


def test_a_cover_picture_is_no_stream_to_choose(clips: ClipFactory) -> None:
    assert run_cli("score", clips.with_cover(), clips.moving()).exit_code == 0
    outcome = run_cli("score", clips.with_cover(), clips.moving(), "--video-stream", "1")
    assert outcome.exit_code == 2


@pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
def test_a_lossless_copy_of_pictures_that_the_bitstream_crops_at_the_left_scores_as_the_clip_itself(
    clips: ClipFactory, backend: str
) -> None:
    cropped = clips.cropped()
    copy = clips.remade("cropped-copy.mkv", cropped, ("-c:v", "ffv1"))
    scoring = ScoringOptions(backend=backend)

    against_copy = score(cropped, copy, scoring=scoring)
    against_itself = score(cropped, cropped, scoring=scoring)

    assert against_copy.display == Resolution(144, 84)
    assert against_copy.scores.frames == pytest.approx(against_itself.scores.frames, abs=1e-4)


def test_a_clip_of_one_frame_is_measured_as_a_whole_where_a_sample_is_asked_for(
    clips: ClipFactory,
) -> None:
    outcome = run_cli(
        "search", "-r", clips.one_frame(), "-t", "60", "--sample", "1x1s", "--preset", "ultrafast"
    )
    assert outcome.exit_code == 0
    assert outcome.document["sample"] is None


def test_the_rate_of_a_spliced_transport_stream_is_that_of_its_parts(
    clips: ClipFactory, tmp_path: Path
) -> None:
    part = clips.remux("part.ts", clips.degraded(30), ()).read_bytes()
    spliced = tmp_path / "spliced.ts"
    spliced.write_bytes(part * 3)

    source = probe_source(spliced)

    assert (source.n_frames, source.frame_rate) == (3 * N_FRAMES, RATE)
    assert not source.variable_frame_rate


def test_an_animated_webp_is_read_or_called_by_its_name(clips: ClipFactory) -> None:
    path = clips.remade("animated.webp", clips.moving(), ("-c:v", "libwebp", "-loop", "0"))

    outcome = run_cli("score", path, path)

    if av.library_versions["libavcodec"] >= FIRST_WITH_ANIMATED_WEBP:
        assert outcome.document["n_frames"] == N_FRAMES
    else:
        assert outcome.exit_code == 1
        assert "is an animated WebP" in outcome.stderr


@pytest.mark.parametrize("suffix", [".m2v", ".vob"])
def test_film_that_repeats_fields_on_a_dvd_has_its_own_frames_and_rate(
    clips: ClipFactory, tmp_path: Path, suffix: str
) -> None:
    codec = ("-c:v", "mpeg2video", "-bf", "0", "-q:v", "4", "-r", "24000/1001")
    film = clips.remade("film.m2v", clips.moving(), (*codec, "-s", "160x96"))
    stream = tmp_path / "telecine.m2v"
    stream.write_bytes(with_pulldown(film.read_bytes()))
    disc = tmp_path / f"disc{suffix}"
    clips.run("-f", "mpegvideo", "-i", str(stream), "-c", "copy", "-y", str(disc))

    source = probe_source(disc)
    n_frames = sum(1 for _ in examine_frames(disc))

    assert source.n_frames == n_frames
    assert source.frame_rate == Fraction(24_000, 1001)


def examine_frames(path: Path) -> Iterator[object]:
    with av.open(path) as container:
        yield from container.decode(video=0)


def with_pulldown(film: bytes) -> bytes:
    """Flag MPEG-2 film for three and two fields a frame at 29.97 (ISO/IEC 13818-2, 6.2)."""
    data = bytearray(film)
    for start in (match.start() for match in re.finditer(rb"\0\0\x01\xb3", film)):
        data[start + 7] = data[start + 7] & 0xF0 | 4
    n_pictures = 0
    for start in (match.start() for match in re.finditer(rb"\0\0\x01\xb5", film)):
        if data[start + 4] >> 4 == 1:  # the sequence is not progressive, its pictures are
            data[start + 5] &= ~0x08
        if data[start + 4] >> 4 == 8:
            top_first, repeats = ((1, 1), (0, 0), (0, 1), (1, 0))[n_pictures % 4]
            data[start + 7] = data[start + 7] & 0x7D | top_first << 7 | repeats << 1 | 1
            data[start + 8] |= 0x80
            n_pictures += 1
    return bytes(data)

"""Parts that are written to a file of their own have the pictures of their source."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import OutputError
from vmafx_tune.media.excerpts import ExcerptCutter
from vmafx_tune.media.ffmpeg import find_ffmpeg
from vmafx_tune.media.inputs import reading_arguments, source_filters
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.probing.written_parts import WrittenParts, parts_arguments
from vmafx_tune.scoring.reference_copies import ReferenceCopies

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.model import Source

Places = tuple[tuple[int, int], ...]

PLACES: Places = ((2, 3), (6, 3), (9, 3))
# Where each begins with a keyframe of a clip of short groups, or just after one.
NEAR_KEYFRAMES: Places = ((4, 2), (9, 2))
CLIPS = {
    "8 bits": lambda clips: clips.moving(),
    "short groups": lambda clips: clips.short_groups(),
    "10 bits": lambda clips: clips.ten_bit(),
    "4:2:2": lambda clips: clips.chroma_422(),
    "4:4:4": lambda clips: clips.chroma_444(),
    "odd size": lambda clips: clips.odd_size(),
    "full range": lambda clips: clips.full_range(),
    "turned": lambda clips: clips.rotated(90),
    "with a cover": lambda clips: clips.with_cover(),
    "jpeg": lambda clips: clips.remade("j.mov", clips.moving(), ("-c:v", "mjpeg", "-q:v", "2")),
    "rgb": lambda clips: clips.remade(
        "r.mkv", clips.moving(), ("-c:v", "ffv1", "-pix_fmt", "bgr0")
    ),
    "grey": lambda clips: clips.remade(
        "g.mkv", clips.moving(), ("-c:v", "ffv1", "-pix_fmt", "gray")
    ),
    "palette": lambda clips: clips.remade("p.gif", clips.moving(), ()),
    "no index": lambda clips: clips.remade("n.avi", clips.moving(), ("-c:v", "mpeg4", "-q:v", "2")),
}


@pytest.fixture
def copies(tmp_path: Path) -> ReferenceCopies:
    return ReferenceCopies(tmp_path)


@pytest.fixture
def written(ffmpeg_exe: Path, copies: ReferenceCopies) -> WrittenParts:
    runner = ProcessRunner()
    return WrittenParts(find_ffmpeg(ffmpeg_exe, runner), runner, lambda: copies)


def with_parts(source: Source, places: Places = PLACES) -> Source:
    cutter = ExcerptCutter(source)
    parts = tuple(cutter.cut(*place).excerpt for place in places)
    assert None not in parts
    n_frames = sum(n for _, n in places)
    return dataclasses.replace(source, n_frames=n_frames, parts=tuple(filter(None, parts)))


def pictures(ffmpeg_exe: Path, source: Source) -> bytes:
    """Decode a source, with the filters that it has."""
    chain = ("-vf", source_filters(source)) if source_filters(source) else ()
    written = (*chain, "-fps_mode", "passthrough", "-pix_fmt", source.pixel_format.name)
    line = (ffmpeg_exe, *reading_arguments(source, "error"), *written, "-f", "rawvideo", "-")
    return subprocess.run(line, check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    ("kind", "places"), [*((kind, PLACES) for kind in CLIPS), ("short groups", NEAR_KEYFRAMES)]
)
def test_the_file_has_the_pictures_of_the_parts_one_after_the_other(
    clips: ClipFactory, ffmpeg_exe: Path, written: WrittenParts, kind: str, places: Places
) -> None:
    source = probe_source(CLIPS[kind](clips))
    cutter = ExcerptCutter(source)
    apart = b"".join(pictures(ffmpeg_exe, cutter.cut(*place)) for place in places)

    with written.of(with_parts(source, places)) as clip:
        found = clip.path.read_bytes()

    assert hashlib.sha256(found).digest() == hashlib.sha256(apart).digest()
    assert (clip.n_frames, clip.resolution) == (sum(n for _, n in places), source.resolution)


def test_filters_are_applied_once(
    clips: ClipFactory, ffmpeg_exe: Path, written: WrittenParts
) -> None:
    turned = dataclasses.replace(probe_source(clips.moving()), filters="hflip")
    cutter = ExcerptCutter(turned)
    apart = b"".join(pictures(ffmpeg_exe, cutter.cut(*place)) for place in PLACES)

    with written.of(with_parts(turned)) as clip:
        assert clip.path.read_bytes() == apart
        assert clip.filters == ""


def test_the_file_is_written_once(
    clips: ClipFactory, written: WrittenParts, copies: ReferenceCopies
) -> None:
    source = with_parts(probe_source(clips.moving()))
    with written.of(source) as first:
        changed = first.path.stat().st_mtime_ns
    with written.of(source) as second:
        assert second.path.stat().st_mtime_ns == changed
    copies.close()
    assert not first.path.exists()


@pytest.mark.parametrize(
    ("kind", "places", "inputs"),
    [("no index", PLACES, 1), ("8 bits", PLACES, 1), ("short groups", NEAR_KEYFRAMES, 2)],
)
def test_a_file_is_decoded_once_unless_seeking_takes_less(
    clips: ClipFactory, kind: str, places: Places, inputs: int
) -> None:
    source = probe_source(CLIPS[kind](clips))

    assert parts_arguments(with_parts(source, places)).count("-i") == inputs


def test_parts_that_do_not_fit_are_an_error(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path
) -> None:
    runner, none = ProcessRunner(), ReferenceCopies(tmp_path, budget_bytes=0)
    written = WrittenParts(find_ffmpeg(ffmpeg_exe, runner), runner, lambda: none)

    with (
        pytest.raises(OutputError, match="does not fit"),
        written.of(with_parts(probe_source(clips.moving()))),
    ):
        raise AssertionError

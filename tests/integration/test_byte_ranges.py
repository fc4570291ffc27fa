"""A file with only the bytes that were found to be needed is read as the whole one is."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_frames import decode
from tests.support.paff import paff_clip
from vmafx_tune.media.byte_ranges import needed_ranges
from vmafx_tune.media.excerpts import ExcerptCutter
from vmafx_tune.media.inputs import reading_arguments, source_filters
from vmafx_tune.media.probe import probe_source
from vmafx_tune.probing.written_parts import parts_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.model import Source

N_FRAMES = 160
NOISE = "testsrc2=s=160x96:r=25,noise=alls=40:allf=t:all_seed=7"
FILM = ("-f", "lavfi", "-i", NOISE, "-f", "lavfi", "-i", "sine=d=7:r=48000")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-g", "10", "-c:a", "aac")
B_FRAMES = ("-bf", "3", "-b_strategy", "0")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "4", "-c:a", "aac", "-x265-params")


@dataclass(frozen=True)
class Kind:
    """How a film is encoded, or perhaps copied then."""

    name: str
    codec: tuple[str, ...]
    before: tuple[str, ...] = ()

    def make(self, clips: ClipFactory) -> Source:
        path = clips.folder / f"ranges-{self.name}"
        if not path.exists():
            clips.run(*FILM, *self.codec, "-frames:v", str(N_FRAMES), "-t", "6.4", str(path))
        if not self.before:
            return probe_source(path)
        return probe_source(clips.remux(f"ranges-cut-{self.name}", path, (), before=self.before))


KINDS = (
    Kind("end.mp4", (*X264, *B_FRAMES)),
    Kind("front.mp4", (*X264, *B_FRAMES, "-movflags", "+faststart")),
    Kind("edit.mp4", (*X264, *B_FRAMES), ("-ss", "0.5")),
    Kind("late.mp4", (*X264, *B_FRAMES), ("-itsoffset", "0.517")),
    Kind("fields.mp4", (*X264, "-flags", "+ildct+ilme", "-x264-params", "tff=1")),
    Kind("cues.mkv", (*X264, *B_FRAMES)),
    Kind("open.mkv", (*X265, "keyint=10:open-gop=1:bframes=3:log-level=error")),
    Kind(
        "prores.mov",
        (
            "-c:v",
            "prores_ks",
            "-pix_fmt",
            "yuv422p10le",
            "-flags",
            "+ildct+ilme",
            "-c:a",
            "pcm_s24le",
        ),
    ),
    Kind("ffv1.mov", ("-c:v", "ffv1", "-g", "1", "-c:a", "pcm_s16le")),
    Kind("ffv1.mkv", ("-c:v", "ffv1", "-g", "1", "-c:a", "flac")),
)


def with_noise_elsewhere(source: Source, folder: Path) -> Source:
    """Copy what is needed of a source; else its file has what no film has there."""
    content = source.path.read_bytes()
    copy = bytearray(random.Random(1).randbytes(len(content)))
    ranges = needed_ranges(source)
    assert 0 < sum(end - first for first, end in ranges) < 0.5 * len(content)
    for first, end in ranges:
        copy[first:end] = content[first:end]
    (folder / source.path.name).write_bytes(copy)
    return replace(source, path=folder / source.path.name)


def by_ffmpeg(source: Source, ffmpeg_exe: Path) -> bytes:
    if source.parts:
        arguments = ("-v", "error", *parts_arguments(source))
    else:
        arguments = (*reading_arguments(source, "error"), "-vf", source_filters(source))
    done = subprocess.run(
        [ffmpeg_exe, *arguments, "-fps_mode", "passthrough", "-f", "framemd5", "-"],
        check=True,
        capture_output=True,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_frames_of_an_excerpt_are_those_of_the_whole_file(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path, kind: Kind
) -> None:
    source = kind.make(clips)
    cutter = ExcerptCutter(source)
    for first, n_frames in ((0, 5), (source.n_frames // 2, 11), (source.n_frames - 7, 7)):
        excerpt = cutter.cut(first, n_frames)
        copy = with_noise_elsewhere(excerpt, tmp_path)

        assert decode(copy) == decode(excerpt)
        assert by_ffmpeg(copy, ffmpeg_exe) == by_ffmpeg(excerpt, ffmpeg_exe)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_fields_that_are_packets_are_read_from_the_start(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path, suffix: str
) -> None:
    source = probe_source(paff_clip(clips, suffix, n_frames=160))
    excerpt = ExcerptCutter(source).cut(10, 5)
    copy = with_noise_elsewhere(excerpt, tmp_path)

    assert excerpt.excerpt is not None
    assert excerpt.excerpt.lead_frames == 10
    assert decode(copy) == decode(excerpt)
    assert by_ffmpeg(copy, ffmpeg_exe) == by_ffmpeg(excerpt, ffmpeg_exe)


def test_the_frames_of_parts_are_those_of_the_whole_file(
    clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path
) -> None:
    source = KINDS[0].make(clips)
    cutter = ExcerptCutter(source)
    cuts = [cutter.cut(first, 5).excerpt for first in (3, 150)]
    parts = tuple(part for part in cuts if part is not None)
    joined = replace(source, n_frames=10, parts=parts)
    copy = with_noise_elsewhere(joined, tmp_path)

    assert by_ffmpeg(copy, ffmpeg_exe) == by_ffmpeg(joined, ffmpeg_exe)


@pytest.mark.parametrize("suffix", [".ts", ".avi"])
def test_a_file_without_an_exact_index_is_needed_whole(clips: ClipFactory, suffix: str) -> None:
    source = probe_source(clips.moving(n_frames=24))
    copied = probe_source(clips.remux(f"ranges{suffix}", source.path, ()))

    assert needed_ranges(ExcerptCutter(copied).cut(0, 1)) == ()


@pytest.mark.parametrize(
    "facts",
    [{"excerpt": None}, {"variable_frame_rate": True}, {"filters": "yadif"}, {"n_streams": 2}],
)
def test_what_reads_more_than_its_frames_is_needed_whole(
    clips: ClipFactory, facts: dict[str, Any]
) -> None:
    excerpt = ExcerptCutter(KINDS[0].make(clips)).cut(100, 5)

    assert needed_ranges(excerpt) != ()
    assert needed_ranges(replace(excerpt, **facts)) == ()


def test_a_file_of_which_most_is_read_is_needed_whole(clips: ClipFactory) -> None:
    assert needed_ranges(ExcerptCutter(KINDS[0].make(clips)).cut(0, 100)) == ()

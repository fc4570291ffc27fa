"""Excerpts are the same frames for everything that reads a source."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_frames import decode
from tests.support import pictures
from tests.support.clips import RATE, SIZE
from tests.support.pictures import moving, render
from vmafx_tune.cancel import CancelToken
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.errors import FrameCountMismatchError, MediaError, UsageError
from vmafx_tune.media.excerpts import ExcerptCutter
from vmafx_tune.media.ffmpeg import Ffmpeg, find_ffmpeg
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import EncodeSpec, RawFormat, Resolution, ScoreRequest, Source
from vmafx_tune.sampling.parts import Segment
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer
from vmafx_tune.scoring.ffmpeg_filter import decode_arguments
from vmafx_tune.scoring.libvmaf.session import LibvmafFileScorer
from vmafx_tune.scoring.models import resolve_model

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.ports import Scorer

N_FRAMES = 60
LENGTH = 7
# Each of them somewhere in a group of pictures: at a keyframe, right before one, at both ends.
FIRSTS = (0, 1, 9, 10, 19, 20, 33, N_FRAMES - LENGTH)
NTSC = Fraction(30000, 1001)
FRAMES = [render(moving, i, SIZE) for i in range(N_FRAMES)]

X264 = ("-c:v", "libx264", "-preset", "medium", "-qp", "0")
X265 = ("-c:v", "libx265", "-preset", "fast", "-x265-params")
TONE = ("-f", "lavfi", "-i", "sine=duration=3")


@dataclass(frozen=True)
class Kind:
    """A file of a kind: how it is encoded, and perhaps copied into another container."""

    name: str
    codec: tuple[str, ...]
    suffix: str
    rate: Fraction = RATE
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def make(self, clips: ClipFactory) -> Source:
        encoded = clips.encode(
            f"excerpts-{self.name}{self.suffix}",
            moving,
            range(N_FRAMES),
            self.codec,
            rate=self.rate,
        )
        if not (self.before or self.after):
            return probe_source(encoded)
        name = f"excerpts-{self.name}-copied{self.suffix}"
        return probe_source(clips.remux(name, encoded, self.after, before=self.before))


def x265(parameters: str) -> tuple[str, ...]:
    return (*X265, f"lossless=1:log-level=error:{parameters}")


KINDS = (
    Kind("mp4", (*X264, "-g", "10"), ".mp4"),
    Kind("mkv", (*X264, "-g", "10"), ".mkv"),
    Kind("ntsc-mp4", (*X264, "-g", "10"), ".mp4", NTSC),
    Kind("ntsc-mkv", (*X264, "-g", "10"), ".mkv", NTSC),
    Kind("60-mkv", (*X264, "-g", "10"), ".mkv", Fraction(60000, 1001)),
    Kind("open-gop", (*X264, "-x264-params", "open-gop=1:keyint=10"), ".mp4"),
    Kind("open-gop-mkv", (*X264, "-x264-params", "open-gop=1:keyint=10"), ".mkv"),
    Kind("intra-refresh", (*X264, "-x264-params", "intra-refresh=1:keyint=10"), ".mkv"),
    Kind("hevc", x265("keyint=10:min-keyint=10"), ".mp4"),
    Kind("hevc-open-gop", x265("keyint=10:open-gop=1"), ".mp4"),
    Kind("hevc-open-gop-mkv", x265("keyint=10:open-gop=1"), ".mkv"),
    Kind("fragmented", (*X264, "-g", "10", "-movflags", "frag_keyframe+empty_moov"), ".mp4"),
    Kind("ts", (*X264, "-g", "10"), ".ts"),
    Kind("avi", (*X264, "-g", "10", "-bf", "0"), ".avi"),
    Kind("elementary", (*X264, "-g", "10"), ".h264"),
    Kind("ffv1", ("-c:v", "ffv1"), ".mkv"),
    Kind("y4m", ("-f", "yuv4mpegpipe"), ".y4m"),
    Kind(
        "late-video",
        (*X264, "-g", "10"),
        ".mp4",
        before=("-itsoffset", "0.517"),
        after=(*TONE, "-map", "0:v", "-map", "1:a"),
    ),
    Kind(
        "late-video-mkv",
        (*X264, "-g", "10"),
        ".mkv",
        before=("-itsoffset", "0.517"),
        after=(*TONE, "-map", "0:v", "-map", "1:a"),
    ),
)


@pytest.fixture
def runner() -> ProcessRunner:
    return ProcessRunner(CancelToken())


@pytest.fixture
def ffmpeg(ffmpeg_exe: Path, runner: ProcessRunner) -> Ffmpeg:
    return find_ffmpeg(ffmpeg_exe, runner)


def request(reference: Source, distorted: Source, subsample: int = 1) -> ScoreRequest:
    model = resolve_model(None, SIZE)
    return ScoreRequest(reference, distorted, model, SIZE, subsample=subsample)


def decoded_by_ffmpeg(source: Source, ffmpeg: Ffmpeg, folder: Path) -> list[bytes]:
    plan = plan_scoring(request(source, source))
    arguments = decode_arguments(source, plan, "decoded.yuv")
    subprocess.run([str(ffmpeg.path), *arguments], cwd=folder, check=True, capture_output=True)
    data = (folder / "decoded.yuv").read_bytes()
    (folder / "decoded.yuv").unlink()
    size = len(FRAMES[0])
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_excerpt_holds_exactly_its_frames_for_both_decoders(
    clips: ClipFactory, ffmpeg: Ffmpeg, tmp_path: Path, kind: Kind
) -> None:
    source = kind.make(clips)
    cutter = ExcerptCutter(source)

    for first in FIRSTS:
        excerpt = cutter.cut(first, LENGTH)
        expected = FRAMES[first : first + LENGTH]
        assert decode(excerpt) == expected, first
        assert decoded_by_ffmpeg(excerpt, ffmpeg, tmp_path) == expected, first


MPEG2 = ("-c:v", "mpeg2video", "-q:v", "4", "-g", "10", "-bf", "2")
SOUGHT = (
    Kind("sought", (*X264, "-g", "10"), ".ts"),
    Kind("sought-no-b-frames", (*X264, "-g", "10", "-bf", "0"), ".ts"),
    Kind("sought-slow", (*X264, "-g", "10"), ".ts", Fraction(10)),
    Kind("sought-ntsc", (*X264, "-g", "10"), ".ts", NTSC),
    Kind("sought-hevc", ("-c:v", "libx265", "-preset", "ultrafast", "-g", "10"), ".ts"),
    Kind("sought-mpeg2", MPEG2, ".ts"),
    Kind("sought-mpeg2", MPEG2, ".mxf"),
    Kind("sought-tone", (*X264, "-g", "10"), ".ts", after=(*TONE, "-map", "0:v", "-map", "1:a")),
)


@pytest.mark.parametrize("kind", SOUGHT, ids=lambda kind: f"{kind.name}{kind.suffix}")
def test_an_excerpt_is_sought_where_a_trial_shows_that_this_leads_to_a_keyframe(
    clips: ClipFactory, ffmpeg: Ffmpeg, tmp_path: Path, kind: Kind
) -> None:
    source = kind.make(clips)
    whole, shown = decode(source), decoded_by_ffmpeg(source, ffmpeg, tmp_path)
    cutter = ExcerptCutter(source)

    for first in (25, 41, N_FRAMES - LENGTH):
        excerpt = cutter.cut(first, LENGTH)
        assert excerpt.excerpt is not None
        assert excerpt.excerpt.lead_frames < 16
        assert decode(excerpt) == whole[first : first + LENGTH], first
        assert decoded_by_ffmpeg(excerpt, ffmpeg, tmp_path) == shown[first : first + LENGTH], first


@pytest.mark.parametrize(
    ("kind", "copy"),
    [
        (Kind("dear", (*X264, "-g", "10"), ".avi"), "-c copy"),
        (Kind("dear", (*X264, "-g", "100"), ".ts"), "-c:v ffv1"),
    ],
    ids=["container", "keyframes"],
)
def test_parts_that_cannot_be_sought_say_what_they_cost(
    clips: ClipFactory, kind: Kind, copy: str
) -> None:
    parts = [Segment(first, 6) for first in range(0, N_FRAMES, 6)]
    note = ExcerptCutter(kind.make(clips)).note(parts)

    assert note is not None
    assert " times over. Remux it first: ffmpeg -fflags +genpts -i " in note
    assert copy in note


def test_parts_that_are_sought_cost_nothing_worth_saying(clips: ClipFactory) -> None:
    assert ExcerptCutter(SOUGHT[0].make(clips)).note([Segment(0, 30), Segment(30, 30)]) is None


def test_an_excerpt_of_a_headerless_file_holds_its_frames(
    clips: ClipFactory, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    source = probe_source(clips.raw(n_frames=N_FRAMES), RawFormat(SIZE, "yuv420p", RATE))

    excerpt = ExcerptCutter(source).cut(33, LENGTH)

    assert decode(excerpt) == FRAMES[33 : 33 + LENGTH]
    assert decoded_by_ffmpeg(excerpt, ffmpeg, tmp_path) == FRAMES[33 : 33 + LENGTH]


def test_an_excerpt_after_an_edit_list_counts_the_frames_that_are_shown(
    clips: ClipFactory, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    whole = KINDS[0].make(clips).path
    edited = probe_source(clips.remux("excerpts-edited.mp4", whole, (), before=("-ss", "0.5")))
    hidden = N_FRAMES - edited.n_frames
    assert hidden > 0

    excerpt = ExcerptCutter(edited).cut(15, LENGTH)

    assert decode(excerpt) == FRAMES[hidden + 15 : hidden + 15 + LENGTH]
    assert decoded_by_ffmpeg(excerpt, ffmpeg, tmp_path) == decode(excerpt)


def test_an_excerpt_of_an_excerpt_counts_from_its_start(clips: ClipFactory) -> None:
    source = KINDS[0].make(clips)

    excerpt = ExcerptCutter(ExcerptCutter(source).cut(12, 30)).cut(5, LENGTH)

    assert decode(excerpt) == FRAMES[17 : 17 + LENGTH]


def test_all_frames_of_a_source_are_the_source_itself(clips: ClipFactory) -> None:
    source = KINDS[0].make(clips)

    assert ExcerptCutter(source).cut(0, N_FRAMES) == source


@pytest.mark.parametrize(("first", "length"), [(-1, 5), (0, 0), (0, N_FRAMES + 1), (58, 3)])
def test_frames_that_the_source_does_not_have_are_refused(
    clips: ClipFactory, first: int, length: int
) -> None:
    with pytest.raises(UsageError, match=f"has {N_FRAMES} frames, so there is no excerpt"):
        ExcerptCutter(KINDS[0].make(clips)).cut(first, length)


def test_a_variable_frame_rate_is_refused(clips: ClipFactory) -> None:
    with pytest.raises(MediaError, match="varies, so excerpts of it cannot be cut"):
        ExcerptCutter(probe_source(clips.variable_rate())).cut(0, 5)


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1"])
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
@pytest.mark.parametrize("size", [None, Resolution(128, 72)], ids=["same-size", "scaled"])
def test_an_encode_of_an_excerpt_is_that_of_its_frames_cut_without_loss(
    clips: ClipFactory,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
    tmp_path: Path,
    encoder: str,
    suffix: str,
    size: Resolution | None,
) -> None:
    kind = Kind("encoded", (*X264, "-g", "10"), suffix)
    excerpt = ExcerptCutter(kind.make(clips)).cut(13, 30)
    alone = cut_without_loss(clips)
    encode = FfmpegEncoder(ffmpeg, runner).encode

    for source, name in ((excerpt, "excerpt.mp4"), (alone, "alone.mp4")):
        outcome = encode(EncodeSpec(source, encoder, 30, "ultrafast", size=size), tmp_path / name)
        assert outcome.n_frames == 30

    sizes = [measure_packets(tmp_path / name).sizes_bytes for name in ("excerpt.mp4", "alone.mp4")]
    assert sizes[0] == sizes[1]


@pytest.fixture(params=["ffmpeg", "libvmaf"])
def scorer(request: pytest.FixtureRequest, ffmpeg: Ffmpeg, runner: ProcessRunner) -> Scorer:
    if request.param == "ffmpeg":
        return FfmpegScorer(ffmpeg, runner)
    return LibvmafFileScorer(CancelToken())


def cut_without_loss(clips: ClipFactory) -> Source:
    path = clips.encode("cut-13-30.mkv", moving, range(13, 43), ("-c:v", "ffv1"))
    # ffmpeg has FFV1 state a range, which the H.264 clips do not.
    return replace(probe_source(path), color_range=None)


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
@pytest.mark.parametrize("subsample", [1, 3])
def test_scores_of_an_excerpt_are_those_of_its_frames_cut_without_loss(
    clips: ClipFactory, scorer: Scorer, suffix: str, subsample: int
) -> None:
    excerpt = ExcerptCutter(Kind("scored", (*X264, "-g", "10"), suffix).make(clips)).cut(13, 30)
    alone = cut_without_loss(clips)
    worse = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "35")
    distorted = probe_source(clips.encode("cut-13-30-worse.mp4", moving, range(13, 43), worse))

    scores = scorer.score(request(excerpt, distorted, subsample))

    assert scores == scorer.score(request(alone, distorted, subsample))
    assert scores.n_frames == 30


def test_an_excerpt_scores_against_itself_like_its_frames(
    clips: ClipFactory, scorer: Scorer
) -> None:
    excerpt = ExcerptCutter(KINDS[0].make(clips)).cut(13, 30)
    alone = cut_without_loss(clips)

    assert scorer.score(request(excerpt, excerpt)) == scorer.score(request(alone, alone))


def test_two_excerpts_of_one_file_are_two_clips(clips: ClipFactory, scorer: Scorer) -> None:
    cutter = ExcerptCutter(KINDS[0].make(clips))

    scores = scorer.score(request(cutter.cut(0, 10), cutter.cut(30, 10)))

    assert max(scores.frames) < 50


@pytest.mark.parametrize("n_frames", [29, 31])
def test_a_clip_of_another_length_than_the_excerpt_is_refused(
    clips: ClipFactory, scorer: Scorer, n_frames: int
) -> None:
    excerpt = ExcerptCutter(KINDS[0].make(clips)).cut(13, 30)
    other = clips.encode(f"cut-{n_frames}.mkv", pictures.moving, range(n_frames), ("-c:v", "ffv1"))

    with pytest.raises(FrameCountMismatchError, match=f"has 30 frames.* has {n_frames}"):
        scorer.score(request(excerpt, probe_source(other)))

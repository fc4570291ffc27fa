"""A reference that was decoded before gives the scores that it gives itself."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from tests.support.programs import make_program
from vmafx_tune import EncodingOptions, ToolOptions, search
from vmafx_tune.errors import EncodeFailedError, FrameCountMismatchError
from vmafx_tune.media.excerpts import ExcerptCutter
from vmafx_tune.media.ffmpeg import Ffmpeg, find_ffmpeg
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import ScoreRequest
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer
from vmafx_tune.scoring.models import resolve_model
from vmafx_tune.scoring.reference_copies import ReferenceCopies

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.model import Source

REFERENCES = {
    "8 bits": lambda clips: clips.moving(),
    "10 bits": lambda clips: clips.ten_bit(),
    "4:2:2": lambda clips: clips.chroma_422(),
    "4:4:4": lambda clips: clips.chroma_444(),
    "odd size": lambda clips: clips.odd_size(),
    "full range": lambda clips: clips.full_range(),
    "variable rate": lambda clips: clips.variable_rate(),
    "turned": lambda clips: clips.rotated(90),
    "anamorphic": lambda clips: clips.anamorphic(),
    "with a cover": lambda clips: clips.with_cover(),
}


@pytest.fixture
def ffmpeg(ffmpeg_exe: Path) -> Ffmpeg:
    return find_ffmpeg(ffmpeg_exe, ProcessRunner())


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def copies(work_dir: Path) -> ReferenceCopies:
    return ReferenceCopies(work_dir)


@pytest.fixture
def plain(ffmpeg: Ffmpeg) -> FfmpegScorer:
    return FfmpegScorer(ffmpeg, ProcessRunner())


@pytest.fixture
def copying(ffmpeg: Ffmpeg, work_dir: Path, copies: ReferenceCopies) -> FfmpegScorer:
    return FfmpegScorer(ffmpeg, ProcessRunner(), work_dir, copies=lambda: copies)


def ask(reference: Source, distorted: Source) -> ScoreRequest:
    display = reference.resolution
    return ScoreRequest(reference, distorted, resolve_model(None, display, ()), display=display)


def is_made(copies: ReferenceCopies, request: ScoreRequest) -> bool:
    with copies.of(request.reference, plan_scoring(request)) as copy:
        return copy is not None and copy.is_made


def encoded(clips: ClipFactory, source: Source, target: Path) -> Source:
    """Encode as trial encodes are, but with what most needs a conversion: small, limited range."""
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p")
    small = ("-vf", "scale=96:54:out_range=limited", "-fps_mode", "passthrough")
    clips.run("-i", str(source.path), "-map", "0:V", *codec, *small, str(target))
    return probe_source(target)


@pytest.mark.parametrize("kind", REFERENCES)
def test_scores_against_a_copy_are_the_same_in_every_frame_and_feature(
    plain: FfmpegScorer,
    copying: FfmpegScorer,
    copies: ReferenceCopies,
    clips: ClipFactory,
    tmp_path: Path,
    kind: str,
) -> None:
    reference = probe_source(REFERENCES[kind](clips))
    request = ask(reference, encoded(clips, reference, tmp_path / "encode.mp4"))

    writing, reading = copying.score(request), copying.score(request)

    assert is_made(copies, request)
    assert plain.score(request) == writing == reading


def test_a_copy_of_an_excerpt_has_the_frames_of_the_excerpt(
    plain: FfmpegScorer, copying: FfmpegScorer, copies: ReferenceCopies, clips: ClipFactory
) -> None:
    whole = probe_source(clips.moving(n_frames=24))
    excerpt = ExcerptCutter(whole).cut(7, 9)
    request = ask(excerpt, probe_source(clips.degraded(30, n_frames=9)))

    writing, reading = copying.score(request), copying.score(request)

    assert is_made(copies, request)
    assert plain.score(request) == writing == reading


def test_clips_of_unequal_length_are_told_with_a_copy_as_without(
    copying: FfmpegScorer, copies: ReferenceCopies, clips: ClipFactory
) -> None:
    reference = probe_source(clips.moving())
    good, bad = (
        ask(reference, probe_source(clip)) for clip in (clips.degraded(30), clips.dropped(5))
    )
    copying.score(good)

    assert is_made(copies, good)
    with pytest.raises(FrameCountMismatchError, match=r"moving.*has 12 frames.*has 11\."):
        copying.score(bad)


def test_a_clip_is_scored_against_itself_without_a_copy(
    copying: FfmpegScorer, work_dir: Path, clips: ClipFactory
) -> None:
    source = probe_source(clips.moving())
    copying.score(ask(source, source))

    assert list(work_dir.iterdir()) == []


def test_a_copy_for_which_there_is_no_room_costs_no_score(
    plain: FfmpegScorer,
    ffmpeg: Ffmpeg,
    work_dir: Path,
    copies: ReferenceCopies,
    clips: ClipFactory,
    tmp_path: Path,
) -> None:
    # Room enough for the log of twelve frames, but not for their pictures.
    limited = make_program(tmp_path, f"ulimit -f 200; exec '{ffmpeg.path}' \"$@\"")
    runner = ProcessRunner()
    scorer = FfmpegScorer(replace(ffmpeg, path=limited), runner, work_dir, copies=lambda: copies)
    request = ask(probe_source(clips.moving()), probe_source(clips.degraded(30)))

    assert scorer.score(request) == plain.score(request)
    assert not is_made(copies, request)
    assert [path for path in work_dir.rglob("*") if path.is_file()] == []


def test_a_search_decodes_its_source_for_one_score_only_and_leaves_nothing(
    clips: ClipFactory, work_dir: Path
) -> None:
    outcome = run_cli(
        *("search", "-r", clips.moving(), "-t", "70", "--preset", "ultrafast", "--no-cache"),
        *("--work-dir", work_dir, "--verbose"),
    )
    scores = [line for line in outcome.stderr.splitlines() if "probe.mp4" in line]
    scores = [line for line in scores if "libvmaf=" in line]

    assert outcome.exit_code == 0
    assert len(scores) > 1
    assert [clips.moving().name in line for line in scores] == [True] + [False] * (len(scores) - 1)
    assert list(work_dir.iterdir()) == []


@pytest.mark.parametrize("fails", [False, True])
def test_a_search_from_python_leaves_nothing_either(
    clips: ClipFactory, work_dir: Path, *, fails: bool
) -> None:
    # A quality below -qmin is refused.
    encoding = EncodingOptions(
        preset="ultrafast", crf_lo=20, crf_hi=22, encoder_args="-qmin 30" if fails else ""
    )
    tools = ToolOptions(work_dir=work_dir, cache=False)
    # The traceback of an error keeps all that it names.
    with pytest.raises(EncodeFailedError) if fails else nullcontext():
        search(clips.moving(), "libvpx-vp9", 70, encoding=encoding, tools=tools)

    assert list(work_dir.iterdir()) == []

"""Clips in any colours are compared in one: against luma that numpy computed, without a scaler.

`benchmarks/colours.py` runs every pair of them; here is a sample of it.
"""

from __future__ import annotations

import itertools
import random
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.colour_clips import (
    ALL_SPECS,
    HEIGHT,
    WIDTH,
    ColourSpec,
    luma_in,
    luma_of,
    write_clip,
)
from vmafx_tune.cancel import CancelToken
from vmafx_tune.media.ffmpeg import find_ffmpeg
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import ScoreRequest, Source
from vmafx_tune.scoring.alignment import ScoringPlan, plan_scoring
from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer
from vmafx_tune.scoring.ffmpeg_filter import decode_arguments
from vmafx_tune.scoring.libvmaf.session import LibvmafFileScorer
from vmafx_tune.scoring.models import BUILT_IN_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Written = Callable[[ColourSpec], Source]

N_PAIRS = 40
MODEL = BUILT_IN_MODELS["vmaf_v0.6.1"]
# Of an 8-bit code. A conversion rounds once; with another matrix and other chroma sizes, chroma
# that is resampled moves luma too.
TOLERANCE, TOLERANCE_RESAMPLED = 1.0, 1.25
PLAIN = ColourSpec("yuv420p", "tv", "smpte170m")
# Formats that hold the samples of 8-bit 4:2:0, and what else a lossless copy is stored in.
COPIES = (
    ColourSpec("gray", "tv"),
    ColourSpec("gray", "pc"),
    ColourSpec("gray16le", "pc"),
    ColourSpec("bgr0"),
    ColourSpec("gbrp10le"),
    ColourSpec("yuv420p", "pc", "bt709"),
    ColourSpec("yuv444p12le", "tv", "bt2020nc"),
    ColourSpec("yuv422p10le", "pc", "bt709"),
)


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


def request(reference: Source, distorted: Source) -> ScoreRequest:
    return ScoreRequest(reference, distorted, MODEL, display=reference.resolution)


def in_memory(source: Source, plan: ScoringPlan, _: Path) -> list[NDArray[np.float64]]:
    return luma_of(source, plan)


def by_command(source: Source, plan: ScoringPlan, ffmpeg: Path) -> list[NDArray[np.float64]]:
    arguments = decode_arguments(source, plan, "pipe:2")
    runner = ProcessRunner()
    raw = source.path.with_suffix(".yuv")
    done = runner.run([str(ffmpeg), "-y", *arguments[:-1], str(raw)])
    assert done.returncode == 0, done.stderr_tail
    data, size = raw.read_bytes(), 1 if plan.bit_depth == 8 else 2
    frame_bytes = len(data) // source.n_frames
    return [
        _samples(data[i * frame_bytes : i * frame_bytes + WIDTH * HEIGHT * size], size)
        for i in range(source.n_frames)
    ]


def _samples(data: bytes, size: int) -> NDArray[np.float64]:
    kind = "u1" if size == 1 else "<u2"
    return np.frombuffer(data, kind).reshape(HEIGHT, WIDTH).astype(np.float64)


def sampled_pairs() -> list[tuple[ColourSpec, ColourSpec]]:
    pairs = list(itertools.product(ALL_SPECS, ALL_SPECS))
    return random.Random(25).sample(pairs, N_PAIRS)


def test_clips_state_what_was_written(written: Written) -> None:
    for spec in ALL_SPECS:
        source = written(spec)
        if not spec.is_rgb:
            stated = source.color_range, source.color_space
            assert stated == (spec.range, spec.matrix), spec


@pytest.mark.parametrize("decode", [in_memory, by_command])
def test_every_way_of_decoding_gives_the_luma_of_the_comparison(
    written: Written,
    ffmpeg_exe: Path,
    decode: Callable[[Source, ScoringPlan, Path], list[NDArray[np.float64]]],
) -> None:
    for reference, distorted in sampled_pairs():
        plan = plan_scoring(request(written(reference), written(distorted)))
        for spec in {reference, distorted}:
            moved = spec.matrix not in {None, plan.comparison.matrix} and not spec.is_grey
            limit = TOLERANCE_RESAMPLED if moved else TOLERANCE
            for index, found in enumerate(decode(written(spec), plan, ffmpeg_exe)):
                off = np.abs(found - luma_in(spec, plan.comparison, index)).max()
                assert off <= limit * 2 ** (plan.bit_depth - 8), f"{spec} as {plan.comparison}"


@pytest.mark.parametrize("spec", COPIES, ids=str)
def test_a_lossless_copy_in_other_colours_scores_as_the_clip_itself(
    written: Written, ffmpeg_exe: Path, tmp_path: Path, spec: ColourSpec
) -> None:
    clip, copy = written(PLAIN), written(spec)
    runner = ProcessRunner()
    ffmpeg = FfmpegScorer(find_ffmpeg(ffmpeg_exe, runner), runner, tmp_path)

    for scorer in (ffmpeg, LibvmafFileScorer(CancelToken())):
        for pair in ((clip, copy), (copy, clip)):
            itself = scorer.score(request(pair[0], pair[0]))
            scores = scorer.score(request(*pair))
            assert fmean(scores.frames) == pytest.approx(fmean(itself.frames), abs=0.5)


@pytest.mark.parametrize("spec", [ColourSpec("gray", "pc"), ColourSpec("bgr0")], ids=str)
def test_backends_say_in_what_they_compared(
    written: Written, ffmpeg_exe: Path, tmp_path: Path, spec: ColourSpec
) -> None:
    runner = ProcessRunner()
    ffmpeg = FfmpegScorer(find_ffmpeg(ffmpeg_exe, runner), runner, tmp_path)
    asked = request(written(spec), written(PLAIN))

    compared = [
        scorer.score(asked).comparison for scorer in (ffmpeg, LibvmafFileScorer(CancelToken()))
    ]

    side, chroma = ("pc", "420") if spec.is_grey else ("tv", "444")
    assert compared[0] == compared[1] == plan_scoring(asked).comparison
    assert compared[0] is not None
    assert (compared[0].range, compared[0].matrix) == (side, "smpte170m")
    assert (compared[0].pix_fmt, compared[0].width) == (f"yuv{chroma}p", WIDTH)

"""Scores held to those of Netflix's own tool; see README.md for tolerances."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from tests.golden.pairs import CANONICAL, MODELS, PAIRS, GoldenPair
from vmafx_tune.model import PoolMethod
from vmafx_tune.scoring.frame_log import parse_frame_log
from vmafx_tune.scoring.pooling import pool_scores

if TYPE_CHECKING:
    from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer
    from vmafx_tune.scoring.libvmaf.session import LibvmafFileScorer

SAME_VERSION = 0.0001
OLDER_FRAME = 0.02
OLDER_MEAN = 0.01
CANONICAL_MEAN = 76.6683


each_pair = pytest.mark.parametrize("pair", PAIRS, ids=[pair.log_prefix for pair in PAIRS])
each_model = pytest.mark.parametrize("model", MODELS)


@each_pair
@each_model
def test_the_ffmpeg_backend_gives_the_scores_of_netflixs_tool(
    ffmpeg_scorer: FfmpegScorer, golden_dir: Path, pair: GoldenPair, model: str
) -> None:
    scores = ffmpeg_scorer.score(pair.request(golden_dir, model))

    expected = pair.scores(golden_dir, model)
    assert list(scores.frames) == pytest.approx(expected, abs=SAME_VERSION, rel=0)


@each_pair
@each_model
def test_the_ctypes_backend_gives_the_scores_of_netflixs_tool(
    libvmaf_scorer: LibvmafFileScorer, golden_dir: Path, pair: GoldenPair, model: str
) -> None:
    scores = libvmaf_scorer.score(pair.request(golden_dir, model))

    expected = pair.scores(golden_dir, model)
    newer = libvmaf_scorer.version.startswith("3.")
    frame, mean = (SAME_VERSION, SAME_VERSION) if newer else (OLDER_FRAME, OLDER_MEAN)
    assert list(scores.frames) == pytest.approx(expected, abs=frame, rel=0)
    assert fmean(scores.frames) == pytest.approx(fmean(expected), abs=mean, rel=0)


@each_pair
@each_model
def test_the_logs_of_netflixs_tool_are_read_and_pooled_as_it_does(
    golden_dir: Path, pair: GoldenPair, model: str
) -> None:
    text = pair.log_path(golden_dir, model).read_text()
    log, pooled = parse_frame_log(io.StringIO(text)), json.loads(text)["pooled_metrics"]

    for method in (PoolMethod.MEAN, PoolMethod.HARMONIC_MEAN, PoolMethod.MIN):
        expected = pooled["vmaf"][method.value]
        assert pool_scores(log.scores, method) == pytest.approx(expected, abs=1e-6, rel=0)
    for name, values in log.features.items():
        assert fmean(values) == pytest.approx(pooled[name]["mean"], abs=1e-6, rel=0)


@each_pair
@each_model
def test_both_backends_name_the_features_alike(
    ffmpeg_scorer: FfmpegScorer,
    libvmaf_scorer: LibvmafFileScorer,
    golden_dir: Path,
    pair: GoldenPair,
    model: str,
) -> None:
    request = pair.request(golden_dir, model)
    filtered, loaded = (scorer.score(request) for scorer in (ffmpeg_scorer, libvmaf_scorer))

    shared = filtered.features.keys() & loaded.features.keys()
    suffix = "_egl_1" if model.endswith("neg") else ""
    scales = {f"integer_vif_scale{scale}{suffix}" for scale in range(4)}
    assert {f"integer_adm2{suffix}", "integer_motion2", *scales} <= shared
    for name in shared:
        assert filtered.features[name] == pytest.approx(loaded.features[name], abs=0.01)


@pytest.fixture(scope="module")
def canonical_dir() -> Path:
    """Folder of Netflix's canonical pair."""
    folder = Path(os.environ.get("VMAFX_GOLDEN_DIR", "/nonexistent"))
    if not (folder / CANONICAL.reference).is_file():
        pytest.skip(f"VMAFX_GOLDEN_DIR names no folder with {CANONICAL.reference}.")
    return folder


@pytest.mark.parametrize("backend", ["ffmpeg_scorer", "libvmaf_scorer"])
def test_the_canonical_pair_scores_as_netflix_publishes(
    canonical_dir: Path, backend: str, request: pytest.FixtureRequest
) -> None:
    scorer = request.getfixturevalue(backend)

    scores = scorer.score(CANONICAL.request(canonical_dir, "vmaf_v0.6.1"))

    assert scores.n_frames == 48
    assert fmean(scores.frames) == pytest.approx(CANONICAL_MEAN, abs=0.01, rel=0)

"""Metrics beside VMAF, against ffmpeg and libvmaf run by hand."""

from __future__ import annotations

import json
import math
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import vmafx_tune
from tests.support.cli import run_cli
from vmafx_tune.model import Resolution
from vmafx_tune.options import ScoringOptions
from vmafx_tune.scoring.libvmaf.library import load_libvmaf
from vmafx_tune.scoring.metrics import METRICS, columns_of, extractors_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

SIZE = Resolution(320, 176)
OF_LIBVMAF = tuple(name for name, metric in METRICS.items() if metric.extractor)
OF_FFMPEG = ("vmaf", *OF_LIBVMAF, "xpsnr")


@pytest.fixture(scope="module")
def pair(clips: ClipFactory) -> tuple[Path, Path]:
    return clips.moving(size=SIZE), clips.degraded(38, size=SIZE)


@pytest.fixture(scope="module")
def by_hand(
    pair: tuple[Path, Path], ffmpeg_exe: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[float]]:
    """Values of each frame, from ffmpeg's filters."""
    folder = tmp_path_factory.mktemp("by-hand")
    features = "|".join(f"name={name}" for name in extractors_of(OF_LIBVMAF))
    libvmaf = f"[1:v][0:v]libvmaf=log_fmt=json:log_path=log.json:feature={features}"
    for graph in (libvmaf, "[0:v][1:v]xpsnr=stats_file=xpsnr.log"):
        inputs = [part for clip in pair for part in ("-i", str(clip))]
        command = [str(ffmpeg_exe), "-v", "error", *inputs, "-lavfi", graph, "-f", "null", "-"]
        subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)
    frames = json.loads((folder / "log.json").read_text())["frames"]
    found = {
        ours: [frame["metrics"][log] for frame in frames]
        for ours, log in columns_of(OF_LIBVMAF).items()
    }
    lines = (folder / "xpsnr.log").read_text().partition("\n\n")[0].splitlines()
    for place, name in enumerate(METRICS["xpsnr"].columns):
        found[name] = [float(re.findall(r"\d+\.\d+", line)[place]) for line in lines]
    return found


@pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
def test_every_frame_has_the_values_of_libvmaf_and_ffmpeg_run_by_hand(
    pair: tuple[Path, Path], by_hand: dict[str, list[float]], backend: str
) -> None:
    if backend == "libvmaf":
        load_libvmaf()
    names = OF_LIBVMAF if backend == "libvmaf" else OF_FFMPEG
    scoring = ScoringOptions(backend=backend)

    alone = vmafx_tune.score(*pair, scoring=scoring)
    result = vmafx_tune.score(*pair, metrics=names, scoring=scoring)

    assert result.metrics.keys() - {"vmaf"} == result.scores.metrics.keys()
    for name, values in result.scores.metrics.items():
        assert values == pytest.approx(by_hand[name], abs=1e-4), name
        assert result.metrics[name].mean == pytest.approx(
            math.fsum(by_hand[name]) / len(values), abs=1e-4
        )
    assert (result.score, result.features) == (alone.score, alone.features)


def test_frames_that_are_left_out_have_no_metrics_either(
    pair: tuple[Path, Path], by_hand: dict[str, list[float]]
) -> None:
    result = vmafx_tune.score(*pair, metrics=["psnr", "xpsnr"], scoring=ScoringOptions(subsample=5))

    for name in ("psnr", "xpsnr"):
        assert result.scores.metrics[name] == pytest.approx(by_hand[name][::5], abs=1e-4)


def test_a_clip_against_itself_has_infinite_metrics_which_are_null_in_json(
    pair: tuple[Path, Path],
) -> None:
    done = run_cli(
        "score", pair[0], pair[0], "--metrics", "xpsnr,ciede,psnr_hvs,psnr,ssim", "--frames"
    )

    assert done.exit_code == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    means = {name: metric["mean"] for name, metric in document["metrics"].items()}
    assert (means["psnr"], means["ssim"]) == (60, 1)
    assert {means[name] for name in ("xpsnr", "ciede", "psnr_hvs")} == {None}
    assert document["frames"][0]["metrics"].keys() == means.keys()


def test_a_part_of_a_clip_has_the_metrics_of_its_own_frames(
    pair: tuple[Path, Path], by_hand: dict[str, list[float]]
) -> None:
    # XPSNR looks back at two frames, of which the first ones have none here.
    result = vmafx_tune.score(pair[0], pair[0], metrics=["ssim", "xpsnr"], offset=0)
    assert set(result.scores.metrics["xpsnr"]) == {math.inf}

    moved = vmafx_tune.score(pair[0], pair[1], metrics=["psnr", "xpsnr"], offset=-3)

    assert {len(values) for values in moved.scores.metrics.values()} == {moved.n_frames}
    assert moved.scores.metrics["psnr"] != by_hand["psnr"][3:]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--metrics", "psnt"], 2, "Did you mean psnr"),
        (["--metrics", ","], 2, "No metric was given"),
        (["--metrics", "xpsnr", "--backend", "libvmaf"], 4, "Use --backend ffmpeg"),
        (["--metrics", "ms_ssim", "--display", "318x174"], 1, "176 samples"),
        (["--metrics", "psnr", "--server", "127.0.0.1:1"], 2, "--metrics would have no effect"),
    ],
)
def test_metrics_that_cannot_be_computed_are_refused_in_a_sentence(
    pair: tuple[Path, Path], options: list[str], code: int, said: str
) -> None:
    done = run_cli("score", *pair, *options)

    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "error" in done.stderr.splitlines()[-1]


def test_a_libvmaf_that_lacks_a_metric_is_named(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = METRICS["cambi"].__class__(
        "cambi", "CAMBI", "cambi_of_later", {"cambi": "cambi"}, 0, 1, 0, 1
    )
    monkeypatch.setattr("vmafx_tune.scoring.metrics.METRICS", {**METRICS, "cambi": gone})
    for backend in ("ffmpeg", "libvmaf", "auto"):
        with pytest.raises(vmafx_tune.errors.MetricUnavailableError, match="cannot compute CAMBI"):
            vmafx_tune.score(*pair, metrics=["cambi"], scoring=ScoringOptions(backend=backend))

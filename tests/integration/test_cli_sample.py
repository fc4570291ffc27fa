"""`--sample` and `--verify` with real programs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import pictures
from tests.support.cli import run_cli
from vmafx_tune.media.packets import measure_complexity
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.pictures import Luma
    from vmafx_tune.model import Resolution

SAMPLE = ("--sample", "3x1s")
SEARCH = ("-c", "libx264", "-t", "80", "--preset", "ultrafast")
N_FRAMES = 250


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-g", "50")
    return clips.encode("sampled.mp4", pictures.moving, range(N_FRAMES), codec)


def segments_of(document: dict[str, Any]) -> list[tuple[int, int]]:
    return [(part["first_frame"], part["n_frames"]) for part in document["sample"]["segments"]]


def test_a_sampled_search_is_near_the_truth_and_a_verified_one_is_the_truth(source: Path) -> None:
    whole = run_cli("search", "-r", source, *SEARCH).document
    sampled = run_cli("search", "-r", source, *SEARCH, *SAMPLE).document
    verified = run_cli("search", "-r", source, *SEARCH, *SAMPLE, "--verify").document

    assert (sampled["ok"], sampled["proven"], sampled["limit"]["kind"]) == (True, False, "sample")
    assert len(segments_of(sampled)) == 3
    assert sampled["sample"]["share"] == pytest.approx(75 / N_FRAMES)
    assert abs(sampled["best_crf"] - whole["best_crf"]) <= 1
    assert sampled["sample"]["estimate"]["vmaf_error"] > 0
    assert verified["proven"]
    for field in ("best_crf", "bitrate_kbps", "vmaf_score"):
        assert verified[field] == whole[field]
    assert verified["sample"]["verified"]
    assert abs(verified["sample"]["estimate"]["crf"] - whole["best_crf"]) <= 3
    assert whole["sample"] is None


def test_an_estimate_is_the_answer_of_the_sample_however_looks_led_to_it(source: Path) -> None:
    outcome = run_cli(
        "search", "-r", source, *SEARCH, "--sample", "5x1s", "--progress", "json", "--no-cache"
    )
    found, estimate = outcome.document, outcome.document["sample"]["estimate"]

    assert '"look": true' in outcome.stderr
    assert estimate["crf"] == found["best_crf"]
    assert estimate["vmaf_score"] == found["vmaf_score"]
    assert estimate["bitrate_kbps"] == found["bitrate_kbps"]


def test_the_command_of_an_estimate_encodes_the_whole_clip(source: Path, tmp_path: Path) -> None:
    import shlex

    command = run_cli("search", "-r", source, *SEARCH, *SAMPLE).document["encode_command"]

    subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True)
    (encoded,) = tmp_path.iterdir()
    assert probe_source(encoded).n_frames == N_FRAMES


def test_a_second_sampled_run_encodes_nothing(source: Path) -> None:
    first = run_cli("search", "-r", source, *SEARCH, *SAMPLE).document
    second = run_cli("search", "-r", source, *SEARCH, *SAMPLE).document

    assert second["new_probes"] == 0 < first["new_probes"]
    for field in ("best_crf", "bitrate_kbps", "vmaf_score", "sample"):
        assert second[field] == first[field]


def test_a_comparison_samples_every_encoder(source: Path) -> None:
    document = run_cli(
        "compare", "-r", source, "-c", "libx264,libx265", "-t", "70,80", "--preset", "ultrafast",
        *SAMPLE,
    ).document  # fmt: skip

    assert len(document["rows"]) == 4
    for row in document["rows"]:
        assert (row["ok"], row["proven"], row["limit"]["kind"]) == (True, False, "sample")
        assert len(segments_of(row)) == 3
    assert document["subsample"] == 1


@pytest.mark.parametrize("verify", [(), ("--verify",)], ids=["estimate", "verified"])
def test_a_ladder_of_a_sample_says_so(source: Path, verify: tuple[str, ...]) -> None:
    document = run_cli(
        "ladder", "-r", source, "-t", "60,80", "--resolutions", "160x90,128x72",
        "--sampling", "grid", "--min-bitrate-gap", "1", "--preset", "ultrafast", *SAMPLE, *verify,
    ).document  # fmt: skip

    assert document["renditions"]
    assert document["sample"]["verified"] is bool(verify)
    assert len(segments_of(document)) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sample", "0x5s"), "'0x5s' is not a sample"),
        (("--sample", "6x"), "'6x' is not a sample"),
        (("--sample", "3x0.1s"), "too short to represent a clip"),
        (("--verify",), "--verify requires --sample"),
        ((*SAMPLE, "--verify", "--strategy", "bisect"), "Leave one of them out"),
    ],
)
def test_a_sample_that_makes_no_sense_is_a_usage_error(
    source: Path, options: tuple[str, ...], message: str
) -> None:
    outcome = run_cli("search", "-r", source, *SEARCH, *options)

    assert outcome.exit_code == 2
    assert message in " ".join(outcome.stderr.split())


def test_a_sample_larger_than_the_clip_measures_the_clip(source: Path) -> None:
    outcome = run_cli("search", "-r", source, *SEARCH, "--sample", "6x10s")

    assert outcome.document["proven"]
    assert outcome.document["sample"] is None
    assert "so the whole clip is measured" in " ".join(outcome.stderr.split())


@pytest.mark.parametrize("n_frames", [1, 2, 3])
@pytest.mark.parametrize("option", [("--sample", "1x1s"), ("--chunk", "1")])
def test_a_clip_of_few_frames_is_measured_as_a_whole(
    clips: ClipFactory, n_frames: int, option: tuple[str, str]
) -> None:
    # A decoder of H.264 holds back its first pictures, and these are its last ones too.
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "1")
    clip = clips.encode(f"few-{n_frames}.mp4", pictures.moving, range(n_frames), codec)

    outcome = run_cli("search", "-r", clip, *SEARCH, *option)

    assert outcome.exit_code == 0
    assert outcome.document["proven"]
    assert outcome.document["sample"] is None


def test_the_worst_frames_of_a_clip_are_not_estimated_from_parts(source: Path) -> None:
    outcome = run_cli("search", "-r", source, *SEARCH, *SAMPLE, "--pool", "p5")

    assert outcome.exit_code == 2
    assert "cannot estimate the 5th percentile" in " ".join(outcome.stderr.split())


def test_one_part_says_that_its_error_is_unknown(source: Path) -> None:
    document = run_cli("search", "-r", source, *SEARCH, "--sample", "1x2s").document

    assert document["sample"]["estimate"]["vmaf_error"] is None
    assert document["sample"]["estimate"]["bitrate_error_kbps"] is None
    assert "six parts or more" in document["limit"]["message"]


def test_a_variable_frame_rate_cannot_be_sampled(clips: ClipFactory) -> None:
    outcome = run_cli("search", "-r", clips.variable_rate(), *SEARCH, "--sample", "1x1s")

    assert outcome.exit_code == 1
    assert "varies, so it cannot be cut into parts" in " ".join(outcome.stderr.split())


def busy_end(index: int, size: Resolution) -> Luma:
    """Nothing moves in the first half."""
    return pictures.moving(index if index >= N_FRAMES // 2 else 0, size)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20")),
        (".ts", ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20")),
        (".y4m", ("-f", "yuv4mpegpipe")),
        (".avi", ("-c:v", "mjpeg", "-q:v", "2")),
    ],
)
def test_what_moves_is_harder_than_what_does_not(
    clips: ClipFactory, suffix: str, codec: tuple[str, ...]
) -> None:
    clip = clips.encode(f"busy-end{suffix}", busy_end, range(N_FRAMES), codec)

    found = measure_complexity(probe_source(clip))

    half = N_FRAMES // 2
    assert len(found.costs) == N_FRAMES
    assert sum(found.costs[half:]) > 1.5 * sum(found.costs[:half])
    assert all(0 <= start < N_FRAMES for start in found.starts)

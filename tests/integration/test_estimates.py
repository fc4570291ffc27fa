"""`--proof none`: one probe, an estimate that says so, and no proof of it ever after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

FAST = ("--preset", "ultrafast", "-t", "85")
NONE = ("--proof", "none")


def test_a_search_makes_one_probe_and_estimates(clips: ClipFactory) -> None:
    done = run_cli("search", "-r", clips.moving(), *FAST, *NONE)
    found = done.document
    assert done.exit_code == 0
    assert not found["proven"]
    assert found["new_probes"] == len(found["bisect_samples"]) == 1
    assert found["limit"]["kind"] == "no_proof"
    assert found["estimate"]["crf_error"] > 0


def test_the_answer_is_within_the_error_of_the_proven_one(clips: ClipFactory) -> None:
    clip = clips.moving()
    estimated = run_cli("search", "-r", clip, *FAST, *NONE).document
    proven = run_cli("search", "-r", clip, *FAST).document
    assert proven["proven"]
    assert proven["estimate"] is None
    off = abs(estimated["best_crf"] - proven["best_crf"])
    assert off <= estimated["estimate"]["crf_error"]


def test_a_proof_uses_the_probe_of_an_estimate_and_an_estimate_that_of_a_proof(
    clips: ClipFactory, tmp_path: Path
) -> None:
    clip = clips.moving()
    cache = {"VMAFX_CACHE_DIR": str(tmp_path / "cache")}
    first = run_cli("search", "-r", clip, *FAST, *NONE, env=cache).document
    again = run_cli("search", "-r", clip, *FAST, *NONE, env=cache).document
    proven = run_cli("search", "-r", clip, *FAST, env=cache).document
    after = run_cli("search", "-r", clip, *FAST, *NONE, env=cache).document

    assert first["new_probes"] == 1
    assert again["new_probes"] == 0
    assert again["best_crf"] == first["best_crf"]
    assert proven["proven"]
    assert first["bisect_samples"][0]["crf"] in [one["crf"] for one in proven["bisect_samples"]]
    assert proven["new_probes"] == len(proven["bisect_samples"]) - 1
    assert after["new_probes"] == 0
    assert not after["proven"]


def test_a_comparison_estimates_each_encoder_and_has_no_bd_rate(clips: ClipFactory) -> None:
    found = run_cli(
        *("compare", "-r", clips.moving(), "-c", "x264,x265", "-t", "80,85"),
        *("--preset", "ultrafast", "--anchor", "x264", *NONE),
    ).document
    assert not any(row["proven"] for row in found["rows"])
    assert all(row["estimate"] for row in found["rows"])
    assert found["new_probes"] <= 4
    assert all("needs measured answers" in one["reason"] for one in found["bd_rate"])


def test_a_batch_marks_estimates_and_is_done_again_with_a_proof(
    clips: ClipFactory, tmp_path: Path
) -> None:
    folder = tmp_path / "found"
    first = run_cli("batch", "search", clips.moving(), "-o", folder, *FAST, *NONE).document
    proven = run_cli("batch", "search", clips.moving(), "-o", folder, *FAST).document
    assert [file["estimated"] for file in first["files"]] == [True]
    assert [file["estimated"] for file in proven["files"]] == [False]
    (result,) = (json.loads((folder / file["result"]).read_text()) for file in proven["files"])
    assert result["proven"]


def test_a_gate_refuses_an_estimate(clips: ClipFactory, tmp_path: Path) -> None:
    saved = tmp_path / "estimate.json"
    run_cli("search", "-r", clips.moving(), *FAST, *NONE, "-o", saved)
    refused = run_cli("gate", saved, saved)
    assert refused.exit_code == 2
    assert "--proof none is an estimate" in refused.stderr


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--require", "vmaf.p5>=80"), "--require"),
        (("--max-bitrate", "500"), "--max-bitrate"),
        (("--strategy", "bisect"), "--strategy bisect"),
    ],
)
@pytest.mark.parametrize("command", ["search", "compare"])
def test_what_one_probe_cannot_tell_is_one_sentence(
    clips: ClipFactory, command: str, more: tuple[str, str], named: str
) -> None:
    done = run_cli(command, "-r", clips.moving(), *FAST, *NONE, *more)
    assert done.exit_code == 2
    assert "--proof none" in done.stderr
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_sample_is_estimated_from_one_probe_of_it(clips: ClipFactory) -> None:
    sample = ("--sample", "2x0.5s")
    found = run_cli("search", "-r", clips.moving(n_frames=75), *FAST, *NONE, *sample).document
    whole = run_cli(
        "search", "-r", clips.moving(n_frames=75), *FAST, *NONE, *sample, "--verify"
    ).document
    assert not found["proven"]
    assert found["new_probes"] == 1
    assert found["sample"]["estimate"]["crf"] == found["bisect_samples"][0]["crf"]
    assert found["estimate"] is not None
    assert not whole["proven"]
    assert len(whole["bisect_samples"]) == 1


def test_what_is_delivered_is_measured_with_no_proof_too(
    clips: ClipFactory, tmp_path: Path
) -> None:
    output = tmp_path / "output.mkv"
    found = run_cli("encode", "-r", clips.moving(), "-o", output, *FAST, *NONE).document
    assert found["ok"]
    assert found["estimate"] is None
    assert found["vmaf_score"] >= 85
    assert found["output"] is not None

"""Answers that meet conditions beside their target, with real encodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import vmafx_tune
from tests.support.cli import run_cli
from vmafx_tune.options import EncodingOptions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

RANGE = ("--crf-lo", "24", "--crf-hi", "36", "--preset", "ultrafast")
CONDITIONS = "vmaf.p5>=60,xpsnr.min>=30,psnr_cb.mean>=30"


@pytest.fixture(scope="module")
def clip(clips: ClipFactory) -> Path:
    return clips.moving()


def search(clip: Path, *options: str | Path) -> Any:
    done = run_cli("search", "-r", clip, *RANGE, *options)
    assert done.exit_code in (0, 3), done.stderr
    return done.document


def test_the_answer_is_that_of_a_look_at_every_setting(clip: Path) -> None:
    passing = []
    for crf in range(24, 37):
        one = vmafx_tune.search(
            clip,
            target=50,
            require=CONDITIONS.split(","),
            encoding=EncodingOptions(crf_lo=crf, crf_hi=crf, preset="ultrafast"),
        )
        if one.ok:
            passing.append(crf)

    found = search(clip, "-t", "50", "--require", CONDITIONS, "--no-cache")

    assert 24 < max(passing) < 36
    assert (found["best_crf"], found["proven"]) == (max(passing), True)
    assert found["next_worse"]["crf"] == max(passing) + 1
    failing = [one["condition"] for one in found["conditions"] if not one["next_worse_ok"]]
    assert found["next_worse_fails"] == failing != []
    for one in found["conditions"][1:]:
        name = one["condition"].partition(">=")[0]
        assert one["next_worse_value"] == found["next_worse"]["metrics"][name]


def test_what_is_cached_serves_where_it_has_the_metrics_and_only_there(clip: Path) -> None:
    plain = search(clip, "-t", "60")
    assert plain["new_probes"] > 0
    # VMAF is there, however it is pooled.
    assert search(clip, "-t", "60", "--require", "vmaf.min>=1")["new_probes"] == 0

    with_psnr = search(clip, "-t", "60", "--require", "psnr>=10")
    assert with_psnr["best_crf"] == plain["best_crf"]
    assert with_psnr["new_probes"] > 0
    assert search(clip, "-t", "60", "--require", "psnr>=10.5")["new_probes"] == 0
    assert search(clip, "-t", "60", "--require", "psnr>=10,xpsnr>=10")["new_probes"] > 0


def test_a_probe_with_metrics_serves_a_search_without(clip: Path) -> None:
    search(clip, "-t", "60", "--require", "psnr>=10")

    again = search(clip, "-t", "60")

    assert again["new_probes"] == 0
    assert "conditions" not in again
    assert "metrics" not in again["bisect_samples"][0]


def test_a_condition_that_no_setting_meets_ends_with_the_best_one(clip: Path) -> None:
    done = run_cli("search", "-r", clip, *RANGE, "-t", "50", "--require", "psnr>=59")

    assert done.exit_code == 3
    assert done.document["best_crf"] == 24
    assert done.document["error"].startswith("psnr.mean>=59 is not met; the best is VMAF ")
    table = run_cli(
        *("search", "-r", clip, *RANGE, "-t", "50", "--require", "psnr>=59", "--format", "table")
    )
    assert "psnr.mean>=59" in table.stdout
    assert "not met" in table.stdout


def test_chunks_have_the_metrics_of_their_own_frames(clips: ClipFactory) -> None:
    longer = clips.moving(n_frames=24)

    found = search(longer, "-t", "50", "--require", CONDITIONS, "--chunk", "0.48")

    assert found["ok"]
    assert found["chunk_frames"] == 12
    assert found["next_worse_fails"]


def test_what_encode_delivers_meets_the_conditions(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"

    done = run_cli("encode", "-r", clip, *RANGE, "-t", "50", "--require", CONDITIONS, "-o", out)

    assert done.exit_code == 0, done.stderr
    assert all(one["ok"] for one in done.document["conditions"])
    scored = run_cli("score", clip, out, "--metrics", "xpsnr,psnr").document
    assert scored["metrics"]["xpsnr"]["min"] >= 30
    assert scored["pooled"]["p5"] >= 60


def test_rows_of_a_comparison_meet_the_conditions_or_say_which_they_do_not(clip: Path) -> None:
    done = run_cli(
        *("compare", "-r", clip, "-c", "libx264,libx265", "-t", "50", "--preset", "ultrafast"),
        *("--crf-lo", "24", "--crf-hi", "36", "--require", "psnr>=33.5"),
    )

    for row in done.document["rows"]:
        if row["ok"]:
            assert row["metrics"]["psnr"]["mean"] >= 33.5
            assert row["next_worse"] is None or row["next_worse_fails"]
        else:
            assert row["error"].startswith("psnr.mean>=33.5 is not met")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--require", "vmag.p5>=85"], 2, "Did you mean vmaf"),
        (["--require", "vmaf.p5>=185"], 2, "out of the model's range"),
        (["--require", "ssim>=95"], 2, "Did you mean 0.95?"),
        (["--require", "cambi>=5"], 2, "Use cambi.mean<=5."),
        (["--require", ","], 2, "No condition was given"),
        (["--require", "cambi<=5"], 1, "CAMBI needs frames of at least 320 samples"),
        (["--require", "xpsnr>=30", "--backend", "libvmaf"], 4, "Use --backend ffmpeg"),
        (["--require", "vmaf.p5>=50", "--sample", "2x0.1s"], 2, "Add --verify"),
    ],
)
def test_conditions_that_make_no_sense_are_refused_before_any_encode(
    clip: Path, options: list[str], code: int, said: str
) -> None:
    done = run_cli("search", "-r", clip, *RANGE, *options)

    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr

"""The commands on small clips: what they print, to whom, and that it is true."""

from __future__ import annotations

import csv
import inspect
import io
import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.cli import Outcome, run_cli
from tests.support.programs import make_program
from vmafx_tune import compare, search
from vmafx_tune.model import Resolution
from vmafx_tune.options import DEFAULT_TARGET
from vmafx_tune.reports import schemas

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

SLOW_MODULES = ("numpy", "av", "ffmpeg", "platformdirs", "imageio_ffmpeg", "vmafx_tune.session")


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=25)


@pytest.fixture(scope="module")
def comparison(source: Path) -> Outcome:
    """Two encoders at two targets; shared by the tests that look at its parts."""
    return run_cli(
        "compare", "-r", source, "-c", "x264,libx265", "-t", "70,90", "--preset", "ultrafast",
        "--anchor", "libx264",
    )  # fmt: skip


def rows_of(outcome: Outcome) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = outcome.document["rows"]
    return rows


def test_a_comparison_ranks_every_encoder_at_every_target(comparison: Outcome) -> None:
    assert comparison.exit_code == 0
    assert comparison.document["schema_version"] == 2
    assert comparison.document["target_vmafs"] == [70, 90]
    by_target = [(row["target_vmaf"], row["bitrate_kbps"]) for row in rows_of(comparison)]
    assert len(by_target) == 4
    assert by_target == sorted(by_target)


def test_each_answer_meets_its_target_and_the_next_worse_setting_misses_it(
    comparison: Outcome,
) -> None:
    for row in rows_of(comparison):
        scores = {sample["crf"]: sample["vmaf_score"] for sample in row["bisect_samples"]}
        assert row["proven"]
        assert row["vmaf_score"] == scores[row["best_crf"]] >= row["target_vmaf"]
        assert scores[row["best_crf"] + 1] < row["target_vmaf"]


def test_each_printed_command_makes_the_same_encode_again(
    comparison: Outcome, source: Path, tmp_path: Path
) -> None:
    for row in rows_of(comparison):
        argv = shlex.split(row["encode_command"])
        subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
        again = run_cli("score", source, tmp_path / argv[-1]).document
        assert again["score"] == pytest.approx(row["vmaf_score"], abs=1e-4)


def test_bd_rate_is_given_against_the_anchor(comparison: Outcome) -> None:
    (bd_rate,) = comparison.document["bd_rate"]
    assert (bd_rate["codec"], bd_rate["anchor"]) == ("libx265", "libx264")


def test_one_target_keeps_the_older_form(source: Path) -> None:
    outcome = run_cli("compare", "-r", source, "-c", "libx264", "-t", "80", "--preset", "ultrafast")
    assert outcome.document["target_vmaf"] == 80
    assert "target_vmafs" not in outcome.document


def test_an_unreachable_target_still_prints_its_results_and_ends_with_3(source: Path) -> None:
    options = ("--crf-lo", "40", "--crf-hi", "51", "--preset", "ultrafast")
    compared = run_cli("compare", "-r", source, "-c", "libx264", "-t", "20,99.9", *options)
    assert compared.exit_code == 3
    assert [row["ok"] for row in rows_of(compared)] == [True, False]
    failed = rows_of(compared)[1]
    assert failed["best_crf"] == -1
    assert failed["vmaf_score"] is None
    assert failed["bisect_samples"]
    searched = run_cli("search", "-r", source, "-t", "99.9", *options)
    assert searched.exit_code == 3
    assert searched.document["ok"] is False
    assert searched.document["best_crf"] == 40


def test_search_prints_the_answer_with_its_command(source: Path) -> None:
    outcome = run_cli(
        "search", "-r", source, "-t", "85", "--preset", "ultrafast", "--format", "table"
    )
    assert outcome.exit_code == 0
    assert "libx264" in outcome.stdout
    assert "-crf" in outcome.stdout


def test_a_clip_against_itself_is_at_its_ceiling(source: Path) -> None:
    document = run_cli("score", source, source).document
    assert document["score"] > 97
    assert document["n_frames"] == 25


def test_a_score_below_the_minimum_is_printed_and_ends_with_3(
    source: Path, clips: ClipFactory
) -> None:
    poor = clips.degraded(45, n_frames=25)
    outcome = run_cli("score", source, poor, "--min-score", "90")
    assert outcome.exit_code == 3
    assert outcome.document["score"] < 90
    assert "below --min-score 90" in outcome.stderr
    assert run_cli("score", source, poor, "--min-score", "1").exit_code == 0


def test_frames_bring_one_score_each(source: Path, clips: ClipFactory) -> None:
    outcome = run_cli("score", source, clips.degraded(40, n_frames=25), "--frames")
    frames = outcome.document["frames"]
    assert [frame["frame"] for frame in frames] == list(range(25))
    mean = sum(frame["vmaf"] for frame in frames) / 25
    assert mean == pytest.approx(outcome.document["pooled"]["mean"], abs=1e-4)


def test_a_subsampled_score_has_every_nth_frame(source: Path, clips: ClipFactory) -> None:
    for backend in ("ffmpeg", "libvmaf"):
        outcome = run_cli(
            "score", source, clips.degraded(40, n_frames=25), "--frames", "--subsample", "10",
            "--backend", backend,
        )  # fmt: skip
        assert [frame["frame"] for frame in outcome.document["frames"]] == [0, 10, 20]
        assert outcome.document["n_frames"] == 25


def test_the_suffix_of_the_output_chooses_the_format(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "score.csv"
    outcome = run_cli("score", source, source, "-o", path)
    assert outcome.stdout == ""
    (row,) = csv.DictReader(io.StringIO(path.read_text()))
    assert float(row["score"]) > 97


def test_progress_as_json_lines_tells_each_probe(source: Path) -> None:
    outcome = run_cli(
        "search", "-r", source, "-t", "80", "--preset", "ultrafast", "--progress", "json"
    )
    events = [json.loads(line) for line in outcome.stderr.splitlines()]
    finished = [event for event in events if event["event"] == "probe_finished"]
    assert [event["number"] for event in finished] == list(range(1, len(finished) + 1))
    assert events[-1]["event"] == "job_finished"
    follows = Draft202012Validator(schemas.schema("progress")).is_valid
    assert all(map(follows, events))
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert any(event["eta_s"] for event in events)
    assert events[-1]["eta_s"] == 0


def test_quiet_says_nothing_but_the_result(source: Path, clips: ClipFactory) -> None:
    outcome = run_cli("score", source, clips.degraded(40, n_frames=25), "--quiet")
    assert outcome.stderr == ""


def test_verbose_shows_the_commands(source: Path) -> None:
    shown = run_cli("score", source, source, "--verbose").stderr
    assert "libvmaf" in shown
    assert "whitelist" not in shown


def test_every_encoder_is_listed_with_what_opens_here() -> None:
    document = run_cli("encoders").document
    encoders = {row["name"]: row for row in document["encoders"]}
    assert len(encoders) == 17
    software = ("libx264", "libx265", "libsvtav1", "libaom-av1", "libvpx-vp9", "libvvenc")
    assert all(encoders[name]["opens"] for name in software)
    assert all(row["opens"] or row["reason"] for row in encoders.values())


def test_doctor_finds_what_is_installed() -> None:
    outcome = run_cli("doctor")
    checks = {check["name"]: check for check in outcome.document["checks"]}
    assert outcome.exit_code == 0
    assert checks["ffmpeg"]["ok"]
    assert "vmaf_v0.6.1" in checks["models"]["detail"]


def test_doctor_says_which_version_a_named_vmaf_has(tmp_path: Path) -> None:
    log = {"version": "3.1.0", "frames": [{"frameNum": 0, "metrics": {"vmaf": 97.0}}]}
    body = f"while [ $1 != --output ]; do shift; done; echo {shlex.quote(json.dumps(log))} > $2"
    vmaf = make_program(tmp_path, body)
    outcome = run_cli("doctor", "--vmaf", vmaf)
    checks = {check["name"]: check for check in outcome.document["checks"]}
    assert (checks["vmaf program"]["ok"], checks["vmaf program"]["value"]) == (True, "3.1.0")


def test_doctor_does_not_take_any_program_for_vmaf(tmp_path: Path) -> None:
    vmaf = make_program(tmp_path, "")
    outcome = run_cli("doctor", "--vmaf", vmaf)
    checks = {check["name"]: check for check in outcome.document["checks"]}
    assert outcome.exit_code == 4
    assert not checks["vmaf program"]["ok"]


def test_libvmaf_prints_nothing_of_its_own(clips: ClipFactory) -> None:
    source = clips.moving(n_frames=2, size=Resolution(320, 180))
    model = ("--model", "vmaf_v1.0.16_3d0h")
    outcome = run_cli("score", source, source, "--backend", "libvmaf", *model)
    assert outcome.exit_code == 4
    assert [line for line in outcome.stderr.splitlines() if "vmafx-tune: " not in line] == []


def test_a_search_without_a_target_has_that_of_a_comparison(source: Path) -> None:
    outcome = run_cli("search", "-r", source, "--preset", "ultrafast")
    assert outcome.exit_code == 0
    assert outcome.document["target_vmaf"] == DEFAULT_TARGET
    assert inspect.signature(search).parameters["target"].default == DEFAULT_TARGET
    assert inspect.signature(compare).parameters["targets"].default == (DEFAULT_TARGET,)


def test_doctor_ends_with_4_where_ffmpeg_is_missing(tmp_path: Path) -> None:
    outcome = run_cli("doctor", "--ffmpeg", tmp_path / "no-ffmpeg")
    assert outcome.exit_code == 4
    checks = {check["name"]: check for check in outcome.document["checks"]}
    assert not checks["ffmpeg"]["ok"]
    assert checks["ffmpeg"]["advice"]


@pytest.mark.parametrize("name", ["score", "search", "compare", "encoders", "doctor"])
def test_every_json_output_has_a_schema(name: str) -> None:
    assert run_cli("schema", name).document["$schema"]


def test_an_unknown_schema_is_told_with_the_known_ones() -> None:
    outcome = run_cli("schema", "ladders")
    assert outcome.exit_code == 2
    assert "compare" in outcome.stderr


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("compare", "--help")])
def test_questions_about_the_program_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; from vmafx_tune.__main__ import main\n"
        f"sys.argv = ['vmafx-tune', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([m for m in {SLOW_MODULES!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_shell_completion_names_the_commands() -> None:
    done = run_cli(
        env={
            "_VMAFX_TUNE_COMPLETE": "complete_bash",
            "COMP_WORDS": "vmafx-tune ",
            "COMP_CWORD": "1",
        }
    )
    assert "compare" in done.stdout


def test_names_that_the_terminal_cannot_show_stop_no_command(source: Path, tmp_path: Path) -> None:
    clip = tmp_path / "h\N{LATIN SMALL LETTER E WITH ACUTE}h\N{MOVIE CAMERA}.mp4"
    clip.symlink_to(source)
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    table = run_cli("score", clip, clip, "--format", "table", env=plain)
    assert table.exit_code == 0
    # A long path is folded, wherever it happens to be full.
    assert "h?h?.mp4" in "".join(table.stdout.split())
    assert run_cli("score", clip, clip, env=plain).document["reference"] == str(clip)

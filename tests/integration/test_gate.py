"""`gate` with results that were really measured, and bad input."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import Outcome, command, run_cli
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory

USAGE = """\
Usage: vmafx-tune gate [OPTIONS] {BASELINE.json} [CURRENT.json]
Try 'vmafx-tune gate -h' for help.

"""
EXAMPLES = Path(__file__).parents[2] / "examples"
SEARCH, SCORE, LADDER = "search.json", "score.json", "ladder.json"


@pytest.fixture(scope="module")
def desk(clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with saved results of a clip."""
    folder = tmp_path_factory.mktemp("gate")
    source = clips.moving(n_frames=25, size=Resolution(320, 180))
    fast = ("--preset", "ultrafast", "--crf-lo", "20", "--crf-hi", "40")
    runs = (
        ("search", "-r", source, "-c", "x264", "-t", "80", *fast, "-o", SEARCH),
        ("score", source, source, "--frames", "-o", SCORE),
        ("ladder", "-r", source, "--resolutions", "160x90", "-t", "30,40", *fast, "-o", LADDER),
    )
    for arguments in runs:
        assert run_cli(*arguments, cwd=folder).exit_code == 0
    return folder


def gated(desk: Path, *arguments: str | Path) -> Outcome:
    return run_cli("gate", *arguments, cwd=desk)


def changed(desk: Path, name: str, **fields: Any) -> str:
    document = json.loads((desk / name).read_text("utf-8")) | fields
    new = f"changed-{name}"
    (desk / new).write_text(json.dumps(document), "utf-8")
    return new


@pytest.mark.parametrize("name", [SEARCH, SCORE, LADDER])
def test_an_unchanged_result_passes(desk: Path, name: str) -> None:
    outcome = gated(desk, name, name)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.document["ok"] is True
    assert outcome.document["results_of"] == name.removesuffix(".json")


def test_a_regression_is_a_line_on_stderr_and_exit_code_3(desk: Path) -> None:
    document = json.loads((desk / SCORE).read_text("utf-8"))
    worse = changed(desk, SCORE, score=document["score"] - 3)
    outcome = gated(desk, SCORE, worse)
    assert outcome.exit_code == 3
    (line,) = outcome.stderr.splitlines()
    assert "VMAF dropped by 3" in line
    assert "more than --max-drop 0.5" in line
    assert gated(desk, SCORE, worse, "--max-drop", "none").exit_code == 0
    assert gated(desk, SCORE, worse, "--max-drop", "3").exit_code == 0


def test_limits_in_percent_are_written_with_or_without_the_sign(desk: Path) -> None:
    found = json.loads((desk / SEARCH).read_text("utf-8"))
    dearer = changed(
        desk,
        SEARCH,
        bitrate_kbps=1.03 * found["bitrate_kbps"],
        next_worse=found["next_worse"]
        and found["next_worse"] | {"bitrate_kbps": 1.03 * found["next_worse"]["bitrate_kbps"]},
    )
    assert gated(desk, SEARCH, dearer).exit_code == 3
    assert gated(desk, SEARCH, dearer, "--max-bitrate-increase", "3.1%").exit_code == 0
    assert gated(desk, SEARCH, dearer, "--max-bitrate-increase", "3.1").exit_code == 0


def test_bounds_need_no_baseline(desk: Path) -> None:
    assert gated(desk, SCORE, "--min-vmaf", "50", "--min-p5", "50").exit_code == 0
    outcome = gated(desk, SEARCH, "--min-vmaf", "99.9")
    assert outcome.exit_code == 3
    assert "is below --min-vmaf 99.9" in outcome.stderr


def test_reports_are_written_beside_the_result(desk: Path) -> None:
    summary = desk / "summary.md"
    summary.write_text("# Before\n", "utf-8")
    reports = ("--junit", "junit.xml", "--summary", summary)
    assert gated(desk, SEARCH, SEARCH, *reports, "-o", "gate.html").exit_code == 0
    assert "<testsuite " in (desk / "junit.xml").read_text("utf-8")
    assert summary.read_text("utf-8").startswith("# Before\n## search: search.json against")
    page = (desk / "gate.html").read_text("utf-8")
    assert "Nothing regressed in" in page
    assert "://" not in page


def test_a_result_is_read_from_standard_input_only_once(desk: Path) -> None:
    outcome = gated(desk, "-", "-")
    assert outcome.exit_code == 2
    assert "Only one of the two" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((SEARCH, SCORE), "the command is search in the baseline and score now"),
        ((SEARCH, "absent.json"), "The result in 'absent.json' cannot be read: No such file"),
        ((SEARCH, "."), "The result in '.' cannot be read: Is a directory"),
        ((SEARCH, "text.json"), "No result can be read from 'text.json': it is not JSON"),
        ((SEARCH, "bytes.json"), "cannot be read: it is not text"),
        ((SEARCH, "newer.json"), "was written by a newer vmafx-tune (schema 7"),
        ((SEARCH, "moved.json"), "the source is"),
        ((SEARCH, "model.json"), "the model is vmaf_v0.6.1 in the baseline and mine now"),
        ((SEARCH,), "There is nothing to check"),
        (
            (SCORE, SCORE, "--max-drop", "none", "--max-frame-drop", "none"),
            "There is nothing to check, as every limit is lifted.",
        ),
        ((SEARCH, "--max-drop", "1"), "--max-drop needs a baseline"),
        (
            (SEARCH, SEARCH, "--max-bd-rate", "1"),
            "--max-bd-rate does not apply to results of search",
        ),
        ((SEARCH, SEARCH, "--max-drop", "-1"), "'-1' is not a limit"),
        ((SEARCH, SEARCH, "--max-drop", "nan"), "'nan' is not a limit"),
        (
            (SEARCH, SEARCH, "--max-drop", "20%"),
            "'20%' is not a limit in VMAF points. Write it as 0.5 or none.",
        ),
        ((SCORE, SCORE, "--max-frame-drop", "12%"), "'12%' is not a limit in VMAF points."),
        (
            (SEARCH, SEARCH, "--max-bitrate-increase", "2kb"),
            "'2kb' is not a limit in percent. Write it as 2, 2% or none.",
        ),
        ((SEARCH, SEARCH, "-o", SEARCH), "would overwrite it"),
        ((SEARCH, SEARCH, "--junit", SEARCH), "would overwrite it"),
        ((SEARCH, SEARCH, "--summary", "bytes.json"), "is not a text file that can be appended to"),
        ((SEARCH, SEARCH, "-o", "gate.csv"), "ends in .csv"),
    ],
)
def test_bad_input_is_one_sentence(desk: Path, arguments: tuple[str, ...], sentence: str) -> None:
    (desk / "text.json").write_text("{", "utf-8")
    (desk / "bytes.json").write_bytes(b"\xff\xfe\x00")
    found = json.loads((desk / SEARCH).read_text("utf-8"))
    for name, fields in {
        "newer.json": {"schema_version": 7},
        "moved.json": {"src": "other.mp4"},
        "model.json": {"model": "mine"},
    }.items():
        (desk / name).write_text(json.dumps(found | fields), "utf-8")
    before = {path.name: path.read_bytes() for path in desk.iterdir()}
    outcome = gated(desk, *arguments)
    assert outcome.exit_code in (1, 2)
    assert outcome.stdout == ""
    assert sentence in outcome.stderr
    assert len(outcome.stderr.removeprefix(USAGE).splitlines()) == 1
    assert before == {path.name: path.read_bytes() for path in desk.iterdir()}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_example_makefile_accepts_and_gates(clips: ClipFactory, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "ci/Makefile", tmp_path)
    source = clips.moving(n_frames=25, size=Resolution(320, 180))
    variables = (f"SOURCE={source}", f"VMAFX={shlex.join(command())}", "TARGETS=80")
    for goal in ("baseline", "gate"):
        done = subprocess.run(
            ["make", goal, *variables], cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "Nothing regressed" in done.stdout

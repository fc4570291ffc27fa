"""`ladder --sampling adaptive` with the real ffmpeg and libvmaf."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from tests.support.cli import TIMES, Outcome, run_cli, without
from vmafx_tune.model import Resolution
from vmafx_tune.reports import schemas

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

PASSING = {*TIMES, "new_probes"}
LADDER = (
    *("ladder", "-t", "40,60,90", "--resolutions", "320x180,240x136,160x90"),
    *("--preset", "ultrafast", "--min-bitrate-gap", "0", "--gop", "0.4"),
)
ADAPTIVE = "--sampling", "adaptive"


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=13, size=Resolution(320, 180))


@pytest.fixture(scope="module")
def built(source: Path) -> Outcome:
    """An adaptive ladder, shared by the tests that look at its parts."""
    return run_cli(*LADDER, *ADAPTIVE, "-r", source, "--workers", "2")


def test_its_document_follows_the_schema_and_says_how_it_was_sampled(built: Outcome) -> None:
    assert built.exit_code == 0, built.stderr
    Draft202012Validator(schemas.schema("ladder")).validate(built.document)
    assert built.document["sampling"] == "adaptive"
    assert built.document["strategy"] is None


def test_the_cloud_has_each_resolution_at_each_target(built: Outcome) -> None:
    cells = [(cell["width"], cell["target_vmaf"]) for cell in built.document["cloud"]]
    assert cells == [(width, target) for width in (320, 240, 160) for target in (40, 60, 90)]


def test_each_rung_and_each_answer_was_measured(built: Outcome) -> None:
    document = built.document
    probes = {(p["width"], p["crf"]): p["bitrate_kbps"] for p in document["probes"]}
    answers = [cell for cell in document["cloud"] if cell["ok"]]
    assert document["renditions"]
    for part in (*document["renditions"], *document["hull"], *answers):
        assert probes[part["width"], part["crf"]] == part["bitrate_kbps"]
    assert all(cell["vmaf"] >= cell["target_vmaf"] for cell in answers)


def test_it_makes_fewer_encodes_than_the_grid_and_reaches_as_high(
    built: Outcome, source: Path
) -> None:
    grid = run_cli(*LADDER, "-r", source).document
    assert grid["sampling"] == "grid"
    assert len(built.document["probes"]) < len(grid["probes"])
    assert built.document["renditions"][-1]["vmaf"] >= 90


def test_the_number_of_workers_changes_nothing_but_the_time(built: Outcome, source: Path) -> None:
    alone = run_cli(*LADDER, *ADAPTIVE, "-r", source, "--workers", "1").document
    assert without(alone, PASSING) == without(built.document, PASSING)


def test_a_saved_one_gives_other_rungs_and_reports(built: Outcome, tmp_path: Path) -> None:
    saved = tmp_path / "ladder.json"
    saved.write_text(built.stdout, encoding="utf-8")
    again = run_cli("ladder", "--from-json", saved, "--format", "json")
    assert without(json.loads(again.stdout), PASSING) == without(built.document, PASSING)
    table = run_cli("ladder", "--from-json", saved, "--max-rungs", "1", "--format", "table")
    assert table.exit_code == 0
    assert "Ladder of 1 rung" in table.stdout


def test_progress_tells_probes_and_cells(source: Path) -> None:
    told = run_cli(*LADDER, *ADAPTIVE, "-r", source, "--progress", "json")
    events = [json.loads(line) for line in told.stderr.splitlines() if line.startswith("{")]
    cells = [event for event in events if event["event"] == "cell_finished"]
    probes = [event for event in events if event["event"] == "probe_finished"]
    assert [event["cells_done"] for event in cells] == list(range(1, 10))
    assert len(probes) == len(told.document["probes"])


def test_fractional_steps_a_range_and_fewer_frames_are_taken_as_by_the_grid(source: Path) -> None:
    done = run_cli(
        *LADDER, *ADAPTIVE, "-r", source, "--crf-lo", "20", "--crf-hi", "40", "--crf-step", "0.2",
        "--subsample", "3", "--max-iter", "4",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    qualities = [probe["crf"] for probe in done.document["probes"]]
    assert all(20 <= crf <= 40 and round(crf * 5) == pytest.approx(crf * 5) for crf in qualities)
    assert len(qualities) <= 12

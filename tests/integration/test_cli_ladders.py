"""`ladder` with several encoders in one run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.cli import Outcome, run_cli
from tests.support.programs import make_program
from vmafx_tune.media.ffmpeg import find_ffmpeg
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import Resolution
from vmafx_tune.reports import schemas

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

LADDER = (
    *("ladder", "-t", "40,60,90", "--resolutions", "320x180,240x136,160x90"),
    *("--preset", "ultrafast", "--min-bitrate-gap", "0", "--gop", "0.4"),
)
ADAPTIVE = "--sampling", "adaptive"
BOTH = "-c", "x264,x265"


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=13, size=Resolution(320, 180))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ladders")


@pytest.fixture(scope="module")
def built(source: Path, folder: Path) -> Outcome:
    """Two adaptive ladders of one run, shared by the tests that look at them."""
    return run_cli(*LADDER, *ADAPTIVE, *BOTH, "-r", source, "-o", folder / "{codec}.json")


def saved(folder: Path, encoder: str) -> Any:
    return json.loads((folder / f"{encoder}.json").read_text(encoding="utf-8"))


def test_each_encoder_has_a_document_as_from_a_run_of_its_own(built: Outcome, folder: Path) -> None:
    assert (built.exit_code, built.stdout) == (0, ""), built.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["libx264.json", "libx265.json"]
    for encoder in ("libx264", "libx265"):
        document = saved(folder, encoder)
        Draft202012Validator(schemas.schema("ladder")).validate(document)
        assert document["encoder"] == encoder
        assert document["renditions"]


def test_the_first_guides_the_second_which_makes_fewer_encodes(
    built: Outcome, folder: Path, source: Path
) -> None:
    alone = run_cli(*LADDER, *ADAPTIVE, "-c", "x265", "-r", source).document
    first, second = saved(folder, "libx264"), saved(folder, "libx265")
    assert (first["guided_by"], second["guided_by"]) == ([], ["libx264"])
    assert len(second["probes"]) < len(alone["probes"])
    assert second["renditions"][-1]["vmaf"] >= 90


def test_the_second_is_scored_against_the_source_as_it_was_decoded_for_the_first(
    source: Path, tmp_path: Path
) -> None:
    outcome = run_cli(
        "ladder", "-r", source, *BOTH, "-t", "40,60,90", "--resolutions", "320x180", "--workers",
        "1", "--preset", "ultrafast", "-o", tmp_path / "{codec}.json", "-v", "--no-cache",
    )  # fmt: skip
    lines = [line for line in outcome.stderr.splitlines() if "$ " in line]
    second = next(n for n, line in enumerate(lines) if "libx265" in line and ".probe." in line)
    scores = [line for line in lines[second:] if "libvmaf" in line and "probe.mp4" in line]
    # x265 labels what it makes, x264 does not: so the source is brought to another form, once.
    assert len([line for line in scores if source.name in line]) <= 1 < len(scores)


def test_a_table_of_each_is_printed_where_people_read(source: Path) -> None:
    outcome = run_cli(*LADDER, *ADAPTIVE, *BOTH, "-r", source, "--format", "table")
    assert outcome.exit_code == 0
    headings = re.findall(r"^Ladder of .* with (\w+)$", outcome.stdout, re.MULTILINE)
    assert headings == ["libx264", "libx265"]


def test_one_encoder_may_name_its_file_too(source: Path, tmp_path: Path) -> None:
    outcome = run_cli(*LADDER, *ADAPTIVE, "-r", source, "-o", tmp_path / "a.{codec}.json")
    assert outcome.exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.libx264.json"]


def test_other_rungs_of_a_saved_ladder_go_to_the_file_of_its_encoder(
    built: Outcome, folder: Path, tmp_path: Path
) -> None:
    outcome = run_cli(
        "ladder", "--from-json", folder / "libx265.json", "--max-rungs", "2",
        "-o", tmp_path / "{codec}.m3u8",
    )  # fmt: skip
    assert outcome.exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["libx265.m3u8"]


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["-c", "x264,x265"], 2, "libx264 and libx265 have a ladder each"),
        (["-c", "x264,x265", "-o", "one.json"], 2, "-o 'ladder.{codec}.json'"),
        (["-c", "x264,x265", "--format", "hls"], 2, "-o 'ladder.{codec}.json'"),
        (["-c", "x264,x999", "-o", "{codec}.json"], 2, "Unknown encoder 'x999'"),
        (["-c", "x264,libx264", "-o", "{codec}.json"], 2, "libx264 is named twice"),
        (["-c", "x264,x264", "-o", "{codec}.json"], 2, "libx264 is named twice"),
        (["-c", ",", "-o", "{codec}.json"], 2, "No encoder was given"),
        (["-c", "x264,x265", "-o", "none/{codec}.json"], 1, "'none/libx264.json' does not exist"),
        (["-c", "x264,x265", "-o", "{codec}.doc"], 2, "'libx264.doc' ends in .doc"),
        (["-c", "x264,svt-av1", "--crf-lo", "1", "--crf-hi", "63", "-o", "{codec}.json"], 2,
         "out of the range of libx264"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_any_encode(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run_cli(*LADDER, "-r", source, *options)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_cannot_run_here_is_told_before_any_encode(
    source: Path, tmp_path: Path
) -> None:
    real = find_ffmpeg(None, ProcessRunner()).path
    without = make_program(
        tmp_path, f'case "$*" in *libx265*) exit 1;; *.probe.*) exit 9;; esac\nexec {real} "$@"'
    )
    out = tmp_path / "out"
    out.mkdir()
    outcome = run_cli(
        *LADDER, *BOTH, "-r", source, "-o", out / "{codec}.json", "--ffmpeg", without, "--no-cache"
    )
    assert outcome.exit_code == 4
    assert "libx265 cannot be used here" in outcome.stderr
    assert list(out.iterdir()) == []


def test_where_one_encoder_fails_the_ladders_of_the_others_are_written(
    source: Path, tmp_path: Path
) -> None:
    real = find_ffmpeg(None, ProcessRunner()).path
    breaking = make_program(
        tmp_path,
        f'case "$*" in *libx264*.probe.*) echo broken >&2; exit 1;; esac\nexec {real} "$@"',
    )
    out = tmp_path / "out"
    out.mkdir()
    outcome = run_cli(
        *LADDER, *ADAPTIVE, *BOTH, "-r", source, "-o", out / "{codec}.json",
        "--ffmpeg", breaking, "--no-cache",
    )  # fmt: skip
    assert outcome.exit_code == 1
    assert "error: libx264: " in outcome.stderr
    assert saved(out, "libx264")["renditions"] == []
    assert saved(out, "libx265")["renditions"]


def test_a_target_out_of_reach_of_one_encoder_is_exit_code_3(source: Path, tmp_path: Path) -> None:
    outcome = run_cli(
        "ladder", "-c", "svt-av1,x264", "-t", "60", "--resolutions", "320x180", "--gop", "0.4",
        "--preset", "ultrafast", "--crf-lo", "48", "--crf-hi", "51", "-r", source,
        "-o", tmp_path / "{codec}.json",
    )  # fmt: skip
    assert outcome.exit_code == 3
    assert saved(tmp_path, "libsvtav1")["renditions"]
    assert saved(tmp_path, "libx264")["renditions"] == []

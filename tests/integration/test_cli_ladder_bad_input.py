"""Bad input to `ladder`: one sentence, the right exit code, before any encode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=25, size=Resolution(320, 180))


@pytest.mark.parametrize(
    ("resolutions", "sentence"),
    [
        ("640x360", "would upscale the source, which is 320x180"),
        ("160x90,160x90", "160x90 is given more than once"),
        ("161x90", "has an odd side"),
        ("160x91", "has an odd side"),
        ("0x0", "'0x0' is not a picture size"),
        ("160", "'160' is not a picture size"),
        ("160:90", "'160:90' is not a picture size"),
        ("160x90,", "'' is not a picture size"),
        ("-160x90", "is not a picture size"),
        ("1e3x1e3", "is not a picture size"),
    ],
)
def test_resolutions_that_cannot_be_are_refused_before_any_encode(
    source: Path, work_dir: Path, resolutions: str, sentence: str
) -> None:
    outcome = run_cli(
        "ladder", "-r", source, f"--resolutions={resolutions}", "--work-dir", work_dir
    )
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_another_aspect_ratio_is_a_warning(source: Path, work_dir: Path) -> None:
    outcome = run_cli(
        "ladder", "-r", source, "--resolutions", "160x120", "-t", "30", "--preset", "ultrafast",
        "--crf-lo", "20", "--crf-hi", "22", "--work-dir", work_dir,
    )  # fmt: skip
    assert outcome.exit_code == 0
    assert "160x120 has another aspect ratio" in outcome.stderr


def test_where_no_cell_is_reached_the_cloud_is_printed_and_the_exit_code_is_3(
    source: Path, work_dir: Path
) -> None:
    outcome = run_cli(
        "ladder", "-r", source, "--resolutions", "160x90", "-t", "97,99", "--preset", "ultrafast",
        "--crf-lo", "40", "--crf-hi", "42", "--work-dir", work_dir,
    )  # fmt: skip
    assert outcome.exit_code == 3
    assert [cell["ok"] for cell in outcome.document["cloud"]] == [False, False]
    assert outcome.document["probes"]
    assert outcome.document["renditions"] == []
    assert "No point of the hull" in outcome.stderr


def test_where_no_cell_is_reached_there_is_no_manifest(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "main.m3u8"
    outcome = run_cli(
        "ladder", "-r", source, "--resolutions", "160x90", "-t", "99", "--preset", "ultrafast",
        "--crf-lo", "40", "--crf-hi", "42", "-o", output,
    )  # fmt: skip
    assert outcome.exit_code == 3
    assert not output.exists()
    assert "no manifest is written" in outcome.stderr


def test_hdr_is_refused_without_consent_and_labelled_with_it(clips: ClipFactory) -> None:
    refused = run_cli("ladder", "-r", clips.hdr_pq())
    assert refused.exit_code == 1
    assert "--allow-hdr" in refused.stderr
    allowed = run_cli(
        "ladder", "-r", clips.hdr_pq(), "--allow-hdr", "-c", "libx265", "-t", "30", "--preset",
        "ultrafast", "--crf-lo", "20", "--crf-hi", "22",
    )  # fmt: skip
    assert allowed.exit_code == 0
    assert allowed.document["hdr"] is True


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--max-rungs", "0"), "maximum number of rungs is 0"),
        (("--gop", "0"), "0 s is not a valid GOP length"),
        (("--gop", "inf"), "inf s is not a valid GOP length"),
        (("-t", ""), "No target was given"),
        (("-t", "101"), "out of the model's range"),
        (("-t", "0.95"), "Did you mean 95?"),
        (("--min-vmaf", "0.7"), "Did you mean 70?"),
        (("--max-vmaf", "950"), "Did you mean 95?"),
        (("-t", "abc"), "'abc' is not a number"),
        (("--display", "x"), "'x' is not a picture size"),
        (("--min-vmaf", "99"), "above its highest"),
        (("--throughput", "nowhere.csv"), "neither a throughput"),
        (("--spacing", "optimal"), "--throughput"),
        (("-c", "nonsense"), "Unknown encoder 'nonsense'"),
        (("--encoder-args=-g 30"), "g moves keyframes"),
        (("--encoder-args=-x264-params scenecut=40"), "scenecut moves keyframes"),
        (("--encoder-args=-force_key_frames 1"), "force_key_frames moves"),
        (("--format", "csv"), "'csv' is not a format"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_any_encode(
    source: Path, work_dir: Path, options: tuple[str, ...] | str, sentence: str
) -> None:
    given = (options,) if isinstance(options, str) else options
    outcome = run_cli("ladder", "-r", source, *given, "--work-dir", work_dir)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_neither_a_clip_nor_a_saved_ladder_is_told_which_options_to_give() -> None:
    outcome = run_cli("ladder")
    assert outcome.exit_code == 2
    assert "-r" in outcome.stderr
    assert "--from-json" in outcome.stderr


def test_a_saved_ladder_and_new_measurements_exclude_each_other(tmp_path: Path) -> None:
    outcome = run_cli("ladder", "--from-json", tmp_path / "l.json", "-r", "x.mp4", "-t", "80")
    assert outcome.exit_code == 2
    assert "--reference, --targets would have no effect" in outcome.stderr


@pytest.mark.parametrize(
    "option",
    [
        *(("--pool", "mean"), ("--sampling", "grid"), ("--gop", "2"), ("--preset", "slow")),
        *(("--score-at", "display"), ("--crf-lo", "10"), ("--crf-hi", "40"), ("--sample", "2x1s")),
        *(("--workers", "2"), ("--model", "neg"), ("--ffmpeg", "x"), ("--no-cache",)),
        *(("--size", "2x2"), ("--cluster", "tcp://a:1"), ("--encoder-args", ""), ("-c", "x265")),
    ],
)
def test_an_option_that_measures_is_refused_by_name_for_a_saved_ladder(
    tmp_path: Path, option: tuple[str, ...]
) -> None:
    outcome = run_cli("ladder", "--from-json", tmp_path / "l.json", *option)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    name = {"-c": "--codec", "--no-cache": "--cache"}.get(option[0], option[0])
    assert f"so {name} would have no effect" in outcome.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"hello", "JSON"),
        (b"\xff\xfe\x00", "it is not text"),
        (b"[]", "ladder"),
        (b"{}", "ladder"),
        (json.dumps({"schema_version": 2, "cloud": [], "encoder": "x"}).encode(), "newer"),
        (json.dumps({"src": "a", "target_vmaf": 90, "rows": []}).encode(), "compare"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "blank", "text", "binary", "list", "object", "newer", "compare", "deep"],
)
def test_a_file_that_is_no_ladder_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "saved.json"
    file.write_bytes(content)
    outcome = run_cli("ladder", "--from-json", file)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr
    assert "saved.json" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_a_saved_ladder_that_is_not_there_is_told(tmp_path: Path) -> None:
    for place in (tmp_path / "missing.json", tmp_path):
        outcome = run_cli("ladder", "--from-json", place)
        assert outcome.exit_code == 2
        assert "cannot be read" in outcome.stderr


def test_an_empty_pipe_is_told() -> None:
    outcome = run_cli("ladder", "--from-json", "-")
    assert outcome.exit_code == 2
    assert "from standard input: it is empty" in outcome.stderr

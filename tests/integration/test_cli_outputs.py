"""Outputs never replace inputs, whatever both are called; their suffix says what they hold."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import command, run_cli
from tests.support.programs import make_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.clips import ClipFactory


def _same(path: Path) -> str:
    return str(path)


def _dotted(path: Path) -> str:
    return f"./{path.name}"


def _roundabout(path: Path) -> str:
    return f"../{path.parent.name}/./{path.name}"


def _symlink(path: Path) -> str:
    link = path.with_name("link.json")
    link.symlink_to(path.name)
    return link.name


def _hard_link(path: Path) -> str:
    link = path.with_name("hard.json")
    link.hardlink_to(path)
    return str(link)


def _linked_folder(path: Path) -> str:
    link = path.parent.with_name(f"{path.parent.name}-link")
    link.symlink_to(path.parent, target_is_directory=True)
    return str(link / path.name)


SPELLINGS = (_same, _dotted, _roundabout, _symlink, _hard_link, _linked_folder)


@pytest.fixture
def clip(clips: ClipFactory, tmp_path: Path) -> Path:
    path = tmp_path / "in.mkv"
    shutil.copy(clips.moving(suffix=".mkv"), path)
    return path


def refused(source: Path, label: str, *arguments: str | Path) -> None:
    """Run a command that must leave `source` alone and name it."""
    before = source.read_bytes()
    listing = sorted(source.parent.iterdir())
    outcome = run_cli(*arguments, cwd=source.parent)
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert f"is also the file of {label}" in outcome.stderr
    assert source.read_bytes() == before
    assert sorted(source.parent.iterdir()) == listing


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_the_source_passes_for_another_file(
    clip: Path, spelling: Callable[[Path], str]
) -> None:
    output = spelling(clip)
    refused(clip, "--reference", "search", "-r", "in.mkv", "-t", "80", "-o", output)


@pytest.mark.parametrize(
    ("label", "arguments"),
    [
        ("REFERENCE", ("score", "in.mkv", "other.mkv")),
        ("DISTORTED", ("score", "other.mkv", "in.mkv")),
        ("REFERENCE", ("score", "in.mkv", "other.mkv", "--server", "localhost:1")),
        ("--server-ca", ("score", "a", "b", "--server", "localhost:1", "--server-ca", "in.mkv")),
        ("--model", ("score", "a", "b", "--model", "in.mkv")),
        ("--ffmpeg", ("score", "a", "b", "--ffmpeg", "in.mkv")),
        ("--vmaf", ("score", "a", "b", "--vmaf", "in.mkv")),
        ("--reference", ("search", "-r", "in.mkv", "-t", "80")),
        ("--encoder-args", ("search", "-r", "a", "-t", "80", "--encoder-args", "-vf movie=in.mkv")),
        ("--reference", ("compare", "-r", "in.mkv")),
        ("--reference", ("ladder", "-r", "in.mkv")),
        ("--throughput", ("ladder", "-r", "a", "--throughput", "in.mkv")),
        ("--from-json", ("ladder", "--from-json", "in.mkv")),
        ("--ffmpeg", ("encoders", "--ffmpeg", "in.mkv")),
        ("--ffmpeg", ("doctor", "--ffmpeg", "in.mkv")),
    ],
)
def test_every_command_checks_every_file_that_it_is_given(
    clip: Path, label: str, arguments: tuple[str, ...]
) -> None:
    refused(clip, label, *arguments, "-o", clip, "--format", "json")


@pytest.mark.parametrize("variable", ["VMAFX_FFMPEG", "VMAFX_VMAF_BINARY", "VMAFX_LIBVMAF"])
def test_files_that_the_environment_names_are_inputs_too(tmp_path: Path, variable: str) -> None:
    tool = make_program(tmp_path, "exit 1", name="tool")
    outcome = run_cli("cache", "-o", tool, env={variable: str(tool)})
    assert outcome.exit_code == 2
    assert variable in outcome.stderr


def test_a_model_of_a_model_folder_is_an_input(tmp_path: Path) -> None:
    model = tmp_path / "mine.json"
    model.write_text("{}")
    outcome = run_cli("cache", "-o", model, env={"VMAFX_MODEL_DIR": str(tmp_path)})
    assert outcome.exit_code == 2
    assert model.read_text() == "{}"


def test_the_saved_ladder_on_standard_input_is_an_input(tmp_path: Path) -> None:
    saved = tmp_path / "ladder.json"
    saved.write_text("{}")
    with saved.open() as stdin:
        done = subprocess.run(
            command("ladder", "--from-json", "-", "-o", saved),
            stdin=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "--from-json" in done.stderr
    assert saved.read_text() == "{}"


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("gate a.json --junit x.xml --summary ./x.xml", "--summary"),
        ("gate a.json -o x.json --summary link.json", "--summary"),
        ("gate a.json -o x.html --junit x.html", "--junit"),
        ("search -r a -t 80 -o x.svg --format json --chart x.svg", "--chart"),
        ("encode -r a -t 80 -o x.mkv --report x.mkv", "--report"),
    ],
)
def test_two_outputs_that_are_not_there_yet_are_two_files(
    tmp_path: Path, words: str, label: str
) -> None:
    (tmp_path / "link.json").symlink_to("x.json")
    outcome = run_cli(*words.split(), cwd=tmp_path)
    assert outcome.exit_code == 2
    assert f"is also the file of {label}" in outcome.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["link.json"]


def test_standard_output_appended_to_an_input_is_refused(clip: Path) -> None:
    before = clip.read_bytes()
    with clip.open("ab") as stdout:
        done = subprocess.run(
            command("score", clip, clip),
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert b"Standard output is also the file of REFERENCE" in done.stderr
    assert clip.read_bytes() == before


def test_another_file_beside_the_source_is_written(clip: Path) -> None:
    # It was there before, and is no input.
    output = clip.with_name("in.json")
    output.write_text("old")
    assert run_cli("score", clip, clip, "-o", output).exit_code == 0
    assert output.read_text().startswith("{")
    assert run_cli("score", clip, clip, "-o", os.devnull).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("score", "a", "b", "-o", "x.md"), "table (.txt), json (.json), csv (.csv), html (.html)"),
        (("score", "a", "b", "--server", "localhost:1", "-o", "x.csv"), "json (.json)"),
        (("search", "-r", "a", "-t", "80", "-o", "x.csv"), "table (.txt), json (.json)"),
        (("compare", "-r", "a", "-o", "x.xlsx"), "csv (.csv), html (.html)"),
        (("ladder", "-r", "a", "-o", "x.csv"), "hls (.m3u8), dash (.mpd), html (.html)"),
        (("encoders", "-o", "x.md"), "table (.txt), json (.json)"),
        (("cache", "-o", "x.xlsx"), "table (.txt), json (.json)"),
    ],
)
def test_a_suffix_that_the_command_has_no_format_for_is_refused_before_any_work(
    tmp_path: Path, arguments: tuple[str, ...], names: str
) -> None:
    outcome = run_cli(*arguments, cwd=tmp_path)
    assert outcome.exit_code == 2
    assert names in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_is_named_goes_before_the_suffix(tmp_path: Path) -> None:
    output = tmp_path / "x.xlsx"
    assert run_cli("cache", "-o", output, "--format", "json").exit_code == 0
    assert output.read_text().startswith("{")


@pytest.mark.parametrize(
    "words",
    [
        "cache -o -",
        "report a.json -o -",
        "gate a.json --junit -",
        "gate a.json --summary -",
        "encode -r a -t 80 -o -",
        "encode -r a -t 80 -o b.mkv --report -",
    ],
)
def test_a_dash_is_no_output(tmp_path: Path, words: str) -> None:
    outcome = run_cli(*words.split(), cwd=tmp_path)
    assert outcome.exit_code == 2
    assert "'-' is not the name of an output" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


LONG = "n" * 260


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("search -r a.mkv -t 80 -o", f"{LONG}.json"),
        ("search -r a.mkv -t 80 -o", f"{LONG}/a.json"),
        ("search -r a.mkv -t 80 --chart", f"{LONG}.svg"),
        ("encode -r a.mkv -t 80 -o", f"{LONG}.mkv"),
        ("encode -r a.mkv -t 80 -o b.mkv --report", f"{LONG}.json"),
        ("score a.mkv a.mkv --stills", LONG),
        ("gate a.json --junit", f"{LONG}.xml"),
        ("gate a.json --summary", f"{LONG}.md"),
        ("report a.json -o", f"{LONG}.html"),
        ("batch search a.mkv -t 80 -o", LONG),
    ],
)
def test_a_name_that_no_file_can_have_is_one_sentence(
    tmp_path: Path, words: str, name: str
) -> None:
    outcome = run_cli(*words.split(), name, cwd=tmp_path)
    assert outcome.exit_code == 1
    assert "File name too long." in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_ladder_of_such_a_name_cannot_be_read(tmp_path: Path) -> None:
    outcome = run_cli("package", f"{LONG}.json", "-o", "title", cwd=tmp_path)
    assert outcome.exit_code == 2
    assert "cannot be read: File name too long." in outcome.stderr

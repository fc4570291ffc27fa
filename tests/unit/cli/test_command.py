"""What `--help` shows first, and how."""

from __future__ import annotations

import inspect
import re

import pytest
from typer.testing import CliRunner

from vmafx_tune.cli.app import COMMANDS, app, function_of
from vmafx_tune.cli.command import implied_by, with_implied


def sections(command: str) -> dict[str, list[str]]:
    """The lines of a command's help, by heading, as on a narrow terminal."""
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "60"}).stdout
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if heading := re.fullmatch(r"(\w[\w ]*):", line):
            lines = found[heading[1]] = []
        elif found and line:
            lines.append(line)
    return found


def flags(lines: list[str]) -> list[str]:
    return [flag for line in lines for flag in re.findall(r"^  (?:-\w, )?(--[\w-]+)", line)]


def test_the_list_of_commands_says_of_each_what_its_own_help_says() -> None:
    stated = {name: inspect.getdoc(function_of(name)) or "" for name in COMMANDS}
    assert {name: text.partition("\n")[0] for name, text in stated.items()} == COMMANDS


@pytest.mark.parametrize(
    ("command", "leading"),
    [
        ("score", ["--min-score", "--frames", "--model", "--pool", "--output"]),
        ("search", ["--reference", "--codec", "--target", "--preset", "--output"]),
        ("compare", ["--reference", "--codecs", "--targets", "--preset", "--output"]),
        ("ladder", ["--reference", "--codec", "--targets", "--max-rungs", "--output"]),
        ("serve", ["--host", "--port", "--grpc-port", "--media-roots", "--backend"]),
    ],
)
def test_help_leads_with_the_five_options_that_people_use(command: str, leading: list[str]) -> None:
    assert flags(sections(command)["Options"]) == [*leading, "--help"]


def test_options_follow_under_the_headings_of_their_groups() -> None:
    assert list(sections("ladder")) == [
        *("Examples", "Arguments", "Options", "Ladder", "Rungs", "Caps", "Encoding"),
        *("Scoring", "Source", "Tools", "Cluster", "Output"),
    ]


def test_every_option_is_listed_once() -> None:
    for command in COMMANDS:
        listed = [flag for lines in sections(command).values() for flag in flags(lines)]
        assert len(listed) == len(set(listed))


def test_arguments_have_a_heading_of_their_own() -> None:
    assert [line.split()[0] for line in sections("score")["Arguments"] if line[2] != " "] == [
        "REFERENCE",
        "DISTORTED",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_example_stands_on_one_line(command: str) -> None:
    examples = sections(command)["Examples"]
    assert examples
    assert all(line.startswith(f"  vmafx-tune {command}") for line in examples)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("--per-shot", "--per-shot=slope"),
        ("--per-shot -t 93", "--per-shot=slope -t 93"),
        ("--per-shot film.mkv", "--per-shot=slope film.mkv"),
        ("--per-shot constant", "--per-shot constant"),
        ("--per-shot=constant", "--per-shot=constant"),
        ("-- --per-shot", "-- --per-shot"),
        ("", ""),
    ],
)
def test_an_option_that_may_stand_alone_then_has_its_usual_value(typed: str, read: str) -> None:
    assert with_implied(typed.split()) == read.split()


def test_an_option_that_may_stand_alone_is_true_in_a_list() -> None:
    assert implied_by("--per-shot", "true") == "slope"
    assert implied_by("--per-shot", "constant") == "constant"
    assert implied_by("--deinterlace", "true") == "true"

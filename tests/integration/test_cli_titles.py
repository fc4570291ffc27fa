"""`ladder --titles`: one ladder for several titles, from saved ladders."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from tests.support.cli import run_cli
from tests.unit.reports.ladder_factories import ladder_result
from vmafx_tune.reports import schemas
from vmafx_tune.reports.render import render

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def titles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the ladders of two titles, and one with another encoder."""
    monkeypatch.chdir(tmp_path)
    one, two = ladder_result("one.mp4"), ladder_result("two.mp4")
    costly = tuple(replace(p, bitrate_kbps=p.bitrate_kbps * (1 + p.width)) for p in two.probes)
    two = replace(two, probes=costly)
    other = replace(ladder_result("other.mp4"), encoder="libx265")
    for name, ladder in {"one": one, "two": two, "other": other}.items():
        (tmp_path / f"{name}.json").write_text(render(ladder, "json"), encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("titles")
def test_a_pipe_gets_a_document_that_follows_its_schema() -> None:
    outcome = run_cli("ladder", "--titles", "one.json", "two.json")
    assert outcome.exit_code == 0
    Draft202012Validator(schemas.schema("catalogue")).validate(outcome.document)
    assert [title["src"] for title in outcome.document["titles"]] == ["one.mp4", "two.mp4"]
    assert all(title["loss_percent"] >= 0 for title in outcome.document["titles"])


@pytest.mark.usefixtures("titles")
def test_a_table_has_each_title_and_each_rung() -> None:
    outcome = run_cli("ladder", "--titles", "one.json", "two.json", "--format", "table")
    assert outcome.exit_code == 0
    assert "Ladder of 2 titles with libx264" in outcome.stdout
    assert {"one.mp4", "two.mp4"} <= set(outcome.stdout.split())


def test_rules_for_rungs_hold_and_the_result_goes_to_a_file(titles: Path) -> None:
    outcome = run_cli(
        "ladder", "--titles", "one.json", "two.json", "--max-rungs", "2", "--minimize", "worst",
        "-o", "catalogue.json",
    )  # fmt: skip
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    document = json.loads((titles / "catalogue.json").read_text(encoding="utf-8"))
    assert document["minimize"] == "worst"
    assert len(document["renditions"]) <= 2


@pytest.mark.usefixtures("titles")
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--titles"], 2, "Name at least two saved ladders"),
        (["--titles", "one.json"], 2, "Name at least two saved ladders"),
        (["--titles", "one.json", "one.json"], 2, "'one.mp4' is named more than once"),
        (["--titles", "one.json", "other.json"], 2, "differ in their encoder: libx264 and libx265"),
        (["--titles", "one.json", "none.json"], 2, "'none.json' cannot be read"),
        (
            ["--titles", "one.json", "two.json", "-r", "a.mp4"],
            2,
            "--reference would have no effect",
        ),
        (["--titles", "one.json", "two.json", "-o", "a.m3u8"], 2, "'a.m3u8' ends in .m3u8"),
        (["--titles", "one.json", "two.json", "-o", "one.json"], 2, "would overwrite it"),
        (["--titles", "one.json", "two.json", "--min-bitrate", "1e9"], 2, "within the limits"),
        (["one.json", "two.json"], 2, "'one.json' was given without an option"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments: list[str], code: int, sentence: str) -> None:
    outcome = run_cli("ladder", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1

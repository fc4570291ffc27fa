"""`vmafx-tune report`: saved results as one page, and files that are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.contract.documents import CASES
from tests.support.cli import Outcome, run_cli
from tests.support.users import ordinary_user
from tests.unit.reports.page import Page
from vmafx_tune.errors import OutputError
from vmafx_tune.media.output_file import check_writable
from vmafx_tune.reports.render import render

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("score", "search", "compare", "ladder")
MOST_BYTES = 3_000_000


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with a result of each kind, named by what it is."""
    for case in CASES:
        if case.schema in KINDS:
            text = render(case.result, "json", **case.options)
            (tmp_path / f"{case.name}.json").write_text(text, encoding="utf-8")
    return tmp_path


def report(folder: Path, *arguments: str) -> Outcome:
    return run_cli("report", *arguments, cwd=folder)


def test_each_kind_of_result_makes_a_page(saved: Path) -> None:
    for path in sorted(saved.glob("*.json")):
        done = report(saved, path.name)
        assert done.exit_code == 0, done.stderr
        assert Page(done.stdout).open == []


def test_results_of_several_kinds_make_one_page_with_a_list_that_leads_to_them(
    saved: Path,
) -> None:
    names = sorted(path.name for path in saved.glob("*.json"))
    done = report(saved, *names, "--title", "A <title>", "-o", "page.html")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    text = (saved / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.texts["title"] == ["A <title>"]
    assert page.texts["a"] == names
    places = {value for name, value in page.attributes if name == "id"}
    assert {value for name, value in page.attributes if name == "href"} == {
        f"#{place}" for place in places
    }
    assert len(text.encode()) <= MOST_BYTES


def test_a_score_that_was_saved_without_its_frames_says_so(saved: Path) -> None:
    done = report(saved, "score.json")
    assert "saved without --frames" in done.stdout
    assert 'class="vega"' not in done.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty"),
        ("\x00\xff", "is not JSON"),
        ('{"a": 1}', "is not a result of score, search, encode, compare or ladder"),
        ("[]", "holds a list"),
    ],
)
def test_a_file_that_is_no_result_is_refused_and_nothing_is_written(
    saved: Path, text: str, sentence: str
) -> None:
    (saved / "bad.json").write_text(text, encoding="utf-8")
    done = report(saved, "score.json", "bad.json", "-o", "page.html")
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert "'bad.json'" in done.stderr
    assert not (saved / "page.html").exists()


@pytest.mark.parametrize("name", KINDS)
def test_a_newer_schema_is_refused_with_what_to_do(saved: Path, name: str) -> None:
    path = next(saved.glob(f"{name}*.json"))
    newer = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": 99}
    path.write_text(json.dumps(newer), encoding="utf-8")
    done = report(saved, path.name)
    assert done.exit_code == 2
    assert "newer vmafx-tune" in done.stderr
    assert "Update vmafx-tune" in done.stderr


def test_files_that_are_not_there_or_binary_are_refused(saved: Path) -> None:
    (saved / "clip.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom\xff\xfe")
    for name, sentence in (("none.json", "No such file"), ("clip.mp4", "it is not text")):
        done = report(saved, name)
        assert done.exit_code == 2
        assert sentence in done.stderr


def test_a_page_never_overwrites_a_result(saved: Path) -> None:
    before = (saved / "score.json").read_text(encoding="utf-8")
    done = report(saved, "score.json", "-o", "score.json")
    assert done.exit_code == 2
    assert "would overwrite it" in done.stderr
    assert (saved / "score.json").read_text(encoding="utf-8") == before


def test_a_page_is_written_to_no_file_of_another_suffix(saved: Path) -> None:
    done = report(saved, "score.json", "-o", "page.json")
    assert done.exit_code == 2
    assert "It writes html (.html). Rename the output." in " ".join(done.stderr.split())
    assert not (saved / "page.json").exists()
    for name in ("page", "page.htm"):
        assert report(saved, "score.json", "-o", name).exit_code == 0
        assert "<html" in (saved / name).read_text(encoding="utf-8")


def test_a_folder_for_pages_that_is_read_only_is_refused(saved: Path) -> None:
    (folder := saved / "folder").mkdir(mode=0o555)
    with ordinary_user(), pytest.raises(OutputError, match="permission denied"):
        check_writable(folder / "page.html")


def test_two_results_from_standard_input_are_refused(saved: Path) -> None:
    done = report(saved, "-", "-")
    assert done.exit_code == 2
    assert "Only one" in done.stderr

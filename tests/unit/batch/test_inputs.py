"""Which sources a batch finds, and what their results are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmafx_tune.batch.inputs import find_jobs
from vmafx_tune.batch.jobs import BatchJob, check_names, options_digest, result_name
from vmafx_tune.errors import UsageError
from vmafx_tune.options import EncodingOptions, SourceOptions


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.mkv", "b.MP4", "notes.txt", ".hidden.mkv", "deep/c.mkv", "deep/.x/d.mkv"):
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "films" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "films"


def names(*inputs: str, recursive: bool = False, include: tuple[str, ...] = ()) -> list[str]:
    jobs = find_jobs(inputs, Path("out"), recursive=recursive, include=include)
    return [job.name for job in jobs]


@pytest.mark.usefixtures("films")
class TestFolders:
    def test_have_the_files_with_the_suffix_of_a_video(self) -> None:
        assert names("films") == ["a", "b"]

    def test_are_looked_into_when_asked(self) -> None:
        assert names("films", recursive=True) == ["a", "b", "deep/c"]

    def test_may_be_limited_by_patterns(self) -> None:
        assert names("films", include=("*.txt", "a.*")) == ["a", "notes"]

    def test_without_videos_are_refused(self, films: Path) -> None:
        (films / "empty").mkdir()
        with pytest.raises(UsageError, match=r"suffix of a video in the folder 'films/empty'"):
            names("films/empty")
        with pytest.raises(UsageError, match=r"that match \*\.avi in the folder 'films'"):
            names("films", include=("*.avi",))

    def test_hide_nothing_that_is_called_a_video_and_is_none(self, films: Path) -> None:
        (films / "lost.mkv").symlink_to("nowhere.mkv")
        (films / "loop.mkv").symlink_to("loop.mkv")
        os.mkfifo(films / "pipe.mkv")
        (films / "folder.mkv").mkdir()

        assert names("films") == ["a", "b", "loop", "lost", "pipe"]
        assert names("films/*.mkv") == ["a", "loop", "lost", "pipe"]

    def test_give_no_result_as_a_source(self, films: Path) -> None:
        (films / "out").mkdir()
        (films / "out/z.mkv").touch()
        (films / "link").symlink_to(films / "out")

        def found(*inputs: str) -> list[str]:
            return [job.name for job in find_jobs(inputs, Path("films/out"), recursive=True)]

        assert found("films") == ["a", "b", "deep/c"]
        assert found("films/**/*.mkv") == ["a", "deep/c"]
        for inside in ("films/out", "films/out/z.mkv", "films/link/z.mkv"):
            with pytest.raises(UsageError, match="in the folder of the results"):
                found(inside)


@pytest.mark.usefixtures("films")
class TestPatterns:
    def test_name_results_by_the_folders_that_they_leave_open(self) -> None:
        assert names("films/*/*.mkv") == ["deep/c"]
        assert names("films/**/*.mkv") == ["a", "deep/c"]

    def test_that_match_nothing_are_refused(self) -> None:
        with pytest.raises(UsageError, match=r"No file matches 'films/\*\.avi'\."):
            names("films/*.avi")

    def test_are_names_where_there_is_such_a_file(self, films: Path) -> None:
        (films / "[1].mkv").touch()
        assert names("films/[1].mkv") == ["[1]"]


def test_a_file_that_is_named_twice_is_one_source(films: Path) -> None:
    (films / "link.mkv").symlink_to(films / "a.mkv")

    assert names("films/a.mkv", str(films / "a.mkv"), "films/../films/a.mkv") == ["a"]
    assert names("films") == ["a", "b"]


@pytest.mark.usefixtures("films")
def test_names_may_have_any_bytes() -> None:
    Path(os.fsdecode(b"films/\xff.mkv")).touch()
    assert names("films") == ["a", "b", "\udcff"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://host/films/a.b.mkv?token=1#t=2", "a.b"),
        ("films/deep/a.mkv", "a"),
        ("a", "a"),
    ],
)
def test_results_are_called_as_their_source(source: str, name: str) -> None:
    assert result_name(source) == name


def test_two_sources_with_one_name_are_refused() -> None:
    jobs = [BatchJob("a/film.mkv", "film"), BatchJob("b/Film.mp4", "Film")]
    with pytest.raises(UsageError, match=r"'a/film.mkv' and 'b/Film.mp4' would both have the res"):
        check_names(jobs, "out")


@pytest.mark.parametrize("name", ["../film", "/film", "", "a/.hidden", ".batch/x", "Summary"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        check_names([BatchJob("film.mkv", name, line="line 3 of 'jobs.csv'")], "out")


def test_what_is_done_is_the_same_as_long_as_its_options_are() -> None:
    fast = {"target": 95.0, "encoding": EncodingOptions(preset="fast"), "sources": SourceOptions()}
    same = {**fast, "encoding": EncodingOptions(preset="fast"), "max_bitrate_kbps": None}

    assert options_digest("search", fast) == options_digest("search", same)
    for other in ({"target": 96.0}, {"sources": SourceOptions(crop="auto")}):
        assert options_digest("search", fast) != options_digest("search", {**fast, **other})
    assert options_digest("search", fast) != options_digest("encode", fast)

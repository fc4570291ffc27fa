from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from tests.support.programs import needs_proc
from tests.support.users import ordinary_user
from vmafx_tune.cli.output import Destination, choose_format
from vmafx_tune.errors import OutputError, UsageError

FORMATS = ("table", "json", "markdown")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_appears_whole_with_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    Destination(path).write("{}\n")
    mask = os.umask(0)
    os.umask(mask)
    assert path.read_text() == "{}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_was_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    Destination(path).write("new")
    assert path.read_text() == "new"


def test_a_result_that_cannot_be_written_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    destination = Destination(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        destination.write("new")
    assert path.read_text() == "old"
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["missing/result.json", "."])
def test_an_output_that_cannot_be_written_is_found_out_before_work(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(OutputError):
        Destination(tmp_path / name)


def test_a_device_is_written_in_place() -> None:
    Destination(Path(os.devnull)).write("text")
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("before", ["old", None])
def test_what_a_link_leads_to_is_written_and_the_link_stays(
    tmp_path: Path, before: str | None
) -> None:
    (folder := tmp_path / "elsewhere").mkdir()
    target, link, second = folder / "target.json", tmp_path / "link", tmp_path / "second.json"
    link.symlink_to(target)
    second.symlink_to("link")
    if before is not None:
        target.write_text(before)
    Destination(second).write("new")
    assert (second.readlink().name, link.readlink()) == ("link", target)
    assert target.read_text() == "new"
    assert [target] == list(folder.iterdir())


def test_a_link_into_no_folder_and_one_to_itself_are_found_out_before_work(tmp_path: Path) -> None:
    (lost := tmp_path / "lost.json").symlink_to("missing/result.json")
    with pytest.raises(OutputError, match="does not exist"):
        Destination(lost)
    (loop := tmp_path / "loop.json").symlink_to("loop.json")
    with pytest.raises(OutputError, match="symbolic links"):
        Destination(loop)


@needs_proc
@pytest.mark.parametrize("method", ["write", "append"])
def test_a_descriptor_that_is_open_is_written_behind_what_was_written(
    tmp_path: Path, method: str
) -> None:
    log, link = tmp_path / "log", tmp_path / "link"
    with log.open("w") as opened:
        opened.write("before\n")
        opened.flush()
        link.symlink_to(f"/proc/self/fd/{opened.fileno()}")
        inode = log.stat().st_ino
        getattr(Destination(link), method)("result\n")
        opened.write("behind\n")
    assert log.read_text() == "before\nresult\nbehind\n"
    assert log.stat().st_ino == inode
    assert link.is_symlink()


@needs_proc
def test_a_descriptor_that_is_closed_is_found_out_before_work(tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to("/dev/fd/999")
    with pytest.raises(OutputError, match="it is not open"):
        Destination(link)


def test_a_device_is_written_where_no_file_may_be_made() -> None:
    with ordinary_user():
        Destination(Path(os.devnull)).write("text")


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("a.json", "json"), ("a.md", "markdown"), ("a.txt", "table"), ("a.JSON", "json")],
)
def test_the_suffix_of_the_output_chooses_the_format(
    tmp_path: Path, name: str, chosen: str
) -> None:
    assert choose_format(None, Destination(tmp_path / name), FORMATS) == chosen


@pytest.mark.parametrize("name", ["a.m3u8", "a.xlsx", "a.csv.gz", "a.Html"])
def test_a_suffix_of_no_format_of_the_command_is_refused_with_those_it_has(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match=r"table \(\.txt\), json \(\.json\), markdown \(\.md\)"):
        choose_format(None, Destination(tmp_path / name), FORMATS)


@pytest.mark.parametrize("name", ["result", ".json", "result."])
def test_a_file_without_a_suffix_gets_json(tmp_path: Path, name: str) -> None:
    assert choose_format(None, Destination(tmp_path / name), FORMATS) == "json"


def test_the_longest_name_that_a_file_can_have_is_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'n' * 250}.json"
    Destination(path).write("{}")
    assert [path] == list(tmp_path.iterdir())


def test_an_asked_format_wins_over_the_suffix(tmp_path: Path) -> None:
    assert choose_format("table", Destination(tmp_path / "a.json"), FORMATS) == "table"


def test_a_terminal_gets_a_table_and_a_pipe_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    assert choose_format(None, Destination(None), FORMATS) == "table"
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert choose_format(None, Destination(None), FORMATS) == "json"


def test_an_unknown_format_is_told_with_the_choices() -> None:
    with pytest.raises(UsageError, match="table, json, markdown"):
        choose_format("yaml", Destination(None), FORMATS)

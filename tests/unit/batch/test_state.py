"""What a batch keeps of its sources, and what is wrong with the file that it keeps it in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.users import ordinary_user
from vmafx_tune.batch.state import STATE_NAME, BatchState, FileState
from vmafx_tune.errors import OutputError
from vmafx_tune.results.batch import BatchFile

if TYPE_CHECKING:
    from pathlib import Path

FILE = BatchFile(name="deep/\udcff", src="\udcff.mkv", state="done", best_crf=23, earlier=True)
KNOWN = FileState("options", "1:2:3", "digest", 12.5, FILE, (("a.json", 1, 2),), (["x", 1],), "{}")


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    BatchState(tmp_path / "out").keep(KNOWN)
    state = BatchState(tmp_path / "out")

    assert state.get(FILE.name) == KNOWN
    assert list(state.all().values()) == [KNOWN]
    assert state.get("another") is None
    state.keep(replace(KNOWN, document=None))
    assert list(state.all().values()) == [replace(KNOWN, document=None)]


def test_a_source_is_claimed_once_and_free_again_afterwards(tmp_path: Path) -> None:
    one, other = BatchState(tmp_path), BatchState(tmp_path)
    with one.claimed("a") as folder:
        assert folder is not None
        with other.claimed("a") as second, other.claimed("b") as third:
            assert second is None
            assert third is not None
        one.close()
    with other.claimed("a") as folder:
        assert folder is not None
    other.close()
    assert [path.name for path in tmp_path.iterdir()] == [STATE_NAME]


def test_what_killed_runs_left_is_removed_in_the_end(tmp_path: Path) -> None:
    state = BatchState(tmp_path)
    state.keep(replace(KNOWN, document=None))
    for name in (FILE.name, "unfinished"):
        with state.claimed(name) as folder:
            assert folder is not None
            folder.mkdir()
            (folder / "output.mkv").touch()
            left = folder.with_name(f"{folder.name}.lock")
        left.touch()
    state.close()

    assert [path.name for path in tmp_path.iterdir()] == [STATE_NAME]


def test_an_encode_that_is_not_in_its_place_yet_stays(tmp_path: Path) -> None:
    state = BatchState(tmp_path)
    state.keep(KNOWN)
    with state.claimed(FILE.name) as folder:
        assert folder is not None
        folder.mkdir()
        (folder / "output.mkv").touch()
    state.close()

    assert (folder / "output.mkv").exists()


def test_what_another_run_works_on_stays(tmp_path: Path) -> None:
    state = BatchState(tmp_path)
    with state.claimed("a") as folder:
        assert folder is not None
        folder.mkdir()
        BatchState(tmp_path).close()
        assert folder.exists()


def refusal(folder: Path) -> str:
    with pytest.raises(OutputError) as refused:
        BatchState(folder).all()
    return str(refused.value)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(4000)])
def test_a_file_that_is_damaged_is_not_believed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATE_NAME).write_bytes(content)

    assert "is damaged: " in (message := refusal(tmp_path))
    assert "Delete it" in message
    assert (tmp_path / STATE_NAME).read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE files",
        "UPDATE files SET file = '{'",
        "UPDATE files SET outputs = '[[1]]'",
        "UPDATE files SET file = '[]'",
        "PRAGMA application_id = 7",
    ],
)
def test_a_database_with_other_contents_is_damaged(tmp_path: Path, statement: str) -> None:
    BatchState(tmp_path).keep(KNOWN)
    with closing(sqlite3.connect(tmp_path / STATE_NAME)) as connection, connection:
        connection.execute(statement)

    assert "is damaged: " in refusal(tmp_path)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    BatchState(tmp_path).keep(KNOWN)
    with closing(sqlite3.connect(tmp_path / STATE_NAME)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")

    assert "was written by a later version of vmafx-tune" in refusal(tmp_path)


def test_fields_of_a_later_version_are_left_out(tmp_path: Path) -> None:
    BatchState(tmp_path).keep(KNOWN)
    with closing(sqlite3.connect(tmp_path / STATE_NAME)) as connection, connection:
        connection.execute("UPDATE files SET file = json_insert(file, '$.more', 1)")

    assert BatchState(tmp_path).get(FILE.name) == KNOWN


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be used: File exists" in refusal(tmp_path / "file")
    assert "does not exist. Create it first." in refusal(tmp_path / "no/folder")
    (tmp_path / "closed").mkdir(mode=0o555)
    with ordinary_user():
        assert "ermission denied" in refusal(tmp_path / "closed")

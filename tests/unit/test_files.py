from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from vmafx_tune import files
from vmafx_tune.files import read_input

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    assert read_input(tmp_path / "file") == b"x" * 300_000


def test_a_file_is_as_large_as_may_be_and_no_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MOST_BYTES", 1_000_000)
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    assert len(read_input(tmp_path / "file")) == 1_000_000
    (tmp_path / "file").write_bytes(bytes(1_000_001))
    with pytest.raises(OSError, match="more than 1 MB"):
        read_input(tmp_path / "file")


@needs_pipes
def test_a_pipe_without_a_writer_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_input(tmp_path / "pipe") == b""


@needs_pipes
def test_what_is_written_to_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(b"x" * 300_000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert read_input(Path(f"/dev/fd/{reading}")) == b"x" * 300_000
    finally:
        os.close(reading)
        writer.join()


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_folder_and_what_is_not_there_are_errors(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"directory"):
        read_input(tmp_path / name)

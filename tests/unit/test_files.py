from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.support.users import ordinary_user
from vmafx_tune import files
from vmafx_tune.errors import ModelNotFoundError, OutputError, ToolNotFoundError, UsageError
from vmafx_tune.files import is_file, is_folder, read_input
from vmafx_tune.media.ffmpeg import find_ffmpeg
from vmafx_tune.media.output_file import check_parent, check_writable
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import Resolution
from vmafx_tune.scoring.models import resolve_model
from vmafx_tune.server.settings import ServerSettings

HD = Resolution(1280, 720)

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


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only its owner may enter."""
    (folder := tmp_path / "closed" / "inner").mkdir(parents=True)
    (folder / "file.json").touch()
    folder.parent.chmod(0o700 if os.geteuid() == 0 else 0)
    return folder


def test_what_may_not_be_looked_at_is_not_there(closed: Path) -> None:
    with ordinary_user():
        assert not is_folder(closed)
        assert not is_file(closed / "file.json")
    assert is_folder(closed) == is_file(closed / "file.json") == (os.geteuid() == 0)


def test_what_a_user_names_in_a_closed_folder_is_refused_in_one_sentence(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ordinary_user():
        with pytest.raises(ToolNotFoundError, match="cannot be run"):
            find_ffmpeg(closed / "ffmpeg", ProcessRunner())
        with pytest.raises(ModelNotFoundError, match="There is not a VMAF model file"):
            resolve_model(str(closed / "file.json"), HD)
        with pytest.raises(OutputError, match="permission denied"):
            check_writable(closed / "output.json")
        with pytest.raises(OutputError, match="permission denied"):
            check_parent(closed / "package")
        with pytest.raises(UsageError, match="VMAFX_MEDIA_ROOTS"):
            ServerSettings.from_sources({}, {"VMAFX_MEDIA_ROOTS": str(closed)})
        monkeypatch.setenv("VMAFX_MODEL_DIR", str(closed))
        with pytest.raises(ModelNotFoundError, match="not a readable folder"):
            resolve_model("own", HD)

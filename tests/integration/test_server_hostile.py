"""Files that clients name, made to break whoever opens them: one sentence each, and the server goes
on."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.support.http_server import ask
from tests.support.programs import needs_proc, wait_until
from tests.support.server_process import server_process
from vmafx_tune.client import FramePair, ScoringClient, StreamConfig
from vmafx_tune.errors import (
    InvalidFrameError,
    MemoryLimitError,
    ScorerCrashedError,
    UnreadableSourceError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.server_process import ServerProcess

pytestmark = needs_proc

MAX_PIXELS = 160 * 90


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    rows = zlib.compress((b"\0" + bytes(3 * width)) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def root(clips: ClipFactory, tmp_path: Path) -> Path:
    """A good clip as `good.mp4`, and hostile ones."""
    shutil.copy(clips.moving(), tmp_path / "good.mp4")
    data = clips.moving().read_bytes()
    at = data.index(b"moov") - 4
    movie = data[at + 8 : at + int.from_bytes(data[at : at + 4])]
    boxes = box(b"free") * 100_000
    (tmp_path / "boxes.mp4").write_bytes(data[:at] + box(b"moov", boxes + movie))
    claim = b"\0\0\0\1moov" + (1 << 62).to_bytes(8)
    (tmp_path / "claim.mp4").write_bytes(data[:at] + claim + movie)
    claim = b"\0\0\0\1free" + ((1 << 64) - 1).to_bytes(8)
    (tmp_path / "before.mp4").write_bytes(box(b"ftyp", b"isom\0\0\0\0") + claim + bytes(99))
    (tmp_path / "large.png").write_bytes(png(1000, 1000))
    return tmp_path


def test_a_hostile_file_is_one_sentence_and_the_server_goes_on(root: Path) -> None:
    with (
        server_process(root, "--max-pixels", str(MAX_PIXELS)) as server,
        ScoringClient(server.grpc_address) as client,
    ):
        for name, statuses in {
            "boxes.mp4": {200},
            "claim.mp4": {200, 422},
            "before.mp4": {422},
            "large.png": {422},
        }.items():
            answer = server.score("good.mp4", name)
            assert answer.status in statuses, (name, answer.body)
            assert server.score("good.mp4", "good.mp4").status == 200
        with pytest.raises(UnreadableSourceError, match=f"at most {MAX_PIXELS} pixels"):
            client.score("large.png", "large.png")
        with pytest.raises(InvalidFrameError, match=f"takes {MAX_PIXELS} pixels"):
            list(client.score_frames(StreamConfig(1000, 1000, "yuv420p"), no_pairs()))
        assert server.get("/healthz") == 200
        lines = [json.loads(line) for line in server.output.splitlines()]
    assert any("large.png" in line.get("error", "") for line in lines)


def no_pairs() -> Iterator[FramePair]:
    yield from ()


def test_what_never_fits_into_memory_is_refused_over_both_transports(root: Path) -> None:
    with (
        server_process(root, "--max-memory-bytes", str(1 << 20)) as server,
        ScoringClient(server.grpc_address) as client,
    ):
        answer = server.score("good.mp4", "good.mp4")
        assert answer.status == 413
        assert "1 MB" in answer.error
        with pytest.raises(MemoryLimitError) as caught:
            client.score("good.mp4", "good.mp4")
        assert code_of(caught.value) is grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(MemoryLimitError):
            list(client.score_frames(StreamConfig(1920, 1080, "yuv420p"), no_pairs()))


def test_a_file_that_a_process_dies_of_is_one_sentence_and_a_line_in_the_log(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    env = opening_a_file(tmp_path_factory.mktemp("site"), "os.abort()")
    with (
        server_process(root, env=env) as server,
        ScoringClient(server.grpc_address) as client,
    ):
        answer = server.score("good.mp4", "good.mp4")
        assert answer.status == 422
        assert "brought down the process" in answer.error
        with pytest.raises(ScorerCrashedError) as caught:
            client.score("good.mp4", "good.mp4")
        assert code_of(caught.value) is grpc.StatusCode.FAILED_PRECONDITION
        assert server.get("/healthz") == 200
        assert "SIGABRT" in failure_of(server)


# Not even other threads of the process get a turn, as in a parser that never returns.
HANG = "ctypes.PyDLL(None).sleep(1000)"


def test_a_file_that_a_process_hangs_in_runs_into_the_deadline(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    env = opening_a_file(tmp_path_factory.mktemp("site"), HANG)
    with server_process(root, "--request-timeout", "1", env=env) as server:
        assert server.score("good.mp4", "good.mp4").status == 504
        assert server.get("/healthz") == 200
        server.signal()
        assert server.end() == 0


def test_a_file_that_a_process_hangs_in_does_not_outlast_a_drain(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    env = opening_a_file(tmp_path_factory.mktemp("site"), HANG)
    with (
        server_process(root, "--drain-seconds", "0.5", env=env) as server,
        ThreadPoolExecutor() as pool,
    ):
        asked = pool.submit(server.score, "good.mp4", "good.mp4")
        wait_until(lambda: "vmafx_server_scores_running 1.0" in metrics(server))
        server.signal()
        assert server.end() == 1
        assert asked.result().status == 503


def metrics(server: ServerProcess) -> str:
    return ask(server.http_port, "/metrics").body.decode()


def code_of(error: Exception) -> grpc.StatusCode:
    cause: Any = error.__cause__
    code: grpc.StatusCode = cause.code()
    return code


def failure_of(server: ServerProcess) -> str:
    lines = [json.loads(line) for line in server.output.splitlines()]
    return str(next(line["error"] for line in lines if "error" in line))


def opening_a_file(folder: Path, order: str) -> dict[str, str]:
    """An environment in which a scoring process does something when it opens a client's file."""
    (folder / "sitecustomize.py").write_text(
        "import ctypes, os, re, sys\n"
        "def obey(event, arguments):\n"
        "    if event == 'open' and re.match(r'/proc/[0-9]+/fd/', str(arguments[0])):\n"
        f"        {order}\n"
        "if 'vmafx_tune.server.scoring_process' in sys.orig_argv:\n"
        "    sys.addaudithook(obey)\n"
    )
    return {"PYTHONPATH": str(folder)}

"""Hashes of files: of their content, and up to date."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.probing import fingerprint
from vmafx_tune.probing.fingerprint import Fingerprints, content_digest

if TYPE_CHECKING:
    from pathlib import Path

_HOUR_S = 3600


class Memory:
    """A memory that counts."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.recalled = 0

    def recall_digest(self, signature: str) -> str | None:
        self.recalled += 1
        return self.digests.get(signature)

    def remember_digest(self, signature: str, digest: str) -> None:
        self.digests[signature] = digest


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour passes before anything is hashed, so that every file has long been finished."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + _HOUR_S)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the files that were really read."""
    sizes: list[int] = []

    def counting(descriptor: int, size_bytes: int) -> str:
        sizes.append(size_bytes)
        return content_digest(descriptor, size_bytes)

    monkeypatch.setattr(fingerprint, "content_digest", counting)
    return sizes


def test_a_short_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"some bytes")
    expected = hashlib.sha256(b"some bytes").hexdigest()
    assert Fingerprints(Memory()).of(tmp_path / "a") == expected


def test_an_empty_file_has_a_digest_too(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert Fingerprints(Memory()).of(tmp_path / "a") == hashlib.sha256().hexdigest()


def test_names_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    prints = Fingerprints(Memory())
    assert prints.of(tmp_path / "a") == prints.of(tmp_path / "b")


@pytest.mark.parametrize("position", [0, 999, 1000, 2500, 3099])
def test_every_byte_of_a_long_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    monkeypatch.setattr(fingerprint, "_LEAF_BYTES", 1000)
    monkeypatch.setattr(fingerprint, "_READ_BYTES", 100)
    content = bytearray(3100)
    (tmp_path / "a").write_bytes(content)
    content[position] = 1
    (tmp_path / "b").write_bytes(content)
    prints = Fingerprints(Memory())
    assert prints.of(tmp_path / "a") != prints.of(tmp_path / "b")


@pytest.mark.usefixtures("later")
def test_a_file_is_read_once(tmp_path: Path, hashed: list[int]) -> None:
    (tmp_path / "a").write_bytes(b"content")
    memory = Memory()
    first = Fingerprints(memory)
    assert {first.of(tmp_path / "a"), first.of(tmp_path / "a")} == {
        Fingerprints(memory).of(tmp_path / "a")
    }
    assert hashed == [7]


@pytest.mark.usefixtures("later")
def test_threads_that_ask_for_a_file_at_once_read_it_once(
    tmp_path: Path, hashed: list[int]
) -> None:
    (tmp_path / "a").write_bytes(b"content")
    prints = Fingerprints(Memory())
    threads = [threading.Thread(target=prints.of, args=(tmp_path / "a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hashed == [7]


def test_hashing_one_file_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "long").write_bytes(b"a long one")
    (tmp_path / "short").write_bytes(b"short")
    begun, go_on = threading.Event(), threading.Event()

    def hashing(descriptor: int, size_bytes: int) -> str:
        if size_bytes == len(b"a long one"):
            begun.set()
            go_on.wait()
        return content_digest(descriptor, size_bytes)

    monkeypatch.setattr(fingerprint, "content_digest", hashing)
    prints = Fingerprints(Memory())
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(prints.of, tmp_path / "long")
        begun.wait()
        try:
            quick = pool.submit(prints.of, tmp_path / "short").result(timeout=60)
        finally:
            go_on.set()

    assert quick == hashlib.sha256(b"short").hexdigest()
    assert slow.result() == hashlib.sha256(b"a long one").hexdigest()


@pytest.mark.usefixtures("later")
def test_an_edit_shows_though_size_and_time_of_modification_are_put_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    before = path.stat()
    prints = Fingerprints(Memory())
    first = prints.of(path)
    with path.open("r+b") as file:
        file.write(b"after!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (6, before.st_mtime_ns)
    assert prints.of(path) != first


def test_a_file_that_was_only_just_written_is_not_remembered(
    tmp_path: Path, hashed: list[int]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    memory = Memory()
    prints = Fingerprints(memory)
    prints.of(path)
    prints.of(path)
    assert memory.digests == {}
    assert len(hashed) == 2


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Fingerprints(Memory()).of(tmp_path / "missing")

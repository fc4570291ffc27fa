"""Facts of files: hashes of their content and others, kept while the file is the same."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from vmafx_tune.media import file_facts
from vmafx_tune.media.file_facts import FileFacts, content_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HOUR_S = 3600


class Memory:
    """A memory whose clock can be set."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.age_s = 0.0

    def recall(self, name: str, max_age_s: float | None = None) -> Any:
        too_old = max_age_s is not None and self.age_s > max_age_s
        return None if too_old else self.facts.get(name)

    def keep(self, name: str, fact: Any) -> None:
        self.facts[name] = fact


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

    monkeypatch.setattr(file_facts, "content_digest", counting)
    return sizes


def test_a_short_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"some bytes")
    expected = hashlib.sha256(b"some bytes").hexdigest()
    assert FileFacts(Memory()).digest(tmp_path / "a") == expected


def test_an_empty_file_has_a_digest_too(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert FileFacts(Memory()).digest(tmp_path / "a") == hashlib.sha256().hexdigest()


def test_names_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    facts = FileFacts(Memory())
    assert facts.digest(tmp_path / "a") == facts.digest(tmp_path / "b")


@pytest.mark.parametrize("position", [0, 999, 1000, 2500, 3099])
def test_every_byte_of_a_long_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    monkeypatch.setattr(file_facts, "_LEAF_BYTES", 1000)
    monkeypatch.setattr(file_facts, "_READ_BYTES", 100)
    content = bytearray(3100)
    (tmp_path / "a").write_bytes(content)
    content[position] = 1
    (tmp_path / "b").write_bytes(content)
    facts = FileFacts(Memory())
    assert facts.digest(tmp_path / "a") != facts.digest(tmp_path / "b")


@pytest.mark.usefixtures("later")
def test_a_file_is_read_once(tmp_path: Path, hashed: list[int]) -> None:
    (tmp_path / "a").write_bytes(b"content")
    memory = Memory()
    first = FileFacts(memory)
    assert {first.digest(tmp_path / "a"), first.digest(tmp_path / "a")} == {
        FileFacts(memory).digest(tmp_path / "a")
    }
    assert hashed == [7]


@pytest.mark.usefixtures("later")
def test_threads_that_ask_for_a_file_at_once_read_it_once(
    tmp_path: Path, hashed: list[int]
) -> None:
    (tmp_path / "a").write_bytes(b"content")
    facts = FileFacts(Memory())
    threads = [threading.Thread(target=facts.digest, args=(tmp_path / "a",)) for _ in range(8)]
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

    monkeypatch.setattr(file_facts, "content_digest", hashing)
    facts = FileFacts(Memory())
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(facts.digest, tmp_path / "long")
        begun.wait()
        try:
            quick = pool.submit(facts.digest, tmp_path / "short").result(timeout=60)
        finally:
            go_on.set()

    assert quick == hashlib.sha256(b"short").hexdigest()
    assert slow.result() == hashlib.sha256(b"a long one").hexdigest()


@pytest.mark.usefixtures("later")
def test_an_edit_shows_though_size_and_time_of_modification_are_put_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    before = path.stat()
    facts = FileFacts(Memory())
    first = facts.digest(path)
    with path.open("r+b") as file:
        file.write(b"after!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (6, before.st_mtime_ns)
    assert facts.digest(path) != first


def test_a_file_that_was_only_just_written_is_not_remembered(
    tmp_path: Path, hashed: list[int]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    memory = Memory()
    facts = FileFacts(memory)
    facts.digest(path)
    facts.digest(path)
    assert memory.facts == {}
    assert len(hashed) == 2


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileFacts(Memory()).digest(tmp_path / "missing")


def finding(*found: Any) -> tuple[Callable[[], Any], list[Any]]:
    """Find one thing after the other, and say what is left to be found."""
    left = list(found)
    return lambda: left.pop(0), left


@pytest.mark.usefixtures("later")
def test_a_fact_is_found_once_and_by_later_runs_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    memory = Memory()
    find, left = finding(["fact"])
    for facts in (FileFacts(memory), FileFacts(memory)):
        for _ in range(2):
            assert facts.of(tmp_path / "a", "name", find) == ["fact"]
    assert left == []


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_of_a_changed_file_nothing_is_known(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    memory = Memory()
    find, _ = finding("before", "after")
    assert FileFacts(memory).of(path, "name", find) == "before"
    if change == "size":
        os.truncate(path, 3)
    elif change == "time":
        os.utime(path, (1, 1))
    else:
        (tmp_path / "b").write_bytes(b"content")
        (tmp_path / "b").replace(path)
    assert FileFacts(memory).of(path, "name", find) == "after"


@pytest.mark.usefixtures("later")
def test_what_is_found_of_a_file_that_changes_meanwhile_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    memory = Memory()

    def find() -> str:
        path.write_bytes(b"a different file")
        return "fact"

    assert FileFacts(memory).of(path, "name", find) == "fact"
    assert memory.facts == {}


@pytest.mark.usefixtures("later")
def test_none_and_errors_are_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    memory = Memory()

    def fail() -> None:
        raise OSError

    assert FileFacts(memory).of(tmp_path / "a", "name", lambda: None) is None
    with pytest.raises(OSError, match=r"^$"):
        FileFacts(memory).of(tmp_path / "a", "name", fail)
    assert memory.facts == {}


@pytest.mark.usefixtures("later")
def test_a_refreshed_fact_takes_the_place_of_the_one_before(
    tmp_path: Path, hashed: list[int]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    memory = Memory()
    find, _ = finding("before", "after")
    facts = FileFacts(memory)
    facts.of(path, "name", find)
    facts.digest(path)
    refreshed = FileFacts(memory, refresh=True)
    assert refreshed.of(path, "name", find) == "after"
    refreshed.digest(path)
    assert FileFacts(memory).of(path, "name", find) == "after"
    assert hashed == [7]


@pytest.mark.usefixtures("later")
def test_a_fact_that_is_too_old_is_found_anew(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    memory = Memory()
    find, _ = finding("before", "after")
    FileFacts(memory).of(tmp_path / "a", "name", find, max_age_s=10)
    memory.age_s = 11
    assert FileFacts(memory).of(tmp_path / "a", "name", find, max_age_s=12) == "before"
    assert FileFacts(memory).of(tmp_path / "a", "name", find, max_age_s=10) == "after"


@pytest.mark.usefixtures("later")
def test_of_what_is_no_regular_file_nothing_is_kept(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    memory = Memory()
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing"):
        assert FileFacts(memory).of(path, "name", lambda: "fact") == "fact"
    assert memory.facts == {}

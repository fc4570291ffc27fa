"""Looking after the cache, beside what the command line shows of it."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.unit.probing.samples import key, open_store, probe
from vmafx_tune import cache
from vmafx_tune.cache import clear_cache, examine_cache, prune_cache
from vmafx_tune.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

_N_ENTRIES = 20


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with entries of some size, the last of them used last."""
    monkeypatch.setenv("VMAFX_CACHE_DIR", str(tmp_path))
    path = tmp_path / "probes.sqlite"
    for number in range(_N_ENTRIES):
        store = open_store(path, clock=partial(float, number))
        store.put(key(str(number), source=f"{number}.mp4"), probe(n_frames=3000))
    return path


def test_pruning_to_a_size_keeps_what_was_used_last_and_gives_room_back(path: Path) -> None:
    before = examine_cache()
    after = prune_cache(limit_bytes=before.size_bytes // 2)
    assert after.n_removed == before.n_entries - after.n_entries > 0
    assert path.stat().st_size == after.size_bytes <= before.size_bytes // 2
    listed = examine_cache(entries=True).entries
    assert listed is not None
    assert [entry.src for entry in listed] == [
        f"{number}.mp4" for number in reversed(range(after.n_removed, _N_ENTRIES))
    ]


def test_clearing_gives_nearly_all_room_back(path: Path) -> None:
    before = examine_cache()
    after = clear_cache()
    assert (after.n_entries, after.n_removed) == (0, _N_ENTRIES)
    assert path.stat().st_size < before.size_bytes / 5


def test_clearing_removes_sources_that_were_fetched(path: Path) -> None:
    copy = path.parent / "sources/digest/clip.mp4"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"a clip")
    clear_cache()
    assert not copy.exists()


def test_stores_set_aside_are_listed_and_cleared(path: Path) -> None:
    aside = path.with_name("probes.sqlite.damaged-20260101T000000")
    aside.write_bytes(b"damaged")
    assert examine_cache().damaged == (aside,)
    assert clear_cache().damaged == ()
    assert not aside.exists()


def test_a_store_of_a_later_version_is_cleared_but_not_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OutputError, match="later version"):
        examine_cache()
    clear_cache()
    assert examine_cache().n_entries == 0


def test_a_store_that_cannot_be_opened_is_an_error_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMAFX_CACHE_DIR", str(tmp_path))
    (tmp_path / "probes.sqlite").mkdir()
    with pytest.raises(OutputError, match="VMAFX_CACHE_DIR"):
        examine_cache()


def edit(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_damaged_entries_are_counted_not_listed_and_pruned(path: Path) -> None:
    edit(path, "UPDATE probes SET source = CAST(x'ff' AS TEXT) WHERE rowid = 3")
    edit(path, "UPDATE probes SET used_s = 1e300 WHERE rowid = 4")
    listed = examine_cache(entries=True)
    assert (listed.n_entries, listed.n_damaged) == (_N_ENTRIES, 2)
    assert len(listed.entries or ()) == _N_ENTRIES - 2
    pruned = prune_cache()
    assert (pruned.n_removed, pruned.n_entries) == (2, _N_ENTRIES - 2)
    assert examine_cache(entries=True).n_damaged == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE probes",
        "CREATE TRIGGER wrong AFTER DELETE ON probes BEGIN SELECT raise(ABORT, 'no'); END",
        "PRAGMA application_id = 7",
        "PRAGMA user_version = -1",
    ],
)
def test_a_damaged_store_is_told_with_what_to_do_and_cleared(path: Path, statement: str) -> None:
    edit(path, statement)
    for action in (examine_cache, partial(examine_cache, entries=True), prune_cache):
        with pytest.raises(OutputError, match="cache clear"):
            action()
    clear_cache()
    assert examine_cache().n_entries == 0


def test_a_store_whose_header_forbids_writing_is_cleared(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[18] = 9  # the version that a writer must know
    path.write_bytes(content)
    assert clear_cache().n_entries == 0
    open_store(path).put(key(), probe())
    assert open_store(path).get(key()) == probe()


def test_clearing_and_pruning_sweep_what_killed_processes_left(path: Path) -> None:
    claims = path.parent / "claims"
    claims.mkdir()
    for action in (prune_cache, clear_cache):
        (claims / "left").touch()
        action()
        assert list(claims.iterdir()) == []


def test_pruning_twice_at_once_leaves_a_run_that_writes_alone(path: Path) -> None:
    warned: list[str] = []
    store = open_store(path, warned=warned)
    done = threading.Event()

    def prune() -> None:
        while not done.is_set():
            prune_cache(limit_bytes=100_000)

    with ThreadPoolExecutor(2) as pool:
        pruning = [pool.submit(prune) for _ in range(2)]
        for number in range(30):
            store.put(key(f"new {number}"), probe(n_frames=300))
        done.set()
    assert [future.exception() for future in pruning] == [None, None]
    assert warned == []
    assert examine_cache(entries=True).n_damaged == 0


def test_a_store_that_others_keep_busy_is_not_called_broken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_PATIENCE_S", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for action in (prune_cache, clear_cache):
            with pytest.raises(OutputError, match="try again"):
                action()
    assert examine_cache().n_entries == _N_ENTRIES

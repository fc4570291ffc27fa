"""The probe store: what it keeps, and what it does when it cannot."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.support.users import ordinary_user
from tests.unit.probing.samples import key, of_itself, open_store, probe, scores

if TYPE_CHECKING:
    from pathlib import Path

_N_FRAMES = 2000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "probes.sqlite"


def test_a_probe_comes_back_with_every_bit_of_its_numbers(path: Path) -> None:
    open_store(path).put(key(), probe())
    found = open_store(path).get(key())
    assert found == probe()
    assert found is not None
    assert repr(found.scores.frames) == repr(probe().scores.frames)
    assert list(found.scores.features) == list(probe().scores.features)


def test_what_was_not_kept_is_not_found(path: Path) -> None:
    store = open_store(path)
    store.put(key("a"), probe())
    assert store.get(key("b")) is None
    assert store.get_scores(key("b")) is None


def test_a_probe_put_again_takes_the_place_of_the_first(path: Path) -> None:
    store = open_store(path)
    store.put(key(), probe(n_frames=3))
    store.put(key(), probe(n_frames=5))
    assert store.get(key()) == probe(n_frames=5)


def test_scores_of_a_source_against_itself_are_kept_beside_probes(path: Path) -> None:
    store = open_store(path)
    store.put(key("a"), probe())
    store.put_scores(of_itself("b"), scores(4))
    assert store.get_scores(of_itself("b")) == scores(4)


def test_a_curve_has_its_probes_in_the_order_of_quality_and_nothing_else(path: Path) -> None:
    store = open_store(path)
    for digest, quality in (("a", 30.0), ("b", 20.0), ("c", 25.5)):
        store.put(key(digest, curve="mine"), probe(quality))
    store.put(key("d", curve="other"), probe(22.0))
    store.put_scores(key("e", curve="mine"), scores())
    assert [found.quality for found in store.curve(key("x", curve="mine"))] == [20.0, 25.5, 30.0]


def test_a_name_that_is_no_utf_8_does_no_harm(path: Path) -> None:
    store = open_store(path)
    store.put(key(source=os.fsdecode(b"caf\xe9.mp4")), probe())
    assert store.get(key()) == probe()


def test_nothing_is_made_before_it_is_used(path: Path) -> None:
    open_store(path)
    assert not path.parent.exists()


def test_entries_used_the_longest_ago_go_when_room_is_short(path: Path) -> None:
    ticks = count(1000, 10_000)
    store = open_store(path, limit_bytes=400_000, clock=lambda: float(next(ticks)))
    store.put(key("first"), probe(n_frames=_N_FRAMES))
    store.put(key("second"), probe(n_frames=_N_FRAMES))
    for number in range(40):
        assert store.get(key("first")) is not None
        store.put(key(f"more {number}"), probe(n_frames=_N_FRAMES))
    assert store.get(key("second")) is None
    assert store.get(key("more 39")) is not None
    assert path.stat().st_size < 500_000


@pytest.mark.parametrize("content", [b"no database at all\n" * 100, b"SQLite format 3\0" * 300])
def test_a_damaged_store_is_set_aside_and_begun_anew(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    warned: list[str] = []
    store = open_store(path, warned=warned)
    assert store.get(key()) is None
    store.put(key(), probe())
    assert store.get(key()) == probe()
    (aside,) = path.parent.glob("probes.sqlite.damaged-*")
    assert aside.read_bytes() == content
    assert len(warned) == 1
    assert aside.name in warned[0]


def test_a_store_whose_pages_are_broken_is_set_aside(path: Path) -> None:
    store = open_store(path)
    for number in range(30):
        store.put(key(str(number)), probe(n_frames=400))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    warned: list[str] = []
    again = open_store(path, warned=warned)
    assert again.get(key("3")) is None
    again.put(key("3"), probe())
    assert again.get(key("3")) == probe()
    assert [message for message in warned if "damaged" in message] == warned != []


def test_a_store_without_its_table_is_set_aside(path: Path) -> None:
    store = open_store(path)
    store.put(key(), probe())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE probes")
    assert store.get(key()) is None
    store.put(key(), probe())
    assert store.get(key()) == probe()


def test_a_store_of_a_later_version_is_left_as_it_is(path: Path) -> None:
    open_store(path).put(key(), probe())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    content = path.read_bytes()
    warned: list[str] = []
    store = open_store(path, warned=warned)
    assert store.get(key()) is None
    store.put(key(), probe())
    assert path.read_bytes() == content
    assert len(warned) == 1
    assert "later version" in warned[0]


def test_a_folder_in_the_place_of_the_file_is_told_of_once(path: Path) -> None:
    path.mkdir(parents=True)
    warned: list[str] = []
    store = open_store(path, warned=warned)
    for _ in range(3):
        assert store.get(key()) is None
        store.put(key(), probe())
    assert len(warned) == 1
    assert "VMAFX_CACHE_DIR" in warned[0]


def test_a_cache_folder_that_cannot_be_made_is_told_of_once(path: Path) -> None:
    path.parent.write_text("a file, no folder")
    warned: list[str] = []
    store = open_store(path, warned=warned)
    assert store.get(key()) is None
    store.put(key(), probe())
    assert len(warned) == 1


def test_a_store_that_cannot_be_written_still_gives_what_it_has(path: Path) -> None:
    open_store(path).put(key("a"), probe())
    path.chmod(0o444)
    path.parent.chmod(0o755)
    for folder in list(path.parents)[:5]:
        folder.chmod(folder.stat().st_mode | 0o055)
    warned: list[str] = []
    store = open_store(path, warned=warned)
    with ordinary_user():
        store.put(key("b"), probe())
        store.put(key("c"), probe())
        assert store.get(key("a")) == probe()
    assert len(warned) == 1
    assert "not cached" in warned[0]


def test_a_store_locked_for_too_long_is_done_without(path: Path) -> None:
    open_store(path).put(key("a"), probe())
    warned: list[str] = []
    store = open_store(path, warned=warned, busy_timeout_s=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        store.put(key("b"), probe())
        store.put(key("c"), probe())
        assert store.get(key("a")) == probe()
    assert len(warned) == 1
    assert "locked" in warned[0]


def test_many_threads_may_read_and_write_at_once(path: Path) -> None:
    warned: list[str] = []
    store = open_store(path, warned=warned)

    def work(number: int) -> None:
        for part in range(10):
            store.put(key(f"{number}-{part}"), probe(float(part)))
            assert store.get(key(f"{number}-{part}")) == probe(float(part))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warned == []
    assert all(store.get(key(f"{n}-{p}")) is not None for n in range(6) for p in range(10))


def test_facts_are_kept(path: Path) -> None:
    open_store(path).keep("1:2:3", ["abc", 1.5, None])
    assert open_store(path).recall("1:2:3") == ["abc", 1.5, None]
    assert open_store(path).recall("1:2:4") is None


def test_the_last_bitrate_that_an_encode_was_found_to_have_at_least_is_kept(path: Path) -> None:
    store = open_store(path)
    assert store.least_kbps(key()) is None
    for kbps in (512.25, 700.5, 600.0):
        store.put_least_kbps(key(), kbps)
    assert open_store(path).least_kbps(key()) == 600.0
    assert store.least_kbps(key("other")) is None
    assert store.get(key()) is None


@pytest.mark.parametrize("version", [1, 2])
def test_a_store_of_an_earlier_version_is_begun_anew(path: Path, version: int) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE probes (digest TEXT PRIMARY KEY, curve TEXT, payload BLOB);"
            "INSERT INTO probes VALUES ('a', 'c', zeroblob(1000000));"
            f"PRAGMA user_version = {version};"
        )
    warned: list[str] = []
    store = open_store(path, warned=warned)
    assert store.get(key()) is None
    assert list(store.curve(key())) == []
    store.put(key(), probe())
    assert store.get(key()) == probe()
    assert warned == []
    assert [found.name for found in path.parent.glob("*.damaged-*")] == []


def test_a_store_of_the_version_before_keeps_its_probes(path: Path) -> None:
    open_store(path).put(key(), probe())
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TABLE facts; CREATE TABLE files (signature TEXT, digest TEXT);"
            "CREATE TABLE sizes (digest TEXT, least_kbps REAL); PRAGMA user_version = 3;"
        )
    warned: list[str] = []
    store = open_store(path, warned=warned)
    assert store.get(key()) == probe()
    store.keep("name", "fact")
    assert open_store(path).recall("name") == "fact"
    assert warned == []


def test_a_measurement_that_is_none_is_not_kept(path: Path) -> None:
    warned: list[str] = []
    store = open_store(path, warned=warned)
    store.put(key(), replace(probe(), bitrate_kbps=math.nan))
    store.put_scores(of_itself(), replace(scores(), frames=(90.0,)))
    assert store.get(key()) is None
    assert store.get_scores(of_itself()) is None
    assert warned == []

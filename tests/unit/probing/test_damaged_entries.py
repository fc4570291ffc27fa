"""Entries of the probe store that are not what was written."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.probing.samples import key, of_itself, open_store, probe, scores
from vmafx_tune.model import PixelFormat
from vmafx_tune.probing.rows import DamagedRowError, checksum, pack_probe, unpack_probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

A, B = key("a" * 64), key("b" * 64)
SIGNATURE, DIGEST = "1:2:3:4:5", "d" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with two probes of a curve, scores, a size and a digest."""
    path = tmp_path / "probes.sqlite"
    store = open_store(path)
    store.put(A, probe(23.0))
    store.put(B, probe(24.0, n_frames=5))
    store.put_scores(of_itself(), scores(4))
    store.put_least_kbps(A, 512.0)
    store.keep(SIGNATURE, DIGEST)
    return path


def edit(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


EDITS = {
    "payload of other bytes": "UPDATE probes SET payload = x'00ff'",
    "payload that is text": "UPDATE probes SET payload = 'text'",
    "payload that is a number": "UPDATE probes SET payload = 1e308",
    "curve": "UPDATE probes SET curve = 'other'",
    "curve that is not UTF-8": "UPDATE probes SET curve = CAST(x'ff' AS TEXT)",
    "digest that is not UTF-8": "UPDATE probes SET digest = CAST(x'ff' || digest AS TEXT)",
    "source that is not UTF-8": "UPDATE probes SET source = CAST(x'fffe' AS TEXT)",
    "encoder": "UPDATE probes SET encoder = 'libx265'",
    "size": "UPDATE probes SET size = '1x1'",
    "model": "UPDATE probes SET model = 'other'",
    "checksum": "UPDATE probes SET checksum = 'none'",
    "time of use that is text": "UPDATE probes SET used_s = 'yesterday'",
    "time of use that is infinite": "UPDATE probes SET used_s = 9e999",
    "time of making": "UPDATE probes SET made_s = x'00'",
    "quality": "UPDATE probes SET quality = 22",
    "bitrate": "UPDATE probes SET bitrate_kbps = 1",
}


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS.keys())
def test_an_edited_entry_is_removed_with_one_warning_and_measured_again(
    path: Path, statement: str
) -> None:
    edit(path, statement)
    warned: list[str] = []
    store = open_store(path, warned=warned)
    assert (store.get(A), store.get(B), [*store.curve(A)]) == (None, None, [])
    assert len(warned) == 1
    assert "damaged" in warned[0]
    store.put(A, probe(23.0))
    assert open_store(path).get(A) == probe(23.0)
    assert not list(path.parent.glob("*.damaged-*"))


@pytest.mark.parametrize("column", ["payload", "checksum", "quality", "digest"])
def test_of_two_entries_that_have_something_swapped_neither_is_believed(
    path: Path, column: str
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        query = f"SELECT {column} FROM probes WHERE rowid < 3 ORDER BY rowid"
        (first,), (second,) = connection.execute(query).fetchall()
        for place, value in ((1, b"between"), (2, first), (1, second)):
            statement = f"UPDATE probes SET {column} = ? WHERE rowid = ?"
            connection.execute(statement, (value, place))
    store = open_store(path)
    assert (store.get(A), store.get(B), [*store.curve(A)]) == (None, None, [])


def test_an_edited_size_is_not_believed(path: Path) -> None:
    name = f"{A.digest} least kbps"
    edit(path, "UPDATE facts SET fact = '5120.0'")
    assert open_store(path).least_kbps(A) is None
    edit(path, "INSERT INTO facts VALUES (?, ?, ?, ?)", name, "much", 1.0, "")
    store = open_store(path)
    assert store.least_kbps(A) is None
    store.put_least_kbps(A, 600.0)
    assert store.least_kbps(A) == 600.0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET fact = hex(randomblob(32))",
        "UPDATE facts SET fact = CAST(x'ff' AS TEXT)",
        "UPDATE facts SET name = '5:4:3:2:1' WHERE name = '1:2:3:4:5'",
        "UPDATE facts SET fact = 7, checksum = x'00'",
    ],
)
def test_one_file_never_stands_for_another(path: Path, statement: str) -> None:
    edit(path, statement)
    store = open_store(path)
    assert store.recall(SIGNATURE) is None
    assert store.recall("5:4:3:2:1") is None
    store.keep(SIGNATURE, DIGEST)
    assert store.recall(SIGNATURE) == DIGEST


def forged(path: Path, payload: bytes) -> None:
    """Put other content into the first entry, with a checksum that fits."""
    columns = "digest, curve, source, encoder, quality, size, model, bitrate_kbps, vmaf, made_s"
    with closing(sqlite3.connect(path)) as connection, connection:
        facts = connection.execute(f"SELECT {columns} FROM probes WHERE rowid = 1").fetchone()
        connection.execute(
            "UPDATE probes SET payload = ?, checksum = ? WHERE rowid = 1",
            (payload, checksum("probes", facts, payload)),
        )


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    facts = json.loads(zlib.decompress(pack_probe(probe(23.0))))
    change(facts)
    return zlib.compress(json.dumps(facts).encode())


def setting(*path: str, to: Any) -> Callable[[dict[str, Any]], object]:
    def change(facts: dict[str, Any]) -> None:
        *folders, last = path
        for folder in folders:
            facts = facts[folder]
        facts[last] = to

    return change


PAYLOADS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": zlib.compress(b"{"),
    "not UTF-8": zlib.compress(b'{"quality": "\xff"}'),
    "deep JSON": zlib.compress(b"[" * 200_000 + b"]" * 200_000),
    "a number of many digits": zlib.compress(b'{"quality": ' + b"9" * 5000 + b"}"),
    "a list": zlib.compress(b"[1]"),
    "null": zlib.compress(b"null"),
    "another quality": changed(setting("quality", to=22.0)),
    "a huge quality": changed(setting("quality", to=10**400)),
    "quality as text": changed(setting("quality", to="23")),
    "another bitrate": changed(setting("bitrate_kbps", to=1.0)),
    "no bitrate": changed(setting("bitrate_kbps", to=math.nan)),
    "a negative bitrate": changed(setting("bitrate_kbps", to=-5.0)),
    "an infinite peak": changed(setting("peak_bitrate_kbps", to=math.inf)),
    "no bytes": changed(setting("size_bytes", to=0)),
    "bytes in parts": changed(setting("size_bytes", to=1.5)),
    "keyframes that are text": changed(setting("keyframe_bytes", to="text")),
    "a negative time": changed(setting("encode_time_s", to=-1.0)),
    "a version that is a list": changed(setting("encoder_version", to=[])),
    "a field too many": changed(setting("more", to=1)),
    "a field too few": changed(lambda facts: facts.pop("encode_time_s")),
    "scores that are text": changed(setting("scores", "frames", to="abc")),
    "scores that are NaN": changed(setting("scores", "frames", to=[math.nan] * 3)),
    "true for a score": changed(setting("scores", "frames", to=[True] * 3)),
    "a score too few": changed(setting("scores", "frames", to=[90.0] * 2)),
    "frames that were not there": changed(setting("scores", "n_frames", to=4)),
    "no subsampling": changed(setting("scores", "subsample", to=0)),
    "another model": changed(setting("scores", "model", to="vmaf_4k_v0.6.1")),
    "features in a list": changed(setting("scores", "features", to=[])),
    "a feature too short": changed(setting("scores", "features", "integer_adm2", to=[0.5])),
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_content_that_is_no_measurement_is_refused_whatever_its_checksum(
    path: Path, payload: bytes
) -> None:
    forged(path, payload)
    warned: list[str] = []
    store = open_store(path, warned=warned)
    assert store.get(A) is None
    assert [found.quality for found in store.curve(A)] == [24.0]
    assert len(warned) == 1


def test_an_entry_of_an_earlier_version_is_read(path: Path) -> None:
    def earlier(facts: dict[str, Any]) -> None:
        for name in ("command", "cached", "parts", "in_chunks"):
            del facts[name]
        facts["pixel_format"] = ["yuv420p", 8, "420", False, False]

    forged(path, changed(earlier))
    assert open_store(path).get(A) == replace(
        probe(23.0), pixel_format=PixelFormat("yuv420p", 8, "420")
    )


def test_a_row_of_something_else_is_refused_whatever_its_checksum(path: Path) -> None:
    for other in (
        key("a" * 64, curve="other"),
        replace(A, encoder="libx265"),
        replace(A, size="640x360"),
        replace(A, quality=22.0),
    ):
        store = open_store(path)
        store.put(A, probe(23.0))
        assert store.get(other) is None
    assert open_store(path).get(B) == probe(24.0, n_frames=5)


def test_every_byte_of_a_payload_counts() -> None:
    payload = pack_probe(probe())
    assert unpack_probe(payload) == probe()
    for place in range(0, len(payload), 7):
        broken = bytearray(payload)
        broken[place] ^= 0x10
        try:
            assert unpack_probe(bytes(broken)) == probe()
        except DamagedRowError:
            continue

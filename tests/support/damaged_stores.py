"""Ways in which a probe store comes to harm."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

__all__ = ["DAMAGE"]

TABLES = {
    "probes": "digest curve source encoder quality size model bitrate_kbps vmaf made_s used_s "
    "payload checksum",
    "facts": "name fact made_s checksum",
}


def flip(path: Path, chance: Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 20, 500))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def flip_in_header(path: Path, chance: Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(2):
        content[chance.randrange(110)] = chance.randrange(256)
    path.write_bytes(content)


def overwrite(path: Path, chance: Random) -> None:
    content = bytearray(path.read_bytes())
    start = chance.randrange(len(content))
    length = min(chance.randrange(1, 20_000), len(content) - start)
    content[start : start + length] = chance.choice(
        (bytes(length), b"\xff" * length, chance.randbytes(length))
    )
    path.write_bytes(content)


def swap_pages(path: Path, chance: Random) -> None:
    content = path.read_bytes()
    pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    first, second = chance.sample(range(1, len(pages)), 2)
    pages[first], pages[second] = pages[second], pages[first]
    path.write_bytes(b"".join(pages))


def truncate(path: Path, chance: Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def zero(path: Path, chance: Random) -> None:
    path.write_bytes(bytes(path.stat().st_size if chance.random() < 0.5 else 0))


def lengthen(path: Path, chance: Random) -> None:
    path.write_bytes(path.read_bytes() + chance.randbytes(4096 * 3))


VALUES = (
    None, 0, -1, 1e999, -1e308, 2**62, "", "text", b"\xff\xfe", b"", "9" * 5000, "[" * 5000,
)  # fmt: skip


def edit_column(path: Path, chance: Random) -> None:
    table, columns = chance.choice(list(TABLES.items()))
    column = chance.choice(columns.split())
    value = chance.choice(VALUES)
    text = "CAST(? AS TEXT)" if isinstance(value, bytes) and chance.random() < 0.5 else "?"
    where = chance.choice(("", f"WHERE rowid % 3 = {chance.randrange(3)}", "WHERE rowid = 7"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE OR IGNORE {table} SET {column} = {text} {where}", (value,))


def swap_columns(path: Path, chance: Random) -> None:
    columns = chance.sample(TABLES["probes"].split()[1:], 3)
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute(f"SELECT {', '.join(columns)} FROM probes").fetchall()
        chance.shuffle(rows)
        changes = ", ".join(f"{column} = ?" for column in columns)
        for place, row in enumerate(rows, start=1):
            connection.execute(f"UPDATE probes SET {changes} WHERE rowid = {place}", row)


SCHEMAS = (
    "DROP TABLE probes",
    "DROP TABLE facts",
    "DROP INDEX probes_by_curve",
    "ALTER TABLE probes DROP COLUMN checksum",
    "ALTER TABLE facts RENAME TO measures",
    "CREATE TRIGGER wrong AFTER INSERT ON probes BEGIN DELETE FROM probes; END",
    "CREATE VIEW other AS SELECT * FROM probes",
    (
        "PRAGMA writable_schema = 1; "
        "UPDATE sqlite_master SET sql = CAST(x'ff' || sql AS TEXT) WHERE name = 'probes'"
    ),
    (
        "PRAGMA writable_schema = 1; UPDATE sqlite_master SET name = CAST(x'fe' || name AS TEXT), "
        "sql = 'CREATE' WHERE type = 'index' AND sql IS NOT NULL"
    ),
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 3 WHERE rootpage > 3",
    "PRAGMA writable_schema = 1; DELETE FROM sqlite_master",
)


def edit_schema(path: Path, chance: Random) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(chance.choice(SCHEMAS))


def edit_version(path: Path, chance: Random) -> None:
    name = chance.choice(("user_version", "application_id"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {name} = {chance.choice((-1, 0, 1, 2, 1_000_000))}")


def leave_a_log(path: Path, chance: Random) -> None:
    companion = path.with_name(path.name + chance.choice(("-wal", "-journal", "-shm")))
    companion.write_bytes(chance.choice((b"", chance.randbytes(5000), bytes(70_000))))


def leave_the_log_of_another_store(path: Path, chance: Random) -> None:
    other = path.with_name("other.sqlite")
    shutil.copy(path, other)
    with closing(sqlite3.connect(other)) as connection:
        with connection:
            connection.execute("UPDATE probes SET payload = zeroblob(9000), vmaf = 100")
        log = Path(shutil.copy(f"{other}-wal", f"{path}-wal"))
    if chance.random() < 0.5:
        flip(log, chance)


def put_something_else(path: Path, chance: Random) -> None:
    path.unlink()
    kind = chance.choice(("folder", "pipe", "dangling link", "circular link", "device"))
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        targets = {
            "dangling link": "nowhere/file",
            "circular link": path.name,
            "device": "/dev/null",
        }
        path.symlink_to(targets[kind])


def put_something_else_beside(path: Path, chance: Random) -> None:
    ending = chance.choice((".lock", ".sqlite-wal", ".sqlite-shm", ".sqlite-journal"))
    other = path.with_suffix(ending)
    other.unlink(missing_ok=True)
    (other.mkdir if chance.random() < 0.5 else lambda: os.mkfifo(other))()


DAMAGE: tuple[Callable[[Path, Random], None], ...] = (
    flip, flip_in_header, overwrite, swap_pages, truncate, zero, lengthen, edit_column,
    edit_column, swap_columns, edit_schema, edit_schema, edit_version, leave_a_log,
    leave_the_log_of_another_store, put_something_else, put_something_else_beside,
)  # fmt: skip
"""Each changes the store at a path, as chance will have it."""

"""When the cuts of a source are found anew."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import SOURCE
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.session import Session
from vmafx_tune.shots import run
from vmafx_tune.shots.run import find_shots

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.model import Source


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    """The sources whose cuts were looked for, at a time when all files have settled."""
    found: list[Source] = []

    def find_cuts(source: Source, *_: object) -> tuple[int, ...]:
        found.append(source)
        return ()

    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    monkeypatch.setattr(run, "find_cuts", find_cuts)
    return found


@pytest.fixture
def session() -> Session:
    made = Session()
    made.facts = FileFacts()
    return made


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"clip")
    return path


def test_the_cuts_of_a_file_are_found_once(
    clip: Path, session: Session, looked_at: list[Source]
) -> None:
    for _ in range(2):
        find_shots(replace(SOURCE, path=clip), 1, session)

    assert len(looked_at) == 1


def test_another_look_up_table_of_the_same_name_is_another_picture(
    clip: Path, tmp_path: Path, session: Session, looked_at: list[Source]
) -> None:
    look = tmp_path / "look.cube"
    source = replace(SOURCE, path=clip, filters=f"lut3d=file={look}")
    for table in ("one", "another"):
        look.write_text(table)
        find_shots(source, 1, session)

    assert len(looked_at) == 2


def test_another_decoder_may_see_other_cuts(
    clip: Path, session: Session, looked_at: list[Source]
) -> None:
    for decoder in ("16.0", "17.0"):
        again = Session()
        again.facts = session.facts
        again.reader.decoder = decoder
        find_shots(replace(SOURCE, path=clip), 1, again)

    assert len(looked_at) == 2

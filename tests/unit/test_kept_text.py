"""Texts that outlive a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmafx_tune.cache import clear_cache
from vmafx_tune.files import CACHE_VARIABLE
from vmafx_tune.kept_text import KeptText, kept_texts

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "a\r\nline, and \u2028 more\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_text_is_read_as_it_was_written() -> None:
    assert KeptText("charts", "1").read() is None

    KeptText("charts", "1").write(TEXT)

    assert KeptText("charts", "1").read() == TEXT
    assert KeptText("charts", "2").read() is None


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"cut"])
def test_a_damaged_text_is_made_again(folder: Path, damage: bytes) -> None:
    KeptText("charts", "1").write(TEXT)
    (kept,) = kept_texts()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-3] if damage == b"cut" else damage)

    assert KeptText("charts", "1").read() is None
    KeptText("charts", "1").write(TEXT)
    assert KeptText("charts", "1").read() == TEXT
    assert [path.name for path in folder.iterdir()] == [kept.name]


def test_where_nothing_can_be_kept_nothing_happens(folder: Path) -> None:
    folder.write_text("in the way")

    KeptText("charts", "1").write(TEXT)

    assert KeptText("charts", "1").read() is None


def test_clearing_the_cache_forgets_texts() -> None:
    KeptText("charts", "1").write(TEXT)

    clear_cache()

    assert list(kept_texts()) == []

"""Damaged files of every kind through `score` and `search`; `benchmarks/fuzz_media.py` has more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.mutations import FORMATS, examine, make_sources, mutations

if TYPE_CHECKING:
    from pathlib import Path

_COUNT = 3 * len(FORMATS)
_SEARCH = ("search", "-c", "libx264", "-t", "60", "--preset", "ultrafast", "--no-cache")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path) -> dict[str, Path]:
    return make_sources(tmp_path_factory.mktemp("whole"), ffmpeg_exe)


@pytest.mark.parametrize("number", range(_COUNT))
def test_a_damaged_file_is_refused_in_a_sentence_or_decodes_cleanly(
    sources: dict[str, Path], tmp_path: Path, number: int
) -> None:
    name, data = list(mutations(sources, _COUNT, seed=7))[number]
    damaged = tmp_path / name
    damaged.write_bytes(data)
    command = _SEARCH if number % 2 else ("score",)

    verdict = examine(command, sources[damaged.suffix[1:]], damaged)

    assert verdict.kind in {"refused", "sound"}, verdict.detail

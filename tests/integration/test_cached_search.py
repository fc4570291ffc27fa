"""What a search that is answered from the cache does not do again, and that it says the same."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import without

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.clips import ClipFactory

QUICK = ("--preset", "ultrafast", "--crf-lo", "30", "--crf-hi", "36", "-t", "60")
PASSING = {"wall_time_ms", "new_probes", "cached"}
# Loaded by nothing that a cached answer needs.
HEAVY = {"av", "numpy", "pydantic", "rich", "imageio_ffmpeg", "asyncio"}
# Clips here were made a moment ago, and might still change.
SETTLED = """
import json, sys
from vmafx_tune.media import file_facts
file_facts._SETTLED_AFTER_S = -1.0
from vmafx_tune.__main__ import main
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


class Run:
    """A search in a process of its own: what it printed, ran and loaded."""

    def __init__(self, clip: Path, *more: str) -> None:
        argv = [sys.executable, "-c", SETTLED, "search", "-r", str(clip), *QUICK, "-v", *more]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        *told, loaded = done.stderr.splitlines()
        self.exit_code = done.returncode
        self.commands = [line for line in told if line.startswith("vmafx-tune: $ ")]
        self.told = [line for line in told if line not in self.commands]
        self.loaded = set(json.loads(loaded))
        self.document: Any = without(json.loads(done.stdout), PASSING) if done.stdout else None


def test_an_answer_from_the_cache_loads_no_decoder_and_runs_nothing(clips: ClipFactory) -> None:
    first, second = Run(clips.moving()), Run(clips.moving())
    assert first.commands
    assert HEAVY & first.loaded
    assert second.commands == []
    assert HEAVY & second.loaded == set()
    assert second.document == first.document


def odd_sources(clips: ClipFactory) -> Iterable[tuple[Path, tuple[str, ...]]]:
    yield clips.two_streams(), ()
    yield clips.hdr_pq(), ()
    yield clips.hdr_pq(), ("--allow-hdr",)
    yield clips.variable_rate(), ()
    yield clips.rotated(90), ()
    yield clips.interlaced(), ()
    yield clips.cut_short(), ()
    yield clips.holed(clips.moving()), ("--allow-damage",)


@pytest.mark.parametrize("index", range(8))
def test_a_source_that_is_known_has_the_notes_and_refusals_of_one_that_is_read(
    clips: ClipFactory, index: int
) -> None:
    clip, more = list(odd_sources(clips))[index]
    first, second = Run(clip, *more), Run(clip, *more)
    assert second.exit_code == first.exit_code
    assert second.told == first.told
    assert second.document == first.document
    assert second.commands == []


def test_refresh_asks_everything_again(clips: ClipFactory) -> None:
    first, second = Run(clips.moving()), Run(clips.moving(), "--refresh")
    assert len(second.commands) >= len(first.commands)
    assert second.document["best_crf"] == first.document["best_crf"]


def test_without_the_cache_nothing_is_kept(clips: ClipFactory, own_cache: Path) -> None:
    before = {path.name: path.read_bytes() for path in own_cache.iterdir()}
    first, second = Run(clips.moving(), "--no-cache"), Run(clips.moving(), "--no-cache")
    assert len(first.commands) == len(second.commands) > 0
    assert {path.name: path.read_bytes() for path in own_cache.iterdir()} == before

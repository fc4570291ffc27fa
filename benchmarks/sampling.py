"""What a sample of a long clip saves, and what it is off by until it is verified."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from _rows import Row
from _timing import ratios, take_turns

from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.search.run import search
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from vmafx_tune.results.search import SearchResult

__all__ = ["MEASURES", "sampling"]

CLIP = Path(__file__).parents[2] / "shared/media/interview_1280x720_25fps_60s.mp4"
ENCODER = "libx264"
TARGET = 96
SAMPLE = "6x5s"
# A run takes minutes, so that a few are enough.
MOST_ROUNDS = 3


def sampling(folder: Path, rounds: int) -> list[Row]:
    """A search on six parts of five seconds against one on the whole minute."""
    if not CLIP.exists():
        print(f"{CLIP.name} is not here, so samples are not measured.")
        return []
    found: dict[str, SearchResult] = {}

    def run(name: str, sample: str | None) -> None:
        found[name] = _search(folder, sample)

    times = take_turns(
        {"whole": partial(run, "whole", None), "sampled": partial(run, "sampled", SAMPLE)},
        min(rounds, MOST_ROUNDS),
    )
    truth = _bitrate_kbps(found["whole"])
    verified = _bitrate_kbps(_search(folder, SAMPLE, verify=True))
    what = f"`search --sample {SAMPLE}` on {CLIP.stem.rpartition('_')[2]} of 720p"
    return [
        Row(f"{what}: time against the whole", ratios(times, "whole")["sampled"], 0.5),
        Row(
            f"{what}: bitrate's error after `--verify`",
            100 * abs(verified / truth - 1),
            0,
            unit=" %",
        ),
    ]


MEASURES = (sampling,)


def _search(folder: Path, sample: str | None, *, verify: bool = False) -> SearchResult:
    return search(
        CLIP,
        ENCODER,
        TARGET,
        encoding=EncodingOptions(preset="veryfast", sample=sample, verify=verify),
        session=Session(ToolOptions(work_dir=folder, cache=False)),
    )


def _bitrate_kbps(result: SearchResult) -> float:
    assert result.bitrate_kbps is not None
    return result.bitrate_kbps

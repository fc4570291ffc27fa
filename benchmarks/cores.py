"""How much of a second worker a ladder gets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from _rows import Row
from _timing import ratios, take_turns

import vmafx_tune
from vmafx_tune.choices import Sampling
from vmafx_tune.model import Resolution
from vmafx_tune.options import EncodingOptions, ScoringOptions, ToolOptions
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from vmafx_tune.results.ladder import LadderResult

__all__ = ["MEASURES", "two_workers"]

CLIP = Path(__file__).parents[2] / "shared/media/seeking_720x480_25fps.mp4"
# What one thread leaves to others is decoding and scaling: the slower the encode, the less.
PRESETS = ("medium", "slower")
SIZES = [Resolution(720, 480), Resolution(600, 400), Resolution(540, 360), Resolution(360, 240)]
TARGETS = [70, 80, 90]
# One run takes a minute or more.
_MOST_ROUNDS = 3


def two_workers(folder: Path, rounds: int) -> list[Row]:
    """A ladder by two workers against the same by one, with a thread for each encode and score."""
    if not CLIP.exists():
        print(f"{CLIP.name} is not here, so workers are not compared.")
        return []
    cut = _cut(folder)
    return [row for preset in PRESETS for row in _compared(cut, preset, min(rounds, _MOST_ROUNDS))]


def _compared(cut: Path, preset: str, rounds: int) -> list[Row]:
    found: dict[str, LadderResult] = {}

    def build(name: str, workers: int) -> None:
        found[name] = _ladder(cut, workers, preset)

    times = take_turns({"one": lambda: build("one", 1), "two": lambda: build("two", 2)}, rounds)
    what = f"`ladder`, 4 sizes x 3 targets, `--threads 1`, preset {preset}"
    speed = ratios(times, "two")["one"]
    same = _measured(found["one"]) == _measured(found["two"])
    return [
        Row(f"{what}: two workers against one", speed, 1.7, least=True),
        Row(f"{what}: answers that differ between them", 0 if same else 1, 0, unit=""),
    ]


MEASURES = (two_workers,)


def _ladder(cut: Path, workers: int, preset: str) -> LadderResult:
    return vmafx_tune.ladder(
        cut,
        "libx264",
        TARGETS,
        resolutions=SIZES,
        sampling=Sampling.GRID,
        workers=workers,
        encoding=EncodingOptions(preset=preset),
        scoring=ScoringOptions(threads=1),
        # What one of them measured, the other would only recall.
        session=Session(ToolOptions(refresh=True)),
    )


def _measured(ladder: LadderResult) -> list[object]:
    return [(p.resolution, p.crf, p.bitrate_kbps, p.vmaf) for p in ladder.probes]


def _cut(folder: Path) -> Path:
    """Copy the first seconds, so that decoding costs what it costs with the whole clip."""
    cut = folder / f"{CLIP.stem}-cut.mp4"
    subprocess.run(
        [str(Session().ffmpeg.path), "-v", "error", "-y", "-i", str(CLIP), "-t", "2", "-an", "-c",
         "copy", str(cut)],
        check=True,
    )  # fmt: skip
    return cut

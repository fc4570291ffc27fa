"""What a ladder saves by sharing probes, and how fast its rungs are chosen."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from _rows import Row

import vmafx_tune
from vmafx_tune.choices import SearchStrategy, Spacing
from vmafx_tune.ladder.selection import select_rungs
from vmafx_tune.ladder.throughput import LogNormalThroughput
from vmafx_tune.model import Resolution
from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.results.rung_choice import RungChoice
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from vmafx_tune.results.ladder import LadderCell, LadderResult

__all__ = ["MEASURES", "ladder", "probes_shared", "rungs_chosen"]

CLIP = Path(__file__).parents[2] / "shared/media/seeking_720x480_25fps.mp4"
SIZES = [Resolution(720, 480), Resolution(540, 360), Resolution(480, 320), Resolution(360, 240)]
TARGETS = [60, 70, 80, 90, 95]
WORKERS = os.cpu_count() or 1


def ladder(_: Path, __: int) -> list[Row]:
    """A ladder against its cells bisected one by one; hull and selection by themselves."""
    what = "hull and selection of 100,000 points, the slowest spacing"
    rows = [Row(what, rungs_chosen(100_000), 1, unit=" s")]
    if not CLIP.exists():
        print(f"{CLIP.name} is not here, so the ladder is not measured.")
        return rows
    took, encodes, same = probes_shared()
    what = "`ladder`, 4 sizes x 5 targets, against each cell bisected on its own"
    return [
        *rows,
        Row(f"{what}: time", took, 0.55),
        Row(f"{what}: encodes", encodes, 0.55),
        Row(f"{what}: cells that differ", 0 if same else 1, 0, unit=""),
    ]


MEASURES = (ladder,)


def probes_shared() -> tuple[float, float, bool]:
    """Build a ladder, and once more with each cell bisected on its own.

    Returns:
        Time and encodes of the first as shares of the second, and whether the cells are the same.
    """
    # What one of them measured, the other would only recall.
    session = Session(ToolOptions(refresh=True))

    def alone(resolution: Resolution, target: float) -> LadderCell:
        found = vmafx_tune.ladder(
            CLIP,
            "libx264",
            [target],
            resolutions=[resolution],
            workers=1,
            encoding=EncodingOptions(strategy=SearchStrategy.BISECT),
            session=session,
        )
        n_probes.append(len(found.probes))
        return replace(found.cloud[0], points=found.probes)

    n_probes: list[int] = []
    shared = vmafx_tune.ladder(
        CLIP, "libx264", TARGETS, resolutions=SIZES, workers=WORKERS, session=session
    )
    apart = vmafx_tune.ladder(
        CLIP, "libx264", TARGETS, resolutions=SIZES, workers=WORKERS, sampler=alone, session=session
    )
    return (
        (shared.wall_time_ms or 0) / (apart.wall_time_ms or 1),
        len(shared.probes) / sum(n_probes),
        _answers(shared) == _answers(apart),
    )


def _answers(ladder: LadderResult) -> list[object]:
    return [(c.resolution, c.target, c.crf, c.bitrate_kbps, c.vmaf) for c in ladder.cloud]


@dataclass(frozen=True)
class Point:
    """A measured point."""

    bitrate_kbps: float
    vmaf: float


def rungs_chosen(n_points: int) -> float:
    """Time the slowest spacing's hull and selection, in seconds."""
    dice = random.Random(1)
    points = [Point(dice.uniform(100, 9000), dice.uniform(20, 95)) for _ in range(n_points)]
    # The corner of a quarter circle: all of it is on the hull.
    points += [
        Point(9000 * (i + 1) / 500, 99 * (1 - (1 - (i + 1) / 500) ** 2) ** 0.5) for i in range(500)
    ]
    return max(_seconds(points, spacing) for spacing in Spacing)


def _seconds(points: list[Point], spacing: Spacing) -> float:
    choice = RungChoice(spacing=spacing, throughput="4000:0.8")
    started = time.perf_counter()
    select_rungs(points, choice, throughput=LogNormalThroughput(4000, 0.8))
    return time.perf_counter() - started

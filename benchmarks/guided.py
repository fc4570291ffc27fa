"""How near a ladder comes to the hull of every encode, when an earlier one of the title guides it.

`python benchmarks/guided.py --tables DIR CLIP…` keeps the probes in DIR, so that a change of the
planner is judged in seconds.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from _hulls import ENCODING, GOP_S, TARGETS, HullLoss, drawn_seconds, every_encode, sizes_of
from _rows import Row
from _tables import TableSession

import vmafx_tune
from vmafx_tune.choices import Sampling
from vmafx_tune.ladder.hull import upper_hull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.ladder import LadderPoint, LadderResult

__all__ = ["MEASURES", "GuidedLadder", "guided_ladders", "ladder_after"]

SEED = 2
GUIDE = "libx264"
ENCODERS = ("libx265", "libsvtav1")


def guided_ladders(folder: Path, _: int) -> list[Row]:
    """Ladders that x264's guides, on drawn clips, against every CRF at every size."""
    clips = drawn_seconds(SEED, folder)
    rows = []
    for encoder in ENCODERS:
        found = [ladder_after(GUIDE, encoder, clip, folder) for clip in clips]
        what = f"`ladder -c {GUIDE},{encoder} --sampling adaptive`, 4 sizes x 5 targets: the second"
        rows += [
            Row(f"{what}: encodes", mean(one.encodes for one in found), 8, unit=""),
            Row(
                f"{what}: BD-rate, every CRF at every size",
                max(one.loss.bd_rate for one in found),
                0.5,
                unit=" %",
            ),
        ]
    return rows


MEASURES = (guided_ladders,)


@dataclass(frozen=True)
class GuidedLadder:
    """A second ladder of a title.

    Attributes:
        encodes: That it took.
        loss: Of its hull against that of all encodes that there can be.
        missed: Targets in reach of some encode that no point of it reaches.
        found: The ladder.
        exhaustive: The hull of all encodes.
    """

    encodes: int
    loss: HullLoss
    missed: int
    found: LadderResult
    exhaustive: Sequence[LadderPoint]


def ladder_after(
    guide: str | None,
    encoder: str,
    clip: Path,
    tables: Path,
    *,
    targets: Sequence[float] = TARGETS,
    every: int = 1,
) -> GuidedLadder:
    """Build a ladder by one encoder after another's, and make every encode that could be in it.

    Args:
        guide: The first encoder; None to build the ladder alone.
        encoder: The second one.
        clip: What to encode, whole.
        tables: Keeps the probes.
        targets: Scores to reach.
        every: Makes one encode in so many only.
    """
    session = TableSession(tables / f"ladder-{clip.stem}.json")
    sizes = sizes_of(session.reader.source(clip).resolution)
    *_, found = vmafx_tune.ladders(
        clip, [guide, encoder] if guide else [encoder], targets, resolutions=sizes, gop_s=GOP_S,
        sampling=Sampling.ADAPTIVE, encoding=ENCODING, session=session,
    )  # fmt: skip
    exhaustive = upper_hull(every_encode(session, clip, encoder, sizes, every))
    best = max(point.vmaf for point in found.probes)
    reachable = [target for target in targets if exhaustive[-1].vmaf >= target]
    missed = sum(best < target for target in reachable)
    loss = HullLoss.of(found.hull, exhaustive)
    return GuidedLadder(len(found.probes), loss, missed, found, exhaustive)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+", help="short clips")
    parser.add_argument("--tables", type=Path, required=True, help="folder of probes")
    parser.add_argument("--every", type=int, default=1, help="make one encode in so many only")
    parser.add_argument("--alone", action="store_true", help="measure unguided ladders too")
    options = parser.parse_args()
    print(f"| clip | encoder | guide | encodes | missed | {HullLoss.HEADINGS} |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for clip, encoder in product(options.clips, ENCODERS):
        for guide in (GUIDE, None) if options.alone else (GUIDE,):
            one = ladder_after(guide, encoder, clip, options.tables, every=options.every)
            print(
                f"| {clip.stem} | {encoder} | {guide or 'alone'} | {one.encodes} | {one.missed} | "
                f"{one.loss.cells} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

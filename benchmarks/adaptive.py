"""What adaptive sampling of a ladder saves against the grid, and how near its hull comes.

`python benchmarks/adaptive.py --tables DIR CLIP…` measures other clips, and keeps probes in DIR.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from _hulls import ENCODING, GOP_S, TARGETS, HullLoss, drawn_seconds, every_encode, sizes_of
from _rows import Row
from _tables import TableSession

import vmafx_tune
from vmafx_tune.choices import Sampling
from vmafx_tune.ladder.hull import upper_hull

if TYPE_CHECKING:
    from vmafx_tune.results.ladder import LadderResult

__all__ = ["MEASURES", "AdaptiveSavings", "adaptive_ladder", "sampling_compared"]

# Nothing was chosen on clips of this seed.
SEED = 5
ENCODER = "libx264"


def adaptive_ladder(folder: Path, _: int) -> list[Row]:
    """Adaptive sampling against the grid, and its hull against that of every CRF at every size."""
    found = [sampling_compared(clip, folder) for clip in drawn_seconds(SEED, folder)]
    what = "`ladder --sampling adaptive`, 4 sizes x 5 targets, the worse of 2 unfitted clips"
    return [
        Row(f"{what}: encodes, against `grid`", max(one.encodes for one in found), 0.33),
        Row(
            f"{what}: BD-rate, every CRF at every size",
            max(abs(one.loss.bd_rate) for one in found),
            0.3,
            unit=" %",
        ),
        Row(f"{what}: reachable targets missed", sum(one.missed for one in found), 0, unit=""),
    ]


MEASURES = (adaptive_ladder,)


@dataclass(frozen=True)
class AdaptiveSavings:
    """One ladder, sampled in both ways.

    Attributes:
        encodes: Those of the adaptive ladder as a share of the grid's.
        loss: Of its hull against that of all encodes that there can be.
        missed: Targets in reach of some encode that no point of the adaptive ladder reaches.
    """

    encodes: float
    loss: HullLoss
    missed: int


def sampling_compared(clip: Path, tables: Path) -> AdaptiveSavings:
    """Build a ladder in both ways, and make every encode that could be part of one.

    Encodes are counted whether they are made or recalled, so that each is made once.

    Args:
        clip: What to encode, whole. Shares hardly depend on its length.
        tables: Keeps the probes.
    """
    session = TableSession(tables / f"ladder-{clip.stem}.json")
    sizes = sizes_of(session.reader.source(clip).resolution)

    def built(sampling: Sampling) -> LadderResult:
        return vmafx_tune.ladder(
            clip, ENCODER, TARGETS, resolutions=sizes, gop_s=GOP_S, sampling=sampling,
            encoding=ENCODING, session=session,
        )  # fmt: skip

    grid, adaptive = built(Sampling.GRID), built(Sampling.ADAPTIVE)
    exhaustive = upper_hull(every_encode(session, clip, ENCODER, sizes))
    best = max(point.vmaf for point in adaptive.probes)
    reachable = [target for target in TARGETS if exhaustive[-1].vmaf >= target]
    return AdaptiveSavings(
        encodes=len(adaptive.probes) / len(grid.probes),
        loss=HullLoss.of(adaptive.hull, exhaustive),
        missed=sum(best < target for target in reachable),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+", help="short clips")
    parser.add_argument("--tables", type=Path, required=True, help="folder of probes")
    options = parser.parse_args()
    print(f"| clip | encodes | missed | {HullLoss.HEADINGS} |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for clip in options.clips:
        one = sampling_compared(clip, options.tables)
        print(f"| {clip.stem} | {one.encodes:.2f} | {one.missed} | {one.loss.cells} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""How near a ladder comes to the hull of every encode, when an earlier one of the title guides it.

`python benchmarks/guided.py --tables DIR CLIP…` keeps the probes in DIR, so that a change of the
planner is judged in seconds.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from _clips import made, recipes
from _rows import Row
from _tables import TableSession

import vmafx_tune
from vmafx_tune.choices import Sampling
from vmafx_tune.compare.bd_rate import bd_rate
from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.ladder.cells import gop_frames, rendition_search
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.model import Resolution
from vmafx_tune.options import EncodingOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.results.ladder import LadderPoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.ladder import Encode, LadderResult

__all__ = ["MEASURES", "GuidedLadder", "guided_ladders", "ladder_after"]

SEED = 2
KINDS = ("film-cuts", "fades")
GUIDE = "libx264"
ENCODERS = ("libx265", "libsvtav1")
SHARES = (1.0, 0.75, 0.66, 0.5)
TARGETS = (60, 70, 80, 90, 95)
GOP_S = 2.0
ENCODING = EncodingOptions(preset="veryfast")


def guided_ladders(folder: Path, _: int) -> list[Row]:
    """Ladders that x264's guides, on drawn clips, against every CRF at every size."""
    drawn = (one for one in recipes(SEED) if one.name.startswith(KINDS))
    cuts = [replace(one, name=f"{one.name}-1s", duration_s=1.0) for one in drawn]
    clips = [made(one, folder) for one in cuts]
    rows = []
    for encoder in ENCODERS:
        found = [ladder_after(GUIDE, encoder, clip, folder) for clip in clips]
        what = f"`ladder -c {GUIDE},{encoder} --sampling adaptive`, 4 sizes x 5 targets: the second"
        rows += [
            Row(f"{what}: encodes", mean(one.encodes for one in found), 8, unit=""),
            Row(
                f"{what}: BD-rate, every CRF at every size",
                max(one.bd_rate for one in found),
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
        bd_rate: Of its hull against that of all encodes that there can be, in percent.
        missed: Targets in reach of some encode that no point of it reaches.
        found: The ladder.
        exhaustive: The hull of all encodes.
    """

    encodes: int
    bd_rate: float
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
    sizes = _sizes(session.reader.source(clip).resolution)
    *_, found = vmafx_tune.ladders(
        clip, [guide, encoder] if guide else [encoder], targets, resolutions=sizes, gop_s=GOP_S,
        sampling=Sampling.ADAPTIVE, encoding=ENCODING, session=session,
    )  # fmt: skip
    exhaustive = upper_hull(_every_encode(session, clip, encoder, sizes, every))
    against = bd_rate("guided", _rates(found.hull), "exhaustive", _rates(exhaustive))
    if against.percent is None:
        raise ValueError(against.reason)
    best = max(point.vmaf for point in found.probes)
    reachable = [target for target in targets if exhaustive[-1].vmaf >= target]
    missed = sum(best < target for target in reachable)
    return GuidedLadder(len(found.probes), against.percent, missed, found, exhaustive)


def _sizes(whole: Resolution) -> list[Resolution]:
    return [
        Resolution(*(2 * round(share * side / 2) for side in (whole.width, whole.height)))
        for share in SHARES
    ]


def _every_encode(
    session: TableSession, clip: Path, encoder: str, sizes: Sequence[Resolution], every: int
) -> list[LadderPoint]:
    source = session.reader.source(clip)
    gop = gop_frames(GOP_S, source.frame_rate)
    prepared = PreparedSource.prepare(source, ENCODING, None, session, gop_frames=gop)
    base = prepared.request(row_of(encoder), max(TARGETS), size=sizes[0])
    prober = session.prober()

    def measure(job: tuple[Resolution, int]) -> LadderPoint | None:
        size, step = job
        template = rendition_search(base, size).template
        quality = base.knob.quality_of(step)
        try:
            probe = prober.probe(
                replace(template, encode=replace(template.encode, quality=quality))
            )
        except UnreadableSourceError:
            # At its best quality, SVT-AV1 writes streams now and then that do not decode.
            return None
        return LadderPoint(
            width=size.width,
            height=size.height,
            crf=quality,
            bitrate_kbps=probe.bitrate_kbps,
            vmaf=probe.scores.frames[0],
        )

    with ThreadPoolExecutor(2) as pool:
        found = pool.map(measure, product(sizes, range(0, base.knob.n_steps, every)))
        return [point for point in found if point is not None]


def _rates(points: Sequence[Encode]) -> list[tuple[float, float]]:
    return [(point.bitrate_kbps, point.vmaf) for point in points]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+", help="short clips")
    parser.add_argument("--tables", type=Path, required=True, help="folder of probes")
    parser.add_argument("--every", type=int, default=1, help="make one encode in so many only")
    parser.add_argument("--alone", action="store_true", help="measure unguided ladders too")
    options = parser.parse_args()
    for clip, encoder in product(options.clips, ENCODERS):
        for guide in (GUIDE, None) if options.alone else (GUIDE,):
            one = ladder_after(guide, encoder, clip, options.tables, every=options.every)
            print(
                f"| {clip.stem} | {encoder} | {guide or 'alone'} | {one.encodes} | "
                f"{one.bd_rate:.2f} % | {one.missed} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What adaptive sampling of a ladder saves against the grid, and how near its hull comes."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from _rows import Row

import vmafx_tune
from vmafx_tune.choices import Sampling
from vmafx_tune.compare.bd_rate import bd_rate
from vmafx_tune.ladder.cells import gop_frames, rendition_search
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.model import Resolution
from vmafx_tune.options import EncodingOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.results.ladder import Encode, LadderPoint
from vmafx_tune.scoring.pooling import pool_scores
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.ladder import LadderResult

__all__ = ["MEASURES", "AdaptiveSavings", "adaptive_ladder", "sampling_compared"]

CLIP = Path(__file__).parents[2] / "shared/media/seeking_720x480_25fps.mp4"
SIZES = [Resolution(720, 480), Resolution(540, 360), Resolution(480, 320), Resolution(360, 240)]
TARGETS = (60, 70, 80, 90, 95)
GOP_S = 2.0


def adaptive_ladder(folder: Path, _: int) -> list[Row]:
    """Adaptive sampling against the grid, and its hull against that of every CRF at every size."""
    if not CLIP.exists():
        print(f"{CLIP.name} is not here, so adaptive ladders are not measured.")
        return []
    found = sampling_compared(folder)
    what = "`ladder --sampling adaptive`, 4 sizes x 5 targets"
    return [
        Row(f"{what}: encodes, against `grid`", found.encodes, 0.5),
        Row(f"{what}: BD-rate, every CRF at every size", abs(found.bd_rate), 0.5, unit=" %"),
        Row(f"{what}: reachable targets missed", found.missed, 0, unit=""),
    ]


MEASURES = (adaptive_ladder,)


@dataclass(frozen=True)
class AdaptiveSavings:
    """One ladder, sampled in both ways.

    Attributes:
        encodes: Those of the adaptive ladder as a share of the grid's.
        bd_rate: Of its hull against the hull of all encodes that there can be, in percent.
        missed: Targets in reach of some encode that no point of the adaptive ladder reaches.
    """

    encodes: float
    bd_rate: float
    missed: int


def sampling_compared(
    folder: Path,
    *,
    clip: Path = CLIP,
    sizes: Sequence[Resolution] = SIZES,
    encoder: str = "libx264",
    targets: Sequence[float] = TARGETS,
    cut_s: float = 1.0,
) -> AdaptiveSavings:
    """Build a ladder in both ways, and make every encode that could be part of one.

    Encodes are counted whether they are made or recalled, so that each is made once. The clip is
    cut, since shares hardly depend on length.

    Args:
        folder: Where the cut goes.
        clip: What to encode.
        sizes: Resolutions to try.
        encoder: ffmpeg's name.
        targets: Scores to reach.
        cut_s: Length of the cut, from 2 s into the clip.
    """
    session = Session()
    encoding = EncodingOptions(preset="veryfast")
    cut = _cut(clip, folder, cut_s)
    exhaustive = upper_hull(_every_encode(session, cut, encoder, sizes, encoding))

    def built(sampling: Sampling) -> LadderResult:
        return vmafx_tune.ladder(
            cut, encoder, targets, resolutions=sizes, gop_s=GOP_S, sampling=sampling,
            encoding=encoding, session=session,
        )  # fmt: skip

    grid, adaptive = built(Sampling.GRID), built(Sampling.ADAPTIVE)
    against = bd_rate("adaptive", _rates(adaptive.hull), "exhaustive", _rates(exhaustive))
    if against.percent is None:
        raise ValueError(against.reason)
    best = max(point.vmaf for point in adaptive.probes)
    reachable = [target for target in targets if exhaustive[-1].vmaf >= target]
    return AdaptiveSavings(
        encodes=len(adaptive.probes) / len(grid.probes),
        bd_rate=against.percent,
        missed=sum(best < target for target in reachable),
    )


def _every_encode(
    session: Session,
    cut: Path,
    encoder: str,
    sizes: Sequence[Resolution],
    encoding: EncodingOptions,
) -> list[LadderPoint]:
    source = session.reader.source(cut)
    gop = gop_frames(GOP_S, source.frame_rate)
    prepared = PreparedSource.prepare(source, encoding, None, session, gop_frames=gop)
    base = prepared.request(row_of(encoder), max(TARGETS), size=sizes[0])
    prober = session.prober()

    def measure(job: tuple[Resolution, int]) -> LadderPoint:
        size, step = job
        template = rendition_search(base, size).template
        quality = base.knob.quality_of(step)
        encode = replace(template.encode, quality=quality)
        probe = prober.probe(replace(template, encode=encode))
        vmaf = pool_scores(probe.scores.frames, base.pool)
        return LadderPoint(
            width=size.width,
            height=size.height,
            crf=quality,
            bitrate_kbps=probe.bitrate_kbps,
            vmaf=vmaf,
        )

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(measure, product(sizes, range(base.knob.n_steps))))


def _rates(points: Sequence[Encode]) -> list[tuple[float, float]]:
    return [(point.bitrate_kbps, point.vmaf) for point in points]


def _cut(clip: Path, folder: Path, cut_s: float) -> Path:
    """Copy a part without loss, so that encodes are made of what the clip shows."""
    cut = folder / f"{clip.stem}-adaptive.mkv"
    subprocess.run(
        [str(Session().ffmpeg.path), "-v", "error", "-y", "-ss", "2", "-i", str(clip), "-t",
         str(cut_s), "-an", "-c:v", "ffv1", str(cut)],
        check=True,
    )  # fmt: skip
    return cut

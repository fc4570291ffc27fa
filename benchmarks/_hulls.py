"""Every encode that a ladder could be made of, and what a ladder's hull loses against theirs."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from statistics import mean
from typing import TYPE_CHECKING, ClassVar

from _clips import made, recipes

from vmafx_tune.compare.bd_rate import MIN_POINTS, bd_rate
from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.ladder.cells import gop_frames, rendition_search
from vmafx_tune.model import Resolution
from vmafx_tune.options import EncodingOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.results.ladder import LadderPoint
from vmafx_tune.search.curve import PchipCurve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from _tables import TableSession

    from vmafx_tune.results.ladder import Encode

__all__ = ["ENCODING", "GOP_S", "TARGETS", "HullLoss", "drawn_seconds", "every_encode", "sizes_of"]

TARGETS = (60, 70, 80, 90, 95)
GOP_S = 2.0
ENCODING = EncodingOptions(preset="veryfast")
_KINDS = ("film-cuts", "fades")
_SHARES = (1.0, 0.75, 0.66, 0.5)


@dataclass(frozen=True)
class HullLoss:
    """What a hull of few points loses against the hull of every encode.

    BD-rate interpolates both hulls, and a curve through few points is not the one through many even
    if all of them lie on it. So it is told beside what the points themselves lose.

    Attributes:
        bd_rate: In percent.
        bd_rate_of_best: The same of the points of the hull of every encode that have nearly the
            same scores: what the measure makes of a hull that has nothing to lose. In percent; not
            a number where these are fewer than BD-rate needs.
        points: How much more the points take than the hull of every encode at their scores, the
            mean in percent.
        uncovered: Scores between the lowest and the highest target that every encode's hull spans
            and this one does not, in VMAF points.
    """

    HEADINGS: ClassVar[str] = "BD-rate | of the best | points | uncovered"

    bd_rate: float
    bd_rate_of_best: float
    points: float
    uncovered: float

    @property
    def cells(self) -> str:
        """Write it as cells of a Markdown table, below `HEADINGS`."""
        shares = (self.bd_rate, self.bd_rate_of_best, self.points)
        return " | ".join([*(f"{share:.2f} %" for share in shares), f"{self.uncovered:.1f}"])

    @classmethod
    def of(cls, hull: Sequence[Encode], exhaustive: Sequence[Encode]) -> HullLoss:
        """Compare two hulls, each by ascending bitrate."""
        best = {_nearest(exhaustive, point.vmaf).vmaf for point in hull}
        alike = [point for point in exhaustive if point.vmaf in best]
        return cls(
            bd_rate=_bd_rate(hull, exhaustive),
            bd_rate_of_best=_bd_rate(alike, exhaustive) if len(alike) >= MIN_POINTS else math.nan,
            points=_excess(hull, exhaustive),
            uncovered=_span(exhaustive) - _span(hull),
        )


def drawn_seconds(seed: int, folder: Path) -> list[Path]:
    """Draw a second of film with cuts, and one of fades."""
    drawn = (one for one in recipes(seed) if one.name.startswith(_KINDS))
    return [made(replace(one, name=f"{one.name}-1s", duration_s=1.0), folder) for one in drawn]


def sizes_of(whole: Resolution) -> list[Resolution]:
    """Choose four sizes, the largest of which is the clip's own."""
    return [
        Resolution(*(2 * round(share * side / 2) for side in (whole.width, whole.height)))
        for share in _SHARES
    ]


def every_encode(
    session: TableSession, clip: Path, encoder: str, sizes: Sequence[Resolution], every: int = 1
) -> list[LadderPoint]:
    """Measure each step of each size, or one in some."""
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


def _nearest(hull: Sequence[Encode], vmaf: float) -> Encode:
    return min(hull, key=lambda point: abs(point.vmaf - vmaf))


def _bd_rate(hull: Sequence[Encode], exhaustive: Sequence[Encode]) -> float:
    ours, every = ([(point.bitrate_kbps, point.vmaf) for point in h] for h in (hull, exhaustive))
    found = bd_rate("ladder", ours, "exhaustive", every)
    if found.percent is None:
        raise ValueError(found.reason)
    return found.percent


def _excess(hull: Sequence[Encode], exhaustive: Sequence[Encode]) -> float:
    curve = PchipCurve(
        [point.vmaf for point in exhaustive], [math.log(point.bitrate_kbps) for point in exhaustive]
    )
    lowest, highest = curve.domain
    within = [point for point in hull if lowest <= point.vmaf <= highest]
    return 100 * math.expm1(mean(math.log(p.bitrate_kbps) - curve.at(p.vmaf) for p in within))


def _span(hull: Sequence[Encode]) -> float:
    low, high = max(hull[0].vmaf, min(TARGETS)), min(hull[-1].vmaf, max(TARGETS))
    return max(0.0, high - low)

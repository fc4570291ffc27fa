"""What the interpolating search saves against bisection, one target at a time."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from _metered import MeteredProber
from _rows import Row

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.search.engine import search
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.prescan import LookProbers
    from vmafx_tune.search.request import SearchRequest

__all__ = ["CLIPS", "MEASURES", "SearchSavings", "searches", "searches_compared"]

MEDIA = Path(__file__).parents[2] / "shared/media"
CLIPS = tuple(
    MEDIA / name
    for name in (
        "bikes_640x272_25fps.mp4",
        "interview_1280x720_25fps_60s.mp4",
        "seeking_720x480_25fps.mp4",
    )
)
ENCODERS = ("libx264", "libx265", "libsvtav1")
TARGETS = (75, 80, 85, 90, 93, 95)


def searches(folder: Path, _: int) -> list[Row]:
    """Interpolating searches against bisection: 3 clips, 3 encoders, 6 targets, each on its own."""
    if missing := [clip.name for clip in CLIPS if not clip.exists()]:
        print(f"{', '.join(missing)} not here, so searches are not measured.")
        return []
    found = searches_compared(folder)
    what = "`search`, 3 clips x 3 encoders x 6 targets"
    return [
        Row(f"{what}: probes for a proven answer", found.probes, 3.6, unit=""),
        Row(f"{what}: time against `--strategy bisect`", found.time, 0.45),
        Row(f"{what}: answers that differ from bisection's", found.differ, 0, unit=""),
    ]


MEASURES = (searches,)


@dataclass(frozen=True)
class SearchSavings:
    """All searches of both strategies.

    Attributes:
        probes: Mean probes of an interpolating search that ends with a proven answer.
        bisect_probes: The same of bisection.
        time: Time of the first's probes and looks as a share of the second's probes.
        differ: Answers that are not the same where the measured curve falls with each step.
        searches: How many searches each strategy made.
    """

    probes: float
    bisect_probes: float
    time: float
    differ: int
    searches: int


def searches_compared(
    folder: Path,
    *,
    cut_s: float = 20.0,
    preset: str = "veryfast",
    clips: Sequence[Path] = CLIPS,
    increment: float = 1.0,
) -> SearchSavings:
    """Search every clip with every encoder for every target, each on its own, in both ways.

    What each probe costs is measured once, and counted in every search that asks for it, so that
    hundreds of searches take minutes. So are the looks at parts of a clip. Longer
    clips are cut, to a length at which looks take a tenth of a probe.

    Args:
        folder: Where the cuts go.
        cut_s: Most that is used of each clip.
        preset: Of all encoders.
        clips: What to search.
        increment: Distance between values of the knob.
    """
    encoding = EncodingOptions(preset=preset, crf_step=increment)
    pairs = list(_searches([_cut(clip, folder, cut_s) for clip in clips], encoding))
    proven = [pair for pair in pairs if pair.interpolated.proven and pair.bisected.proven]
    return SearchSavings(
        probes=mean(pair.interpolated.new_probes for pair in proven),
        bisect_probes=mean(pair.bisected.new_probes for pair in proven),
        time=sum(pair.interpolated_s for pair in pairs) / sum(pair.bisected_s for pair in pairs),
        differ=sum(pair.differs for pair in pairs),
        searches=len(pairs),
    )


@dataclass(frozen=True)
class _Pair:
    """One target, searched in both ways, and how long that took."""

    interpolated: SearchResult
    interpolated_s: float
    bisected: SearchResult
    bisected_s: float

    @property
    def differs(self) -> bool:
        monotone = not (self.interpolated.non_monotone or self.bisected.non_monotone)
        return monotone and _answer(self.interpolated) != _answer(self.bisected)


def _searches(cuts: Sequence[Path], encoding: EncodingOptions) -> Iterator[_Pair]:
    session = Session(ToolOptions(cache=False))
    for cut in cuts:
        prepared = PreparedSource.prepare(session.reader.source(cut), encoding, None, session)
        prober = MeteredProber(session.prober())
        prescan = prepared.prescan(prober)
        for encoder in ENCODERS:
            for target in TARGETS:
                request = prepared.request(row_of(encoder), target)
                yield _Pair(
                    *_searched(request, SearchStrategy.INTERPOLATE, prober, prescan),
                    *_searched(request, SearchStrategy.BISECT, prober, None),
                )


def _searched(
    request: SearchRequest,
    strategy: SearchStrategy,
    prober: MeteredProber,
    prescan: LookProbers | None,
) -> tuple[SearchResult, float]:
    before_s = prober.spent_s
    result = search(replace(request, strategy=strategy), prober, prescan=prescan)
    return result, prober.spent_s - before_s


def _cut(clip: Path, folder: Path, cut_s: float) -> Path:
    """Copy the beginning without loss, so that encodes are made of what the clip shows."""
    cut = folder / f"{clip.stem}.mkv"
    subprocess.run(
        [str(Session().ffmpeg.path), "-v", "error", "-y", "-i", str(clip), "-t", str(cut_s),
         "-an", "-c:v", "ffv1", "-g", "1", str(cut)],
        check=True,
    )  # fmt: skip
    return cut


def _answer(result: SearchResult) -> tuple[bool, float]:
    return result.ok, result.best_crf

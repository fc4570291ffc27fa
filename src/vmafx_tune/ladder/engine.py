"""Ladder: which renditions should an adaptive ladder hold for this title?"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from vmafx_tune import shell
from vmafx_tune.cancel import together
from vmafx_tune.errors import (
    CancelledError,
    InvalidLadderError,
    TargetUnreachableError,
    VmafxTuneError,
)
from vmafx_tune.events import CellFinished, JobFinished, JobStarted, LadderStarted, Observer, ignore
from vmafx_tune.formatting import counted
from vmafx_tune.ladder.hull import RateQuality, upper_hull
from vmafx_tune.ladder.rung_options import default_choice
from vmafx_tune.ladder.selection import Selection, select_rungs
from vmafx_tune.results.ladder import (
    Encode,
    HullPoint,
    LadderCell,
    LadderPoint,
    LadderRung,
    MeasuredEncode,
)
from vmafx_tune.search.losses import larger_than_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vmafx_tune.ladder.throughput import Throughput
    from vmafx_tune.model import Resolution
    from vmafx_tune.results.ladder import LadderResult, LadderSource
    from vmafx_tune.results.rung_choice import RungChoice

__all__ = [
    "Sampler",
    "alike",
    "cell_finished",
    "points_of",
    "profile_of",
    "sample_grid",
    "select_ladder",
]


class _Named(RateQuality, Protocol):
    @property
    def codecs(self) -> str:
        """Codec string for manifests; empty where it is not known."""


PointT = TypeVar("PointT", bound=_Named)


def profile_of(codecs: str) -> str:
    """Shorten a codec string (RFC 6381) to codec and profile: `avc1.64001f` to `avc1.64`.

    What else it tells, as level and tier, may differ between the renditions of a ladder.
    """
    codec, _, rest = codecs.partition(".")
    profile = rest[:2] if codec.startswith("avc") else rest.partition(".")[0]
    return f"{codec}.{profile}" if profile else codec


def alike(points: Sequence[PointT]) -> tuple[tuple[PointT, ...], tuple[str, ...]]:
    """Leave out points whose profile is not that of most of them.

    A player that can decode one rendition of a ladder is expected to decode all.

    Args:
        points: What was measured. Those whose codec string is not known are kept.

    Returns:
        The points that are left, and sentences about the others.
    """
    # From the cheapest up, so that of profiles with as many points the cheapest one's is taken.
    known = [
        point for point in sorted(points, key=lambda point: point.bitrate_kbps) if point.codecs
    ]
    counts = Counter(profile_of(point.codecs) for point in known)
    if len(counts) < 2:
        return tuple(points), ()
    usual = max(counts, key=counts.__getitem__)
    kept = tuple(p for p in points if not p.codecs or profile_of(p.codecs) == usual)
    notes = (
        f"{_counted(count)} left out for the profile {profile}: the others have {usual}, and a "
        "player that decodes those need not decode it."
        for profile, count in counts.items()
        if profile != usual
    )
    return kept, tuple(notes)


def _counted(count: int) -> str:
    return f"{counted(count, 'encode')} {'is' if count == 1 else 'are'}"


Sampler: TypeAlias = "Callable[[Resolution, float], LadderCell]"
"""Finds the cheapest encode at a resolution that reaches a target.

It is called from several threads, but for one resolution from one thread only, with that
resolution's targets one after the other in the request's order. A cell that it cannot fill it
returns as a failed one, or raises a `VmafxTuneError`: `TargetUnreachableError` where nothing is
wrong but the target. `CancelledError` ends the whole ladder.
"""


def sample_grid(
    resolutions: Sequence[Resolution],
    targets: Sequence[float],
    sampler: Sampler,
    *,
    workers: int = 1,
    encoder: str = "",
    n_frames: int = 0,
    observe: Observer = ignore,
    stop: Callable[[], None] | None = None,
) -> tuple[LadderCell, ...]:
    """Sample every resolution at every target.

    Args:
        resolutions: Sizes to try; the largest first keeps workers busy to the end.
        targets: Pooled scores to reach at each of them.
        sampler: Fills a cell.
        workers: Resolutions worked on at once; the result does not depend on it.
        encoder: What the sampler encodes with, for the events.
        n_frames: Frames of a probe, for the events' progress within a stage.
        observe: Receives the events, from several threads.
        stop: Ends the sampler's running work; called when the ladder is cancelled or fails.

    Returns:
        The cells, resolution-major, target-minor. A failed cell does not touch the others.

    Raises:
        CancelledError: The work was cancelled.
    """
    n_cells = len(resolutions) * len(targets)
    observe(LadderStarted(len(resolutions), n_cells, workers, encoder))
    tally = _Tally(n_cells, observe)

    def sample(resolution: Resolution) -> tuple[LadderCell, ...]:
        observe(JobStarted(str(resolution), n_frames=n_frames))
        return tuple(_sample_resolution(resolution, targets, sampler, tally))

    with ThreadPoolExecutor(workers, thread_name_prefix="ladder") as pool:
        futures = [pool.submit(sample, resolution) for resolution in resolutions]
        with together(futures, stop or _nothing):
            return tuple(cell for future in futures for cell in future.result())


def select_ladder(result: LadderResult, throughput: Throughput | None = None) -> LadderResult:
    """Choose rungs from what was measured, without any encode.

    Args:
        result: The ladder; `selection` says how its rungs are chosen.
        throughput: The viewers, whom `Spacing.OPTIMAL` needs.

    Returns:
        It with the upper hull of all points, its rungs, and sentences about them after its notes.
        Where no point was measured, hull and rungs are empty; without rungs alone, the limits
        leave nothing.
    """
    choice = result.selection or default_choice(result.target_vmafs)
    candidates, left_out = alike(result.probes)
    chosen = _select(candidates, choice, throughput)
    targets, rate = _targets_by_encode(result.cloud), result.source.frame_rate
    hull = tuple(
        HullPoint(**_fields_of(point, Encode), target_vmaf=targets.get(_encode(point)))
        for point in chosen.hull
    )
    rungs = tuple(
        LadderRung(
            **_fields_of(point, MeasuredEncode),
            name=_name(point),
            target_vmaf=targets.get(_encode(point)),
            frame_rate=None if rate is None else float(rate),
        )
        for point in chosen.rungs
    )
    notes = (*result.notes, *left_out, *chosen.notes, *_larger_rung(rungs, result.source))
    return replace(result, hull=hull, renditions=rungs, notes=notes, selection=choice)


def _larger_rung(rungs: Sequence[LadderRung], source: LadderSource) -> Iterator[str]:
    if rungs:
        top = rungs[-1]
        what = f"The rung of {top.resolution}"
        if note := larger_than_source(what, top.bitrate_kbps, source.bitrate_kbps):
            yield note


def _fields_of(point: LadderPoint, kind: type[Encode]) -> dict[str, Any]:
    return {field.name: getattr(point, field.name) for field in fields(kind)}


def points_of(cells: Iterable[LadderCell]) -> tuple[LadderPoint, ...]:
    """Collect what was measured: each encode once, in the order of the cells."""
    found: dict[_Encode, LadderPoint] = {}
    for cell in cells:
        for point in (*cell.points, *_answer(cell)):
            found.setdefault(_encode(point), point)
    return tuple(found.values())


_Encode: TypeAlias = "tuple[Resolution, float]"


def _encode(point: LadderPoint) -> _Encode:
    return (point.resolution, point.crf)


def _answer(cell: LadderCell) -> tuple[LadderPoint, ...]:
    if not cell.ok or cell.bitrate_kbps is None or cell.vmaf is None:
        return ()
    return (
        LadderPoint(
            width=cell.width,
            height=cell.height,
            crf=cell.crf,
            bitrate_kbps=cell.bitrate_kbps,
            vmaf=cell.vmaf,
        ),
    )


def _targets_by_encode(cells: Iterable[LadderCell]) -> dict[_Encode, float]:
    """Find the highest target that each answer is the answer to."""
    targets: dict[_Encode, float] = {}
    for cell in cells:
        for point in _answer(cell):
            key = _encode(point)
            targets[key] = max(cell.target, targets.get(key, cell.target))
    return targets


def _select(
    points: Sequence[LadderPoint], choice: RungChoice, throughput: Throughput | None
) -> Selection[LadderPoint]:
    try:
        return select_rungs(
            points,
            choice,
            throughput=throughput,
            tie_break=_preference,
            size_of=attrgetter("resolution"),
        )
    except InvalidLadderError as error:
        # Hours of encodes are worth keeping: other limits can be tried on the same points.
        return Selection(upper_hull(points, tie_break=_preference), (), (str(error),))


def _preference(point: LadderPoint) -> tuple[int, Resolution, float]:
    """Rank equal points: the one with fewer samples to decode first."""
    return (point.pixels, point.resolution, point.crf)


def _name(point: LadderPoint) -> str:
    """Name a rung after the file that its command writes."""
    if point.encode_command:
        return PurePath(shell.split(point.encode_command)[-1].removeprefix("file:")).stem
    return f"{point.resolution}-{point.crf:g}"


def _sample_resolution(
    resolution: Resolution, targets: Sequence[float], sampler: Sampler, tally: _Tally
) -> list[LadderCell]:
    cells = []
    for target in targets:
        cells.append(_sample(resolution, target, sampler))
        tally.count(cells[-1])
    reached = sum(cell.ok for cell in cells)
    summary = f"{reached} of {len(cells)} targets reached"
    tally.observe(JobFinished(str(resolution), ok=reached == len(cells), summary=summary))
    return cells


def _sample(resolution: Resolution, target: float, sampler: Sampler) -> LadderCell:
    try:
        return sampler(resolution, target)
    except CancelledError:
        raise
    except TargetUnreachableError as error:
        return LadderCell.failed(resolution, target, str(error), "unreachable")
    except VmafxTuneError as error:
        return LadderCell.failed(resolution, target, str(error))


class _Tally:
    """Tells of finished cells, and counts them over all threads."""

    def __init__(self, n_cells: int, observe: Observer) -> None:
        self.observe = observe
        self._n_cells = n_cells
        self._n_done = 0
        self._lock = threading.Lock()

    def count(self, cell: LadderCell) -> None:
        # Told under the lock, so that the count never falls for the observer.
        with self._lock:
            self._n_done += 1
            self.observe(cell_finished(cell, self._n_done, self._n_cells))


def cell_finished(cell: LadderCell, n_done: int, n_cells: int) -> CellFinished:
    """Make the event of a cell that is done, the `n_done`-th of `n_cells`."""
    return CellFinished(
        job=str(cell.resolution),
        target=cell.target,
        quality=cell.crf if cell.ok else None,
        bitrate_kbps=cell.bitrate_kbps,
        vmaf=cell.vmaf,
        cells_done=n_done,
        cells=n_cells,
        error=cell.error,
    )


def _nothing() -> None:
    """Stop nothing: the sampler's calls end by themselves."""

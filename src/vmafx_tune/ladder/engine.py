"""Ladder: which renditions should an adaptive ladder hold for this title?"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
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
from vmafx_tune.ladder.selection import Selection, select_rungs
from vmafx_tune.ladder.selection_options import SelectionOptions
from vmafx_tune.results.ladder import (
    Encode,
    HullPoint,
    LadderCell,
    LadderPoint,
    LadderRung,
    MeasuredEncode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction

    from vmafx_tune.model import Resolution

__all__ = [
    "LadderBuild",
    "LadderRequest",
    "Sampler",
    "alike",
    "build_ladder",
    "points_of",
    "profile_of",
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


@dataclass(frozen=True, slots=True)
class LadderRequest:
    """One ladder, fully determined.

    Attributes:
        resolutions: Sizes to try; the largest first keeps workers busy to the end.
        targets: Pooled scores to reach at each of them.
        selection: How rungs are chosen.
        workers: Resolutions worked on at once; the result does not depend on it.
        n_frames: Frames of a probe, for the events' progress within a stage.
        frame_rate: The source's; None where it is not known.
    """

    resolutions: tuple[Resolution, ...]
    targets: tuple[float, ...]
    selection: SelectionOptions = field(default_factory=SelectionOptions)
    workers: int = 1
    n_frames: int = 0
    frame_rate: Fraction | None = None


@dataclass(frozen=True, slots=True)
class LadderBuild:
    """What sampling and selection gave.

    Attributes:
        cells: Resolution-major, target-minor, in the request's order.
        points: Every measured encode, each once.
        hull: Upper hull of all measured points, by ascending bitrate.
        rungs: By ascending bitrate; empty where nothing was measured, or the limits leave nothing.
        notes: Sentences about what an engineer may want to change.
    """

    cells: tuple[LadderCell, ...]
    points: tuple[LadderPoint, ...]
    hull: tuple[HullPoint, ...]
    rungs: tuple[LadderRung, ...]
    notes: tuple[str, ...]


def build_ladder(
    request: LadderRequest,
    sampler: Sampler,
    *,
    observe: Observer = ignore,
    stop: Callable[[], None] | None = None,
) -> LadderBuild:
    """Sample every resolution at every target, and choose the rungs.

    Args:
        request: What to sample and how to choose.
        sampler: Fills a cell.
        observe: Receives the events, from several threads.
        stop: Ends the sampler's running work; called when the ladder is cancelled or fails.

    Returns:
        The cells and the rungs. A failed cell does not touch the others; where no point was
        measured, hull and rungs are empty.

    Raises:
        CancelledError: The work was cancelled.
    """
    n_cells = len(request.resolutions) * len(request.targets)
    observe(LadderStarted(len(request.resolutions), n_cells, request.workers))
    tally = _Tally(n_cells, observe)
    with ThreadPoolExecutor(request.workers, thread_name_prefix="ladder") as pool:
        futures = [
            pool.submit(_sample_resolution, request, resolution, sampler, tally)
            for resolution in request.resolutions
        ]
        with together(futures, stop or _nothing):
            cells = tuple(cell for future in futures for cell in future.result())
    return select_ladder(cells, points_of(cells), request.selection, request.frame_rate)


def select_ladder(
    cells: Sequence[LadderCell],
    points: Sequence[LadderPoint],
    selection: SelectionOptions,
    frame_rate: Fraction | None = None,
) -> LadderBuild:
    """Choose rungs from what was measured, without any encode.

    Args:
        cells: As sampled.
        points: Every measured encode, each once.
        selection: How rungs are chosen.
        frame_rate: The source's, in frames per second; None where it is not known.
    """
    candidates, left_out = alike(points)
    chosen = _select(candidates, selection)
    targets = _targets_by_encode(cells)
    hull = tuple(
        HullPoint(**_fields_of(point, Encode), target_vmaf=targets.get(_encode(point)))
        for point in chosen.hull
    )
    rungs = tuple(
        LadderRung(
            **_fields_of(point, MeasuredEncode),
            name=_name(point),
            target_vmaf=targets.get(_encode(point)),
            frame_rate=None if frame_rate is None else float(frame_rate),
        )
        for point in chosen.rungs
    )
    notes = (*left_out, *chosen.notes)
    return LadderBuild(tuple(cells), tuple(points), hull, rungs, notes)


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


def _select(points: Sequence[LadderPoint], selection: SelectionOptions) -> Selection[LadderPoint]:
    try:
        return select_rungs(points, selection, tie_break=_preference, size_of=attrgetter("pixels"))
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
    request: LadderRequest, resolution: Resolution, sampler: Sampler, tally: _Tally
) -> tuple[LadderCell, ...]:
    job = str(resolution)
    tally.observe(JobStarted(job, n_frames=request.n_frames))
    cells = []
    for target in request.targets:
        cells.append(_sample(resolution, target, sampler))
        tally.count(cells[-1])
    reached = sum(cell.ok for cell in cells)
    summary = f"{reached} of {len(cells)} targets reached"
    tally.observe(JobFinished(job, ok=reached == len(cells), summary=summary))
    return tuple(cells)


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
            self.observe(
                CellFinished(
                    job=str(cell.resolution),
                    target=cell.target,
                    quality=cell.crf if cell.ok else None,
                    bitrate_kbps=cell.bitrate_kbps,
                    vmaf=cell.vmaf,
                    cells_done=self._n_done,
                    cells=self._n_cells,
                    error=cell.error,
                )
            )


def _nothing() -> None:
    """Stop nothing: the sampler's calls end by themselves."""

"""A ladder from few encodes: each is made where it can change the hull."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.cancel import together
from vmafx_tune.choices import ScoreAt, SearchStrategy
from vmafx_tune.errors import CancelledError, VmafxTuneError
from vmafx_tune.events import JobFinished, JobStarted, LadderStarted, Observer, ignore
from vmafx_tune.frozen import frozen
from vmafx_tune.ladder.adaptive import HullProblem, Measured, next_probes, probes_expected
from vmafx_tune.ladder.cells import (
    SharedCeiling,
    found_cell,
    measured_point,
    rendition_search,
)
from vmafx_tune.ladder.engine import cell_finished
from vmafx_tune.ladder.hull_model import KnownCurves
from vmafx_tune.results.ladder import LadderCell
from vmafx_tune.search.engine import search_with
from vmafx_tune.search.probe_set import ProbeSet, ProbesLeft, plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmafx_tune.ladder.adaptive import ProbeWish
    from vmafx_tune.model import Resolution
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.ladder import LadderPoint, LadderResult
    from vmafx_tune.search.request import SearchRequest

__all__ = ["known_curves", "sample_adaptively"]

_NOT_SEARCHED = (
    "The encode with the lowest bitrate that was made, but not proven: the next "
    "worse step was not measured. --sampling grid proves every cell."
)
_LEFT_OUT = (
    "Left out: judging by the probes at all resolutions, this one is not on the hull at "
    "this target, so it was not encoded. --sampling grid answers every cell."
)
# Probes of one size beyond those that bisection of one cell would take.
_EXTRA_PROBES = 2
_LEAST_KBPS = 1e-3
_USUAL_PROBES = 5.0
# Rounds that end sooner are recalled, and would be held up by a look ahead.
_LOOK_AHEAD_AFTER_S = 0.5


def sample_adaptively(
    resolutions: Sequence[Resolution],
    targets: Sequence[float],
    base: SearchRequest,
    prober: Prober,
    *,
    workers: int = 1,
    score_at: ScoreAt = ScoreAt.DISPLAY,
    others: Sequence[KnownCurves] = (),
    observe: Observer = ignore,
) -> tuple[LadderCell, ...]:
    """Measure where the hull can change until it is known.

    Encodes are made in rounds, at most one of each resolution, and what a round measures decides
    the next one, so that the result does not depend on `workers`.

    Args:
        resolutions: Sizes to try.
        targets: Pooled scores to reach at each of them.
        base: How to encode, score and pool. Its `max_iter` bounds the probes of each resolution.
        prober: Makes the probes; must be thread-safe.
        workers: Resolutions worked on at once.
        score_at: Where renditions are scored.
        others: What other encoders make of the same clip at the same sizes.
        observe: Receives the events, from several threads.

    Returns:
        A cell for each resolution and target, whether it was needed or left out; the first one of
        a resolution has all of its points. A resolution whose probe fails keeps what it has; the
        others go on.

    Raises:
        CancelledError: The work was cancelled.
    """
    n_cells = len(resolutions) * len(targets)
    encoder = base.template.encode.encoder
    observe(LadderStarted(len(resolutions), n_cells, workers, encoder, adaptive=True))
    problem = replace(_problem(resolutions, targets, base), others=tuple(others))
    sampling = _AdaptiveSampling(resolutions, targets, base, problem, prober, score_at, observe)
    for resolution in resolutions:
        observe(JobStarted(str(resolution), n_frames=base.n_frames))
    with ThreadPoolExecutor(workers, thread_name_prefix="ladder") as pool:
        sampling.run(pool)
    cells = tuple(sampling.cells())
    _tell(cells, resolutions, observe)
    return cells


def known_curves(search: SearchRequest, ladder: LadderResult) -> KnownCurves:
    """Tell what a ladder knows of the curves of its encoder.

    Args:
        search: What its probes were made by.
        ladder: Of the sizes that others are to be measured at.
    """
    knob, sizes = search.knob, ladder.resolutions
    points = (
        _measured(sizes.index(p.resolution), knob.step_of(p.crf), p.bitrate_kbps, p.vmaf)
        for p in ladder.probes
    )
    return KnownCurves(knob.scale, tuple(points))


def _measured(size: int, step: int, bitrate_kbps: float, vmaf: float) -> Measured:
    return Measured(size, step, math.log(max(bitrate_kbps, _LEAST_KBPS)), vmaf)


@frozen
class _Rendition:
    """One resolution: how it is searched, and what was measured of it."""

    resolution: Resolution
    search: SearchRequest
    probe_set: ProbeSet

    def points(self) -> Iterator[LadderPoint]:
        """All that was measured of it."""
        for probe in self.probe_set.probes():
            pooled = self.probe_set.pooled(probe)
            yield measured_point(probe, pooled, self.resolution, self.search.pool)


class _AdaptiveSampling:
    """The rounds of one ladder."""

    def __init__(
        self,
        resolutions: Sequence[Resolution],
        targets: Sequence[float],
        base: SearchRequest,
        problem: HullProblem,
        prober: Prober,
        score_at: ScoreAt,
        observe: Observer,
    ) -> None:
        self._targets = targets
        self._prober = SharedCeiling(prober)
        searches = {size: rendition_search(base, size, score_at) for size in resolutions}
        self._renditions = [
            _Rendition(size, search, ProbeSet(search, self._prober, observe, job=str(size)))
            for size, search in searches.items()
        ]
        self._problem = problem
        self._failed: dict[int, str] = {}
        self._observe = observe
        self._expected = dict.fromkeys(range(len(self._renditions)), _USUAL_PROBES)
        self._tell_plans()

    def run(self, pool: ThreadPoolExecutor) -> None:
        """Measure until nothing is worth it."""
        while wishes := next_probes(self._problem, tuple(self._measured()), self._failed):
            self._measure_all(wishes, pool)

    def cells(self) -> Iterator[LadderCell]:
        """What the measured points say of each resolution at each target."""
        for index, rendition in enumerate(self._renditions):
            points = tuple(rendition.points())
            for target in self._targets:
                cell = self._cell(rendition, target, self._failed.get(index))
                yield replace(cell, points=points)
                points = ()

    def _measured(self) -> Iterator[Measured]:
        for size, rendition in enumerate(self._renditions):
            knob, probe_set = rendition.search.knob, rendition.probe_set
            for probe, vmaf in zip(probe_set.probes(), probe_set.vmafs(), strict=True):
                yield _measured(size, knob.step_of(probe.quality), probe.bitrate_kbps, vmaf)

    def _measure_all(self, wishes: tuple[ProbeWish, ...], pool: ThreadPoolExecutor) -> None:
        for size, _ in wishes:
            self._expected[size] = max(0.0, self._expected[size] - 1)
        measured = tuple(self._measured())
        futures = {wish: pool.submit(self._measure, wish) for wish in wishes}
        with together(futures.values(), self._prober.cancel):
            if wait(futures.values(), timeout=_LOOK_AHEAD_AFTER_S).not_done:
                left = probes_expected(self._problem, measured, wishes, self._failed)
                self._expected = {size: left.get(size, 0.0) for size in self._expected}
                self._tell_plans()
            reasons = {wish.size: future.result() for wish, future in futures.items()}
        self._failed |= {size: reason for size, reason in reasons.items() if reason is not None}

    def _measure(self, wish: ProbeWish) -> str | None:
        """Make a probe, and say why it failed if it did."""
        probe_set = self._renditions[wish.size].probe_set
        try:
            probe_set.measure(
                wish.step, self._problem.highest, lambda: self._probes_left(wish.size)
            )
        except CancelledError:
            raise
        except VmafxTuneError as error:
            return str(error)
        return None

    def _probes_left(self, size: int) -> ProbesLeft:
        most = self._problem.max_probes - len(self._renditions[size].probe_set.probes())
        return ProbesLeft(most, min(most, self._expected[size]))

    def _tell_plans(self) -> None:
        for size, rendition in enumerate(self._renditions):
            expected, job = self._expected[size], str(rendition.resolution)
            self._observe(plan_of(rendition.search, expected, job=job))

    def _cell(self, rendition: _Rendition, target: float, failure: str | None) -> LadderCell:
        """Read a cell from the measured points, as a search that may measure nothing would."""
        search = replace(
            rendition.search.at_target(target), max_iter=0, strategy=SearchStrategy.BISECT
        )
        resolution = rendition.resolution
        try:
            known = search_with(search, rendition.probe_set)
        except CancelledError:
            raise
        except VmafxTuneError as error:
            # To say why a target is out of reach, the source is scored against itself.
            return LadderCell.failed(resolution, target, failure or str(error))
        if known.ok:
            cell = found_cell(known, resolution)
            notes = (_NOT_SEARCHED, *known.notes)
            return cell if known.converged else replace(cell, note=" ".join(notes))
        if failure is not None:
            return LadderCell.failed(resolution, target, failure)
        if known.converged:
            return found_cell(known, resolution)
        return LadderCell.failed(resolution, target, _LEFT_OUT, "left_out")


def _problem(
    resolutions: Sequence[Resolution], targets: Sequence[float], base: SearchRequest
) -> HullProblem:
    knob = base.knob
    per_search = min(base.max_iter, knob.n_steps.bit_length() + _EXTRA_PROBES)
    return HullProblem(
        pixels=tuple(size.pixels for size in resolutions),
        last_step=knob.last_step,
        lowest=min(targets),
        highest=max(targets),
        prior=knob.scale,
        max_probes=min(base.max_iter, per_search * len(targets)),
        # One for each target, and one for each crossing of two sizes.
        max_guided=len(targets) + len(resolutions) - 1,
    )


def _tell(
    cells: tuple[LadderCell, ...], resolutions: Sequence[Resolution], observe: Observer
) -> None:
    for count, cell in enumerate(cells, start=1):
        observe(cell_finished(cell, count, len(cells)))
    for resolution in resolutions:
        own = [cell for cell in cells if cell.resolution == resolution]
        _tell_job(own, resolution, observe)


def _tell_job(cells: list[LadderCell], resolution: Resolution, observe: Observer) -> None:
    counts: Mapping[str, int] = {
        kind: sum(cell.error_kind == kind for cell in cells) for kind in ("left_out", "failed")
    }
    summary = f"{sum(cell.ok for cell in cells)} of {len(cells)} targets reached"
    if counts["left_out"]:
        summary += f", {counts['left_out']} left out"
    observe(JobFinished(str(resolution), ok=not counts["failed"], summary=summary))

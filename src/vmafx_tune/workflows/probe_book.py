"""The probes of one encoder on one source, made once and used by every search."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.core.pooling import pool_scores
from vmafx_tune.core.search import solve
from vmafx_tune.core.strategies import method_of
from vmafx_tune.events import FramesDone, Observer, ProbeFinished, ProbeStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.core.search import SearchOutcome, SearchProblem
    from vmafx_tune.model import Probe
    from vmafx_tune.ports import Prober
    from vmafx_tune.results import SearchStrategy
    from vmafx_tune.workflows.request import SearchRequest

__all__ = ["ProbeBook"]


class ProbeBook:
    """Measures steps through the prober and remembers them.

    Not thread-safe: one encoder's searches follow each other, so that each profits from the last.

    Args:
        request: Gives the probe template, the grid and the pooling.
        prober: Makes the probes.
        observe: Receives an event for each.
        job: Name that the events carry; None for the encoder's.
    """

    def __init__(
        self,
        request: SearchRequest,
        prober: Prober,
        observe: Observer,
        *,
        job: str | None = None,
    ) -> None:
        self._job = request.encoder if job is None else job
        self._template = request.template
        self._grid = request.grid
        self._pool = request.pool
        self._prober = prober
        self._observe = observe
        self._probes: dict[int, Probe] = {}
        self._scores: dict[int, float] = {}
        self._ceiling: float | None = None

    @property
    def n_made(self) -> int:
        """Probes made so far; those that earlier runs had made are none of them."""
        return sum(not probe.cached for probe in self._probes.values())

    def scores(self) -> dict[int, float]:
        """Pooled scores by step, as measured so far."""
        return dict(self._scores)

    def probes(self) -> tuple[Probe, ...]:
        """All probes, from the best quality to the worst."""
        return tuple(probe for _, probe in sorted(self._probes.items()))

    def vmafs(self) -> tuple[float, ...]:
        """Pooled scores of `probes()`, in the same order."""
        return tuple(score for _, score in sorted(self._scores.items()))

    def probe_at(self, step: int) -> Probe:
        """The probe made at `step`; it must have been measured."""
        return self._probes[step]

    def get(self, step: int) -> Probe | None:
        """The probe made at `step`, if there is one."""
        return self._probes.get(step)

    def ceiling(self) -> float:
        """Pooled score of the source against itself, measured on first use."""
        if self._ceiling is None:
            scores = self._prober.score_itself(self._template)
            self._ceiling = pool_scores(scores.frames, self._pool)
        return self._ceiling

    def solve(
        self, problem: SearchProblem, strategy: SearchStrategy, upcoming: Sequence[float] = ()
    ) -> SearchOutcome:
        """Measure the steps that `strategy` asks for until it has its outcome.

        Args:
            problem: What is searched.
            strategy: Which steps to measure.
            upcoming: Targets to be searched after this one, for the events' outlook.
        """
        method = method_of(strategy)

        def probes_left() -> int:
            later = (replace(problem, target=target, known=self._scores) for target in upcoming)
            left = method.probes_left(problem, self._scores)
            return left + sum(method.probes_left(search, {}) for search in later)

        def measure(step: int) -> float:
            return self._measure(step, problem.target, probes_left)

        return solve(method.strategy, problem, measure)

    def _measure(self, step: int, target: float, probes_left: Callable[[], int]) -> float:
        encode = replace(self._template.encode, quality=self._grid.quality_of(step))
        job, number = self._job, len(self._probes) + 1
        self._observe(ProbeStarted(job, number, encode.quality, target))
        probe = self._prober.probe(
            replace(self._template, encode=encode),
            on_progress=lambda stage, frames: self._observe(FramesDone(job, stage, frames)),
        )
        vmaf = pool_scores(probe.scores.frames, self._pool)
        self._probes[step] = probe
        self._scores[step] = vmaf
        self._observe(ProbeFinished(job, number, probe, vmaf, target, probes_left()))
        return vmaf

"""Looks at parts of a clip, which tell a search where to begin."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.errors import CancelledError, VmafxTuneError
from vmafx_tune.events import FramesDone, ProbeFinished, ProbeStarted, Warned
from vmafx_tune.sampling.estimates import searched_sample
from vmafx_tune.sampling.parts import look_plan, look_subsample
from vmafx_tune.scoring.pooling import pool_scores
from vmafx_tune.search.expected_curve import expected_crossing, prior_of
from vmafx_tune.search.probe_set import stored_scores
from vmafx_tune.search.state import SearchState
from vmafx_tune.search.strategy import probes_left, wished_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.events import Observer
    from vmafx_tune.model import Probe
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.measurement import Sample
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.search.state import SearchProblem

__all__ = ["MOST_LOOKS", "USUAL_LOOKS", "Prescan", "next_look"]

MOST_LOOKS = 3
"""Looks at most before a search begins; more would cost what they save."""
USUAL_LOOKS = 2

# Typical curves are a fifth steeper or gentler than the prior, so that a crossing so far from a
# score is known to about half a step.
_NEAR_STEPS = 2.5
# What a look is off by does not shrink with the grid's steps, so a fine grid needs no nearer one.
_NEAR_WIDTHS = 0.5


def next_look(problem: SearchProblem) -> int | None:
    """Choose the step to look at, or none where the crossing is known well enough.

    Each look goes to where the curve of the looks should cross the target by those before it. The
    first one is often far from the crossing, as clips differ; the second is near it.

    Args:
        problem: What is to be searched. Its hints are the scores of the looks so far; where
            something is known of the whole clip, that is the better guide, and no look is taken.
    """
    if problem.known or len(problem.hints) >= MOST_LOOKS:
        return None
    looking = replace(problem, known=problem.hints, hints={}, seeds={})
    state = SearchState(looking)
    if state.bracket.n_open == 0:
        return None
    crossing = expected_crossing(looking, state)
    near = max(_NEAR_STEPS, _NEAR_WIDTHS * prior_of(problem).width)
    if any(abs(step - crossing) <= near for step in problem.hints):
        return None
    # The end of the range needs no neighbour for its proof, so it is probed next anyway.
    if len(problem.hints) >= USUAL_LOOKS and not 0 <= crossing <= problem.last_step:
        return None
    return wished_step(looking, state, crossing)


_NONE: Mapping[int, float] = MappingProxyType({})


class Prescan:
    """Looks at one encoder's curve on parts of the source, before its searches.

    It looks at the sample of a request that verifies one, else at parts that are as few and short
    as may stand for the whole. What it sees is no part of any answer: a look that fails or misleads
    costs time only. Not thread-safe; it goes with one `ProbeSet`.

    Args:
        request: Gives the probe template, the grid and the pooling.
        prober: Probes parts of the source for the whole of it.
        observe: Receives an event for each look.
        job: Name that the events carry; None for the encoder's.
    """

    def __init__(
        self, request: SearchRequest, prober: Prober, observe: Observer, *, job: str | None = None
    ) -> None:
        self._job = request.encoder if job is None else job
        # Parts may have more bits a second than the whole, which is all that has a limit.
        encode = replace(request.template.encode, max_bitrate_kbps=None)
        self._request = replace(request, template=replace(request.template, encode=encode))
        self._prober = prober
        self._observe = observe
        # A sample that is not verified is what probes measure, and looks take less of it.
        sample = request.sample if request.verify else None
        plan = sample or look_plan(request.template.encode.source.n_frames, request.n_frames)
        looking = replace(request, sample=plan, verify=False, chunk_frames=None)
        subsample = look_subsample(request.pool, request.template.subsample)
        self._n_frames = looking.n_frames
        self._work = looking.work if sample else request.look_work(self._n_frames, subsample)
        self._probes: dict[int, Probe] = {}
        self._scores: dict[int, float] = {}
        self._failed = False

    def hints(self, problem: SearchProblem) -> Mapping[int, float]:
        """Look until the crossing of a search is known well enough.

        Where a store knows something of the whole clip, only looks are taken that it knows as well:
        they are those of a run that is repeated, which is to take the same steps again.

        Args:
            problem: The search, without hints.

        Returns:
            Scores of all looks so far, by step.

        Raises:
            CancelledError: The work was cancelled.
        """
        try:
            if not self._failed:
                self._look_around(problem)
        except CancelledError:
            raise
        except VmafxTuneError as error:
            self._failed = True
            self._observe(Warned(f"The prescan failed and is skipped: {error}"))
        return dict(self._scores)

    def sample(self, target: float) -> Sample | None:
        """Tell what the sample said of a target, by its probe that is nearest to it."""
        nearest = min(self._scores, key=lambda step: abs(self._scores[step] - target), default=None)
        probe = None if nearest is None else self._probes[nearest]
        return searched_sample(self._request, probe)

    def _look_around(self, problem: SearchProblem) -> None:
        stored = stored_scores(self._prober, self._request) if problem.seeds else _NONE
        while (step := next_look(replace(problem, hints=self._scores))) is not None:
            if problem.seeds and step not in stored:
                break
            self._look(step, problem)

    def _look(self, step: int, problem: SearchProblem) -> None:
        template, job = self._request.template, self._job
        quality = self._request.knob.quality_of(step)
        number, target, knob = len(self._scores) + 1, problem.target, self._request.knob.name
        self._observe(
            ProbeStarted(job, number, quality, target, True, knob, self._n_frames, self._work)
        )
        probe = self._probes[step] = self._prober.probe(
            replace(template, encode=replace(template.encode, quality=quality)),
            on_progress=lambda stage, frames: self._observe(FramesDone(job, stage, frames)),
        )
        vmaf = self._scores[step] = pool_scores(probe.scores.frames, self._request.pool)
        left, more = probes_left(problem), max(0, USUAL_LOOKS - number)
        self._observe(ProbeFinished(job, number, probe, vmaf, target, left, True, more))

"""Searches on parts of a clip: what they say of the whole, and how they lead a full search."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vmafx_tune.core.pooling import pool_scores
from vmafx_tune.core.sample_error import half_interval, is_estimable, pseudo_values
from vmafx_tune.results import Sample, SampledPart, SampleEstimate
from vmafx_tune.workflows.probe_book import ProbeBook
from vmafx_tune.workflows.scouting import Scout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from vmafx_tune.core.ledger import SearchProblem
    from vmafx_tune.core.segments import SamplePlan
    from vmafx_tune.events import Observer
    from vmafx_tune.model import Probe
    from vmafx_tune.ports import Prober
    from vmafx_tune.workflows.request import SearchRequest

__all__ = [
    "SampleScout",
    "estimate_of",
    "is_close_enough",
    "sample_of",
    "scout_of",
    "searched_sample",
]


# A few parts that differ much have an error of several points, which is worth another probe.
_UNSEEN_VMAF = 0.25


def estimate_of(request: SearchRequest, probe: Probe) -> SampleEstimate:
    """Tell what a probe of a sample says of the whole clip, and how far it may be off.

    Args:
        request: The search, with its sample.
        probe: Made of the sample's parts.
    """
    share = 1.0 if request.sample is None else request.sample.share
    pool = partial(pool_scores, method=request.pool)
    vmafs = pseudo_values([part.scores.frames for part in probe.parts], pool)
    bitrates = [part.bitrate_kbps for part in probe.parts]
    return SampleEstimate(
        quality=probe.quality,
        bitrate_kbps=probe.bitrate_kbps,
        vmaf=pool_scores(probe.scores.frames, request.pool),
        vmaf_error=half_interval(vmafs, share) if is_estimable(request.pool) else None,
        bitrate_error_kbps=half_interval(bitrates, share),
    )


def is_close_enough(request: SearchRequest, probe: Probe, score: float) -> bool:
    """Tell of a probe that reaches the target whether a sample can do no better.

    Its score is above the target by less than it may be off, and by less than anyone sees: worse
    settings that reach the target could not be told from those that do not.

    Args:
        request: The search, with its sample.
        probe: Made of the sample's parts.
        score: Its pooled score, at least the target.
    """
    error = estimate_of(request, probe).vmaf_error
    return error is not None and score - request.target <= min(error, _UNSEEN_VMAF)


def sample_of(
    plan: SamplePlan,
    frame_rate: Fraction,
    *,
    subsample: int,
    verified: bool,
    estimate: SampleEstimate | None = None,
) -> Sample:
    """Tell which parts of a clip stood for it.

    Args:
        plan: The parts.
        frame_rate: The clip's.
        subsample: Every n-th frame of them was scored.
        verified: Whether the result is measured on the whole clip.
        estimate: What the parts said.
    """
    return Sample(
        parts=tuple(
            SampledPart(part.first_frame, part.n_frames, float(part.first_frame / frame_rate))
            for part in plan.segments
        ),
        share=plan.share,
        subsample=subsample,
        verified=verified,
        estimate=estimate,
    )


def searched_sample(request: SearchRequest, best: Probe | None) -> Sample | None:
    """Tell what a search on a sample found; None for a search without one.

    Args:
        request: The search; its template says how the sample was scored.
        best: The probe of the sample's answer, or its best one; None where there is none.
    """
    if request.sample is None:
        return None
    return sample_of(
        request.sample,
        request.template.encode.source.frame_rate,
        subsample=request.template.subsample,
        verified=request.verify,
        estimate=None if best is None else estimate_of(request, best),
    )


def scout_of(
    request: SearchRequest, prober: Prober, observe: Observer, *, job: str | None = None
) -> Scout | SampleScout:
    """Choose what shows a search its way: the sample that is to be verified, or a few looks.

    Args:
        request: The search.
        prober: Probes parts of the source: the sample's, or those of the looks.
        observe: Receives an event for each probe.
        job: Name that the events carry; None for the encoder's.
    """
    kind = SampleScout if request.sample is not None and request.verify else Scout
    return kind(request, prober, observe, job=job)


class SampleScout:
    """Searches a sample of the clip to the end, before the search of the whole clip.

    Its scores are hints to that search, which measures and proves its answer by itself. Not
    thread-safe; it goes with one `ProbeBook`.

    Args:
        request: The search of the whole clip, with its sample.
        prober: Probes the sample for the whole.
        observe: Receives the events.
        job: Name that the events carry; None for the encoder's.
    """

    def __init__(
        self, request: SearchRequest, prober: Prober, observe: Observer, *, job: str | None = None
    ) -> None:
        self._request = request
        self._book = ProbeBook(replace(request, verify=False), prober, observe, job=job)
        self._answers: dict[float, Probe] = {}

    def hints(self, problem: SearchProblem) -> Mapping[int, float]:
        """Search the sample for a target.

        Args:
            problem: The search of the whole clip, without hints.

        Returns:
            Scores of all the sample's probes so far, by step.

        Raises:
            VmafxTuneError: A probe failed.
        """
        own = replace(problem, known=self._book.found(), seeds=self._book.stored(), hints={})
        request = self._request.at_target(problem.target)
        outcome = self._book.solve(
            own, request.strategy, is_enough=partial(is_close_enough, request)
        )
        if outcome.best_step is not None:
            self._answers[problem.target] = self._book.probe_at(outcome.best_step)
        return {
            step: found for step, found in self._book.found().items() if isinstance(found, float)
        }

    def sample(self, target: float) -> Sample | None:
        """Tell what the sample's search said of a target."""
        return searched_sample(self._request, self._answers.get(target))

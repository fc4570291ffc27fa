"""Estimate an answer from one probe, where a search would prove it with more."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.events import JobFinished, JobStarted, Observer, ignore
from vmafx_tune.results.search import Estimate, SearchLimit, SearchResult
from vmafx_tune.sampling.estimates import searched_sample
from vmafx_tune.search.engine import answer_fields, circumstances, describe
from vmafx_tune.search.losses import losses
from vmafx_tune.search.one_probe import estimated, step_to_probe, why_unknown
from vmafx_tune.search.prescan import LookProbers, Prescan
from vmafx_tune.search.probe_set import ProbeSet, ProbesLeft, plan_of
from vmafx_tune.search.state import SearchProblem, SearchState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.model import Probe
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.measurement import Sample
    from vmafx_tune.search.one_probe import Estimated
    from vmafx_tune.search.request import SearchRequest

__all__ = ["estimate", "estimate_with"]


def estimate(
    request: SearchRequest,
    prober: Prober,
    *,
    observe: Observer = ignore,
    prescan: LookProbers | None = None,
) -> SearchResult:
    """Estimate the cheapest setting that reaches `request.target` from one probe.

    Args:
        request: What to search; one that `check_estimable` lets pass.
        prober: Makes the probe.
        observe: Receives the events.
        prescan: Takes cheap looks, as for `search`.

    Returns:
        The answer that is expected, and how far it may be off. It is never proven.

    Raises:
        VmafxTuneError: The probe failed.
    """
    observe(plan_of(request, 1.0, job=request.encoder))
    observe(JobStarted(request.encoder, n_frames=request.n_frames))
    looks = Prescan(request, prescan, observe) if prescan else None
    result = estimate_with(request, ProbeSet(request, prober, observe), prescan=looks)
    observe(JobFinished(request.encoder, ok=result.ok, summary=describe(result, request.knob.name)))
    return result


def estimate_with(
    request: SearchRequest,
    probe_set: ProbeSet,
    *,
    upcoming: Sequence[float] = (),
    prescan: Prescan | None = None,
) -> SearchResult:
    """Estimate from the probes that `probe_set` already holds, and at most one more.

    Args:
        request: What to search; `probe_set` was made for the same template, grid and pooling.
        probe_set: The encoder's probes so far.
        upcoming: Targets that will be estimated in `probe_set` after this one.
        prescan: Takes looks; made for the same request.

    Raises:
        VmafxTuneError: The probe failed.
    """
    started, made_before = time.monotonic(), probe_set.n_made
    known = probe_set.found(request.target)
    problem = SearchProblem(
        request.target,
        request.knob.last_step,
        known=known,
        prior=request.knob.prior,
        seeds=probe_set.stored(request.target),
    )
    problem = replace(problem, hints=prescan.hints(problem) if prescan else {})
    step = step_to_probe(problem, SearchState(problem))
    if step is not None:
        later = ProbesLeft(len(upcoming), len(upcoming))
        probe_set.measure(step, request.target, lambda: later)
    measured = probe_set.found(request.target).items()
    scores = {step: score for step, score in measured if score is not None}
    probes = {step: probe_set.probe_at(step) for step in scores}
    found = estimated(request, problem, probes, scores)
    nearest = min(probes, key=lambda one: (abs(one - found.step), one))
    return replace(
        _result(request, probe_set, found),
        new_probes=probe_set.n_made - made_before,
        wall_time_ms=(time.monotonic() - started) * 1000,
        sample=_sample(request, probes[nearest], prescan),
        notes=(*request.notes, *losses(request.template.encode.source, probes[nearest])),
    )


def _sample(request: SearchRequest, nearest: Probe, prescan: Prescan | None) -> Sample | None:
    if prescan is not None and request.verify:
        return prescan.sample(request.target)
    return searched_sample(request, nearest) if request.estimates else None


def _result(request: SearchRequest, probe_set: ProbeSet, found: Estimated) -> SearchResult:
    probe, limit = probe_set.get(found.step), _limit(request, found)
    answer = {
        "best_crf": request.knob.quality_of(found.step),
        "bitrate_kbps": found.bitrate_kbps,
        **({} if probe is None else answer_fields(probe, probe_set.pooled(probe))),
    }
    return SearchResult(
        **circumstances(request, probe_set),
        **answer,
        vmaf_score=found.vmaf,
        ok=found.reached,
        error=None if found.reached else f"{_missed(request, found)} {limit.message}",
        converged=True,
        limit=limit,
        estimate=Estimate(
            measured=probe is not None,
            crf_error=_in_knob(request, found.step_error),
            vmaf_error=found.vmaf_error,
            bitrate_error_kbps=found.bitrate_error_kbps,
        ),
        wall_time_ms=0.0,
    )


def _in_knob(request: SearchRequest, steps: int | None) -> float | None:
    return None if steps is None else steps * request.knob.increment


def _missed(request: SearchRequest, found: Estimated) -> str:
    quality = request.knob.text(request.knob.quality_of(found.step))
    vmaf = formatting.vmaf(found.vmaf, target=request.target)
    return (
        f"VMAF {formatting.given(request.target)} should be out of reach: about {vmaf} is expected "
        f"at {request.knob.name} {quality}, the best setting allowed."
    )


def _limit(request: SearchRequest, found: Estimated) -> SearchLimit:
    return SearchLimit(
        "no_proof", f"{_errors(request, found)} Use --proof full for a proven answer."
    )


def _errors(request: SearchRequest, found: Estimated) -> str:
    of_sample = "" if request.sample is None or not request.estimates else " of the sample"
    what = f"The answer is an estimate from one probe{of_sample}"
    if found.step_error is None:
        return f"{what}. How far it may be off is not known: {why_unknown(request)}."
    crf_error = formatting.quality(_in_knob(request, found.step_error) or 0)
    told = f"{what}: {request.knob.name} may be off by up to {crf_error}"
    if found.vmaf_error and found.bitrate_error_kbps:
        told += (
            f", VMAF there by {formatting.rounded_up(found.vmaf_error, 2)} and bitrate by "
            f"{formatting.rough_bitrate(found.bitrate_error_kbps)} kb/s"
        )
    return f"{told} (95 %)."

"""Search: the worst-quality step of an encoder's knob that still reaches a target."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from vmafx_tune import formatting, shell
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.events import JobFinished, JobStarted, Observer, ignore
from vmafx_tune.model import Probe
from vmafx_tune.results.search import (
    BestEncode,
    ConditionResult,
    NonMonotone,
    ProbeSummary,
    SearchLimit,
    SearchResult,
)
from vmafx_tune.sampling.estimates import is_close_enough, searched_sample
from vmafx_tune.search.expected_curve import expected_crossing
from vmafx_tune.search.limit import find_limit, flat_notes, why_missed
from vmafx_tune.search.losses import losses
from vmafx_tune.search.prescan import LookProbers, Prescan
from vmafx_tune.search.probe_set import ProbeSet, plan_of
from vmafx_tune.search.state import SearchProblem, SearchState
from vmafx_tune.search.strategy import probes_expected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.events import JobPlanned
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.measurement import PooledScores
    from vmafx_tune.search.goal import Check, Reading
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.search.state import SearchOutcome

__all__ = [
    "answer_fields",
    "circumstances",
    "describe",
    "failed_search",
    "plan_of_searches",
    "search",
    "search_with",
]

# As far as an unproven answer may be from the worst setting that reaches the target: a step of most
# encoders is a twentieth of the bitrate, and another probe takes as long as the first.
_NEAR_STEPS = 2
_SAME_NAMES = {field.name for field in fields(BestEncode)} & {field.name for field in fields(Probe)}


def search(
    request: SearchRequest,
    prober: Prober,
    *,
    observe: Observer = ignore,
    prescan: LookProbers | None = None,
    fallbacks: Sequence[float] = (),
    prove: bool = True,
) -> SearchResult:
    """Find the cheapest setting that reaches `request.target`, and prove it.

    Args:
        request: What to search.
        prober: Makes the probes.
        observe: Receives the events.
        prescan: Takes cheap looks before the first probe, see `Prescan`; None for none.
        fallbacks: Targets to search in turn where `request.target` cannot be reached.
        prove: Whether the next worse setting is measured too. Otherwise the search ends with a
            setting that reaches the target and should be within two of the worst that does.

    Returns:
        The answer, or for a target that cannot be reached the best probe with the reason; see
        `SearchResult`.

    Raises:
        VmafxTuneError: A probe failed.
    """
    probe_set = ProbeSet(request, prober, observe)
    observe(plan_of_searches(request, [request.target]))
    observe(JobStarted(request.encoder, n_frames=request.n_frames))
    looks = Prescan(request, prescan, observe) if prescan else None
    asked = request.target
    result = search_with(request, probe_set, prescan=looks, prove=prove)
    for target in fallbacks:
        if result.ok:
            break
        request = request.at_target(target)
        made_before = result.new_probes
        result = search_with(request, probe_set, prescan=looks, prove=prove)
        missed = f"VMAF {formatting.given(asked)} is not reached, so the target is"
        note = f"{missed} {formatting.given(target)}."
        result = replace(
            result, new_probes=made_before + result.new_probes, notes=(note, *result.notes)
        )
    observe(JobFinished(request.encoder, ok=result.ok, summary=describe(result, request.knob.name)))
    return result


def plan_of_searches(
    request: SearchRequest, targets: Sequence[float], *, job: str | None = None
) -> JobPlanned:
    """Tell what searches for all `targets` should take, before the first of them.

    Args:
        request: The search to repeat.
        targets: What it is repeated for.
        job: Name that the event carries; None for the encoder's.
    """
    problem = SearchProblem(
        request.target,
        request.knob.last_step,
        max_probes=request.max_iter,
        prior=request.knob.prior,
        strategy=request.strategy,
    )
    expected = probes_expected([(replace(problem, target=target), {}) for target in targets])
    return plan_of(request, expected, job=request.encoder if job is None else job)


def search_with(
    request: SearchRequest,
    probe_set: ProbeSet,
    *,
    upcoming: Sequence[float] = (),
    prescan: Prescan | None = None,
    prove: bool = True,
) -> SearchResult:
    """Search with the probes that `probe_set` already holds, and leave the new ones in it.

    Args:
        request: What to search; `probe_set` was made for the same template, grid and pooling.
        probe_set: The encoder's probes so far.
        upcoming: Targets that will be searched in `probe_set` after this one.
        prescan: Takes looks where the search interpolates; made for the same request.
        prove: As for `search`.

    Raises:
        VmafxTuneError: A probe failed; the probes made before it stay in `probe_set`.
    """
    started = time.monotonic()
    made_before = probe_set.n_made
    problem = SearchProblem(
        target=request.target,
        last_step=request.knob.last_step,
        known=probe_set.found(request.target),
        max_probes=request.max_iter,
        prior=request.knob.prior,
        strategy=request.strategy,
        cautious=not prove,
    )
    if request.strategy is SearchStrategy.INTERPOLATE:
        problem = replace(problem, seeds=probe_set.stored(request.target))
        problem = replace(problem, hints=prescan.hints(problem) if prescan else {})
    is_enough: Callable[[Probe, float], bool] | None = None
    if request.estimates:
        is_enough = partial(is_close_enough, request)
    elif not prove:
        is_enough = partial(_is_near, request, probe_set, problem)
    outcome = probe_set.solve(problem, upcoming, is_enough=is_enough)
    result = _result(
        request, probe_set, outcome, probe_set.n_made - made_before, time.monotonic() - started
    )
    if prescan is not None and request.verify:
        return replace(result, sample=prescan.sample(request.target))
    return result


def _is_near(
    request: SearchRequest, probe_set: ProbeSet, problem: SearchProblem, probe: Probe, _: float
) -> bool:
    """Tell of a setting that reaches the target whether the worst that does should be near it."""
    state = SearchState(replace(problem, known=probe_set.found(request.target)))
    step = request.knob.position_of(probe.quality)
    return expected_crossing(problem, state) < step + _NEAR_STEPS


def failed_search(
    request: SearchRequest, probe_set: ProbeSet, reason: str, *, new_probes: int = 0
) -> SearchResult:
    """Build the result of a search that a failed probe ended: no answer, and what was measured.

    Args:
        request: What was searched.
        probe_set: The encoder's probes so far.
        reason: Why the probe failed, as a sentence.
        new_probes: Encodes that the search had made by then.
    """
    return SearchResult(
        **circumstances(request, probe_set),
        ok=False,
        error=reason,
        limit=SearchLimit("failed", reason),
        new_probes=new_probes,
        wall_time_ms=0.0,
        notes=request.notes,
    )


def describe(result: SearchResult, knob: str) -> str:
    """Say in a sentence what a search found."""
    if result.bitrate_kbps is None or result.vmaf_score is None:
        limit = formatting.given(result.max_bitrate_kbps)
        return f"no encode is within {limit} kb/s" if result.too_large else "no probe was made"
    about = "" if result.is_measured else "about "
    found = (
        f"{about}VMAF {formatting.vmaf(result.vmaf_score, target=result.target_vmaf)}"
        f"{_beside(result)} at {knob} "
        f"{formatting.quality(result.best_crf)}, {formatting.rough_bitrate(result.bitrate_kbps)} "
        "kb/s"
    )
    if result.ok:
        return found
    missed = [condition.condition for condition in result.conditions if not condition.ok]
    what = formatting.listed(missed) if missed else formatting.given(result.target_vmaf)
    return f"missed {what}: best is {found}"


def _beside(result: SearchResult) -> str:
    """Write the values of the conditions after the VMAF of the target, which is the first."""
    return "".join(
        f", {formatting.condition(one.condition, one.value)}" for one in result.conditions[1:]
    )


def _result(
    request: SearchRequest,
    probe_set: ProbeSet,
    outcome: SearchOutcome,
    new_probes: int,
    wall_time_s: float,
) -> SearchResult:
    quality_of = request.knob.quality_of
    best = None if outcome.best_step is None else probe_set.probe_at(outcome.best_step)
    vmaf = None if outcome.best_step is None else outcome.scores[outcome.best_step]
    limit = find_limit(request, probe_set, outcome)
    full_rate = request.template.subsample == 1
    return SearchResult(
        **circumstances(request, probe_set),
        **({} if best is None else answer_fields(best, probe_set.pooled(best))),
        vmaf_score=vmaf,
        **_proof(request, probe_set, outcome),
        ok=outcome.reached,
        error=None if outcome.reached else why_missed(request, probe_set, outcome, limit),
        converged=outcome.converged,
        proven=outcome.proven and full_rate and not request.estimates,
        limit=limit,
        non_monotone=tuple(
            NonMonotone(quality_of(better), quality_of(worse))
            for better, worse in outcome.non_monotone
        ),
        new_probes=new_probes,
        wall_time_ms=wall_time_s * 1000,
        sample=searched_sample(request, best) if request.estimates else None,
        notes=(*request.notes, *_notes(request, probe_set, outcome)),
    )


def circumstances(request: SearchRequest, probe_set: ProbeSet) -> dict[str, Any]:
    """Tell what was searched, how, and what was measured."""
    template, source = request.template, request.template.encode.source
    probes = probe_set.probes()
    scores = probes[0].scores if probes else None
    return {
        "src": source.path,
        "source": source,
        "codec": request.encoder,
        "target_vmaf": request.target,
        "model": template.model.name,
        "pool": request.pool,
        "display": template.display,
        "subsample": template.subsample,
        "strategy": request.strategy,
        "max_bitrate_kbps": request.max_bitrate_kbps,
        "chunk_frames": request.chunk_frames,
        "damage": source.damage,
        "hdr": source.is_hdr,
        "filter": source.filters,
        "probes": probes,
        "bisect_samples": tuple(
            _summary(request, *pair) for pair in zip(probes, probe_set.readings(), strict=True)
        ),
        "too_large": probe_set.too_large(),
        "encoder_version": next((p.encoder_version for p in probes if p.encoder_version), ""),
        "backend": scores and scores.backend,
        "backend_version": scores and scores.backend_version,
        "comparison": scores and scores.comparison,
    }


def answer_fields(probe: Probe, pooled: PooledScores) -> dict[str, Any]:
    """Tell of an encode what its results do."""
    return {
        **{name: getattr(probe, name) for name in _SAME_NAMES},
        "best_crf": probe.quality,
        "encode_time_ms": probe.encode_time_s * 1000,
        "encode_command": shell.join(probe.command) if probe.command else None,
        "chunk_commands": tuple(map(shell.join, probe.chunk_commands)),
        "vmaf_pooled": pooled,
    }


def _summary(request: SearchRequest, probe: Probe, reading: Reading) -> ProbeSummary:
    return ProbeSummary(
        crf=probe.quality,
        bitrate_kbps=probe.bitrate_kbps,
        vmaf_score=reading.vmaf,
        metrics=request.values_of(reading),
        encode_time_ms=probe.encode_time_s * 1000,
        score_time_ms=probe.score_time_s * 1000,
        side_by_side=probe.side_by_side,
        size_bytes=probe.size_bytes,
    )


def _next_worse_step(probe_set: ProbeSet, outcome: SearchOutcome) -> int | None:
    if outcome.best_step is None or not outcome.proven:
        return None
    step = outcome.best_step + 1
    return None if probe_set.get(step) is None else step


def _proof(request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome) -> dict[str, Any]:
    """Tell what the next worse step has, and which conditions it fails."""
    worse = _next_worse_step(probe_set, outcome)
    found: dict[str, Any] = {"next_worse": None}
    if worse is not None:
        reading = probe_set.reading_at(worse)
        found["next_worse"] = _summary(request, probe_set.probe_at(worse), reading)
    if not request.conditions or outcome.best_step is None:
        return found
    best = request.goal.checks(probe_set.reading_at(outcome.best_step), request.target)
    checks: Sequence[Check | None] = [None] * len(best)
    if worse is not None:
        checks = request.goal.checks(probe_set.reading_at(worse), request.target)
    return found | {
        "conditions": tuple(
            ConditionResult(
                condition=one.name,
                value=one.value,
                ok=one.ok,
                next_worse_value=None if other is None else other.value,
                next_worse_ok=None if other is None else other.ok,
            )
            for one, other in zip(best, checks, strict=True)
        ),
        "next_worse_fails": tuple(one.name for one in checks if one is not None and not one.ok),
        "metrics": probe_set.metrics(probe_set.probe_at(outcome.best_step)),
    }


def _notes(request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome) -> tuple[str, ...]:
    if outcome.best_step is None:
        return ()
    answer = probe_set.probe_at(outcome.best_step)
    source = request.template.encode.source
    return (*flat_notes(request, probe_set, outcome), *losses(source, answer))

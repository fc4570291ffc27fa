"""Search: the worst-quality step of an encoder's knob that still reaches a target."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vmafx_tune.core.search import SearchProblem
from vmafx_tune.events import JobFinished, JobStarted, Observer, ignore
from vmafx_tune.results import SearchLimit, SearchResult
from vmafx_tune.workflows.probe_book import ProbeBook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.core.search import SearchOutcome
    from vmafx_tune.ports import Prober
    from vmafx_tune.workflows.request import SearchRequest

__all__ = ["describe", "failed_search", "search", "search_in_book"]


def search(request: SearchRequest, prober: Prober, *, observe: Observer = ignore) -> SearchResult:
    """Find the cheapest setting that reaches `request.target`, and prove it.

    Args:
        request: What to search.
        prober: Makes the probes.
        observe: Receives the events.

    Returns:
        The answer, or for a target that cannot be reached the best probe with the reason; see
        `SearchResult`.

    Raises:
        VmafxTuneError: A probe failed.
    """
    book = ProbeBook(request, prober, observe)
    observe(_started(request))
    result = search_in_book(request, book)
    observe(JobFinished(request.encoder, ok=result.ok, summary=describe(result, request.knob)))
    return result


def _started(request: SearchRequest) -> JobStarted:
    n_frames = request.template.encode.source.n_frames
    return JobStarted(request.encoder, n_frames=n_frames, probes_expected=request.max_iter)


def search_in_book(
    request: SearchRequest, book: ProbeBook, *, upcoming: Sequence[float] = ()
) -> SearchResult:
    """Search with the probes that `book` already holds, and leave the new ones in it.

    Args:
        request: What to search; `book` was made for the same template, grid and pooling.
        book: The encoder's probes so far.
        upcoming: Targets that will be searched in `book` after this one.

    Raises:
        VmafxTuneError: A probe failed; the probes made before it stay in `book`.
    """
    started = time.monotonic()
    made_before = book.n_made
    problem = SearchProblem(
        target=request.target,
        last_step=request.grid.last_step,
        known=book.scores(),
        max_probes=request.max_iter,
        prior=request.prior,
    )
    outcome = book.solve(problem, request.strategy, upcoming)
    return _result(request, book, outcome, book.n_made - made_before, time.monotonic() - started)


def failed_search(request: SearchRequest, book: ProbeBook, reason: str) -> SearchResult:
    """Build the result of a search that a failed probe ended: no answer, and what was measured."""
    template = request.template
    return SearchResult(
        source=template.encode.source,
        encoder=request.encoder,
        target=request.target,
        model=template.model,
        pool=request.pool,
        display=template.display,
        subsample=template.subsample,
        answer=None,
        vmaf=None,
        next_worse=None,
        probes=book.probes(),
        vmafs=book.vmafs(),
        ok=False,
        converged=False,
        proven=False,
        limit=SearchLimit("failed", reason),
        non_monotone=(),
        new_probes=0,
        wall_time_s=0.0,
        strategy=request.strategy,
    )


def describe(result: SearchResult, knob: str) -> str:
    """Say in a sentence what a search found."""
    if result.answer is None or result.vmaf is None:
        return "no probe was made"
    found = f"{knob} {result.answer.quality:g}, {result.answer.bitrate_kbps:.0f} kb/s"
    if result.ok:
        return f"VMAF {result.vmaf:.2f} at {found}"
    return f"missed {result.target:g}: best is VMAF {result.vmaf:.2f} at {found}"


def _result(
    request: SearchRequest,
    book: ProbeBook,
    outcome: SearchOutcome,
    new_probes: int,
    wall_time_s: float,
) -> SearchResult:
    template = request.template
    quality_of = request.grid.quality_of
    best = outcome.best_step
    full_rate = template.subsample == 1
    return SearchResult(
        source=template.encode.source,
        encoder=request.encoder,
        target=request.target,
        model=template.model,
        pool=request.pool,
        display=template.display,
        subsample=template.subsample,
        answer=None if best is None else book.probe_at(best),
        vmaf=None if best is None else outcome.scores[best],
        next_worse=book.get(best + 1) if outcome.proven and best is not None else None,
        probes=book.probes(),
        vmafs=book.vmafs(),
        ok=outcome.reached,
        converged=outcome.converged,
        proven=outcome.proven and full_rate,
        limit=_limit(request, book, outcome),
        non_monotone=tuple(
            (quality_of(better), quality_of(worse)) for better, worse in outcome.non_monotone
        ),
        new_probes=new_probes,
        wall_time_s=wall_time_s,
        strategy=request.strategy,
    )


def _limit(request: SearchRequest, book: ProbeBook, outcome: SearchOutcome) -> SearchLimit | None:
    if outcome.ran_out and not outcome.converged:
        return SearchLimit(
            "max_iter",
            f"The search stopped after {request.max_iter} probes before it was sure. "
            "Allow more with --max-iter.",
        )
    if not outcome.reached:
        return _why_unreachable(request, book)
    if outcome.proven and request.template.subsample > 1:
        return SearchLimit(
            "subsample",
            f"Only every {request.template.subsample}th frame was scored, so the answer is an "
            "estimate. Leave out --subsample for a proven one.",
        )
    return None


def _why_unreachable(request: SearchRequest, book: ProbeBook) -> SearchLimit:
    ceiling = book.ceiling()
    if ceiling < request.target:
        return SearchLimit(
            "clip_ceiling",
            f"The source scores only {ceiling:.2f} against itself, so no encode of it can reach "
            f"{request.target:g}. Lower the target.",
        )
    return SearchLimit(
        "knob_range",
        f"The range of {request.knob} ends at {request.grid.quality_of(0):g}, and the target is "
        "not reached there.",
    )

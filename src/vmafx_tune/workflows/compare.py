"""Compare: which encoder needs the fewest bits for the same quality on this source?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.errors import CancelledError, VmafxTuneError
from vmafx_tune.events import JobFinished, JobStarted, Observer, ignore
from vmafx_tune.results import BdRate, CompareRow, SearchResult
from vmafx_tune.workflows.probe_book import ProbeBook
from vmafx_tune.workflows.search import describe, failed_search, search_in_book

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmafx_tune.ports import Executor, Prober
    from vmafx_tune.workflows.request import SearchRequest

__all__ = ["CompareRequest", "compare", "rank", "why_missed"]


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """One comparison, fully determined.

    Attributes:
        searches: One request for each encoder, all on the same source; its target is replaced by
            each of `targets`.
        unavailable: Encoders asked for that cannot run here, with the reason; each of their rows
            fails with it.
        targets: Pooled scores to reach.
        anchor: Encoder that BD-rates are against; None for none.
        workers: Encoders worked on at once.
    """

    searches: tuple[SearchRequest, ...]
    targets: tuple[float, ...]
    unavailable: Mapping[str, str]
    anchor: str | None = None
    workers: int = 1

    @property
    def encoders(self) -> tuple[str, ...]:
        """All encoders asked for, those that can run first."""
        return (*(search.encoder for search in self.searches), *self.unavailable)


@dataclass(frozen=True, slots=True)
class _EncoderOutcome:
    """What one encoder's searches gave."""

    rows: tuple[CompareRow, ...]
    points: tuple[tuple[float, float], ...]


def compare(
    request: CompareRequest,
    prober: Prober,
    *,
    executor: Executor | None = None,
    observe: Observer = ignore,
) -> tuple[tuple[CompareRow, ...], tuple[BdRate, ...]]:
    """Search every encoder at every target.

    Args:
        request: What to compare.
        prober: Makes the probes; must be thread-safe.
        executor: Runs one call per encoder; a thread pool of `request.workers` where none is given.
        observe: Receives the events, from several threads.

    Returns:
        The rows, grouped by target and ranked within each; and a BD-rate for each encoder but the
        anchor. An encoder that failed has failed rows; the others are not touched by it.

    Raises:
        CancelledError: The work was cancelled.
    """
    outcomes = _run_all(request, prober, executor, observe)
    failed = [
        CompareRow(encoder, target, None, error=reason, error_kind="failed")
        for encoder, reason in request.unavailable.items()
        for target in request.targets
    ]
    rows = [row for outcome in outcomes.values() for row in outcome.rows]
    return rank([*rows, *failed]), _bd_rates(request, outcomes)


def rank(rows: Sequence[CompareRow]) -> tuple[CompareRow, ...]:
    """Order rows by target; within one, ok rows by bitrate then encoder, failed rows last."""

    def key(row: CompareRow) -> tuple[float, bool, float, str]:
        answer = row.search.answer if row.ok and row.search else None
        return (row.target, not row.ok, answer.bitrate_kbps if answer else 0.0, row.encoder)

    return tuple(sorted(rows, key=key))


def _run_all(
    request: CompareRequest, prober: Prober, executor: Executor | None, observe: Observer
) -> dict[str, _EncoderOutcome]:
    if executor is not None:
        return _gather(request, prober, executor, observe)
    with ThreadPoolExecutor(request.workers, thread_name_prefix="compare") as pool:
        return _gather(request, prober, pool, observe)


def _gather(
    request: CompareRequest, prober: Prober, executor: Executor, observe: Observer
) -> dict[str, _EncoderOutcome]:
    futures = {
        search.encoder: executor.submit(_run_encoder, search, request.targets, prober, observe)
        for search in request.searches
    }
    try:
        return {encoder: future.result() for encoder, future in futures.items()}
    except BaseException:
        # Ctrl-C as well: running children must end now, or leaving the pool would wait for them.
        for future in futures.values():
            future.cancel()
        prober.cancel()
        raise


def _run_encoder(
    search: SearchRequest, targets: Sequence[float], prober: Prober, observe: Observer
) -> _EncoderOutcome:
    book = ProbeBook(search, prober, observe)
    observe(JobStarted(search.encoder, n_frames=search.template.encode.source.n_frames))
    rows = tuple(
        _row(search.at_target(target), book, upcoming=targets[position:])
        for position, target in enumerate(targets, start=1)
    )
    observe(
        JobFinished(
            search.encoder, ok=all(row.ok for row in rows), summary=_summary(rows, search.knob)
        )
    )
    return _EncoderOutcome(rows, _points(book))


def _row(request: SearchRequest, book: ProbeBook, upcoming: Sequence[float]) -> CompareRow:
    try:
        result = search_in_book(request, book, upcoming=upcoming)
    except CancelledError:
        raise
    except VmafxTuneError as error:
        failed = failed_search(request, book, str(error))
        return CompareRow(
            request.encoder, request.target, failed, error=str(error), error_kind="failed"
        )
    if result.ok:
        return CompareRow(request.encoder, request.target, result)
    return CompareRow(
        request.encoder,
        request.target,
        result,
        error=why_missed(result, request.knob),
        error_kind="unreachable",
    )


def why_missed(result: SearchResult, knob: str) -> str:
    """Say why a search has no answer, with the best that it measured."""
    reason = result.limit.message if result.limit else "The target is not reached."
    if result.answer is None or result.vmaf is None:
        return reason
    return (
        f"VMAF {result.target:g} is not reached; the best is {result.vmaf:.2f} at "
        f"{knob} {result.answer.quality:g}, {result.answer.bitrate_kbps:.0f} kb/s. {reason}"
    )


def _summary(rows: Sequence[CompareRow], knob: str) -> str:
    return "; ".join(
        describe(row.search, knob) if row.search and row.error_kind != "failed" else str(row.error)
        for row in rows
    )


def _points(book: ProbeBook) -> tuple[tuple[float, float], ...]:
    rates = (probe.bitrate_kbps for probe in book.probes())
    return tuple(zip(rates, book.vmafs(), strict=True))


def _bd_rates(
    request: CompareRequest, outcomes: Mapping[str, _EncoderOutcome]
) -> tuple[BdRate, ...]:
    if request.anchor is None:
        return ()
    from vmafx_tune.core.bd_rate import bd_rate

    points = {encoder: outcome.points for encoder, outcome in outcomes.items()}
    return tuple(
        bd_rate(encoder, points.get(encoder, ()), request.anchor, points.get(request.anchor, ()))
        for encoder in request.encoders
        if encoder != request.anchor
    )

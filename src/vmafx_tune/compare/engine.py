"""Compare: which encoder needs the fewest bits for the same quality on this source?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.cancel import together
from vmafx_tune.errors import CancelledError, VmafxTuneError
from vmafx_tune.events import CompareStarted, JobFinished, JobStarted, Observer, ignore
from vmafx_tune.results.compare import BdRate, CompareRow
from vmafx_tune.search.engine import describe, failed_search, plan_of, search_with
from vmafx_tune.search.prescan import prescan_of
from vmafx_tune.search.probe_set import ProbeSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmafx_tune.compare.bd_rate import Points
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.prescan import Prescan, SamplePrescan
    from vmafx_tune.search.request import SearchRequest

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

    @property
    def in_turn(self) -> tuple[SearchRequest, ...]:
        """The searches in the order in which they begin: the longest is not left for the end."""
        return tuple(sorted(self.searches, key=lambda search: -search.effort))


def compare(
    request: CompareRequest,
    prober: Prober,
    *,
    observe: Observer = ignore,
    prescan: Prober | None = None,
) -> tuple[tuple[CompareRow, ...], tuple[BdRate, ...]]:
    """Search every encoder at every target.

    Args:
        request: What to compare.
        prober: Makes the probes; must be thread-safe.
        observe: Receives the events, from several threads.
        prescan: Probes parts of the source, for cheap looks with each encoder; None for none. Must
            be thread-safe.

    Returns:
        The rows, grouped by target and ranked within each; and a BD-rate for each encoder but the
        anchor. An encoder that failed has failed rows; the others are not touched by it.

    Raises:
        CancelledError: The work was cancelled.
    """
    observe(CompareStarted(len(request.searches), request.workers))
    for search in request.in_turn:
        observe(plan_of(search, request.targets, guided=prescan is not None))
    with ThreadPoolExecutor(request.workers, thread_name_prefix="compare") as pool:
        futures = {
            search.encoder: pool.submit(
                _run_encoder, search, request.targets, prober, prescan, observe
            )
            for search in request.in_turn
        }
        with together(futures.values(), prober.cancel):
            outcomes = {encoder: future.result() for encoder, future in futures.items()}
    failed = [
        CompareRow(encoder, target, None, error=reason, error_kind="failed")
        for encoder, reason in request.unavailable.items()
        for target in request.targets
    ]
    rows = [row for found in outcomes.values() for row in found]
    return rank([*rows, *failed]), _bd_rates(request, outcomes)


def rank(rows: Sequence[CompareRow]) -> tuple[CompareRow, ...]:
    """Order rows by target; within one, ok rows by bitrate then encoder, failed rows last."""

    def key(row: CompareRow) -> tuple[float, bool, float, str]:
        answer = row.search.answer if row.ok and row.search else None
        return (row.target, not row.ok, answer.bitrate_kbps if answer else 0.0, row.encoder)

    return tuple(sorted(rows, key=key))


def _run_encoder(
    search: SearchRequest,
    targets: Sequence[float],
    prober: Prober,
    prescan_prober: Prober | None,
    observe: Observer,
) -> tuple[CompareRow, ...]:
    probe_set = ProbeSet(search, prober, observe)
    prescan = None if prescan_prober is None else prescan_of(search, prescan_prober, observe)
    observe(JobStarted(search.encoder, n_frames=search.n_frames))
    rows = tuple(
        _row(search.at_target(target), probe_set, prescan, upcoming=targets[position:])
        for position, target in enumerate(targets, start=1)
    )
    observe(
        JobFinished(
            search.encoder, ok=all(row.ok for row in rows), summary=_summary(rows, search.knob)
        )
    )
    return rows


def _row(
    request: SearchRequest,
    probe_set: ProbeSet,
    prescan: Prescan | SamplePrescan | None,
    upcoming: Sequence[float],
) -> CompareRow:
    made_before = probe_set.n_made
    try:
        result = search_with(request, probe_set, upcoming=upcoming, prescan=prescan)
    except CancelledError:
        raise
    except VmafxTuneError as error:
        new_probes = probe_set.n_made - made_before
        failed = failed_search(request, probe_set, str(error), new_probes=new_probes)
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
    if result.answer is None or result.vmaf is None or _names_the_best(result):
        return reason
    return (
        f"VMAF {formatting.given(result.target)} is not reached; the best is "
        f"{formatting.vmaf(result.vmaf, target=result.target)} at "
        f"{knob} {formatting.quality(result.answer.quality)}, "
        f"{formatting.rough_bitrate(result.answer.bitrate_kbps)} kb/s. {reason}"
    )


def _names_the_best(result: SearchResult) -> bool:
    return result.limit is not None and result.limit.kind == "max_bitrate"


def _summary(rows: Sequence[CompareRow], knob: str) -> str:
    return "; ".join(
        describe(row.search, knob) if row.search and row.error_kind != "failed" else str(row.error)
        for row in rows
    )


def _answers(rows: Sequence[CompareRow]) -> dict[float, Points]:
    """Collect, for each target that is reached, the points that it lies between."""
    return {
        row.target: tuple(_points(row.search)) for row in rows if row.ok and row.search is not None
    }


def _points(search: SearchResult) -> Iterator[tuple[float, float]]:
    for probe, vmaf in (
        (search.answer, search.vmaf),
        (search.next_worse, search.next_worse_vmaf),
    ):
        if probe is not None and vmaf is not None:
            yield probe.bitrate_kbps, vmaf


def _bd_rates(
    request: CompareRequest, outcomes: Mapping[str, Sequence[CompareRow]]
) -> tuple[BdRate, ...]:
    if request.anchor is None:
        return ()
    from vmafx_tune.compare.bd_rate import bd_rate_of_answers

    answers = {encoder: _answers(rows) for encoder, rows in outcomes.items()}
    against = answers.get(request.anchor, {})
    return tuple(
        bd_rate_of_answers(encoder, answers.get(encoder, {}), request.anchor, against)
        for encoder in request.encoders
        if encoder != request.anchor
    )

"""Compare: which encoder needs the fewest bits for the same quality on this source?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.cancel import together
from vmafx_tune.errors import CancelledError, VmafxTuneError
from vmafx_tune.events import CompareStarted, JobFinished, JobStarted, Observer, ignore
from vmafx_tune.results.compare import BdRate, CompareRow
from vmafx_tune.results.search import Answer, BestEncode
from vmafx_tune.search.engine import describe, failed_search, plan_of, search_with
from vmafx_tune.search.prescan import prescan_of
from vmafx_tune.search.probe_set import ProbeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vmafx_tune.compare.bd_rate import Points
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.prescan import Prescan, SamplePrescan
    from vmafx_tune.search.request import SearchRequest

__all__ = ["CompareRequest", "compare", "rank"]

_NO_ANSWER: Mapping[str, Any] = {field.name: field.default for field in fields(BestEncode)}


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
        ffmpeg: What makes the encodes, for the rows.
    """

    searches: tuple[SearchRequest, ...]
    targets: tuple[float, ...]
    unavailable: Mapping[str, str]
    anchor: str | None = None
    workers: int = 1
    ffmpeg: Path = Path("ffmpeg")

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
            search.encoder: pool.submit(_run_encoder, search, request, prober, prescan, observe)
            for search in request.in_turn
        }
        with together(futures.values(), prober.cancel):
            outcomes = {encoder: future.result() for encoder, future in futures.items()}
    failed = [
        CompareRow(
            codec=encoder,
            adapter=encoder,
            ffmpeg_bin=request.ffmpeg,
            target_vmaf=target,
            ok=False,
            error=reason,
            error_kind="failed",
        )
        for encoder, reason in request.unavailable.items()
        for target in request.targets
    ]
    rows = [row for found in outcomes.values() for row in found]
    return rank([*rows, *failed]), _bd_rates(request, outcomes)


def rank(rows: Iterable[CompareRow]) -> tuple[CompareRow, ...]:
    """Order rows by target; within one, ok rows by bitrate then encoder, failed rows last."""

    def key(row: CompareRow) -> tuple[float, bool, float, str]:
        return (row.target_vmaf, not row.ok, row.bitrate_kbps or 0.0, row.codec)

    by_target = groupby(sorted(rows, key=key), key=attrgetter("target_vmaf"))
    return tuple(
        replace(row, rank=place if row.ok else None)
        for _, group in by_target
        for place, row in enumerate(group, start=1)
    )


def _run_encoder(
    search: SearchRequest,
    request: CompareRequest,
    prober: Prober,
    prescan_prober: Prober | None,
    observe: Observer,
) -> tuple[CompareRow, ...]:
    targets = request.targets
    probe_set = ProbeSet(search, prober, observe)
    prescan = None if prescan_prober is None else prescan_of(search, prescan_prober, observe)
    observe(JobStarted(search.encoder, n_frames=search.n_frames))
    found = [
        _search(search.at_target(target), probe_set, prescan, upcoming=targets[position:])
        for position, target in enumerate(targets, start=1)
    ]
    summary = "; ".join(
        str(result.error) if _has_failed(result) else describe(result, search.knob)
        for result in found
    )
    observe(JobFinished(search.encoder, ok=all(result.ok for result in found), summary=summary))
    return tuple(_row(result, request.ffmpeg) for result in found)


def _search(
    request: SearchRequest,
    probe_set: ProbeSet,
    prescan: Prescan | SamplePrescan | None,
    upcoming: Sequence[float],
) -> SearchResult:
    made_before = probe_set.n_made
    try:
        return search_with(request, probe_set, upcoming=upcoming, prescan=prescan)
    except CancelledError:
        raise
    except VmafxTuneError as error:
        new_probes = probe_set.n_made - made_before
        return failed_search(request, probe_set, str(error), new_probes=new_probes)


def _has_failed(result: SearchResult) -> bool:
    return result.limit is not None and result.limit.kind == "failed"


def _row(result: SearchResult, ffmpeg: Path) -> CompareRow:
    found = {field.name: getattr(result, field.name) for field in fields(Answer)}
    row = CompareRow(**found, adapter=result.codec, ffmpeg_bin=ffmpeg)
    if result.ok:
        return row
    # The best encode that misses the target is no answer; it stays among the samples.
    kind = "failed" if _has_failed(result) else "unreachable"
    return replace(row, error_kind=kind, **_NO_ANSWER)


def _answers(rows: Iterable[CompareRow]) -> dict[float, Points]:
    """Collect, for each target that is reached, the points that it lies between."""
    return {row.target_vmaf: tuple(_points(row)) for row in rows if row.ok}


def _points(row: CompareRow) -> Iterator[tuple[float, float]]:
    for point in (row, row.next_worse):
        if point and point.bitrate_kbps is not None and point.vmaf_score is not None:
            yield point.bitrate_kbps, point.vmaf_score


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

"""Compare: which encoder needs the fewest bits for the same quality on this source?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import groupby, permutations
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from vmafx_tune.cancel import together
from vmafx_tune.errors import CancelledError, VmafxTuneError
from vmafx_tune.events import CompareStarted, JobFinished, JobStarted, Observer, ignore
from vmafx_tune.results.compare import BdPoints, BdRate, CompareRow
from vmafx_tune.results.search import Answer, BestEncode
from vmafx_tune.search.engine import (
    describe,
    failed_search,
    plan_of_searches,
    search_with,
)
from vmafx_tune.search.estimate import estimate_with
from vmafx_tune.search.prescan import LookProbers, Prescan
from vmafx_tune.search.probe_set import ProbeSet, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vmafx_tune.compare.bd_rate import Points
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.request import SearchRequest

__all__ = [
    "bd_matrix",
    "bd_rates",
    "failed_rows",
    "found_row",
    "in_turn",
    "rank",
    "search_encoders",
]

_NO_ANSWER: Mapping[str, Any] = {field.name: field.default for field in fields(BestEncode)}


def search_encoders(
    searches: Sequence[SearchRequest],
    targets: Sequence[float],
    prober: Prober,
    *,
    workers: int = 1,
    observe: Observer = ignore,
    prescan: LookProbers | None = None,
    estimates: bool = False,
) -> tuple[SearchResult, ...]:
    """Search every encoder at every target.

    Args:
        searches: One request for each encoder, all on the same source; its target is replaced by
            each of `targets`.
        targets: Pooled scores to reach.
        prober: Makes the probes; must be thread-safe.
        workers: Encoders worked on at once.
        observe: Receives the events, from several threads.
        prescan: Takes cheap looks with each encoder; must be thread-safe. None for none.
        estimates: Whether answers are estimated from one probe each, or fewer.

    Returns:
        The results, target by target for each encoder in turn. An encoder that fails has failed
        results; the others are not touched by it.

    Raises:
        CancelledError: The work was cancelled.
    """
    observe(CompareStarted(len(searches), workers))
    begun = in_turn(searches)
    for search in begun:
        one_each = plan_of(search, len(targets), job=search.encoder)
        observe(one_each if estimates else plan_of_searches(search, targets))
    find = estimate_with if estimates else search_with
    with ThreadPoolExecutor(workers, thread_name_prefix="compare") as pool:
        futures = {
            search.encoder: pool.submit(
                _run_encoder, search, targets, prober, prescan, observe, find
            )
            for search in begun
        }
        with together(futures.values(), prober.cancel):
            return tuple(
                result for search in searches for result in futures[search.encoder].result()
            )


def in_turn(searches: Iterable[SearchRequest]) -> tuple[SearchRequest, ...]:
    """Put searches in the order in which they begin: the longest is not left for the end."""
    return tuple(sorted(searches, key=lambda search: -search.effort))


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
    targets: Sequence[float],
    prober: Prober,
    look_probers: LookProbers | None,
    observe: Observer,
    find: Callable[..., SearchResult],
) -> tuple[SearchResult, ...]:
    probe_set = ProbeSet(search, prober, observe)
    prescan = Prescan(search, look_probers, observe) if look_probers else None
    observe(JobStarted(search.encoder, n_frames=search.n_frames))
    found = tuple(
        _search(search.at_target(target), probe_set, prescan, targets[position:], find)
        for position, target in enumerate(targets, start=1)
    )
    summary = "; ".join(
        str(result.error) if _has_failed(result) else describe(result, search.knob.name)
        for result in found
    )
    observe(JobFinished(search.encoder, ok=all(result.ok for result in found), summary=summary))
    return found


def _search(
    request: SearchRequest,
    probe_set: ProbeSet,
    prescan: Prescan | None,
    upcoming: Sequence[float],
    find: Callable[..., SearchResult],
) -> SearchResult:
    made_before = probe_set.n_made
    try:
        return find(request, probe_set, upcoming=upcoming, prescan=prescan)
    except CancelledError:
        raise
    except VmafxTuneError as error:
        new_probes = probe_set.n_made - made_before
        return failed_search(request, probe_set, str(error), new_probes=new_probes)


def _has_failed(result: SearchResult) -> bool:
    return result.limit is not None and result.limit.kind == "failed"


def found_row(result: SearchResult, ffmpeg: Path) -> CompareRow:
    """Make the row of what a search found.

    Args:
        result: One encoder at one target.
        ffmpeg: What made its encodes.
    """
    found = {field.name: getattr(result, field.name) for field in fields(Answer)}
    row = CompareRow(**found, adapter=result.codec, ffmpeg_bin=ffmpeg)
    if result.ok:
        return row
    # The best encode that misses the target is no answer; it stays among the samples.
    kind = "failed" if _has_failed(result) else "unreachable"
    return replace(row, error_kind=kind, estimate=None, conditions=(), metrics={}, **_NO_ANSWER)


def failed_rows(
    unavailable: Mapping[str, str], targets: Sequence[float], ffmpeg: Path
) -> list[CompareRow]:
    """Make the rows of encoders that cannot run here.

    Args:
        unavailable: Why each of them cannot, as a sentence.
        targets: Pooled scores that were to be reached.
        ffmpeg: What was to make their encodes.
    """
    return [
        CompareRow(
            codec=encoder,
            adapter=encoder,
            ffmpeg_bin=ffmpeg,
            target_vmaf=target,
            ok=False,
            error=reason,
            error_kind="failed",
        )
        for encoder, reason in unavailable.items()
        for target in targets
    ]


def bd_rates(rows: Iterable[CompareRow], anchor: str) -> tuple[BdRate, ...]:
    """Compare each encoder's curve with the anchor's.

    Args:
        rows: In any order; those of an encoder that failed leave it without a BD-rate.
        anchor: One of their encoders.

    Returns:
        One for each encoder but the anchor, in the order of the rows.
    """
    return tuple(bd for bd in bd_matrix(rows) if bd.anchor == anchor)


def bd_matrix(rows: Iterable[CompareRow]) -> tuple[BdRate, ...]:
    """Compare each encoder's curve with that of each other one; as `bd_rates`."""
    from vmafx_tune.compare.bd_rate import bd_rate_of_answers

    rows = tuple(rows)
    if any(row.estimate is not None for row in rows):
        return _no_bd_rates(dict.fromkeys(row.codec for row in rows))
    answers: dict[str, dict[float, Points]] = {}
    for row in rows:
        of_encoder = answers.setdefault(row.codec, {})
        if row.ok:
            of_encoder[row.target_vmaf] = tuple(_points(row))
    return tuple(
        bd_rate_of_answers(encoder, answers[encoder], anchor, answers[anchor])
        for encoder, anchor in permutations(answers, 2)
    )


def _no_bd_rates(encoders: Iterable[str]) -> tuple[BdRate, ...]:
    reason = "BD-rate needs measured answers. Use --proof full."
    return tuple(
        BdRate(codec=encoder, anchor=anchor, points=BdPoints(0, 0), reason=reason)
        for encoder, anchor in permutations(encoders, 2)
    )


def _points(row: CompareRow) -> Iterator[tuple[float, float]]:
    """List the answer and its next worse neighbour, which have the target between them."""
    for point in (row, row.next_worse):
        if point and point.bitrate_kbps is not None and point.vmaf_score is not None:
            yield point.bitrate_kbps, point.vmaf_score

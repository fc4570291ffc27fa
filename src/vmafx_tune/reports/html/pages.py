"""Results as HTML pages that work offline: chart, tables, commands to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmafx_tune import formatting
from vmafx_tune.reports import (
    batch_facts,
    gate_facts,
    ladder_facts,
    ranking,
    score_facts,
    search_facts,
)
from vmafx_tune.reports.charts.results import chart_of
from vmafx_tune.reports.html import elements
from vmafx_tune.reports.html.pictures import data_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vmafx_tune.results.batch import BatchResult
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.encode import EncodeResult
    from vmafx_tune.results.gate import GateResult
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.record import Result
    from vmafx_tune.results.score import ScoreResult
    from vmafx_tune.results.search import SearchResult

__all__ = ["page_of", "summary_page"]

_PICTURE_BYTES = 1_500_000
_WITHOUT_FRAMES = "The result was saved without --frames, so there is no curve of its frames."
_HOW_TO_LOOK = (
    "Click in the curve to go to the nearest of them, and a picture to see it in full and flip to "
    "the others."
)
_PICTURES = ("Reference", "Encode", "Difference of luma, 8 times as bright")


def page_of(result: Result) -> str:
    """Write a result as a page without external resources."""
    title, circumstances, sections = _article(result, 1)
    return elements.page(title, [elements.article(title, circumstances, sections)])


def summary_page(title: str, results: Mapping[str, Result]) -> str:
    """Write several results as one page, with a list that leads to them.

    Args:
        title: What the page is about.
        results: By what the list calls them; of any commands.
    """
    articles = []
    for number, (name, result) in enumerate(results.items()):
        found, circumstances, sections = _article(result, len(results))
        entries = [("Result", name), *circumstances]
        articles.append(elements.article(found, entries, sections, f"r{number}"))
    return elements.page(title, articles, [*results])


def _article(result: Result, n_results: int) -> _Article:
    shown: Any = result
    if result.command == "score":
        return _score(shown, n_results)
    return _ARTICLES[result.command](result)


def _score(result: ScoreResult, n_results: int) -> _Article:
    sections = _score_sections(result, n_results)
    return score_facts.heading(result), score_facts.circumstances(result), sections


def _score_sections(result: ScoreResult, n_results: int) -> Iterator[str]:
    pooling = score_facts.pooling(result.pool, result.n_frames, result.subsample)
    yield elements.paragraph(pooling, "hint")
    chart = chart_of(result, n_results)
    if chart is None:
        yield elements.paragraph(_WITHOUT_FRAMES, "hint")
    yield from elements.chart(chart)
    yield from _notes(score_facts.remarks(result))
    if result.worst_frames:
        yield elements.heading("Worst frames and seconds")
        yield elements.table(score_facts.worst_sheet(result))
    yield from _stills(result, _PICTURE_BYTES // n_results)
    yield elements.heading("Pooled")
    yield elements.table(score_facts.pooled_sheet(result.pooled))
    if result.metrics:
        yield elements.heading("Metrics")
        yield elements.table(score_facts.metric_sheet(result.metrics))
    if result.features:
        yield elements.heading("Features")
        yield elements.table(score_facts.feature_sheet(result.features))


def _stills(result: ScoreResult, picture_bytes: int) -> Iterator[str]:
    """Show the worst frames, as far as their pictures can be read."""
    numbers = {worst.frame: number for number, worst in enumerate(result.worst_frames, start=1)}
    paths = [
        path
        for still in result.stills
        for path in (still.reference, still.distorted, still.difference)
    ]
    urls = data_urls(paths, picture_bytes)
    shown = [
        (
            f"{numbers[still.frame]}: {score_facts.worst_frame(result, still.frame)}",
            still.frame,
            list(zip(_PICTURES, urls[3 * place : 3 * place + 3], strict=True)),
        )
        for place, still in enumerate(result.stills)
        if urls[3 * place]
    ]
    if shown:
        yield elements.heading("The worst frames as they were compared")
        yield elements.paragraph(_HOW_TO_LOOK, "hint")
        yield elements.stills(shown)


def _search(result: SearchResult) -> _Article:
    return search_facts.heading(result), search_facts.circumstances(result), _searched(result)


def _searched(result: SearchResult) -> Iterator[str]:
    if result.error:
        yield elements.paragraph(result.error, "failure")
    yield from elements.chart(chart_of(result))
    yield from _notes(search_facts.remarks(result))
    yield elements.heading("Probes")
    yield elements.table(search_facts.probe_sheet(result))
    if result.conditions:
        yield elements.heading("Conditions")
        yield elements.table(search_facts.condition_sheet(result))
    yield from elements.commands(search_facts.commands(result))


def _encode(result: EncodeResult) -> _Article:
    output = result.output
    delivered = (
        [("Output", "nothing was written")]
        if output is None
        else [("Output", str(output.path)), *search_facts.delivery(result, output)]
    )
    circumstances = search_facts.circumstances(result, with_time=output is None)
    return search_facts.heading(result), [*delivered, *circumstances], _encoded(result)


def _encoded(result: EncodeResult) -> Iterator[str]:
    if result.per_shot is not None:
        yield elements.heading("Shots")
        yield elements.table(search_facts.shot_sheet(result.per_shot, result.codec))
        if more := search_facts.more_shots(result.per_shot):
            yield elements.paragraph(more, "hint")
    yield from _searched(result)


def _compare(result: CompareResult) -> _Article:
    return ranking.heading(result), ranking.circumstances(result), _compared(result)


def _compared(result: CompareResult) -> Iterator[str]:
    yield from elements.chart(chart_of(result))
    for target in result.targets:
        yield elements.heading(f"VMAF {formatting.given(target)}")
        yield elements.table(ranking.target_sheet(result, target))
    yield from _failures(ranking.failures(result))
    yield from _notes(ranking.remarks(result))
    for title, sheet in ranking.bd_sheets(result):
        yield elements.heading(title)
        yield elements.table(sheet)
    yield from _notes(ranking.bd_reasons(result))
    yield from elements.commands(ranking.commands(result))


def _ladder(result: LadderResult) -> _Article:
    return ladder_facts.heading(result), ladder_facts.circumstances(result), _rungs(result)


def _rungs(result: LadderResult) -> Iterator[str]:
    yield from elements.chart(chart_of(result))
    yield elements.heading("Rungs")
    empty = ladder_facts.why_empty(result)
    if empty is None:
        yield elements.table(ladder_facts.rung_sheet(result))
    else:
        yield elements.paragraph(empty, "failure")
    if result.cloud:
        yield elements.heading("kb/s @ quality of each resolution and target")
        yield elements.table(ladder_facts.cell_sheet(result))
    yield from _failures(ladder_facts.failures(result))
    remarks = ladder_facts.remarks(result)
    if remarks:
        yield elements.heading("Notes")
    yield from _notes(remarks)
    yield from elements.commands(ladder_facts.commands(result))


def _gate(result: GateResult) -> _Article:
    sections = [
        *(elements.paragraph(check.message, "failure") for check in result.regressions),
        elements.table(gate_facts.sheet(result)),
    ]
    return gate_facts.heading(result), [("Verdict", gate_facts.verdict(result))], sections


def _batch(result: BatchResult) -> _Article:
    sections = [
        *elements.chart(chart_of(result)),
        elements.table(batch_facts.sheet(result)),
        *_failures(batch_facts.failures(result)),
    ]
    return batch_facts.heading(result), batch_facts.circumstances(result), sections


def _failures(failures: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (elements.paragraph(f"{who}: {why}", "failure") for who, why in failures)


def _notes(messages: Iterable[str]) -> Iterator[str]:
    yield from (elements.paragraph(message, "note") for message in messages)


_Article = tuple[str, "Iterable[tuple[str, str]]", "Iterable[str]"]
"""Title, circumstances and sections."""

_ARTICLES: Mapping[str, Callable[[Any], _Article]] = {
    "search": _search,
    "encode": _encode,
    "compare": _compare,
    "ladder": _ladder,
    "batch": _batch,
    "gate": _gate,
}

"""A comparison or a ladder as an HTML page that works offline: chart, tables, commands to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.reports import facts, gate_facts, ladder_facts, ranking
from vmafx_tune.reports.html import elements
from vmafx_tune.reports.html.chart import ChartPoint, Series, rate_quality_svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.model import Resolution
    from vmafx_tune.reports.facts import Sheet
    from vmafx_tune.results.compare import BdRate, CompareResult
    from vmafx_tune.results.gate import GateResult
    from vmafx_tune.results.ladder import Encode, LadderResult
    from vmafx_tune.results.search import ProbeSummary

__all__ = [
    "compare_html",
    "gate_html",
    "ladder_html",
]

_COMPARE_HINT = "Ringed probes are answers. Bitrate is on a logarithmic scale."


def compare_html(result: CompareResult) -> str:
    """Write a comparison as a page without external resources."""
    return elements.page(
        ranking.heading(result),
        ranking.circumstances(result),
        _compare_chart(result),
        _compare_sections(result),
    )


def _compare_sections(result: CompareResult) -> Iterator[str]:
    for target in result.targets:
        yield elements.heading(f"VMAF {formatting.given(target)}")
        yield _table(ranking.target_sheet(result, target))
    for who, why in ranking.failures(result):
        yield elements.paragraph(f"{who}: {why}", "failure")
    for message in ranking.remarks(result):
        yield elements.paragraph(message, "note")
    yield from _bd_rates(result.bd_rate)
    yield from elements.commands(ranking.commands(result))


def _compare_chart(result: CompareResult) -> str:
    series = [_series(result, encoder) for encoder in result.codecs]
    svg = rate_quality_svg(series, result.targets)
    return elements.chart(svg, series, _COMPARE_HINT)


def _series(result: CompareResult, encoder: str) -> Series:
    answers = {row.best_crf for row in result.rows if row.codec == encoder and row.ok}
    points = (
        ChartPoint(
            probe.bitrate_kbps, probe.vmaf_score, _hover(encoder, probe), probe.crf in answers
        )
        for probe in ranking.curve_of(result, encoder)
    )
    return Series(encoder, tuple(points))


def _hover(encoder: str, probe: ProbeSummary) -> str:
    return (
        f"{encoder} {facts.setting(encoder, probe.crf)}: VMAF {formatting.vmaf(probe.vmaf_score)}, "
        f"{formatting.bitrate(probe.bitrate_kbps)} kb/s"
    )


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterator[str]:
    if not bd_rates:
        return
    yield elements.heading("BD-rate")
    yield _table(ranking.bd_sheet(bd_rates))
    yield from (elements.paragraph(bd.reason, "note") for bd in bd_rates if bd.reason)


_LADDER_HINT = (
    "The thick line is the hull; numbered points are rungs. Bitrate is on a logarithmic scale."
)


def ladder_html(result: LadderResult) -> str:
    """Write a ladder as a page without external resources."""
    return elements.page(
        ladder_facts.heading(result),
        ladder_facts.circumstances(result),
        _ladder_chart(result),
        _ladder_sections(result),
    )


def _ladder_sections(result: LadderResult) -> Iterator[str]:
    yield from _rungs(result)
    if result.cloud:
        yield elements.heading("kb/s @ quality of each resolution and target")
        yield _table(ladder_facts.cell_sheet(result))
    for where, why in ladder_facts.failures(result):
        yield elements.paragraph(f"{where}: {why}", "failure")
    remarks = ladder_facts.remarks(result)
    if remarks:
        yield elements.heading("Notes")
    for message in remarks:
        yield elements.paragraph(message, "note")
    yield from elements.commands(ladder_facts.commands(result))


def _rungs(result: LadderResult) -> Iterator[str]:
    yield elements.heading("Rungs")
    empty = ladder_facts.why_empty(result)
    if empty is None:
        yield _table(ladder_facts.rung_sheet(result))
    else:
        yield elements.paragraph(empty, "failure")


def _ladder_chart(result: LadderResult) -> str:
    numbers = {
        (rung.resolution, rung.crf): str(number)
        for number, rung in enumerate(result.renditions, start=1)
    }
    series = [
        Series(str(size), tuple(_chart_point(result, point, numbers) for point in points))
        for size, points in ladder_facts.points_by_resolution(result).items()
    ]
    hull = [_chart_point(result, point, numbers) for point in result.hull]
    svg = rate_quality_svg(series, (), hull=hull, one_line_per="resolution")
    return elements.chart(svg, series, _LADDER_HINT)


def _chart_point(
    result: LadderResult, point: Encode, numbers: dict[tuple[Resolution, float], str]
) -> ChartPoint:
    number = numbers.get((point.resolution, point.crf), "")
    return ChartPoint(
        point.bitrate_kbps,
        point.vmaf,
        ladder_facts.point_text(result, point),
        is_answer=bool(number),
        tag=number,
    )


def gate_html(result: GateResult) -> str:
    """Write the checks of a gate as a page."""
    sections = [
        *(elements.paragraph(check.message, "failure") for check in result.regressions),
        _table(gate_facts.sheet(result)),
    ]
    entries = [("Verdict", gate_facts.verdict(result))]
    return elements.page(gate_facts.heading(result), entries, "", sections)


def _table(sheet: Sheet) -> str:
    columns = [
        (heading.title, elements.NUMBER if heading.number else elements.TEXT)
        for heading in sheet.headings
    ]
    return elements.table(columns, sheet.styled_rows)

"""A ladder as one HTML page that works offline: chart, rungs, cells, commands to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.reports import ladder_facts
from vmafx_tune.reports.html import elements
from vmafx_tune.reports.html.chart import ChartPoint, Series, rate_quality_svg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.model import Resolution
    from vmafx_tune.results.ladder import Encode, LadderResult

__all__ = ["ladder_html"]

_HINT = "The thick line is the hull; numbered points are rungs. Bitrate is on a logarithmic scale."


def ladder_html(result: LadderResult) -> str:
    """Write a ladder as a page without external resources."""
    return elements.page(
        ladder_facts.heading(result),
        ladder_facts.circumstances(result),
        _chart(result),
        _sections(result),
    )


def _sections(result: LadderResult) -> Iterator[str]:
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


def _chart(result: LadderResult) -> str:
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
    return elements.chart(svg, series, _HINT)


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


def _table(sheet: ladder_facts.Sheet) -> str:
    columns = [
        (heading.title, elements.NUMBER if heading.number else elements.TEXT)
        for heading in sheet.headings
    ]
    return elements.table(columns, (("", row) for row in sheet.rows))

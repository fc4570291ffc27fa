"""A comparison as one HTML page that works offline: chart, tables, commands to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.reports import facts, ranking, text
from vmafx_tune.reports.html import elements
from vmafx_tune.reports.html.chart import ChartPoint, Series, rate_quality_svg
from vmafx_tune.reports.html.elements import NUMBER, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.results.compare import BdRate, CompareResult, CompareRow
    from vmafx_tune.results.search import ProbeSummary

__all__ = ["compare_html"]

_HINT = "Ringed probes are answers. Bitrate is on a logarithmic scale."
_BD_COLUMNS = (
    ("Codec", TEXT),
    ("BD-rate", NUMBER),
    ("VMAF overlap", NUMBER),
    ("Points", NUMBER),
)


def compare_html(result: CompareResult) -> str:
    """Write a comparison as a page without external resources."""
    return elements.page(
        ranking.heading(result), _circumstances(result), _chart(result), _sections(result)
    )


def _sections(result: CompareResult) -> Iterator[str]:
    for target in result.targets:
        yield elements.heading(f"VMAF {text.given(target)}")
        yield _target_table(result, target)
    for who, why in ranking.failures(result):
        yield elements.paragraph(f"{who}: {why}", "failure")
    for message in ranking.remarks(result):
        yield elements.paragraph(message, "note")
    yield from _bd_rates(result.bd_rate)
    yield from elements.commands(ranking.commands(result))


def _circumstances(result: CompareResult) -> list[tuple[str, str]]:
    return [
        ("Source", facts.describe_source(result.source)),
        ("Model", f"{result.model}, {result.pool.value} at {result.display}"),
        ("Compared in", facts.compared_in(result.comparison)),
        ("Scored by", ranking.scorer(result)),
        ("ffmpeg", result.ffmpeg_version),
        *ranking.encoder_versions(result),
        ("Answers", facts.limit_of(result)),
        ("Chunks", ranking.chunks(result)),
        ("Took", text.duration(result.wall_time_ms)),
    ]


def _chart(result: CompareResult) -> str:
    series = [_series(result, encoder) for encoder in result.codecs]
    svg = rate_quality_svg(series, result.targets)
    return elements.chart(svg, series, _HINT)


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
        f"{encoder} {facts.setting(encoder, probe.crf)}: VMAF {text.vmaf(probe.vmaf_score)}, "
        f"{text.bitrate(probe.bitrate_kbps)} kb/s"
    )


def _target_table(result: CompareResult, target: float) -> str:
    columns = (
        ("#", NUMBER),
        ("Codec", TEXT),
        ("CRF", NUMBER),
        ("VMAF", NUMBER),
        ("kb/s", NUMBER),
        (f"vs {result.anchor or 'best'}", NUMBER),
        ("Encode", NUMBER),
        ("Speed", NUMBER),
        ("Next worse", NUMBER),
        ("Status", TEXT),
    )
    return elements.table(
        columns, (_row(result, *ranked) for ranked in ranking.ranked_rows(result, target))
    )


def _row(
    result: CompareResult, row: CompareRow, versus_percent: float | None
) -> tuple[str, Sequence[str]]:
    style = "failed" if not row.ok else "best" if row.rank == 1 else ""
    return style, (
        str(row.rank or text.ABSENT),
        row.codec,
        ranking.answer_setting(row),
        text.vmaf(row.vmaf_score, target=row.target_vmaf),
        text.bitrate(row.bitrate_kbps),
        text.percent(versus_percent),
        text.duration(row.encode_time_ms),
        facts.speed(result.source, row.encode_time_ms),
        ranking.answer_proof(row) or text.ABSENT,
        ranking.status(row),
    )


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterator[str]:
    if not bd_rates:
        return
    yield elements.heading(f"BD-rate against {bd_rates[0].anchor}")
    yield elements.table(_BD_COLUMNS, (_bd_row(bd) for bd in bd_rates))
    yield from (elements.paragraph(bd.reason, "note") for bd in bd_rates if bd.reason)


def _bd_row(bd: BdRate) -> tuple[str, Sequence[str]]:
    return "", (
        bd.codec,
        text.percent(bd.percent),
        ranking.bd_overlap(bd),
        f"{bd.points.codec} / {bd.points.anchor}",
    )

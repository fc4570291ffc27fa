"""A comparison as one HTML page that works offline: chart, tables, commands to copy."""

from __future__ import annotations

from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.reports import facts, ranking, text
from vmafx_tune.reports.chart import N_STYLES, ChartPoint, Series, marker, rate_quality_svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmafx_tune.model import Probe
    from vmafx_tune.results import BdRate, CompareResult

__all__ = ["compare_html"]

_TEXT, _NUMBER = "", "number"
_BD_COLUMNS = (
    ("Codec", _TEXT),
    ("BD-rate", _NUMBER),
    ("VMAF overlap", _NUMBER),
    ("Points", _NUMBER),
)


def compare_html(result: CompareResult) -> str:
    """Write a comparison as a page without external resources."""
    template = resources.files("vmafx_tune.reports").joinpath("compare.html")
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=_text(ranking.heading(result)),
        circumstances=_circumstances(result),
        chart=_chart(result),
        sections="\n".join(_sections(result)),
        footer=f"vmafx-tune {_text(__version__)}",
    )


def _sections(result: CompareResult) -> Iterator[str]:
    for target in result.targets:
        yield f"<h2>VMAF {target:g}</h2>"
        yield _target_table(result, target)
    for who, why in ranking.failures(result):
        yield f'<p class="failure">{_text(who)}: {_text(why)}</p>'
    for message in ranking.remarks(result):
        yield f'<p class="note">{_text(message)}</p>'
    yield from _bd_rates(result.bd_rates)
    yield from _commands(result)


def _circumstances(result: CompareResult) -> str:
    entries = [
        ("Source", facts.describe_source(result.source)),
        ("Model", f"{result.model.name}, {result.pool.value} at {result.display}"),
        ("Scored by", ranking.scorer(result)),
        ("ffmpeg", result.ffmpeg_version),
        *ranking.encoder_versions(result),
        ("Took", text.duration(result.wall_time_s)),
    ]
    listed = "\n".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in entries)
    return f"<dl>\n{listed}\n</dl>"


def _chart(result: CompareResult) -> str:
    series = [_series(result, encoder) for encoder in result.encoders]
    svg = rate_quality_svg(series, result.targets)
    if not svg:
        return ""
    legend = "\n".join(
        _legend_entry(index, one.name) for index, one in enumerate(series) if one.points
    )
    hint = '<li class="hint">Ringed probes are answers. Bitrate is on a logarithmic scale.</li>'
    return f'<div class="chart">\n{svg}\n<ul class="legend">\n{legend}\n{hint}\n</ul>\n</div>'


def _series(result: CompareResult, encoder: str) -> Series:
    answers = {
        row.search.answer.quality
        for row in result.rows
        if row.encoder == encoder and row.ok and row.search and row.search.answer
    }
    points = (
        ChartPoint(
            probe.bitrate_kbps, score, _hover(encoder, probe, score), probe.quality in answers
        )
        for probe, score in ranking.curve_of(result, encoder)
    )
    return Series(encoder, tuple(points))


def _hover(encoder: str, probe: Probe, score: float) -> str:
    return (
        f"{encoder} {facts.setting(encoder, probe.quality)}: VMAF {text.vmaf(score)}, "
        f"{text.bitrate(probe.bitrate_kbps)} kb/s"
    )


def _legend_entry(index: int, name: str) -> str:
    symbol = f'<svg viewBox="-7 -7 14 14" aria-hidden="true"><g>{marker(index, 0, 0)}</g></svg>'
    return f'<li class="s{index % N_STYLES}">{symbol}<span>{_text(name)}</span></li>'


def _target_table(result: CompareResult, target: float) -> str:
    columns = (
        ("#", _NUMBER),
        ("Codec", _TEXT),
        ("CRF", _NUMBER),
        ("VMAF", _NUMBER),
        ("kb/s", _NUMBER),
        (f"vs {result.anchor or 'best'}", _NUMBER),
        ("Encode", _NUMBER),
        ("Speed", _NUMBER),
        ("Next worse", _NUMBER),
        ("Status", _TEXT),
    )
    return _table(columns, (_row(result, ranked) for ranked in ranking.ranked_rows(result, target)))


def _row(result: CompareResult, ranked: ranking.RankedRow) -> tuple[str, Sequence[str]]:
    answer, search = ranked.answer, ranked.row.search
    style = "failed" if answer is None else "best" if ranked.rank == 1 else ""
    return style, (
        str(ranked.rank or text.ABSENT),
        ranked.row.encoder,
        ranked.setting,
        text.vmaf(search.vmaf if search and answer else None),
        text.bitrate(answer.bitrate_kbps if answer else None),
        text.percent(ranked.versus_percent),
        text.duration(answer.encode_time_s if answer else None),
        facts.speed(result.source, answer),
        facts.proof(search) if search and answer else text.ABSENT,
        ranking.status(ranked.row),
    )


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterator[str]:
    if not bd_rates:
        return
    yield f"<h2>BD-rate against {_text(bd_rates[0].anchor)}</h2>"
    yield _table(_BD_COLUMNS, (_bd_row(bd) for bd in bd_rates))
    yield from (f'<p class="note">{_text(bd.reason)}</p>' for bd in bd_rates if bd.reason)


def _bd_row(bd: BdRate) -> tuple[str, Sequence[str]]:
    return "", (
        bd.encoder,
        text.percent(bd.percent),
        ranking.bd_overlap(bd),
        "{} / {}".format(*bd.n_points),
    )


def _commands(result: CompareResult) -> Iterator[str]:
    answered = [row for row in result.rows if row.ok and row.search and row.search.answer]
    if answered:
        yield "<h2>Encode commands</h2>"
    for row in answered:
        assert row.search is not None
        assert row.search.answer is not None
        yield (
            f'<div class="command"><p>{_text(row.encoder)}, VMAF {row.target:g}</p>'
            f"<pre><code>{escape(text.command_line(row.search.answer.command))}</code></pre>"
            '<button type="button">Copy</button></div>'
        )


def _table(columns: Sequence[tuple[str, str]], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    head = "".join(_cell("th", kind, title) for title, kind in columns)
    body = "\n".join(
        f"<tr{_class(style)}>"
        + "".join(_cell("td", kind, cell) for (_, kind), cell in zip(columns, cells, strict=True))
        + "</tr>"
        for style, cells in rows
    )
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cell(tag: str, kind: str, value: str) -> str:
    return f"<{tag}{_class(kind)}>{_text(value)}</{tag}>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _text(value: str) -> str:
    return escape(text.one_line(value))

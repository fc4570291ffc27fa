"""Pages that work offline, and the pieces of HTML that they are made of."""

from __future__ import annotations

from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune._version import __version__
from vmafx_tune.reports import facts
from vmafx_tune.reports.html.chart import N_STYLES, marker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmafx_tune.reports.html.chart import Series

__all__ = ["NUMBER", "TEXT", "chart", "commands", "heading", "page", "paragraph", "table"]

TEXT, NUMBER = "", "number"
"""What a column of a table holds; numbers stand at the right."""


def page(
    title: str, circumstances: Iterable[tuple[str, str]], chart: str, sections: Iterable[str]
) -> str:
    """Write a page without external resources.

    Args:
        title: What it is about, as text.
        circumstances: Names and values to begin with, as text; those without a value are left out.
        chart: An element, or empty.
        sections: Further elements.
    """
    template = resources.files("vmafx_tune.reports.html").joinpath("page.html")
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=_text(title),
        circumstances=_definitions(circumstances),
        chart=chart,
        sections="\n".join(sections),
        footer=f"vmafx-tune {_text(__version__)}",
    )


def heading(value: str) -> str:
    """Head a section of a page."""
    return f"<h2>{_text(value)}</h2>"


def paragraph(value: str, kind: str) -> str:
    """Write a sentence.

    Args:
        value: The sentence, as text.
        kind: `failure` or `note`.
    """
    return f'<p class="{kind}">{_text(value)}</p>'


def chart(svg: str, series: Sequence[Series], hint: str) -> str:
    """Put a chart above its legend.

    Args:
        svg: The chart; the whole is empty where it is.
        series: Those that it shows, in its order.
        hint: What else is to be known of it, as text.
    """
    if not svg:
        return ""
    entries = [_legend_entry(index, one.name) for index, one in enumerate(series) if one.points]
    legend = "\n".join([*entries, f'<li class="hint">{_text(hint)}</li>'])
    return f'<div class="chart">\n{svg}\n<ul class="legend">\n{legend}\n</ul>\n</div>'


def table(columns: Sequence[tuple[str, str]], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Write a table, which scrolls where it is wider than the page.

    Args:
        columns: Title of each, and `TEXT` or `NUMBER`.
        rows: Style class of each, which may be empty, and one text for each column.
    """
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


def commands(labelled: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Write encode commands to copy, under a heading; nothing where there are none.

    Args:
        labelled: What each command gives, and its arguments.
    """
    for number, (label, argv) in enumerate(labelled):
        if number == 0:
            yield heading("Encode commands")
        yield (
            f'<div class="command"><p>{_text(label)}</p>'
            f"<pre><code>{escape(facts.command_line(argv))}</code></pre>"
            '<button type="button">Copy</button></div>'
        )


def _definitions(entries: Iterable[tuple[str, str]]) -> str:
    listed = "\n".join(
        f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in entries if value
    )
    return f"<dl>\n{listed}\n</dl>"


def _legend_entry(index: int, name: str) -> str:
    symbol = f'<svg viewBox="-7 -7 14 14" aria-hidden="true"><g>{marker(index, 0, 0)}</g></svg>'
    return f'<li class="s{index % N_STYLES}">{symbol}<span>{_text(name)}</span></li>'


def _cell(tag: str, kind: str, value: str) -> str:
    return f"<{tag}{_class(kind)}>{_text(value)}</{tag}>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _text(value: str) -> str:
    return escape(formatting.one_line(value))

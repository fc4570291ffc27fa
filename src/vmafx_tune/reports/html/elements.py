"""Pages that work offline, and the pieces of HTML that they are made of."""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune._version import __version__
from vmafx_tune.reports import facts
from vmafx_tune.reports.charts import drawing
from vmafx_tune.reports.charts.style import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vmafx_tune.reports.charts.style import Chart
    from vmafx_tune.reports.facts import Sheet

__all__ = ["article", "chart", "commands", "heading", "page", "paragraph", "stills", "table"]


def page(title: str, articles: Sequence[str], names: Sequence[str] = ()) -> str:
    """Write a page without external resources.

    Args:
        title: What it is about, as text.
        articles: What it holds, as `article` writes it.
        names: What each is called in the list that leads to them; none where there is no list.
    """
    template = resources.files("vmafx_tune.reports.html").joinpath("page.html")
    body = "\n".join(articles)
    has_chart = 'class="vega"' in body
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=_text(title),
        light=_properties(LIGHT),
        dark=_properties(DARK),
        contents=_contents(title, names),
        articles=body,
        footer=f"vmafx-tune {_text(__version__)}",
        runtime=f"<script>{drawing.runtime()}</script>" if has_chart else "",
    )


def article(
    title: str, circumstances: Iterable[tuple[str, str]], sections: Iterable[str], name: str = ""
) -> str:
    """Write what a page says of one result.

    Args:
        title: What was found, as text.
        circumstances: Names and values to begin with, as text; those without a value are left out.
        sections: Further elements.
        name: What links lead to it by; empty for none.
    """
    named = f' id="{name}"' if name else ""
    parts = [f"<h1>{_text(title)}</h1>", _definitions(circumstances), *sections]
    return "\n".join([f"<article{named}>", *parts, "</article>"])


def heading(value: str) -> str:
    """Head a section of a page."""
    return f"<h2>{_text(value)}</h2>"


def paragraph(value: str, kind: str) -> str:
    """Write a sentence.

    Args:
        value: The sentence, as text.
        kind: `failure`, `note` or `hint`.
    """
    return f'<p class="{kind}">{_text(value)}</p>'


def chart(described: Chart | None) -> Iterator[str]:
    """Draw a chart; without the package that draws, its numbers as a table. Nothing for None."""
    if described is None:
        return
    if not drawing.can_draw():
        yield paragraph(drawing.HOW_TO_INSTALL, "note")
        yield table(described.sheet)
        return
    spec = {**described.spec, "width": "container", "autosize": {"type": "fit-x", "resize": True}}
    data = json.dumps(spec, separators=(",", ":")).replace("<", r"\u003c")
    yield (
        f'<figure class="chart"><div class="vega" role="img" aria-label="{_text(described.name)}">'
        f'</div><script type="application/json">{data}</script>\n'
        f"<figcaption>{_text(described.hint)}</figcaption></figure>"
    )


def stills(shown: Sequence[tuple[str, int, Sequence[tuple[str, str]]]]) -> str:
    """Show frames as pictures that can be looked at in full, one after the other.

    Args:
        shown: What each frame is, its number, and its pictures: what each is, and its URL.
    """
    return "\n".join(
        f'<figure class="still" data-frame="{frame}"><figcaption>{_text(what)}</figcaption><div>'
        + "".join(
            f'<button type="button"><img src="{url}" alt="{_text(kind)}"><span>{_text(kind)}'
            "</span></button>"
            for kind, url in pictures
            if url
        )
        + "</div></figure>"
        for what, frame, pictures in shown
    )


def table(sheet: Sheet) -> str:
    """Write a table, which scrolls where it is wider than the page."""
    kinds = ["number" if heading.number else "" for heading in sheet.headings]
    titles = [heading.title for heading in sheet.headings]
    head = "".join(_cell("th", kind, title) for kind, title in zip(kinds, titles, strict=True))
    body = "\n".join(
        f"<tr{_class(style)}>"
        + "".join(_cell("td", kind, cell) for kind, cell in zip(kinds, cells, strict=True))
        + "</tr>"
        for style, cells in sheet.styled_rows
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
    written = [
        f'<div class="command"><p>{_text(label)}</p>'
        f"<pre><code>{escape(facts.command_line(argv))}</code></pre>"
        '<button type="button">Copy</button></div>'
        for label, argv in labelled
    ]
    if written:
        yield heading("Encode commands")
        yield "\n".join(['<div class="commands">', *written, "</div>"])


def _contents(title: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = "\n".join(
        f'<li><a href="#r{number}">{_text(name)}</a></li>' for number, name in enumerate(names)
    )
    return f"<header><h1>{_text(title)}</h1>\n<nav><ol>\n{listed}\n</ol></nav></header>"


def _properties(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def _definitions(entries: Iterable[tuple[str, str]]) -> str:
    listed = "\n".join(
        f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in entries if value
    )
    return f"<dl>\n{listed}\n</dl>"


def _cell(tag: str, kind: str, value: str) -> str:
    return f"<{tag}{_class(kind)}>{_text(value)}</{tag}>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _text(value: str) -> str:
    return escape(formatting.one_line(value))

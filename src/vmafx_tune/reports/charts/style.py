"""How charts look: colours by the names that the page has them under, fonts, axes.

A description names colours as `var(--muted)`: a page gives these values of its own, for light and
dark, and a picture has them replaced by those of a light page.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmafx_tune.reports.facts import Sheet

__all__ = [
    "CONFIG",
    "DARK",
    "LIGHT",
    "SERIES",
    "Chart",
    "Spec",
    "field",
    "hovered",
    "lines_across",
    "nearest",
    "tooltip",
]

Spec: TypeAlias = dict[str, Any]
"""A part of a description in Vega-Lite's JSON."""

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "text": "#1c2024",
        "muted": "#60646c",
        "line": "#d9dce1",
        "page": "#ffffff",
        "panel": "#f6f7f9",
        "bad": "#b3261e",
        "note": "#8a5a00",
        "accent": "#0b57d0",
        "c0": "#0b57d0",
        "c1": "#c2410c",
        "c2": "#15803d",
        "c3": "#a21caf",
        "c4": "#0e7490",
        "c5": "#a16207",
        "c6": "#be123c",
        "c7": "#4d4d4d",
    }
)
"""Colours on a light page, by name; `c0` to `c7` are those of series."""

DARK: Mapping[str, str] = MappingProxyType(
    {
        "text": "#e8eaed",
        "muted": "#a0a6ae",
        "line": "#3a3f46",
        "page": "#16181b",
        "panel": "#202327",
        "bad": "#ff8a80",
        "note": "#f0b849",
        "accent": "#8ab4f8",
        "c0": "#8ab4f8",
        "c1": "#fb923c",
        "c2": "#4ade80",
        "c3": "#e879f9",
        "c4": "#22d3ee",
        "c5": "#facc15",
        "c6": "#fb7185",
        "c7": "#c4c7cc",
    }
)
"""The same on a dark page."""

SERIES = tuple(f"var(--{name})" for name in LIGHT if name[1:].isdigit())
"""Colours of series; further ones repeat them with another mark."""

_MARGIN = 6
_HOVERED = "hovered"
_LABEL_SIZE = 12
_FONT = 'system-ui, -apple-system, "Segoe UI", "Open Sans", sans-serif'

CONFIG: Spec = {
    "background": "var(--page)",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": _LABEL_SIZE,
        "titleFontSize": _LABEL_SIZE,
        "titleFontWeight": "normal",
        "labelOverlap": "greedy",
    },
    # Above the axis, where it takes none of a narrow page's width.
    "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleY": -10},
    "legend": {
        "orient": "bottom",
        "title": None,
        "columns": {"expr": "max(1, floor(width / 150))"},
        "labelColor": "var(--text)",
        "labelFontSize": _LABEL_SIZE + 1,
        "labelLimit": 240,
        "symbolSize": 80,
        "symbolOpacity": 1,
    },
    "text": {"fontSize": _LABEL_SIZE, "color": "var(--muted)"},
    "title": {
        "color": "var(--text)",
        "subtitleColor": "var(--muted)",
        "anchor": "start",
        "fontSize": 16,
        "subtitleFontSize": _LABEL_SIZE,
        "offset": 16,
    },
}
"""Vega-Lite's `config` for all charts."""


@frozen
class Chart:
    """A picture, described so that HTML, PNG and SVG can be made from the same description.

    Attributes:
        name: What it shows, in a line.
        hint: What else to know of it, in a sentence or two.
        spec: Vega-Lite's description, without size and title.
        sheet: The same as a table, for where it cannot be drawn.
    """

    name: str
    hint: str
    spec: Spec
    sheet: Sheet


def field(name: str, kind: str = "quantitative", **more: Any) -> Spec:
    """Encode a field of the data."""
    return {"field": name, "type": kind, **more}


def nearest() -> Spec:
    """Select the mark that is nearest to the pointer."""
    select = {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout"}
    return {"name": _HOVERED, "select": select}


def hovered(size: float, otherwise: float) -> Spec:
    """Encode the area of marks, by whether they are those that `nearest` selects."""
    return {
        "condition": {"param": _HOVERED, "empty": False, "value": size},
        "value": otherwise,
    }


def lines_across(lines: Sequence[tuple[float, str]]) -> Sequence[Spec]:
    """Mark scores with a line across, each with its label on it.

    Args:
        lines: Score and label of each.
    """
    if not lines:
        return ()
    base = {"data": {"values": [{"vmaf": score, "label": label} for score, label in lines]}}
    across = {"x": None, "y": field("vmaf")}
    written = {**across, "x": {"value": 0}, "text": field("label", "nominal")}
    text = {"type": "text", "align": "left", "baseline": "bottom", "dx": _MARGIN, "dy": -2}
    # Curves may cross a label, which keeps some room around its letters.
    room = {"stroke": "var(--page)", "strokeWidth": 4, "strokeJoin": "round"}
    return (
        {
            **base,
            "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [5, 4]},
            "encoding": across,
        },
        {**base, "mark": {**text, **room}, "encoding": written},
        {**base, "mark": text, "encoding": written},
    )


def tooltip(titles: Mapping[str, str]) -> Sequence[Spec]:
    """Show fields on hovering, each under its title."""
    return [field(name, "nominal", title=title) for name, title in titles.items()]

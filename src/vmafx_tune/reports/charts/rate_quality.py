"""Quality over bitrate: a line per series through its points, targets marked."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.frozen import frozen
from vmafx_tune.reports.axes import axes_around, bitrate_ticks, drawable
from vmafx_tune.reports.charts.style import (
    CONFIG,
    SERIES,
    Chart,
    Spec,
    field,
    hovered,
    lines_across,
    nearest,
    tooltip,
)
from vmafx_tune.reports.facts import Heading, Sheet, setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ChartPoint", "Series", "rate_quality"]

# Their number has no divisor in common with that of the colours, so that it takes forty series for
# two to look the same.
_SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down")
_LOG_HINT = "Bitrate is on a logarithmic scale."


@frozen
class ChartPoint:
    """One measured encode on the chart.

    Attributes:
        crf: Its quality setting.
        is_answer: Whether it was chosen; chosen ones are ringed.
        tag: A few characters to stand above it.
        source: What was encoded, where a chart has points of several sources.
    """

    bitrate_kbps: float
    vmaf: float
    crf: float
    is_answer: bool = False
    tag: str = ""
    source: str = ""


@frozen
class Series:
    """Points that belong together: one encoder's, or one resolution's.

    Attributes:
        name: What the legend calls it.
        encoder: What made its points; ffmpeg's name.
        points: In any order.
    """

    name: str
    encoder: str
    points: tuple[ChartPoint, ...]


def rate_quality(
    series: Sequence[Series],
    targets: Sequence[float],
    *,
    hint: str,
    hull: Sequence[ChartPoint] = (),
    one_line_per: str = "Encoder",
    joined: bool = True,
) -> Chart | None:
    """Describe the chart.

    Args:
        series: In the order of their colours.
        targets: Scores to mark with a line across.
        hint: What its marks mean, as a sentence.
        hull: Points to connect with a line behind all series; they belong to the series too.
        one_line_per: What a series is.
        joined: Whether a line joins the points of a series; else they are of several sources.

    Returns:
        None where there is no point to draw.
    """
    points = [point for one in series for point in drawable(one.points)]
    if not points:
        return None
    shown = [one for one in series if drawable(one.points)]
    axes = axes_around(points, targets)
    kbps = [round(bound, 3) for bound in axes.kbps]
    spec = {
        "config": CONFIG,
        "height": 380,
        "data": {"values": [*_rows(shown)]},
        "encoding": {
            "x": field(
                "kbps",
                title="kb/s",
                scale={"type": "log", "domain": kbps, "nice": False},
                axis={"values": bitrate_ticks(*axes.kbps), "format": ",.10~g"},
            ),
            "y": field(
                "vmaf",
                title="VMAF",
                scale={"domain": [*axes.vmaf], "nice": False},
                axis={"format": "~g", "tickCount": 6},
            ),
        },
        "layer": [
            *([_hull(hull)] if hull else ()),
            *_series(
                shown,
                one_line_per,
                [(target, f"target {formatting.given(target)}") for target in targets],
                joined=joined,
            ),
            _tags(),
        ],
    }
    return Chart(
        f"VMAF over bitrate, by {one_line_per.lower()}",
        f"{hint} {_LOG_HINT}",
        spec,
        _sheet(shown, one_line_per),
    )


def _rows(series: Sequence[Series]) -> Iterator[Spec]:
    for one in series:
        for point in drawable(one.points):
            yield {
                "series": formatting.one_line(one.name),
                "kbps": point.bitrate_kbps,
                "vmaf": point.vmaf,
                "quality": setting(one.encoder, point.crf),
                "rate": formatting.bitrate(point.bitrate_kbps),
                "score": formatting.vmaf(point.vmaf),
                "answer": point.is_answer,
                "tag": point.tag,
                **({"source": formatting.one_line(point.source)} if point.source else {}),
            }


def _hull(hull: Sequence[ChartPoint]) -> Spec:
    values = [{"kbps": point.bitrate_kbps, "vmaf": point.vmaf} for point in drawable(hull)]
    return {
        "data": {"values": values},
        "mark": {"type": "line", "color": "var(--text)", "strokeWidth": 6, "opacity": 0.2},
    }


def _series(
    series: Sequence[Series],
    one_line_per: str,
    targets: Sequence[tuple[float, str]],
    *,
    joined: bool,
) -> Iterator[Spec]:
    names = [formatting.one_line(one.name) for one in series]
    legend = {} if len(series) > 1 else {"legend": None}

    def scale(values: Sequence[str]) -> Spec:
        return {"domain": names, "range": [*islice(cycle(values), len(names))]}

    colour = field("series", "nominal", scale=scale(SERIES), **legend)
    shape = field("series", "nominal", scale=scale(_SHAPES), **legend)
    shown = {"series": one_line_per, "quality": "CRF", "rate": "kb/s", "score": "VMAF"}
    if joined:
        yield {"mark": {"type": "line", "strokeWidth": 1.75}, "encoding": {"color": colour}}
    else:
        shown = {"source": "Source", **shown}
    # Their labels may hide a line, but no point.
    yield from lines_across(targets)
    yield {
        "transform": [{"filter": "datum.answer"}],
        "mark": {"type": "point", "shape": "circle", "size": 260, "strokeWidth": 1.5},
        "encoding": {"color": colour},
    }
    yield {
        "params": [nearest()],
        "mark": {"type": "point", "filled": True, "opacity": 1},
        "encoding": {
            "color": colour,
            "shape": shape,
            "size": hovered(170, 60),
            "tooltip": tooltip(shown),
        },
    }


def _tags() -> Spec:
    return {
        "transform": [{"filter": "datum.tag != ''"}],
        "mark": {"type": "text", "dy": -16, "fontWeight": 600, "color": "var(--text)"},
        "encoding": {"text": field("tag", "nominal")},
    }


def _sheet(series: Sequence[Series], one_line_per: str) -> Sheet:
    headings = (
        Heading(one_line_per, number=False),
        Heading("CRF"),
        Heading("kb/s"),
        Heading("VMAF"),
    )
    rows = [*_rows(series)]
    return Sheet(
        headings,
        tuple((row["series"], row["quality"], row["rate"], row["score"]) for row in rows),
        tuple("best" if row["answer"] else "" for row in rows),
    )

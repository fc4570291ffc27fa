"""A rate-quality chart as SVG: a line per series through its points, targets marked.

The picture takes its colours from the page's style sheet: classes `s0` to `s7` for the series,
`axis`, `gridline`, `target`, `hull`, `answer` and `tag` for the rest.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from vmafx_tune.formatting import given
from vmafx_tune.frozen import frozen
from vmafx_tune.reports.axes import Axes, axes_around, bitrate_ticks, drawable, vmaf_ticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["N_STYLES", "ChartPoint", "Series", "marker", "rate_quality_svg"]

N_STYLES = 8
"""Series that can be told apart by colour; further ones repeat them with another mark."""

_WIDTH, _HEIGHT = 800, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 20, 16, 46
_Y_TICKS = 8
# Corners around a point, in marker sizes; None is a circle. Their number has no divisor in common
# with that of the colours, so that it takes forty series for two to look the same.
_SHAPES: Sequence[Sequence[tuple[float, float]] | None] = (
    None,
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    ((0, -1.2), (1.2, 0.9), (-1.2, 0.9)),
    ((0, 1.2), (1.2, -0.9), (-1.2, -0.9)),
)


@frozen
class ChartPoint:
    """One measured encode on the chart.

    Attributes:
        label: What a reader sees on hovering.
        is_answer: Whether it was chosen; chosen ones are ringed.
        tag: A few characters to stand above it.
    """

    bitrate_kbps: float
    vmaf: float
    label: str
    is_answer: bool = False
    tag: str = ""


@frozen
class Series:
    """Points that belong together: one encoder's, or one resolution's."""

    name: str
    points: tuple[ChartPoint, ...]


def rate_quality_svg(
    series: Sequence[Series],
    targets: Sequence[float],
    *,
    hull: Sequence[ChartPoint] = (),
    one_line_per: str = "encoder",
) -> str:
    """Draw the chart.

    Args:
        series: In the order of their colours; points in any order.
        targets: Scores to mark with a line across.
        hull: Points to connect with a line behind all series; they belong to the series too.
        one_line_per: What a series is, for readers who cannot see the chart.

    Returns:
        An `<svg>` element; empty where there is no point to draw.
    """
    usable = [Series(one.name, tuple(drawable(one.points))) for one in series]
    points = [point for one in usable for point in one.points]
    if not points:
        return ""
    axes = axes_around(points, targets)
    parts = [
        *_bitrate_axis(axes),
        *_vmaf_axis(axes),
        *(line for target in targets for line in _target(axes, target)),
        *_hull(axes, drawable(hull)),
        *(line for index, one in enumerate(usable) for line in _series(axes, index, one)),
        *(_tag(axes, point) for point in points if point.tag),
    ]
    return "\n".join([_opening(one_line_per), *parts, "</svg>"])


def marker(index: int, x: float, y: float, *, size: float = 4) -> str:
    """Draw the mark of the series at `index` around a point."""
    shape = _SHAPES[index % len(_SHAPES)]
    if shape is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}"/>'
    corners = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in shape)
    return f'<polygon points="{corners}"/>'


def _opening(one_line_per: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="VMAF over bitrate, one line per {escape(one_line_per)}">'
    )


def _x(axes: Axes, kbps: float) -> float:
    return _LEFT + axes.across(kbps) * (_WIDTH - _LEFT - _RIGHT)


def _y(axes: Axes, vmaf: float) -> float:
    return _HEIGHT - _BOTTOM - axes.up(vmaf) * (_HEIGHT - _TOP - _BOTTOM)


def _path(axes: Axes, points: Sequence[ChartPoint]) -> str:
    return " ".join(
        f"{_x(axes, point.bitrate_kbps):.1f},{_y(axes, point.vmaf):.1f}" for point in points
    )


def _bitrate_axis(axes: Axes) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    for kbps in bitrate_ticks(*axes.kbps):
        x = _x(axes, kbps)
        yield f'<line class="gridline" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield _label(x, bottom + 18, f"{kbps:,.10g}", anchor="middle")
    yield _label((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, "kb/s", anchor="middle")


def _vmaf_axis(axes: Axes) -> Iterator[str]:
    right = _WIDTH - _RIGHT
    for vmaf in vmaf_ticks(*axes.vmaf, most=_Y_TICKS):
        y = _y(axes, vmaf)
        yield f'<line class="gridline" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield _label(_LEFT - 8, y + 4, f"{vmaf:g}", anchor="end")
    yield _label(2, _TOP, "VMAF", anchor="start")


def _target(axes: Axes, target: float) -> Iterator[str]:
    y, right = _y(axes, target), _WIDTH - _RIGHT
    yield f'<line class="target" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
    yield _label(_LEFT + 6, y - 5, f"target {given(target)}", anchor="start")


def _hull(axes: Axes, hull: Sequence[ChartPoint]) -> Iterator[str]:
    if hull:
        yield f'<polyline class="hull" points="{_path(axes, hull)}"/>'


def _series(axes: Axes, index: int, series: Series) -> Iterator[str]:
    yield f'<g class="s{index % N_STYLES}">'
    yield f'<polyline points="{_path(axes, series.points)}"/>'
    for point in series.points:
        x, y = _x(axes, point.bitrate_kbps), _y(axes, point.vmaf)
        ring = f'<circle class="answer" cx="{x:.1f}" cy="{y:.1f}" r="8"/>' * point.is_answer
        yield f"<g>{ring}{marker(index, x, y)}<title>{escape(point.label)}</title></g>"
    yield "</g>"


def _tag(axes: Axes, point: ChartPoint) -> str:
    x, y = _x(axes, point.bitrate_kbps), _y(axes, point.vmaf) - 13
    return (
        f'<text class="tag" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(point.tag)}</text>'
    )


def _label(x: float, y: float, value: str, *, anchor: str) -> str:
    return (
        f'<text class="axis" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(value)}</text>'
    )

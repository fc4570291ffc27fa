"""A rate-quality chart as SVG: a line per encoder through its probes, targets marked.

The picture takes its colours from the page's style sheet: classes `s0` to `s7` for the encoders,
`axis`, `gridline`, `target` and `answer` for the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["N_STYLES", "ChartPoint", "Series", "marker", "rate_quality_svg"]

N_STYLES = 8
"""Encoders that can be told apart by colour; further ones repeat them."""

_WIDTH, _HEIGHT = 800, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 20, 16, 46
_Y_TICKS = 8
_MIN_X_TICKS = 4
_TICKS_PER_DECADE = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))
_MARGIN_OF_DATA = 0.06
_OPENING = (
    f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
    'aria-label="VMAF over bitrate, one line per encoder">'
)
# Corners around a point, in marker sizes; None is a circle.
_SHAPES: Sequence[Sequence[tuple[float, float]] | None] = (
    None,
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    ((0, -1.2), (1.2, 0.9), (-1.2, 0.9)),
)


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One probe on the chart.

    Attributes:
        label: What a reader sees on hovering.
        is_answer: Whether a target was settled on it.
    """

    bitrate_kbps: float
    vmaf: float
    label: str
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One encoder's probes."""

    name: str
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True, slots=True)
class _Scales:
    """Maps data to picture coordinates: bitrate logarithmically, VMAF linearly."""

    kbps: tuple[float, float]
    vmaf: tuple[float, float]

    def x(self, kbps: float) -> float:
        share = math.log(kbps / self.kbps[0]) / math.log(self.kbps[1] / self.kbps[0])
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, vmaf: float) -> float:
        share = (vmaf - self.vmaf[0]) / (self.vmaf[1] - self.vmaf[0])
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def rate_quality_svg(series: Sequence[Series], targets: Sequence[float]) -> str:
    """Draw the chart.

    Args:
        series: Encoders in the order of their colours; points in any order.
        targets: Scores to mark with a line across.

    Returns:
        An `<svg>` element; empty where there is no point to draw.
    """
    drawable = [Series(one.name, tuple(_drawable(one.points))) for one in series]
    points = [point for one in drawable for point in one.points]
    if not points:
        return ""
    scales = _scales(points, targets)
    parts = [
        *_bitrate_axis(scales),
        *_vmaf_axis(scales),
        *(line for target in targets for line in _target(scales, target)),
        *(line for index, one in enumerate(drawable) for line in _series(scales, index, one)),
    ]
    return "\n".join([_OPENING, *parts, "</svg>"])


def marker(index: int, x: float, y: float, *, size: float = 4) -> str:
    """Draw the mark of the encoder at `index` around a point."""
    shape = _SHAPES[index % len(_SHAPES)]
    if shape is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}"/>'
    corners = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in shape)
    return f'<polygon points="{corners}"/>'


def _drawable(points: Iterable[ChartPoint]) -> Iterator[ChartPoint]:
    usable = (
        point
        for point in points
        if math.isfinite(point.vmaf)
        and math.isfinite(point.bitrate_kbps)
        and point.bitrate_kbps > 0
    )
    return iter(sorted(usable, key=lambda point: point.bitrate_kbps))


def _scales(points: Sequence[ChartPoint], targets: Sequence[float]) -> _Scales:
    scores = [point.vmaf for point in points] + list(targets)
    exponents = [math.log(point.bitrate_kbps) for point in points]
    low, high = _widened(min(exponents), max(exponents), least=0.2)
    return _Scales(
        kbps=(math.exp(low), math.exp(high)),
        vmaf=_widened(min(scores), max(scores), least=1.0),
    )


def _widened(low: float, high: float, *, least: float) -> tuple[float, float]:
    margin = max((high - low) * _MARGIN_OF_DATA, least)
    return low - margin, high + margin


def _bitrate_axis(scales: _Scales) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    for kbps in _decade_ticks(*scales.kbps):
        x = scales.x(kbps)
        yield f'<line class="gridline" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield _label(x, bottom + 18, f"{kbps:,.10g}", anchor="middle")
    yield _label((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, "kb/s", anchor="middle")


def _vmaf_axis(scales: _Scales) -> Iterator[str]:
    right = _WIDTH - _RIGHT
    for vmaf in _even_ticks(*scales.vmaf):
        y = scales.y(vmaf)
        yield f'<line class="gridline" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield _label(_LEFT - 8, y + 4, f"{vmaf:g}", anchor="end")
    yield _label(2, _TOP, "VMAF", anchor="start")


def _target(scales: _Scales, target: float) -> Iterator[str]:
    y, right = scales.y(target), _WIDTH - _RIGHT
    yield f'<line class="target" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
    yield _label(_LEFT + 6, y - 5, f"target {target:g}", anchor="start")


def _series(scales: _Scales, index: int, series: Series) -> Iterator[str]:
    path = " ".join(
        f"{scales.x(point.bitrate_kbps):.1f},{scales.y(point.vmaf):.1f}" for point in series.points
    )
    yield f'<g class="s{index % N_STYLES}">'
    yield f'<polyline points="{path}"/>'
    for point in series.points:
        x, y = scales.x(point.bitrate_kbps), scales.y(point.vmaf)
        ring = f'<circle class="answer" cx="{x:.1f}" cy="{y:.1f}" r="8"/>' * point.is_answer
        yield f"<g>{ring}{marker(index, x, y)}<title>{escape(point.label)}</title></g>"
    yield "</g>"


def _label(x: float, y: float, value: str, *, anchor: str) -> str:
    return (
        f'<text class="axis" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(value)}</text>'
    )


def _decade_ticks(low: float, high: float) -> list[float]:
    """Round values between two bitrates, as dense as it takes to read the axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in _TICKS_PER_DECADE:
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= _MIN_X_TICKS:
            break
    return inside


def _even_ticks(low: float, high: float) -> list[float]:
    """Round values at even distances between two scores."""
    rough = (high - low) / _Y_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(multiple * step, 6) for multiple in range(first, last + 1)]

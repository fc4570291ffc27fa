"""Axes of rate-quality charts: which values they span, and where their ticks are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmafx_tune.ladder.hull import PointT, RateQuality

__all__ = ["Axes", "axes_around", "bitrate_ticks", "drawable", "vmaf_ticks"]

_MIN_BITRATE_TICKS = 4
_TICKS_PER_DECADE = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 7),
    (*(tenth / 10 for tenth in range(10, 20)), *(half / 2 for half in range(4, 20))),
)
_MARGIN_OF_DATA = 0.06


@frozen
class Axes:
    """The span of a chart: bitrate is logarithmic, VMAF linear.

    Attributes:
        kbps: Lowest and highest bitrate.
        vmaf: Lowest and highest score.
    """

    kbps: tuple[float, float]
    vmaf: tuple[float, float]

    def across(self, kbps: float) -> float:
        """Place a bitrate: 0 at the left edge, 1 at the right one."""
        return math.log(kbps / self.kbps[0]) / math.log(self.kbps[1] / self.kbps[0])

    def up(self, vmaf: float) -> float:
        """Place a score: 0 at the bottom edge, 1 at the top one."""
        return (vmaf - self.vmaf[0]) / (self.vmaf[1] - self.vmaf[0])


def drawable(points: Iterable[PointT]) -> list[PointT]:
    """Keep the points that have a place on the axes, by ascending bitrate."""
    usable = (
        point
        for point in points
        if math.isfinite(point.vmaf)
        and math.isfinite(point.bitrate_kbps)
        and point.bitrate_kbps > 0
    )
    return sorted(usable, key=lambda point: point.bitrate_kbps)


def axes_around(points: Sequence[RateQuality], scores: Iterable[float] = ()) -> Axes:
    """Span axes that leave a margin around everything, so that one point makes a chart too.

    Args:
        points: Drawable ones, at least one.
        scores: Further scores that must lie within.
    """
    vmafs = [point.vmaf for point in points] + list(scores)
    exponents = [math.log(point.bitrate_kbps) for point in points]
    low, high = _widened(min(exponents), max(exponents), least=0.2)
    return Axes(
        kbps=(math.exp(low), math.exp(high)), vmaf=_widened(min(vmafs), max(vmafs), least=1.0)
    )


def bitrate_ticks(low: float, high: float) -> list[float]:
    """Round values between two bitrates, as dense as it takes to read the axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in _TICKS_PER_DECADE:
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= _MIN_BITRATE_TICKS:
            break
    return inside


def vmaf_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Round values at even distances between two scores.

    Args:
        low: Lower end of the axis.
        high: Upper end.
        most: About how many ticks there is room for.
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(multiple * step, 6) for multiple in range(first, last + 1)]


def _widened(low: float, high: float, *, least: float) -> tuple[float, float]:
    margin = max((high - low) * _MARGIN_OF_DATA, least)
    return low - margin, high + margin

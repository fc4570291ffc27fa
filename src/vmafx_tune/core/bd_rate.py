"""Bjøntegaard delta rate: how many bits an encoder saves at equal quality."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.core.curve import PchipCurve
from vmafx_tune.results import BdRate

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MIN_POINTS", "bd_rate"]

MIN_POINTS = 4
"""Points that each curve needs: as many as Bjøntegaard's method was defined on."""


def bd_rate(
    encoder: str,
    points: Sequence[tuple[float, float]],
    anchor: str,
    anchor_points: Sequence[tuple[float, float]],
) -> BdRate:
    """Compare two rate-quality curves over the qualities that both reach.

    log10(bitrate) is interpolated over quality with PCHIP and integrated over the overlap of the
    two quality ranges; the mean difference is told as a percentage (G. Bjøntegaard, "Calculation of
    average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001).

    Points that are not finite, have no bitrate, or are dominated (another one has no more bits and
    no less quality) are left out first, so that quality strictly rises with bitrate.

    Args:
        encoder: The encoder under test.
        points: Its `(bitrate_kbps, vmaf)` points, in any order.
        anchor: The encoder it is held against.
        anchor_points: The anchor's points, likewise.

    Returns:
        The difference in percent, negative where `encoder` needs fewer bits; None with a reason
        where a curve has fewer than `MIN_POINTS` points or the quality ranges do not overlap.
    """
    tested, against = _frontier(points), _frontier(anchor_points)
    result = partial(BdRate, encoder=encoder, anchor=anchor, n_points=(len(tested), len(against)))
    for name, curve in ((encoder, tested), (anchor, against)):
        if len(curve) < MIN_POINTS:
            return result(percent=None, overlap=None, reason=_too_few(name, len(curve)))
    low = max(tested[0].vmaf, against[0].vmaf)
    high = min(tested[-1].vmaf, against[-1].vmaf)
    if low >= high:
        reason = f"{_range(encoder, tested)} and {_range(anchor, against)} do not overlap."
        return result(percent=None, overlap=None, reason=reason)
    log10_ratio = _mean_log10_rate(tested, low, high) - _mean_log10_rate(against, low, high)
    percent = math.expm1(log10_ratio * math.log(10)) * 100
    return result(percent=percent, overlap=(low, high))


class _Point(NamedTuple):
    bitrate_kbps: float
    vmaf: float


def _frontier(points: Sequence[tuple[float, float]]) -> list[_Point]:
    """Usable points that no other one dominates; bitrate and quality strictly rise."""
    usable = [
        _Point(rate, vmaf)
        for rate, vmaf in points
        if math.isfinite(rate) and math.isfinite(vmaf) and rate > 0
    ]
    frontier: list[_Point] = []
    for point in sorted(usable, key=lambda p: (p.bitrate_kbps, -p.vmaf)):
        if not frontier or point.vmaf > frontier[-1].vmaf:
            frontier.append(point)
    return frontier


def _mean_log10_rate(curve: Sequence[_Point], low: float, high: float) -> float:
    log10_rate = PchipCurve(
        [point.vmaf for point in curve], [math.log10(point.bitrate_kbps) for point in curve]
    )
    return log10_rate.integrate(low, high) / (high - low)


def _too_few(name: str, n_points: int) -> str:
    have = f"{n_points} usable point{'' if n_points == 1 else 's'}"
    return (
        f"{name} has {have} where quality rises with bitrate, and BD-rate needs {MIN_POINTS}. "
        "Compare at more targets."
    )


def _range(name: str, curve: Sequence[_Point]) -> str:
    return f"{name}'s scores ({curve[0].vmaf:.2f} to {curve[-1].vmaf:.2f})"

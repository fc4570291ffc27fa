"""Bjøntegaard delta rate: how many bits an encoder saves at equal quality."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vmafx_tune.formatting import vmaf
from vmafx_tune.results.compare import BdPoints, BdRate, Overlap
from vmafx_tune.search.curve import PchipCurve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MIN_POINTS", "Points", "bd_rate", "bd_rate_of_answers"]

MIN_POINTS = 4
"""Points that each curve needs: as many as Bjøntegaard's method was defined on."""

Points: TypeAlias = "Sequence[tuple[float, float]]"
"""`(bitrate_kbps, vmaf)` points, in any order."""


def bd_rate_of_answers(
    encoder: str,
    answers: Mapping[float, Points],
    anchor: str,
    anchor_answers: Mapping[float, Points],
) -> BdRate:
    """Compare what searches found, over the span of the targets that both encoders reach.

    An answer and its next worse neighbour have the target between them, however the search came
    there and whatever else it measured on its way. So these points alone make the curve, and the
    span ends at targets: the result is that of the two curves, not of two searches.

    Args:
        encoder: The encoder under test.
        answers: For each target that it reaches, its answer's point and, where the neighbour was
            measured, that one's.
        anchor: The encoder it is held against.
        anchor_answers: The anchor's, likewise.

    Returns:
        The difference in percent; None with a reason where fewer than two targets are reached by
        both. See `bd_rate` for how it is computed.
    """
    tested, against = (
        _frontier([point for points in some.values() for point in points])
        for some in (answers, anchor_answers)
    )
    result = partial(
        BdRate, codec=encoder, anchor=anchor, points=BdPoints(len(tested), len(against))
    )
    common = sorted(answers.keys() & anchor_answers.keys())
    if len(common) < 2:
        reason = _too_few_targets(encoder, tested, anchor, against, common)
        return result(reason=reason)
    # Where an answer is the end of the knob's range, nothing is measured down to the target.
    low = max(common[0], tested[0].vmaf, against[0].vmaf)
    high = min(common[-1], tested[-1].vmaf, against[-1].vmaf)
    if low >= high:
        reason = f"{_range(encoder, tested)} and {_range(anchor, against)} do not overlap."
        return result(reason=reason)
    return result(percent=_percent(tested, against, low, high), overlap=Overlap(low, high))


def bd_rate(encoder: str, points: Points, anchor: str, anchor_points: Points) -> BdRate:
    """Compare two rate-quality curves over the qualities that both reach.

    log10(bitrate) is interpolated over quality with PCHIP and integrated over the overlap of the
    two quality ranges; the mean difference is told as a percentage (G. Bjøntegaard, "Calculation of
    average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001).

    Points that are not finite, have no bitrate, or are dominated (another one has no more bits and
    no less quality) are left out first, so that quality strictly rises with bitrate.

    Args:
        encoder: The encoder under test.
        points: Its points.
        anchor: The encoder it is held against.
        anchor_points: The anchor's points, likewise.

    Returns:
        The difference in percent, negative where `encoder` needs fewer bits; None with a reason
        where a curve has fewer than `MIN_POINTS` points or the quality ranges do not overlap.
    """
    tested, against = _frontier(points), _frontier(anchor_points)
    result = partial(
        BdRate, codec=encoder, anchor=anchor, points=BdPoints(len(tested), len(against))
    )
    for name, curve in ((encoder, tested), (anchor, against)):
        if len(curve) < MIN_POINTS:
            return result(reason=_too_few(name, len(curve)))
    low = max(tested[0].vmaf, against[0].vmaf)
    high = min(tested[-1].vmaf, against[-1].vmaf)
    if low >= high:
        reason = f"{_range(encoder, tested)} and {_range(anchor, against)} do not overlap."
        return result(reason=reason)
    return result(percent=_percent(tested, against, low, high), overlap=Overlap(low, high))


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


def _percent(tested: Sequence[_Point], against: Sequence[_Point], low: float, high: float) -> float:
    """Mean difference in percent from `low` to `high`, within both; at one quality if equal."""
    rate, anchor_rate = (_log10_rate(curve) for curve in (tested, against))
    if low == high:
        log10_ratio = rate.at(low) - anchor_rate.at(low)
    else:
        areas = rate.integrate(low, high), anchor_rate.integrate(low, high)
        log10_ratio = (areas[0] - areas[1]) / (high - low)
    return math.expm1(log10_ratio * math.log(10)) * 100


def _log10_rate(curve: Sequence[_Point]) -> PchipCurve:
    return PchipCurve(
        [point.vmaf for point in curve], [math.log10(point.bitrate_kbps) for point in curve]
    )


def _too_few_targets(
    encoder: str,
    tested: Sequence[_Point],
    anchor: str,
    against: Sequence[_Point],
    common: Sequence[float],
) -> str:
    if not common:
        return (
            f"{encoder} and {anchor} have no target in common that both reach. Lower the targets."
        )
    (target,) = common
    advice = "but BD-rate averages over an interval: compare at two targets or more."
    reason = f"VMAF {target:g} is the only target that both {encoder} and {anchor} reach, {advice}"
    if not all(_covers(curve, target) for curve in (tested, against)):
        return reason
    percent = _percent(tested, against, target, target)
    more = "more" if percent > 0 else "fewer"
    return f"{reason} At VMAF {target:g}, {encoder} needs {abs(percent):.1f} % {more} bits."


def _covers(curve: Sequence[_Point], vmaf: float) -> bool:
    return len(curve) > 1 and curve[0].vmaf <= vmaf <= curve[-1].vmaf


def _too_few(name: str, n_points: int) -> str:
    have = f"{n_points} usable point{'' if n_points == 1 else 's'}"
    return (
        f"{name} has {have} where quality rises with bitrate, and BD-rate needs {MIN_POINTS}. "
        "Compare at more targets."
    )


def _range(name: str, curve: Sequence[_Point]) -> str:
    return f"{name}'s scores ({vmaf(curve[0].vmaf)} to {vmaf(curve[-1].vmaf)})"

"""What an engineer may want to know of a choice of rungs, and which option to change."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.formatting import given, rough_bitrate, vmaf
from vmafx_tune.results import Spacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.ladder.rate_quality import RateQuality
    from vmafx_tune.ladder.selection_options import SelectionOptions

__all__ = ["ladder_notes"]

# Customary, not a rule: a switch between closer rungs gains little, between farther ones it shows.
_LEAST_RATIO = 1.5
_HIGHEST_RATIO = 2.5


def ladder_notes(
    rungs: Sequence[RateQuality],
    options: SelectionOptions,
    *,
    spaced: Sequence[RateQuality],
    free: Sequence[RateQuality],
    allowed: Sequence[RateQuality],
) -> tuple[str, ...]:
    """Tell what is unusual about a ladder, and which option made it so.

    Args:
        rungs: By ascending bitrate, as all that follow.
        options: What was asked of the ladder.
        spaced: The rungs before the gap.
        free: What they would be if pictures were allowed to get smaller.
        allowed: The part of the hull that all were chosen from.

    Returns:
        Sentences about rungs that sizes or the gap took away, about ends of the hull that have no
        rung, and about neighbours whose bitrates differ by a factor of less than 1.5 or more than
        2.5.
    """
    return (
        *_lost_to_sizes(spaced, free),
        *_lost_to_the_gap(rungs, spaced, options.min_gap_kbps),
        *_missing_ends(rungs, options, spaced, free, allowed),
        *_unusual_ratios(rungs),
    )


def _lost_to_sizes(spaced: Sequence[RateQuality], free: Sequence[RateQuality]) -> Iterator[str]:
    if lost := [point for point in free if point not in spaced]:
        yield (
            f"The picture never gets smaller as the bitrate rises, which leaves out the "
            f"{_at(lost, 'rung')}. --mixed-resolutions allows it."
        )


def _lost_to_the_gap(
    rungs: Sequence[RateQuality], spaced: Sequence[RateQuality], min_gap_kbps: float
) -> Iterator[str]:
    if dropped := [point for point in spaced if point not in rungs]:
        yield (
            f"--min-bitrate-gap {given(min_gap_kbps)} dropped the {_at(dropped, 'rung')}: too "
            "close to a neighbour."
        )


def _at(points: Sequence[RateQuality], what: str) -> str:
    """Name points by their bitrates."""
    *others, last = (rough_bitrate(point.bitrate_kbps) for point in points)
    together = f"{', '.join(others)} and {last}" if others else last
    return f"{what}{'s' if others else ''} at {together} kb/s"


def _missing_ends(
    rungs: Sequence[RateQuality],
    options: SelectionOptions,
    spaced: Sequence[RateQuality],
    free: Sequence[RateQuality],
    allowed: Sequence[RateQuality],
) -> Iterator[str]:
    if not rungs or not allowed:
        return
    ends = (("bottom", "starts", allowed[0], rungs[0]), ("top", "ends", allowed[-1], rungs[-1]))
    for end, verb, point, rung in ends:
        if point in rungs:
            continue
        if point in spaced:
            cause = f"--min-bitrate-gap {given(options.min_gap_kbps)}"
        elif point in free:
            cause = "no --mixed-resolutions"
        elif options.spacing is Spacing.OPTIMAL:
            cause = f"--spacing {options.spacing}"
        else:
            cause = f"--max-rungs {options.max_rungs}"
        yield (
            f"The {end} of the hull, {_told(point)}, has no rung ({cause}): the ladder {verb} with "
            f"{_told(rung)}."
        )


def _unusual_ratios(rungs: Sequence[RateQuality]) -> Iterator[str]:
    for lower, upper in pairwise(rungs):
        ratio = upper.bitrate_kbps / lower.bitrate_kbps
        if _LEAST_RATIO <= ratio <= _HIGHEST_RATIO:
            continue
        remark = (
            f"less than {_LEAST_RATIO}: one of them adds little"
            if ratio < _LEAST_RATIO
            else f"more than {_HIGHEST_RATIO}: a switch between them will show"
        )
        rates = " and ".join(rough_bitrate(rung.bitrate_kbps) for rung in (lower, upper))
        yield f"The rungs at {rates} kb/s are a factor of {ratio:.2f} apart, {remark}."


def _told(point: RateQuality) -> str:
    return f"VMAF {vmaf(point.vmaf)} at {rough_bitrate(point.bitrate_kbps)} kb/s"

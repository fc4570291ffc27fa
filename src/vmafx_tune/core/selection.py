"""From measured points to the rungs of a ladder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic

from vmafx_tune.core.caps import apply_caps
from vmafx_tune.core.hull import upper_hull
from vmafx_tune.core.rate_quality import PointT
from vmafx_tune.core.spacing import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vmafx_tune.core.rate_quality import RateQuality
    from vmafx_tune.core.selection_options import SelectionOptions

__all__ = ["Selection", "enforce_gap", "ladder_notes", "select_rungs"]

# Customary, not a rule: a switch between closer rungs gains little, between farther ones it shows.
_LEAST_RATIO = 1.5
_HIGHEST_RATIO = 2.5


@dataclass(frozen=True, slots=True)
class Selection(Generic[PointT]):
    """The rungs chosen, and what they were chosen from.

    Attributes:
        hull: The whole upper hull of the points, by ascending bitrate.
        rungs: Points of the hull by ascending bitrate; VMAF strictly rises too.
        notes: Sentences about what an engineer may want to change.
    """

    hull: tuple[PointT, ...]
    rungs: tuple[PointT, ...]
    notes: tuple[str, ...]


def select_rungs(
    points: Iterable[PointT],
    options: SelectionOptions,
    *,
    tie_break: Callable[[PointT], Any] = repr,
) -> Selection[PointT]:
    """Choose the rungs of a ladder: hull, then caps, then spacing, then the least gap.

    Args:
        points: Measured points, in any order; those that are not finite, or have no bitrate, do not
            count.
        options: What is asked of the ladder.
        tie_break: Sort key among points of the same bitrate and score; the least one is kept.

    Returns:
        The hull and the rungs, both empty where no point counts.

    Raises:
        InvalidLadderError: There are points, but the caps leave none.
    """
    hull = upper_hull(points, tie_break=tie_break)
    allowed, notes = apply_caps(hull, options.caps)
    spaced = STRATEGIES[options.spacing](allowed, options)
    rungs = enforce_gap(spaced, options.min_gap_kbps)
    return Selection(hull, rungs, (*notes, *ladder_notes(rungs, allowed)))


def enforce_gap(rungs: Sequence[PointT], min_gap_kbps: float) -> tuple[PointT, ...]:
    """Drop rungs that are too close to their neighbour.

    Walking up from the lowest rung, one that is closer than the gap to the last one kept is
    dropped, except that the top rung stays and its neighbour goes.

    Args:
        rungs: By ascending bitrate.
        min_gap_kbps: Least distance between the bitrates of neighbours; a tie passes.

    Returns:
        The rungs that are left, the top one among them.
    """
    if not rungs:
        return ()
    *lower, top = rungs
    kept: list[PointT] = []
    for rung in lower:
        if not kept or rung.bitrate_kbps - kept[-1].bitrate_kbps >= min_gap_kbps:
            kept.append(rung)
    # One is enough: what is below it is a gap away from it, and farther still from the top.
    if kept and top.bitrate_kbps - kept[-1].bitrate_kbps < min_gap_kbps:
        kept.pop()
    return (*kept, top)


def ladder_notes(rungs: Sequence[RateQuality], hull: Sequence[RateQuality]) -> tuple[str, ...]:
    """Tell what is unusual about a ladder.

    Args:
        rungs: By ascending bitrate.
        hull: The points that they were chosen from, likewise.

    Returns:
        Sentences about ends of the hull that have no rung, and about neighbours whose bitrates
        differ by a factor of less than 1.5 or more than 2.5.
    """
    return (*_missing_ends(rungs, hull), *_unusual_ratios(rungs))


def _missing_ends(rungs: Sequence[RateQuality], hull: Sequence[RateQuality]) -> Iterator[str]:
    if not rungs or not hull:
        return
    ends = (("bottom", "starts", hull[0], rungs[0]), ("top", "ends", hull[-1], rungs[-1]))
    for end, verb, point, rung in ends:
        if point.bitrate_kbps != rung.bitrate_kbps:
            yield (
                f"The {end} of the hull, VMAF {point.vmaf:.2f} at {point.bitrate_kbps:.0f} kb/s, "
                f"has no rung: the ladder {verb} with VMAF {rung.vmaf:.2f} at "
                f"{rung.bitrate_kbps:.0f} kb/s."
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
        yield (
            f"The rungs at {lower.bitrate_kbps:.0f} and {upper.bitrate_kbps:.0f} kb/s are a factor "
            f"of {ratio:.2f} apart, {remark}."
        )

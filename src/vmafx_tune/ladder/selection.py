"""From measured points to the rungs of a ladder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.limits import apply_caps
from vmafx_tune.ladder.notes import ladder_notes
from vmafx_tune.ladder.optimal_spacing import select_optimal
from vmafx_tune.ladder.picture_size import non_shrinking
from vmafx_tune.ladder.rate_quality import PointT
from vmafx_tune.ladder.spacing import STRATEGIES
from vmafx_tune.results import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vmafx_tune.ladder.selection_options import SelectionOptions

__all__ = ["Selection", "enforce_gap", "select_rungs"]


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
    size_of: Callable[[PointT], int] | None = None,
) -> Selection[PointT]:
    """Choose the rungs of a ladder: hull, then caps, sizes, spacing, and the least gap.

    Args:
        points: Measured points, in any order; those that are not finite, or have no bitrate, do not
            count.
        options: What is asked of the ladder.
        tie_break: Sort key among points of the same bitrate and score; the least one is kept.
        size_of: Counts the pixels of a point's picture; None where all are alike.

    Returns:
        The hull and the rungs, both empty where no point counts.

    Raises:
        InvalidLadderError: There are points, but the caps leave none.
    """
    hull = upper_hull(points, tie_break=tie_break)
    allowed, cap_notes = apply_caps(hull, options.caps)
    spaced = _spaced(allowed, options, None if options.mixed_resolutions else size_of)
    rungs = enforce_gap(spaced, options)
    free = spaced if options.mixed_resolutions else _spaced(allowed, options, None)
    notes = ladder_notes(rungs, options, spaced=spaced, free=free, allowed=allowed)
    return Selection(hull, rungs, (*cap_notes, *notes))


def _spaced(
    allowed: Sequence[PointT],
    options: SelectionOptions,
    size_of: Callable[[PointT], int] | None,
) -> tuple[PointT, ...]:
    if options.spacing is Spacing.OPTIMAL:
        return select_optimal(allowed, options, size_of)
    fitting = allowed if size_of is None else non_shrinking(allowed, size_of)
    return STRATEGIES[options.spacing](fitting, options)


def enforce_gap(rungs: Sequence[PointT], options: SelectionOptions) -> tuple[PointT, ...]:
    """Drop rungs that are too close to their neighbour.

    Walking up from the lowest rung, one that is closer than the gap to the last one kept is
    dropped, except that the top rung stays and its neighbour goes.

    Args:
        rungs: By ascending bitrate.
        options: `are_apart` is used.

    Returns:
        The rungs that are left, the top one among them.
    """
    if not rungs:
        return ()
    *lower, top = rungs
    kept: list[PointT] = []
    for rung in lower:
        if not kept or options.are_apart(kept[-1], rung):
            kept.append(rung)
    # One is enough: what is below it is a gap away from it, and farther still from the top.
    if kept and not options.are_apart(kept[-1], top):
        kept.pop()
    return (*kept, top)

"""From measured points to the rungs of a ladder."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.formatting import given, listed, rough_bitrate
from vmafx_tune.frozen import frozen
from vmafx_tune.ladder.hull import PointT, upper_hull
from vmafx_tune.ladder.limits import apply_caps, non_shrinking, told
from vmafx_tune.ladder.rules import keeps_rules, ruled_rungs
from vmafx_tune.ladder.spacing import STRATEGIES, are_apart, select_optimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vmafx_tune.ladder.hull import RateQuality
    from vmafx_tune.ladder.throughput import Throughput
    from vmafx_tune.model import Resolution
    from vmafx_tune.results.rung_choice import RungChoice

__all__ = ["Selection", "enforce_gap", "ladder_notes", "select_rungs"]

# Customary, not a rule: a switch between closer rungs gains little, between farther ones it shows.
_LEAST_RATIO = 1.5
_HIGHEST_RATIO = 2.5


def ladder_notes(
    rungs: Sequence[RateQuality],
    choice: RungChoice,
    *,
    spaced: Sequence[RateQuality],
    free: Sequence[RateQuality],
    allowed: Sequence[RateQuality],
) -> tuple[str, ...]:
    """Tell what is unusual about a ladder, and which option made it so.

    Args:
        rungs: By ascending bitrate, as all that follow.
        choice: What was asked of the ladder.
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
        *_lost_to_the_gap(rungs, spaced, choice.min_bitrate_gap_kbps),
        *_missing_ends(rungs, choice, spaced, free, allowed),
        *_unusual_ratios(rungs, choice),
    )


def _lost_to_sizes(spaced: Sequence[RateQuality], free: Sequence[RateQuality]) -> Iterator[str]:
    if lost := [point for point in free if point not in spaced]:
        yield (
            f"Resolution never drops as bitrate rises, which leaves out the {_at(lost, 'rung')}. "
            "--mixed-resolutions allows it."
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
    rates = [rough_bitrate(point.bitrate_kbps) for point in points]
    return f"{what}{'s' if rates[1:] else ''} at {listed(rates)} kb/s"


def _missing_ends(
    rungs: Sequence[RateQuality],
    choice: RungChoice,
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
            cause = f"--min-bitrate-gap {given(choice.min_bitrate_gap_kbps)}"
        elif point in free:
            cause = "no --mixed-resolutions"
        elif choice.spacing is Spacing.OPTIMAL:
            cause = f"--spacing {choice.spacing}"
        else:
            cause = f"--max-rungs {choice.max_rungs}"
        yield (
            f"The {end} of the hull, {told(point)}, has no rung ({cause}): the ladder {verb} with "
            f"{told(rung)}."
        )


def _unusual_ratios(rungs: Sequence[RateQuality], choice: RungChoice) -> Iterator[str]:
    if choice.min_step_ratio is not None:
        return  # it is what was asked for
    near, far = [], []
    for lower, upper in pairwise(rungs):
        pair = f"{rough_bitrate(lower.bitrate_kbps)} and {rough_bitrate(upper.bitrate_kbps)}"
        ratio = upper.bitrate_kbps / lower.bitrate_kbps
        if ratio < _LEAST_RATIO:
            near.append(pair)
        elif ratio > _HIGHEST_RATIO:
            far.append(pair)
    if near:
        pairs = "; ".join(near)
        yield f"Rungs less than a factor of {_LEAST_RATIO} apart add little: {pairs} kb/s."
    if far:
        pairs = "; ".join(far)
        yield (
            f"Switches between rungs more than a factor of {_HIGHEST_RATIO} apart are visible: "
            f"{pairs} kb/s."
        )


@frozen
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
    choice: RungChoice,
    *,
    throughput: Throughput | None = None,
    tie_break: Callable[[PointT], Any] = repr,
    size_of: Callable[[PointT], Resolution] | None = None,
) -> Selection[PointT]:
    """Choose the rungs of a ladder: hull, then caps, sizes, spacing, and the least gap.

    Where these rungs do not keep the rules of the choice, those are taken that keep all of them and
    are worth the most to viewers; see `ruled_rungs`.

    Args:
        points: Measured points, in any order; those that are not finite, or have no bitrate, do not
            count.
        choice: What is asked of the ladder.
        throughput: The viewers, whom `Spacing.OPTIMAL` needs.
        tie_break: Sort key among points of the same bitrate and score; the least one is kept.
        size_of: Gives the size of a point's picture; None where all are alike.

    Returns:
        The hull and the rungs, both empty where no point counts.

    Raises:
        InvalidLadderError: There are points, but none is within the caps, or no ladder keeps the
            rules.
    """
    points = list(points)
    hull = upper_hull(points, tie_break=tie_break)
    if size_of is not None and choice.has_rules and hull:
        return Selection(hull, *_ruled(points, hull, choice, throughput, size_of))
    allowed, cap_notes = apply_caps(hull, choice)
    pixels_of = None if size_of is None else _pixels_of(size_of)
    spaced = _spaced(allowed, choice, throughput, None if choice.mixed_resolutions else pixels_of)
    rungs = enforce_gap(spaced, choice)
    free = spaced if choice.mixed_resolutions else _spaced(allowed, choice, throughput, None)
    notes = ladder_notes(rungs, choice, spaced=spaced, free=free, allowed=allowed)
    return Selection(hull, rungs, (*cap_notes, *notes))


def _ruled(
    points: Sequence[PointT],
    hull: Sequence[PointT],
    choice: RungChoice,
    throughput: Throughput | None,
    size_of: Callable[[PointT], Resolution],
) -> tuple[tuple[PointT, ...], tuple[str, ...]]:
    """Choose rungs that keep rules: those without the rules where they keep them anyway."""
    with suppress(InvalidLadderError):
        allowed, notes = apply_caps(hull, choice)
        pixels_of = None if choice.mixed_resolutions else _pixels_of(size_of)
        rungs = enforce_gap(_spaced(allowed, choice, throughput, pixels_of), choice)
        if keeps_rules(rungs, choice, size_of):
            return rungs, (*notes, *_unusual_ratios(rungs, choice))
    rungs = ruled_rungs(points, choice, size_of)
    changed = f"The rules changed the ladder: without them, --spacing {choice.spacing} decides."
    outside = [rung for rung in rungs if rung not in hull]
    return rungs, (changed, *_below_the_hull(outside), *_unusual_ratios(rungs, choice))


def _below_the_hull(rungs: Sequence[RateQuality]) -> Iterator[str]:
    if rungs:
        yield f"The {_at(rungs, 'rung')} {'are' if rungs[1:] else 'is'} below the hull."


def _pixels_of(size_of: Callable[[PointT], Resolution]) -> Callable[[PointT], int]:
    return lambda point: size_of(point).pixels


def _spaced(
    allowed: Sequence[PointT],
    choice: RungChoice,
    throughput: Throughput | None,
    size_of: Callable[[PointT], int] | None,
) -> tuple[PointT, ...]:
    if choice.spacing is Spacing.OPTIMAL:
        assert throughput is not None, "this spacing is for viewers who are known"
        return select_optimal(allowed, choice, throughput, size_of)
    fitting = allowed if size_of is None else non_shrinking(allowed, size_of)
    return STRATEGIES[choice.spacing](fitting, choice)


def enforce_gap(rungs: Sequence[PointT], choice: RungChoice) -> tuple[PointT, ...]:
    """Drop rungs that are too close to their neighbour.

    Walking up from the lowest rung, one that is closer than the gap to the last one kept is
    dropped, except that the top rung stays and its neighbour goes.

    Args:
        rungs: By ascending bitrate.
        choice: `min_bitrate_gap_kbps` is used.

    Returns:
        The rungs that are left, the top one among them.
    """
    if not rungs:
        return ()
    *lower, top = rungs
    kept: list[PointT] = []
    for rung in lower:
        if not kept or are_apart(kept[-1], rung, choice):
            kept.append(rung)
    # One is enough: what is below it is a gap away from it, and farther still from the top.
    if kept and not are_apart(kept[-1], top, choice):
        kept.pop()
    return (*kept, top)

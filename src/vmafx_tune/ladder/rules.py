"""Rules that a team sets for its ladders, and the best ladder that keeps them."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic

from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.formatting import given, listed
from vmafx_tune.frozen import frozen
from vmafx_tune.ladder.hull import PointT, frontier
from vmafx_tune.ladder.limits import NEARLY_BEST_VMAF
from vmafx_tune.ladder.spacing import are_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vmafx_tune.ladder.hull import RateQuality
    from vmafx_tune.model import Resolution
    from vmafx_tune.results.rung_choice import RungChoice

    SizeOf = Callable[[PointT], Resolution]

__all__ = ["is_at_least", "keeps_rules", "ruled_rungs"]


def is_at_least(size: Resolution, least: Resolution) -> bool:
    """Whether a size is as large as another, or as wide or as high: 1280x544 is a kind of 720p."""
    return size.width >= least.width or size.height >= least.height


def keeps_rules(rungs: Sequence[PointT], choice: RungChoice, size_of: SizeOf[PointT]) -> bool:
    """Whether a ladder keeps the rules of a choice: sizes, steps, number of rungs.

    Args:
        rungs: By ascending bitrate.
        choice: Its rules; limits, spacing and gap are not looked at.
        size_of: Gives the size of a point's picture.
    """
    sizes = [size_of(rung) for rung in rungs]
    if not sizes:
        return not choice.has_rules
    return (
        set(choice.include) <= set(sizes)
        and (not choice.allow or set(sizes) <= {*choice.allow, *choice.include})
        and _may_start(sizes[0], choice)
        and _may_end(sizes[-1], choice)
        and (choice.min_rungs or 1) <= len(rungs) <= choice.max_rungs
        and all(_is_step(lower, upper, choice) for lower, upper in pairwise(rungs))
    )


def ruled_rungs(
    points: Iterable[PointT], choice: RungChoice, size_of: SizeOf[PointT]
) -> tuple[PointT, ...]:
    """Choose the ladder that is worth the most to viewers of those that keep all rules and limits.

    Worth is as in `non_shrinking`: the mean score of viewers whose throughput is spread evenly over
    the logarithm of bitrates. Of ladders whose top rung is nearly as good as that of any, the one
    of the highest worth is taken. Points of the hull come first by themselves; others are taken
    where a rule asks for them, such as a size that is nowhere the best one.

    Args:
        points: All that was measured, in any order.
        choice: Rules, limits, gap and number of rungs; its spacing is not looked at.
        size_of: Gives the size of a point's picture.

    Returns:
        The rungs by ascending bitrate; VMAF strictly rises too.

    Raises:
        InvalidLadderError: No ladder keeps them all; it names those that stand against each other.
    """
    points = list(points)
    rungs = _best(points, choice, size_of)
    if rungs is None:
        raise InvalidLadderError(_conflict(points, choice, size_of))
    return rungs


def _conflict(points: Sequence[PointT], choice: RungChoice, size_of: SizeOf[PointT]) -> str:
    """Name the rules of which one has to go."""
    rules = dict(_rules(choice))
    against = [
        name for name, without in rules.items() if _best(points, without, size_of) is not None
    ]
    names = against or list(rules)
    together, relax = (" together", "one of them") if len(names) > 1 else ("", "it")
    return (
        f"No ladder of the points that were measured keeps {listed(names)}{together}. Relax "
        f"{relax}, or measure other targets or resolutions."
    )


# More rungs than points of a title.
_MANY = 1000
# What asks for something, by the options that do; and what asks for nothing.
_ASKED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("--include", ("include",)),
    ("--allow", ("allow",)),
    ("--min-top", ("min_top",)),
    ("--min-bottom", ("min_bottom",)),
    ("--step-ratio", ("min_step_ratio", "max_step_ratio")),
    ("--rungs-between", ("min_rungs", "max_rungs")),
    ("--min-vmaf", ("min_vmaf",)),
    ("--max-vmaf", ("max_vmaf",)),
    ("--min-bitrate", ("min_bitrate_kbps",)),
    ("--max-bitrate", ("max_bitrate_kbps",)),
    ("--min-bitrate-gap", ("min_bitrate_gap_kbps",)),
)
_NOTHING = {"include": (), "allow": (), "max_rungs": _MANY, "min_bitrate_gap_kbps": 0.0}


def _rules(choice: RungChoice) -> Iterator[tuple[str, RungChoice]]:
    """List what a choice asks for, each with the choice that does not ask for it."""
    for option, names in _ASKED:
        values = [getattr(choice, name) for name in names]
        nothing: dict[str, Any] = {name: _NOTHING.get(name) for name in names}
        if all(values):
            yield f"{option} {':'.join(map(_typed, values))}", replace(choice, **nothing)
        elif option == "--rungs-between":
            yield f"--max-rungs {choice.max_rungs}", replace(choice, **nothing)
    if not choice.mixed_resolutions:
        yield "--no-mixed-resolutions", replace(choice, mixed_resolutions=True)


def _typed(value: object) -> str:
    """Write a value as users do."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return given(value) if isinstance(value, float) else str(value)


def _candidates(
    points: Sequence[PointT], choice: RungChoice, size_of: SizeOf[PointT]
) -> list[PointT]:
    """Find the points that may be rungs: of each size those that none of that size dominates."""
    by_size: dict[Resolution, list[PointT]] = {}
    for point in points:
        if not choice.allow or size_of(point) in {*choice.allow, *choice.include}:
            by_size.setdefault(size_of(point), []).append(point)
    kept = [
        point for of_size in by_size.values() for point in _within(list(frontier(of_size)), choice)
    ]
    return sorted(kept, key=lambda point: (point.bitrate_kbps, point.vmaf))


def _within(front: Sequence[PointT], choice: RungChoice) -> Sequence[PointT]:
    """Leave the points that keep the limits: up to the first that reaches the highest VMAF."""
    end = len(front)
    if choice.max_vmaf is not None:
        end = bisect_left(front, choice.max_vmaf, key=lambda point: point.vmaf) + 1
    least_kbps, most_kbps = choice.min_bitrate_kbps or 0.0, choice.max_bitrate_kbps or math.inf
    return [
        point
        for point in front[:end]
        if point.vmaf >= (choice.min_vmaf or -math.inf)
        and least_kbps <= point.bitrate_kbps <= most_kbps
    ]


@frozen
class _Path(Generic[PointT]):
    """A ladder up to some rung, and what it is worth so far."""

    worth: float
    top: PointT
    below: _Path[PointT] | None

    @property
    def rungs(self) -> tuple[PointT, ...]:
        rungs, path = [self.top], self.below
        while path is not None:
            rungs.append(path.top)
            path = path.below
        return tuple(reversed(rungs))


# How many rungs a ladder has so far, and which of the sizes that it must have.
_State = tuple[int, frozenset["Resolution"]]


def _best(
    points: Sequence[PointT], choice: RungChoice, size_of: SizeOf[PointT]
) -> tuple[PointT, ...] | None:
    """Find the best ladder by dynamic programming over its last rung; None where there is none."""
    candidates, wanted = _candidates(points, choice, size_of), frozenset(choice.include)
    paths: list[dict[_State, _Path[PointT]]] = []
    for index, point in enumerate(candidates):
        size = size_of(point)
        reach = math.log(candidates[-1].bitrate_kbps / point.bitrate_kbps)
        gain = max(point.vmaf, 0.0) * reach
        found: dict[_State, _Path[PointT]] = {}
        if _may_start(size, choice):
            found[1, wanted & {size}] = _Path(gain, point, None)
        for lower, below in zip(candidates[:index], paths, strict=True):
            if _may_follow(lower, point, choice, size_of):
                _extend(found, below, point, gain, max(lower.vmaf, 0.0) * reach, wanted & {size})
        if choice.min_rungs is None:
            found = _without_worse(found)
        paths.append({state: path for state, path in found.items() if state[0] <= choice.max_rungs})
    ladders = [
        path
        for found in paths
        for (n_rungs, sizes), path in found.items()
        if sizes == wanted
        and n_rungs >= (choice.min_rungs or 1)
        and _may_end(size_of(path.top), choice)
    ]
    if not ladders:
        return None
    best_vmaf = max(path.top.vmaf for path in ladders)
    good = [path for path in ladders if path.top.vmaf >= best_vmaf - NEARLY_BEST_VMAF]
    return max(good, key=lambda path: (path.worth, path.top.vmaf)).rungs


def _extend(
    found: dict[_State, _Path[PointT]],
    below: Mapping[_State, _Path[PointT]],
    point: PointT,
    gain: float,
    loss: float,
    sizes: frozenset[Resolution],
) -> None:
    """Put a rung on top of ladders, where that is better than what was found."""
    for (n_rungs, had), path in below.items():
        state, worth = (n_rungs + 1, had | sizes), path.worth - loss + gain
        if state not in found or worth > found[state].worth:
            found[state] = _Path(worth, point, path)


def _without_worse(found: dict[_State, _Path[PointT]]) -> dict[_State, _Path[PointT]]:
    """Leave out ladders that have as few of the sizes as others, more rungs, and less worth."""
    kept: dict[_State, _Path[PointT]] = {}
    best: dict[frozenset[Resolution], float] = {}
    for state in sorted(found, key=lambda state: state[0]):
        path = found[state]
        if path.worth > best.get(state[1], -math.inf):
            best[state[1]] = path.worth
            kept[state] = path
    return kept


def _may_follow(lower: PointT, upper: PointT, choice: RungChoice, size_of: SizeOf[PointT]) -> bool:
    return (
        lower.bitrate_kbps < upper.bitrate_kbps
        and lower.vmaf < upper.vmaf
        and (choice.mixed_resolutions or size_of(lower).pixels <= size_of(upper).pixels)
        and are_apart(lower, upper, choice)
        and _is_step(lower, upper, choice)
    )


def _is_step(lower: RateQuality, upper: RateQuality, choice: RungChoice) -> bool:
    ratio = upper.bitrate_kbps / lower.bitrate_kbps
    return (choice.min_step_ratio or 0.0) <= ratio <= (choice.max_step_ratio or math.inf)


def _may_start(size: Resolution, choice: RungChoice) -> bool:
    return choice.min_bottom is None or is_at_least(size, choice.min_bottom)


def _may_end(size: Resolution, choice: RungChoice) -> bool:
    return choice.min_top is None or is_at_least(size, choice.min_top)

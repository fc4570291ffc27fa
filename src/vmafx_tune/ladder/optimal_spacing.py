"""The rungs that serve a given audience best."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.ladder.picture_size import shrinks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.ladder.rate_quality import PointT, RateQuality
    from vmafx_tune.ladder.selection_options import SelectionOptions
    from vmafx_tune.ladder.throughput import Throughput

__all__ = ["expected_vmaf", "select_optimal"]


def expected_vmaf(
    rungs: Sequence[RateQuality], throughput: Throughput, *, safety_factor: float = 1.0
) -> float:
    """Return the VMAF that an average viewer gets.

    A viewer plays the highest rung whose bitrate is at most `safety_factor` of the throughput, and
    one for whom even the lowest rung is too much cannot play, which counts as 0. After Y. Reznik et
    al., "Optimal Design of Encoding Profiles for ABR Streaming", Packet Video Workshop 2018.

    Args:
        rungs: By ascending bitrate; VMAF strictly rises too.
        throughput: The viewers.
        safety_factor: Share of the throughput that a player dares to use, above 0 and at most 1.

    Returns:
        Expected score in VMAF points; 0 for no rungs.
    """
    reach = _reach(rungs, throughput, safety_factor)
    gains = [upper - lower for lower, upper in pairwise([0.0, *(rung.vmaf for rung in rungs)])]
    return math.fsum(gain * share for gain, share in zip(gains, reach, strict=True))


def select_optimal(
    hull: Sequence[PointT],
    options: SelectionOptions,
    size_of: Callable[[PointT], int] | None = None,
) -> tuple[PointT, ...]:
    """Choose the rungs whose `expected_vmaf` is the highest that any choice has.

    Each rung adds its gain over the rung below for all viewers that reach it, so the best ladder of
    k rungs that ends at a point extends a best one of k - 1 rungs: dynamic programming finds the
    best of all, in time proportional to points times rungs, and times sizes where pictures must not
    shrink. Neighbours are kept apart by the least gap from the start, so the gap filter has nothing
    left to drop. Among equals the choice has the fewest rungs.

    Args:
        hull: Points by ascending bitrate; VMAF strictly rises too.
        options: `max_rungs`, `min_gap_kbps`, `throughput` and `safety_factor` are used.
        size_of: Counts the pixels of a point's picture, which then never gets smaller as the
            bitrate rises; None where it may.

    Returns:
        The rungs by ascending bitrate. The ends of the hull are among them only where that serves
        the viewers.

    Raises:
        InvalidLadderError: `options` has no throughput.
    """
    reach = _reach(hull, options.viewers(), options.safety_factor)
    if not hull:
        return ()
    is_bound = size_of is not None and shrinks(hull, size_of)
    sizes = [size_of(point) if is_bound and size_of else 0 for point in hull]
    layers = [_lowest_rungs(hull, reach)]
    while len(layers) < options.max_rungs:
        layer = _extended(layers[-1], hull, reach, sizes, options)
        # What a further rung adds never grows where sizes do not matter (the gains satisfy the
        # quadrangle inequality), so where one adds nothing, more of them will not either.
        if max(layer.scores) <= (-math.inf if is_bound else max(layers[-1].scores)):
            break
        layers.append(layer)
    best = max(range(len(layers)), key=lambda index: max(layers[index].scores))
    return tuple(hull[index] for index in _path(layers[: best + 1]))


def _reach(
    points: Sequence[RateQuality], throughput: Throughput, safety_factor: float
) -> list[float]:
    """Share of viewers that can play each point."""
    return [throughput.share_at_least(point.bitrate_kbps / safety_factor) for point in points]


class _Layer(NamedTuple):
    """The best ladders of one number of rungs.

    Attributes:
        scores: Expected VMAF of the best ladder whose top is each point; -inf where there is none.
        below: Index of the rung below the top in each of them; -1 where there is none.
    """

    scores: list[float]
    below: list[int]


def _lowest_rungs(hull: Sequence[RateQuality], reach: Sequence[float]) -> _Layer:
    scores = [point.vmaf * share for point, share in zip(hull, reach, strict=True)]
    return _Layer(scores, [-1] * len(hull))


def _extended(
    layer: _Layer,
    hull: Sequence[RateQuality],
    reach: Sequence[float],
    sizes: Sequence[int],
    options: SelectionOptions,
) -> _Layer:
    """Put one more rung on top of the best ladders whose own top is no larger."""
    envelopes: dict[int, _Envelope] = {}
    scores, below = [-math.inf] * len(hull), [-1] * len(hull)
    far_enough = 0
    for top, (point, share) in enumerate(zip(hull, reach, strict=True)):
        while far_enough < top and options.are_apart(hull[far_enough], point):
            if (score := layer.scores[far_enough]) > -math.inf:
                line = _Line(-hull[far_enough].vmaf, score, far_enough)
                envelopes.setdefault(sizes[far_enough], _Envelope()).add(line)
            far_enough += 1
        lines = (
            envelope.highest_at(share) for size, envelope in envelopes.items() if size <= sizes[top]
        )
        best = max(lines, key=lambda line: line.at(share), default=None)
        if best is not None:
            scores[top] = best.at(share) + point.vmaf * share
            below[top] = best.top
    return _Layer(scores, below)


def _path(layers: Sequence[_Layer]) -> list[int]:
    """Follow the best ladder of the last layer down; returns its points from the lowest up."""
    scores = layers[-1].scores
    path = [max(range(len(scores)), key=scores.__getitem__)]
    for layer in reversed(layers[1:]):
        path.append(layer.below[path[-1]])
    return path[::-1]


class _Line(NamedTuple):
    """A ladder to put a rung on: what it is worth, by the share that reaches the new rung."""

    slope: float
    intercept: float
    top: int

    def at(self, x: float) -> float:
        return self.intercept + self.slope * x


class _Envelope:
    """The highest of many lines, for slopes that fall as lines come and an x that never rises.

    The further x falls, the better a line of lower slope gets, so a line once overtaken is done
    with, and each line is looked at a bounded number of times.
    """

    def __init__(self) -> None:
        self._lines: deque[_Line] = deque()

    def add(self, line: _Line) -> None:
        while len(self._lines) >= 2 and _is_hidden(self._lines[-2], self._lines[-1], line):
            self._lines.pop()
        self._lines.append(line)

    def highest_at(self, x: float) -> _Line:
        """Return the highest line at `x`, the first of equals; there must be one."""
        while len(self._lines) >= 2 and self._lines[1].at(x) > self._lines[0].at(x):
            self._lines.popleft()
        return self._lines[0]


def _is_hidden(first: _Line, middle: _Line, last: _Line) -> bool:
    """Whether `last` overtakes `middle` no later than `middle` overtakes `first`."""
    overtaken = (last.intercept - middle.intercept) * (first.slope - middle.slope)
    return overtaken >= (middle.intercept - first.intercept) * (middle.slope - last.slope)

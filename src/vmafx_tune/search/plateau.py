"""Where an encoder's knob ceases to matter, by what was measured over its steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MeasuredStep", "Plateau", "is_saturated", "plateau_at_best", "plateau_at_worst"]

# Left to itself an encoder takes 20 to 30 % off the bitrate over 5 % of its knob's range. Held by a
# cap, bitrates differ by up to 4 %.
_SAME_BITRATE = 0.05
_LEAST_SHARE = 0.05
_MORE_DOUBLINGS = 3


@frozen
class MeasuredStep:
    """What a step of the knob gave."""

    step: int
    bitrate_kbps: float
    vmaf: float


@frozen
class Plateau:
    """A run of measured steps with the same bitrate.

    Attributes:
        first: Step of best quality.
        last: Step of worst quality.
        bitrate_kbps: Of the one at its end of the range.
    """

    first: int
    last: int
    bitrate_kbps: float


def plateau_at_best(measured: Sequence[MeasuredStep], last_step: int) -> Plateau | None:
    """Find a plateau that begins at the best quality that was measured.

    Args:
        measured: By ascending step.
        last_step: Steps of the whole range run from 0 to this one.

    Returns:
        None where bitrates follow the knob, or too little was measured to tell.
    """
    return _plateau(measured, last_step)


def plateau_at_worst(measured: Sequence[MeasuredStep], last_step: int) -> Plateau | None:
    """Find a plateau that ends at the worst quality that was measured; see `plateau_at_best`."""
    return _plateau(measured[::-1], last_step)


def _plateau(measured: Sequence[MeasuredStep], last_step: int) -> Plateau | None:
    if not measured:
        return None
    start = end = measured[0]
    for point in measured:
        if abs(point.bitrate_kbps - start.bitrate_kbps) > _SAME_BITRATE * start.bitrate_kbps:
            break
        end = point
    if abs(end.step - start.step) < max(1, _LEAST_SHARE * last_step):
        return None
    steps = sorted((start.step, end.step))
    return Plateau(steps[0], steps[1], start.bitrate_kbps)


def is_saturated(measured: Sequence[MeasuredStep], target: float) -> bool:
    """Tell whether more bits would not help to reach a target.

    Args:
        measured: Steps that all miss the target.
        target: Pooled score to reach.

    Returns:
        Whether the score rises so slowly from the second best step to the best that eight times the
        bits of that would still miss; False where too little was measured to tell.
    """
    by_score = sorted(measured, key=lambda point: -point.vmaf)[:2]
    if len(by_score) < 2:
        return False
    best, other = by_score
    if not 0 < other.bitrate_kbps < best.bitrate_kbps:
        return False
    gain_per_doubling = (best.vmaf - other.vmaf) / math.log2(best.bitrate_kbps / other.bitrate_kbps)
    return best.vmaf + _MORE_DOUBLINGS * gain_per_doubling < target

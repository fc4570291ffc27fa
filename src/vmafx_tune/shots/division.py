"""From cuts to shots. Pure."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.sampling.parts import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

__all__ = ["checked_min_frames", "shots_between"]


_USUAL_LEAST_S = 1.0


def checked_min_frames(min_shot_s: float | None, frame_rate: Fraction) -> int:
    """Find how many frames a shot has at least.

    Raises:
        UsageError: `min_shot_s` is no length.
    """
    if min_shot_s is None:
        min_shot_s = _USUAL_LEAST_S
    if not (math.isfinite(min_shot_s) and min_shot_s > 0):
        raise UsageError(f"--min-shot {min_shot_s:g} is not a valid length. Use more than 0.")
    return max(1, math.ceil(min_shot_s * frame_rate))


def shots_between(
    cuts: Iterable[int], n_frames: int, min_frames: int, segment_frames: int | None = None
) -> tuple[Segment, ...]:
    """Divide a clip at its cuts, and merge what is too short with the shorter of its neighbours.

    Args:
        cuts: First frames of shots, in any order; those outside of the clip count for nothing.
        n_frames: Length of the clip, at least 1.
        min_frames: Frames that a shot has at least, unless the clip or a segment has fewer.
        segment_frames: Length of segments, each of which begins a shot; None for no segments.

    Returns:
        The shots, in order and without gaps.
    """
    kept = {*range(0, n_frames, segment_frames or n_frames), n_frames}
    bounds = sorted({*kept, *(cut for cut in cuts if 0 < cut < n_frames)})
    while (place := _cut_to_drop(bounds, kept, min_frames)) is not None:
        del bounds[place]
    return tuple(Segment(first, end - first) for first, end in pairwise(bounds))


def _cut_to_drop(bounds: list[int], kept: set[int], min_frames: int) -> int | None:
    """Find the end to drop of the shortest shot: the one towards its shorter neighbour.

    Returns:
        Its place; None where all shots are long enough, or have no end that may go.
    """
    lengths = [math.inf, *(end - first for first, end in pairwise(bounds)), math.inf]
    ends = (
        (lengths[place + own], lengths[place + 1 - own], place, own)
        for place, bound in enumerate(bounds)
        if bound not in kept
        for own in (0, 1)
    )
    shortest = min(ends, default=None)
    return None if shortest is None or shortest[0] >= min_frames else shortest[2]

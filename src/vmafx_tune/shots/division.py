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


def checked_min_frames(min_shot_s: float, frame_rate: Fraction) -> int:
    """Find how many frames a shot has at least.

    Raises:
        UsageError: `min_shot_s` is no length.
    """
    if not (math.isfinite(min_shot_s) and min_shot_s > 0):
        raise UsageError(f"--min-shot {min_shot_s:g} is not a valid length. Use more than 0.")
    return max(1, math.ceil(min_shot_s * frame_rate))


def shots_between(cuts: Iterable[int], n_frames: int, min_frames: int) -> tuple[Segment, ...]:
    """Divide a clip at its cuts, and merge what is too short with the shorter of its neighbours.

    Args:
        cuts: First frames of shots, in any order; those outside of the clip count for nothing.
        n_frames: Length of the clip, at least 1.
        min_frames: Frames that a shot has at least, unless the clip has fewer.

    Returns:
        The shots, in order and without gaps.
    """
    bounds = [0, *sorted({cut for cut in cuts if 0 < cut < n_frames}), n_frames]
    while len(bounds) > 2:
        lengths = [end - first for first, end in pairwise(bounds)]
        shortest = min(range(len(lengths)), key=lambda index: (lengths[index], index))
        if lengths[shortest] >= min_frames:
            break
        del bounds[_cut_to_drop(lengths, shortest)]
    return tuple(Segment(first, end - first) for first, end in pairwise(bounds))


def _cut_to_drop(lengths: list[int], index: int) -> int:
    """Choose which of a shot's two ends to drop: the one towards its shorter neighbour."""
    before = lengths[index - 1] if index else math.inf
    after = lengths[index + 1] if index + 1 < len(lengths) else math.inf
    return index if before <= after else index + 1

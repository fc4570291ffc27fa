"""Where a clip scores worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.formatting import time_code
from vmafx_tune.results.measurement import WorstFrame, WorstSecond
from vmafx_tune.scoring.pooling import running_means

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from vmafx_tune.model import ScoreSet

__all__ = ["worst_frames", "worst_second", "worst_seconds"]


def worst_frames(
    scores: ScoreSet, frame_rate: Fraction, *, most: int = 5, first_frame: int = 0
) -> tuple[WorstFrame, ...]:
    """Find the frames with the lowest scores, which are at least a second apart.

    Args:
        scores: Of the clip.
        frame_rate: Of the clip; where it varies, its average.
        most: How many to find.
        first_frame: Number in the clip of the first frame that was scored.

    Returns:
        The worst one first; of equal ones the first.
    """
    apart = _scores_a_second(scores, frame_rate)
    return tuple(
        WorstFrame(
            frame=(frame := first_frame + scores.frame_index(place)),
            time_s=float(frame / frame_rate),
            time_code=time_code(frame / frame_rate),
            vmaf=scores.frames[place],
        )
        for place in _lowest(scores.frames, apart, most)
    )


def worst_second(scores: ScoreSet, frame_rate: Fraction) -> WorstSecond | None:
    """Find the second with the lowest mean score; as `worst_seconds`.

    None where not every frame has a score, and so no second is seen whole.
    """
    if scores.subsample != 1:
        return None
    return next(iter(worst_seconds(scores, frame_rate, most=1)), None)


def worst_seconds(
    scores: ScoreSet, frame_rate: Fraction, *, most: int = 5, first_frame: int = 0
) -> tuple[WorstSecond, ...]:
    """Find the seconds with the lowest mean scores, which do not overlap.

    Args:
        scores: Of the clip.
        frame_rate: Of the clip; where it varies, its average.
        most: How many to find.
        first_frame: Number in the clip of the first frame that was scored.

    Returns:
        The worst one first; of equal ones the first. Of a clip shorter than a second, all of it.
    """
    length = min(_scores_a_second(scores, frame_rate), len(scores.frames))
    means = running_means(scores.frames, length)
    return tuple(
        WorstSecond(
            start_s=float(start := (first_frame + scores.frame_index(place)) / frame_rate),
            vmaf_score=means[place],
            time_code=time_code(start),
        )
        for place in _lowest(means, length, most)
    )


def _scores_a_second(scores: ScoreSet, frame_rate: Fraction) -> int:
    return max(1, round(frame_rate / scores.subsample))


def _lowest(values: Sequence[float], apart: int, most: int) -> Iterator[int]:
    """Yield the places of the lowest values that are so far apart, the lowest first."""
    taken: list[int] = []
    for place in sorted(range(len(values)), key=values.__getitem__):
        if len(taken) == most:
            return
        if all(abs(place - other) >= apart for other in taken):
            taken.append(place)
            yield place

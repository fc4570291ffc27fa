"""Whether two clips are out of step, by their pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vmafx_tune.errors import MediaError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vmafx_tune.model import ScoreSet, Source
    from vmafx_tune.session import Session

__all__ = ["Look", "find_shift", "is_explained", "look_plan", "shift_hint", "shift_of"]

_LOOKS = 5
_LOOK_FRAMES = 12
_REACH = 6
_FEWEST_FRAMES = 4
# A match is clear where it leaves at most half of what its neighbours leave.
_CLEAR = 0.5
# And where most pictures agree: a flash or a cut alone tells nothing.
_AGREEING = 0.75
_FLAT = 1e-3
# Frames out of step lose more than this, where anything moves.
_ALIKE_VMAF = 10.0


@frozen
class Look:
    """Frames to compare, to tell whether two clips are in step.

    Attributes:
        first_frame: First frame of the distorted; the reference's begin `reach` before it.
        n_frames: Frames of the distorted; the reference's are `2 * reach` more.
        reach: How far the clips may be out of step, plus one.
    """

    first_frame: int
    n_frames: int
    reach: int


# Most poor encodes are in step, and a glance at their beginning tells: few frames to decode.
_GLANCE = Look(first_frame=2, n_frames=6, reach=2)


def look_plan(n_frames: int, difference: int = 0) -> tuple[Look, ...]:
    """Choose where to look: five places over the clip, or fewer where it is short.

    Args:
        n_frames: Of the shorter clip.
        difference: Frames that the longer one has more.
    """
    reach = min(max(_REACH, difference + 1), n_frames // 4)
    length = min(_LOOK_FRAMES, n_frames - 2 * reach)
    if reach < 2 or length < _FEWEST_FRAMES:
        return ()
    last = n_frames - reach - length
    starts = sorted({reach + (last - reach) * place // (_LOOKS - 1) for place in range(_LOOKS)})
    return tuple(Look(start, length, reach) for start in starts)


def shift_of(reference: NDArray[np.float32], distorted: NDArray[np.float32]) -> int | None:
    """Tell by how many frames the distorted is ahead of the reference.

    Brightness and contrast count for nothing, so that fades do not look like motion.

    Args:
        reference: Luma of frames in order, shape `(frames, samples)`; its first and last frames
            have no partner, as many on either side.
        distorted: Luma of its partners if the clips are in step, fewer than `reference`'s.

    Returns:
        Frame `n` of the distorted is frame `n + shift` of the reference. None where it cannot be
        told: nothing moves, it all moves the same way, or the match may lie further off.
    """
    ours, theirs = _normalised(reference), _normalised(distorted)
    n_shifts = len(ours) - len(theirs) + 1
    apart = np.stack(
        [((ours[at : at + len(theirs)] - theirs) ** 2).mean(axis=1) for at in range(n_shifts)]
    )
    total = apart.mean(axis=1)
    best = int(total.argmin())
    if not 0 < best < n_shifts - 1:
        return None
    beside = apart[[best - 1, best + 1]]
    if total[best] > _CLEAR * min(total[best - 1], total[best + 1]) or total.max() < _FLAT:
        return None
    agreeing = (apart[best] <= beside.min(axis=0)).mean()
    return best - n_shifts // 2 if agreeing >= _AGREEING else None


def shift_hint(looks: Sequence[Look], shifts: Sequence[int | None]) -> str | None:
    """Say what to do about clips that are out of step.

    Args:
        looks: Where was looked, in order.
        shifts: What `shift_of` told of each.

    Returns:
        None where they are in step, or it cannot be told.
    """
    told = [(look, shift) for look, shift in zip(looks, shifts, strict=True) if shift is not None]
    if not any(shift for _, shift in told):
        return None
    shift = told[0][1]
    if all(other == shift for _, other in told):
        return f"{_partners(shift)}; try --offset {shift}."
    look, later = next((look, other) for look, other in told if other != shift)
    change = later - shift
    what = "lacks" if change > 0 else "repeats or adds"
    count = counted(abs(change), "frame")
    return (
        f"The encode {what} {count} before frame {look.first_frame}: from there on, "
        f"{_partners(later)[:1].lower()}{_partners(later)[1:]}."
    )


def _partners(shift: int) -> str:
    ours = "N" if shift >= 0 else f"N+{-shift}"
    theirs = "N" if shift <= 0 else f"N+{shift}"
    return f"Frame {ours} of the encode is frame {theirs} of the reference"


def _normalised(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = pictures - pictures.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    flat: NDArray[np.float32] = np.where(spread > 1, centred / np.maximum(spread, 1), 0)
    return flat


def is_explained(look: Look, in_step: Sequence[Look], scores: ScoreSet) -> bool:
    """Whether a place needs no look: a place that is in step has hardly better scores.

    Then what makes scores low there does so here. Looks far from a keyframe decode all before them,
    which may take as long as the scores did.

    Args:
        look: Where to look.
        in_step: Where the clips were seen to be in step.
        scores: Of all frames, or of some.
    """
    here = _mean_score(look, scores)
    return any(here >= _mean_score(one, scores) - _ALIKE_VMAF for one in in_step)


def _mean_score(look: Look, scores: ScoreSet) -> float:
    """Average the scores of a look's frames; not a number where there is none."""
    first, end = (
        -(-frame // scores.subsample)
        for frame in (look.first_frame, look.first_frame + look.n_frames)
    )
    found = scores.frames[first:end]
    return sum(found) / len(found) if found else math.nan


def find_shift(
    reference: Source, distorted: Source, session: Session, scores: ScoreSet | None = None
) -> str | None:
    """Say what to do about clips that are out of step.

    Args:
        reference: The reference.
        distorted: The distorted clip.
        session: Reads their pictures.
        scores: Of the two as they are; places that they explain are not looked at.

    Returns:
        None where they are in step, or it cannot be told.
    """
    counts = reference.n_frames, distorted.n_frames
    looks = look_plan(min(counts), max(counts) - min(counts))
    if scores is not None and min(counts) >= 2 * _LOOK_FRAMES:
        looks = (_GLANCE, *looks)
    ours = session.reader.thumbnails(reference, reference.resolution)
    theirs = session.reader.thumbnails(distorted, reference.resolution)
    shifts: list[int | None] = []
    try:
        for look in looks:
            in_step = [one for one, shift in zip(looks, shifts, strict=False) if shift == 0]
            if scores is not None and is_explained(look, in_step, scores):
                shifts.append(None)
                continue
            around = ours.luma(look.first_frame - look.reach, look.n_frames + 2 * look.reach)
            shifts.append(shift_of(around, theirs.luma(look.first_frame, look.n_frames)))
    except MediaError:  # a hint is no reason to fail
        return None
    return shift_hint(looks, shifts)

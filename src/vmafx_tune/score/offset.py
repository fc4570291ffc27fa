"""Whether two clips are out of step, and what an offset leaves to compare."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vmafx_tune.errors import FrameCountMismatchError, MediaError, UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vmafx_tune.model import Source
    from vmafx_tune.results.score import ScoreResult
    from vmafx_tune.session import Session

__all__ = [
    "Look",
    "Overlap",
    "look_plan",
    "overlap",
    "shift_hint",
    "shift_of",
    "step_notes",
    "with_step_hint",
]

_LOOKS = 5
_LOOK_FRAMES = 12
_REACH = 6
_FEWEST_FRAMES = 4
# A match is clear where it leaves at most half of what its neighbours leave.
_CLEAR = 0.5
# And where most pictures agree: a flash or a cut alone tells nothing.
_AGREEING = 0.75
_FLAT = 1e-3


@frozen
class Overlap:
    """What two clips have in common when one begins later.

    Attributes:
        reference: First frame of the reference that has a partner.
        distorted: First frame of the distorted that has one.
        n_frames: Pairs.
    """

    reference: int
    distorted: int
    n_frames: int


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


def overlap(reference: Source, distorted: Source, offset: int) -> Overlap:
    """Find the frames that are compared with an offset.

    What is left over at an end may be as long as the offset: a clip that begins later may end
    later, or have been cut to the other's length.

    Args:
        reference: The reference.
        distorted: The distorted clip.
        offset: Number of the reference's frame that the distorted's first one is compared with;
            negative to skip frames of the distorted.

    Raises:
        UsageError: One of the clips ends before the other begins.
        FrameCountMismatchError: More is left over.
    """
    first = Overlap(max(offset, 0), max(-offset, 0), 0)
    left = (reference.n_frames - first.reference, distorted.n_frames - first.distorted)
    if min(left) < 1:
        raise UsageError(
            f"--offset {offset} leaves nothing to compare: '{reference.path}' has "
            f"{counted(reference.n_frames, 'frame')}, '{distorted.path}' has {distorted.n_frames}."
        )
    if abs(left[0] - left[1]) > abs(offset):
        raise FrameCountMismatchError(str(reference.path), left[0], str(distorted.path), left[1])
    return Overlap(first.reference, first.distorted, min(left))


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


# Encodes that anyone delivers are above it, and a clip with motion that is one frame off is not.
_SUSPICIOUS_SCORE = 85.0
_MOST_FRAMES_APART = 10


def step_notes(result: ScoreResult, session: Session) -> tuple[str, ...]:
    """Say how the clips of a low score are out of step, if they are and it can be told."""
    if result.pooled.mean >= _SUSPICIOUS_SCORE:
        return ()
    hint = _find_hint(result.reference_source, result.distorted_source, session)
    return () if hint is None else (hint,)


def with_step_hint(
    error: FrameCountMismatchError, reference: Source, distorted: Source, session: Session
) -> FrameCountMismatchError:
    """Say in an error about lengths how the clips are out of step, if it can be told."""
    counts = error.reference_frames, error.distorted_frames
    if abs(counts[0] - counts[1]) > _MOST_FRAMES_APART:
        return error
    hint = _find_hint(
        replace(reference, n_frames=counts[0]), replace(distorted, n_frames=counts[1]), session
    )
    return FrameCountMismatchError(
        str(reference.path), counts[0], str(distorted.path), counts[1], hint=hint
    )


def _find_hint(reference: Source, distorted: Source, session: Session) -> str | None:
    counts = reference.n_frames, distorted.n_frames
    looks = look_plan(min(counts), max(counts) - min(counts))
    ours = session.reader.thumbnails(reference, reference.resolution)
    theirs = session.reader.thumbnails(distorted, reference.resolution)
    try:
        shifts = [
            shift_of(
                ours.luma(look.first_frame - look.reach, look.n_frames + 2 * look.reach),
                theirs.luma(look.first_frame, look.n_frames),
            )
            for look in looks
        ]
    except MediaError:  # a hint is no reason to fail
        return None
    return shift_hint(looks, shifts)

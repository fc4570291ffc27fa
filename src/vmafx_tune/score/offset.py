"""What an offset leaves to compare, and where one may be missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.errors import FrameCountMismatchError, UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from vmafx_tune.model import ScoreSet, Source
    from vmafx_tune.results.score import ScoreResult
    from vmafx_tune.session import Session

__all__ = ["Overlap", "overlap", "step_notes", "with_step_hint"]


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
        raise FrameCountMismatchError(
            str(reference.path),
            reference.n_frames,
            str(distorted.path),
            distorted.n_frames,
            hint=f"With --offset {offset}, {abs(left[0] - left[1])} are left over.",
        )
    return Overlap(first.reference, first.distorted, min(left))


# Encodes that anyone delivers are above it, and a clip with motion that is one frame off is not.
_SUSPICIOUS_SCORE = 85.0
_MOST_FRAMES_APART = 10


def step_notes(result: ScoreResult, session: Session) -> tuple[str, ...]:
    """Say how the clips of a low score are out of step, if they are and it can be told."""
    if result.pooled.mean >= _SUSPICIOUS_SCORE:
        return ()
    hint = _find_shift(result.reference_source, result.distorted_source, session, result.scores)
    return () if hint is None else (hint,)


def with_step_hint(
    error: FrameCountMismatchError, reference: Source, distorted: Source, session: Session
) -> FrameCountMismatchError:
    """Say in an error about lengths how the clips are out of step, if it can be told."""
    counts = error.reference_frames, error.distorted_frames
    if abs(counts[0] - counts[1]) > _MOST_FRAMES_APART:
        return error
    hint = _find_shift(
        replace(reference, n_frames=counts[0]), replace(distorted, n_frames=counts[1]), session
    )
    return FrameCountMismatchError(
        str(reference.path), counts[0], str(distorted.path), counts[1], hint=hint
    )


def _find_shift(
    reference: Source, distorted: Source, session: Session, scores: ScoreSet | None = None
) -> str | None:
    # Pictures take numpy's time to load, which most scores do without.
    from vmafx_tune.score.shift import find_shift

    return find_shift(reference, distorted, session, scores)

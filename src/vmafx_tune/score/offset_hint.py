"""Whether two clips are in step: looked at where a score is suspiciously low."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.errors import FrameCountMismatchError, MediaError
from vmafx_tune.score.offset import look_plan, shift_hint, shift_of

if TYPE_CHECKING:
    from vmafx_tune.model import Source
    from vmafx_tune.results import ScoreResult
    from vmafx_tune.session import Session

__all__ = ["step_notes", "with_step_hint"]

# Encodes that anyone delivers are above it, and a clip with motion that is one frame off is not.
_SUSPICIOUS_SCORE = 85.0
_MOST_FRAMES_APART = 10


def step_notes(result: ScoreResult, session: Session) -> tuple[str, ...]:
    """Say how the clips of a low score are out of step, if they are and it can be told."""
    if result.pooled.mean >= _SUSPICIOUS_SCORE:
        return ()
    hint = _find_hint(result.reference, result.distorted, session)
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
    ours = session.thumbnails(reference, reference.resolution)
    theirs = session.thumbnails(distorted, reference.resolution)
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

"""The parts of a source that a run measures, where it is not to measure the whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.events import Warned
from vmafx_tune.formatting import counted
from vmafx_tune.model import PoolMethod
from vmafx_tune.parsing import parse_sample
from vmafx_tune.results import SearchStrategy
from vmafx_tune.sampling.error import is_estimable
from vmafx_tune.sampling.parts import choose_segments

if TYPE_CHECKING:
    from vmafx_tune.events import Observer
    from vmafx_tune.model import Source
    from vmafx_tune.options import EncodingOptions
    from vmafx_tune.sampling.parts import SamplePlan
    from vmafx_tune.session import Session

__all__ = ["sample_plan", "seconds_of"]

_NAMES = {
    PoolMethod.MIN: "the minimum",
    PoolMethod.P1: "the 1st percentile",
    PoolMethod.P5: "the 5th percentile",
    PoolMethod.P10: "the 10th percentile",
}
# What an encoder looks ahead, and what a part leaves out at its beginning, must be little of it.
_SHORTEST_FRAMES = 12


def sample_plan(
    source: Source, encoding: EncodingOptions, pool: PoolMethod, session: Session, observe: Observer
) -> SamplePlan | None:
    """Choose the parts that `--sample` asks for.

    Args:
        source: The clip.
        encoding: Says how many and how long.
        pool: How frame scores are pooled.
        session: Looks at the source.
        observe: Is told where the whole clip is measured all the same.

    Returns:
        None for the whole clip.

    Raises:
        UsageError: The options make no sense.
        MediaError: The frame rate varies, so that parts cannot be cut.
    """
    if encoding.sample is None:
        if encoding.verify:
            raise UsageError(
                "--verify goes with --sample, which makes the estimate that it verifies. Without "
                "--sample, answers are measured on the whole clip anyway."
            )
        return None
    if encoding.verify and encoding.strategy is not SearchStrategy.INTERPOLATE:
        raise UsageError(
            "--verify starts from the estimate, and --strategy bisect from the middle. Leave one "
            "of them out."
        )
    if not encoding.verify and not is_estimable(pool):
        raise UsageError(
            f"--sample cannot estimate {_NAMES[pool]} of a clip: its worst frames may lie outside "
            "of the parts, so that an answer would miss the target. Add --verify, which measures "
            "the whole clip too, or pool by --pool mean or harmonic_mean."
        )
    n_parts, length_s = parse_sample(encoding.sample)
    length = round(length_s * source.frame_rate)
    if length < _SHORTEST_FRAMES:
        raise UsageError(
            f"Parts of {float(length_s):g} s are {counted(length, 'frame')}, and too short to "
            f"stand for a clip: make them {seconds_of(_SHORTEST_FRAMES, source)} s at least."
        )
    if source.variable_frame_rate:
        raise MediaError(
            f"The frame rate of '{source.path}' varies, so that parts of it cannot be cut. Leave "
            "out --sample, or convert it to a constant frame rate."
        )
    plan = choose_segments(session.complexity(source), n_parts, length)
    if plan is None:
        observe(
            Warned(
                f"A sample of {encoding.sample} would be nearly all of the clip's "
                f"{source.duration_s:.1f} s, or more, so the whole clip is measured."
            )
        )
    return plan


def seconds_of(n_frames: int, source: Source) -> str:
    """Write how long so many frames last, rounded up to a hundredth of a second."""
    return f"{math.ceil(n_frames / source.frame_rate * 100) / 100:g}"

"""Parts of a clip: those that stand for the whole of it, and those that it is divided into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen
from vmafx_tune.model import PoolMethod
from vmafx_tune.parsing import parse_sample
from vmafx_tune.sampling.estimates import is_estimable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.model import Complexity, Source
    from vmafx_tune.options import EncodingOptions
    from vmafx_tune.scoring.conditions import Condition
    from vmafx_tune.session import Session

__all__ = [
    "LOOK_LEAD_IN",
    "SamplePlan",
    "Segment",
    "choose_segments",
    "chunk_plan",
    "chunks_of",
    "look_plan",
    "look_subsample",
    "sample_plan",
    "seconds_of",
]

LOOK_LEAD_IN = 6
"""Frames at the start of each part of a look that count for nothing: encoders take some to settle
after a cut."""

# It divides the length of parts, and meets frames of all depths of an encoder's hierarchy.
_LOOK_SUBSAMPLE = 3
_PIECE_FRAMES = 12
_FEWEST_PIECES, _MOST_PIECES = 3, 8
# What few parts are off by falls with the root of their number, and what they cost of a probe rises
# with their share of the clip: the best number is about the root of its length.
_PIECES = 0.27
_FEWEST_FRAMES = 100
# From here on, what a sample leaves out is not worth its error.
_NEARLY_ALL = 0.9
_TRIED_PER_LENGTH = 8
# Places whose complexity is equal but for so much of the clip's mean are equally good.
_SAME_COST = 0.02


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A run of frames.

    Attributes:
        first_frame: Counts the clip's frames from 0.
        n_frames: Length, at least 1.
    """

    first_frame: int
    n_frames: int

    @property
    def end_frame(self) -> int:
        """One past the last frame."""
        return self.first_frame + self.n_frames


@frozen
class SamplePlan:
    """Which parts of a clip are measured.

    Attributes:
        segments: At least one, in order, without overlap.
        n_frames: Frames of the whole clip.

    Raises:
        ValueError: The segments are none, overlap, are out of order, or go beyond the clip.
    """

    segments: tuple[Segment, ...]
    n_frames: int

    def __post_init__(self) -> None:
        overlap = any(one.end_frame > other.first_frame for one, other in pairwise(self.segments))
        empty = any(segment.n_frames < 1 for segment in self.segments)
        if not self.segments or overlap or empty:
            raise ValueError(f"The segments {self.segments} are missing, empty or overlapping.")
        if self.segments[0].first_frame < 0 or self.segments[-1].end_frame > self.n_frames:
            raise ValueError(f"The segments {self.segments} go beyond 0..{self.n_frames}.")

    @property
    def n_sampled(self) -> int:
        """Frames in the segments."""
        return sum(segment.n_frames for segment in self.segments)

    @property
    def share(self) -> float:
        """Part of the clip that is measured, above 0 and up to 1."""
        return self.n_sampled / self.n_frames


def chunk_plan(n_frames: int, length: int, gop_frames: int = 1) -> tuple[Segment, ...]:
    """Divide a clip into chunks that are encoded by themselves.

    Args:
        n_frames: Length of the clip, at least 1.
        length: Frames that a chunk should have, at least 1.
        gop_frames: What the chunks' lengths are multiples of.

    Returns:
        The chunks, in order and without gaps, all of the multiple nearest to `length` but the last.
        That has what is left; where that is less than half a chunk, the one before has it too.
    """
    length = max(1, round(length / gop_frames)) * gop_frames
    firsts = range(0, max(n_frames - (length - 1) // 2, 1), length)
    return tuple(Segment(first, end - first) for first, end in pairwise([*firsts, n_frames]))


def look_plan(n_frames: int, probe_frames: int | None = None) -> SamplePlan | None:
    """Choose the parts for a cheap look at a clip: short ones, evenly spread.

    Several short parts stand for a clip better than one long part, which shows a moment of it. A
    look at ten seconds encodes a fifth of them, and one at a minute a fifteenth.

    Args:
        n_frames: Length of the clip.
        probe_frames: What a probe takes of it, if not all.

    Returns:
        None where probes are too short for looks to pay.
    """
    probe_frames = probe_frames or n_frames
    if probe_frames < _FEWEST_FRAMES:
        return None
    wanted = round(_PIECES * math.sqrt(probe_frames))
    n_pieces = min(max(wanted, _FEWEST_PIECES), _MOST_PIECES)
    stratum = n_frames / n_pieces
    firsts = (int((index + 0.5) * stratum - _PIECE_FRAMES / 2) for index in range(n_pieces))
    return SamplePlan(tuple(Segment(first, _PIECE_FRAMES) for first in firsts), n_frames)


def look_subsample(pool: PoolMethod, subsample: int, conditions: Sequence[Condition] = ()) -> int:
    """Choose how many frames of a look stand for one that is scored.

    Args:
        pool: How frame scores are pooled; the worst of a few frames would say little.
        subsample: As for probes, at least 1.
        conditions: What else is pooled.
    """
    all_means = is_estimable(pool) and all(condition.is_mean for condition in conditions)
    return max(subsample, _LOOK_SUBSAMPLE if all_means else 1)


def choose_segments(complexity: Complexity, n_segments: int, length: int) -> SamplePlan | None:
    """Choose the parts that stand for a clip, by its content.

    The clip is divided evenly in time, and each stratum gives one part: the one whose complexity is
    nearest to the stratum's mean, so that the sample is as hard to encode as the clip. Among equals
    a part that begins with a scene or a group of pictures wins, then the one nearest the middle.

    Args:
        complexity: Of each frame of the clip.
        n_segments: How many parts, at least 1.
        length: Frames of each, at least 1.

    Returns:
        The parts, in order; None where they would be nearly all of the clip, or more.
    """
    n_frames = len(complexity.costs)
    if n_segments * length > _NEARLY_ALL * n_frames or length > n_frames // n_segments:
        return None
    sums = [0.0, *accumulate(complexity.costs)]
    bounds = [index * n_frames // n_segments for index in range(n_segments + 1)]
    starts = frozenset(complexity.starts)
    return SamplePlan(
        tuple(
            Segment(_best_start(sums, starts, stratum, length), length)
            for stratum in pairwise(bounds)
        ),
        n_frames,
    )


def _best_start(
    sums: list[float], starts: frozenset[int], stratum: tuple[int, int], length: int
) -> int:
    begin, end = stratum
    usual = sums[-1] / (len(sums) - 1) or 1.0
    wanted = (sums[end] - sums[begin]) / (end - begin)
    middle = (begin + end - length) // 2

    def badness(start: int) -> tuple[int, bool, int, int]:
        found = (sums[start + length] - sums[start]) / length
        difference = round(abs(found - wanted) / usual / _SAME_COST)
        return difference, start not in starts, abs(start - middle), start

    last = end - length
    grid = range(begin, last + 1, max(1, length // _TRIED_PER_LENGTH))
    tried: set[int] = {*grid, middle, *(start for start in starts if begin <= start <= last)}
    return min(sorted(tried), key=badness)


_NAMES = {
    PoolMethod.MIN: "the minimum",
    PoolMethod.P1: "the 1st percentile",
    PoolMethod.P5: "the 5th percentile",
    PoolMethod.P10: "the 10th percentile",
}
# What an encoder looks ahead, and what a part leaves out at its beginning, must be little of it.
_SHORTEST_FRAMES = 12


def sample_plan(
    source: Source, encoding: EncodingOptions, pool: PoolMethod, session: Session
) -> SamplePlan | None:
    """Choose the parts that `--sample` asks for.

    Args:
        source: The clip.
        encoding: Says how many and how long.
        pool: How frame scores are pooled.
        session: Looks at the source, and tells a user where the whole clip is measured after all.

    Returns:
        None for the whole clip.

    Raises:
        UsageError: The options make no sense.
        MediaError: The frame rate varies, so that parts cannot be cut.
    """
    if encoding.sample is None:
        if encoding.verify:
            raise UsageError(
                "--verify requires --sample. Without --sample, answers are measured on the whole "
                "clip anyway."
            )
        return None
    if encoding.verify and encoding.strategy is not SearchStrategy.INTERPOLATE:
        raise UsageError(
            "--verify starts from the estimate, but --strategy bisect starts from the middle. "
            "Leave one of them out."
        )
    if not encoding.verify and not is_estimable(pool):
        raise UsageError(
            f"--sample cannot estimate {_NAMES[pool]} of a clip: its worst frames may lie "
            "outside of the parts, and the answer would miss the target. Add --verify, which "
            "measures the whole clip too, or pool by --pool mean or harmonic_mean."
        )
    n_parts, length_s = parse_sample(encoding.sample)
    length = round(length_s * source.frame_rate)
    if length < _SHORTEST_FRAMES:
        raise UsageError(
            f"Parts of {float(length_s):g} s are {counted(length, 'frame')}, which is too short "
            f"to represent a clip: make them at least {seconds_of(_SHORTEST_FRAMES, source)} s."
        )
    if source.variable_frame_rate:
        raise MediaError(
            f"The frame rate of '{source.path}' varies, so it cannot be cut into parts. Leave "
            "out --sample, or convert it to a constant frame rate."
        )
    plan = choose_segments(session.reader.complexity(source), n_parts, length)
    if plan is None:
        session.warn(
            f"A sample of {encoding.sample} would cover nearly all of the clip's "
            f"{source.duration_s:.1f} s, or more, so the whole clip is measured."
        )
    return plan


def seconds_of(n_frames: int, source: Source) -> str:
    """Write how long so many frames last, rounded up to a hundredth of a second."""
    return f"{math.ceil(n_frames / source.frame_rate * 100) / 100:g}"


def chunks_of(
    source: Source, encoding: EncodingOptions, gop_frames: int | None = None
) -> tuple[Segment, ...]:
    """Divide a source as `--chunk` asks for.

    Args:
        source: The clip.
        encoding: Says how long the chunks are.
        gop_frames: Length of the closed GOPs, which chunks have a whole number of; None where
            keyframes are left to the encoder.

    Returns:
        None at all where the source is encoded as a whole: without the option, and where it is no
        longer than one chunk.

    Raises:
        UsageError: The chunks are too short, or the source is to be sampled.
        MediaError: The frame rate varies, so that chunks cannot be cut.
    """
    if encoding.chunk_s is None:
        return ()
    length = _checked_length(encoding.chunk_s, source)
    if encoding.sample is not None:
        raise UsageError(
            "--chunk measures the whole clip in chunks, but --sample measures parts of an encode "
            "in one piece. Leave one of them out."
        )
    if source.variable_frame_rate:
        raise MediaError(
            f"The frame rate of '{source.path}' varies, so it cannot be cut into chunks. Leave "
            "out --chunk, or convert it to a constant frame rate."
        )
    chunks = chunk_plan(source.n_frames, length, gop_frames or 1)
    return chunks if len(chunks) > 1 else ()


def _checked_length(chunk_s: float, source: Source) -> int:
    shortest = seconds_of(_SHORTEST_FRAMES, source)
    if not math.isfinite(chunk_s) or chunk_s <= 0:
        raise UsageError(f"{chunk_s:g} s is not a valid chunk length. Give {shortest} or more.")
    length = round(Fraction(chunk_s) * source.frame_rate)
    if length < _SHORTEST_FRAMES:
        raise UsageError(
            f"Chunks of {chunk_s:g} s are {counted(length, 'frame')}, which is too short to "
            f"encode separately: make them at least {shortest} s."
        )
    return length

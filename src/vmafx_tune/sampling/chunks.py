"""The chunks that a run encodes and scores a source in, where it is asked to."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.sampling.parts import chunk_plan
from vmafx_tune.sampling.sample import seconds_of

if TYPE_CHECKING:
    from vmafx_tune.model import Source
    from vmafx_tune.options import EncodingOptions
    from vmafx_tune.sampling.parts import Segment

__all__ = ["chunks_of"]

# What an encoder looks ahead at a usual preset; shorter chunks are no encodes that anyone delivers.
_SHORTEST_FRAMES = 12


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
            "--chunk measures all of the clip in chunks, and --sample measures parts of it as a "
            "whole encode would have them. Leave one of them out."
        )
    if source.variable_frame_rate:
        raise MediaError(
            f"The frame rate of '{source.path}' varies, so that it cannot be cut into chunks. "
            "Leave out --chunk, or convert it to a constant frame rate."
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
            f"Chunks of {chunk_s:g} s are {counted(length, 'frame')}, and too short to be encoded "
            f"by themselves: make them {shortest} s at least."
        )
    return length

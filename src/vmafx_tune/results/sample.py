"""What was measured of a clip where that was not the whole of it."""

from __future__ import annotations

from dataclasses import dataclass

from vmafx_tune.results.record import Count, NotNegative, Quality, Record, Share

__all__ = ["Sample", "SampleEstimate", "SampledPart"]


@dataclass(frozen=True)
class SampledPart(Record):
    """A part of the source that was measured."""

    first_frame: NotNegative
    """Counts the source's frames from 0."""
    n_frames: Count
    """Its length."""
    start_s: float
    """First frame over frame rate, in seconds."""


@dataclass(frozen=True)
class SampleEstimate(Record):
    """What the parts say of the whole source."""

    crf: Quality
    """The sample's answer, or its best setting where it has none."""
    bitrate_kbps: float
    """Estimated average video bitrate."""
    vmaf_score: float
    """Estimated pooled score."""
    vmaf_error: float | None
    """Half the width of its 95 % interval, from the spread between the parts; null for a single
    part, and for min, p1, p5 and p10, which parts give too high."""
    bitrate_error_kbps: float | None
    """Likewise, of the bitrate; null for a single part."""


@dataclass(frozen=True)
class Sample(Record):
    """The parts of the source that stood for it."""

    segments: tuple[SampledPart, ...]
    """In the order of the source."""
    share: Share
    """Part of the source's frames that they hold, from 0 to 1."""
    subsample: Count
    """Every n-th of their frames was scored."""
    verified: bool
    """The result is measured on the whole source, and the sample only showed the way; else the
    result is the estimate."""
    estimate: SampleEstimate | None = None
    """What the parts said; null where they were not searched, and for ladders."""

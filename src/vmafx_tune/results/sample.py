"""What was measured of a clip where that was not the whole of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sample", "SampleEstimate", "SampledPart"]


@dataclass(frozen=True, slots=True)
class SampledPart:
    """A part of a clip that was measured.

    Attributes:
        first_frame: Counts the clip's frames from 0.
        n_frames: Its length.
        start_s: First frame over frame rate, in seconds.
    """

    first_frame: int
    n_frames: int
    start_s: float


@dataclass(frozen=True, slots=True)
class SampleEstimate:
    """What the parts say of the whole clip, at one setting.

    Attributes:
        quality: Value of the quality knob: the sample's answer, or its best setting where none
            reaches the target.
        bitrate_kbps: Estimated average bitrate.
        vmaf: Estimated pooled score.
        vmaf_error: Half the width of its 95 % interval, from the spread between the parts; None for
            a single part, and for scores that are no mean: parts give too high a minimum and too
            high percentiles.
        bitrate_error_kbps: Likewise, of the bitrate; None for a single part.
    """

    quality: float
    bitrate_kbps: float
    vmaf: float
    vmaf_error: float | None
    bitrate_error_kbps: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The parts of a clip that stood for it.

    Attributes:
        parts: In the order of the clip.
        share: Part of the clip's frames that they hold, from 0 to 1.
        subsample: Every n-th of their frames was scored.
        verified: Whether the result is measured on the whole clip, so that the sample only showed
            the way; else it is the estimate.
        estimate: What the parts said; None where they were not asked for this result.
    """

    parts: tuple[SampledPart, ...]
    share: float
    subsample: int
    verified: bool
    estimate: SampleEstimate | None = None

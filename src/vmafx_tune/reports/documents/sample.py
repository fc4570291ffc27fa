"""Samples of a clip in JSON: which parts stood for it, and what they said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from vmafx_tune.reports.documents.fields import Document, Number, Quality

if TYPE_CHECKING:
    from vmafx_tune.results.sample import Sample, SampleEstimate

__all__ = ["SampledClip", "sampled_clip"]


class SampledSegment(Document):
    """A part of the source that was measured."""

    first_frame: int = Field(description="Counts the source's frames from 0.")
    n_frames: int = Field(description="Its length.")
    start_s: Number = Field(description="First frame over frame rate, in seconds.")


class Estimate(Document):
    """What the parts say of the whole source."""

    crf: Quality = Field(description="The sample's answer, or its best setting where it has none.")
    bitrate_kbps: Number = Field(description="Estimated average video bitrate.")
    vmaf_score: Number = Field(description="Estimated pooled score.")
    vmaf_error: Number = Field(
        description="Half the width of its 95 % interval, from the spread between the parts; null "
        "for a single part, and for min, p1, p5 and p10, which parts give too high."
    )
    bitrate_error_kbps: Number = Field(
        description="Likewise, of the bitrate; null for a single part."
    )


class SampledClip(Document):
    """The parts of the source that stood for it."""

    segments: list[SampledSegment] = Field(description="In the order of the source.")
    share: Number = Field(description="Part of the source's frames that they hold, from 0 to 1.")
    subsample: int = Field(description="Every n-th of their frames was scored.")
    verified: bool = Field(
        description="The result is measured on the whole source, and the sample only showed the "
        "way; else the result is the estimate."
    )
    estimate: Estimate | None = Field(
        description="What the parts said; null where they were not searched, and for ladders."
    )


def sampled_clip(sample: Sample | None) -> SampledClip | None:
    """Write a sample; null for a source that was measured as a whole from the start."""
    if sample is None:
        return None
    return SampledClip(
        segments=[
            SampledSegment(
                first_frame=part.first_frame, n_frames=part.n_frames, start_s=part.start_s
            )
            for part in sample.segments
        ],
        share=sample.share,
        subsample=sample.subsample,
        verified=sample.verified,
        estimate=_estimate(sample.estimate),
    )


def _estimate(estimate: SampleEstimate | None) -> Estimate | None:
    if estimate is None:
        return None
    return Estimate(
        crf=estimate.crf,
        bitrate_kbps=estimate.bitrate_kbps,
        vmaf_score=estimate.vmaf_score,
        vmaf_error=estimate.vmaf_error,
        bitrate_error_kbps=estimate.bitrate_error_kbps,
    )

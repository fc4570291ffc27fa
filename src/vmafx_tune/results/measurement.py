"""What the results of all commands that measure have in common: how, of which parts, and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vmafx_tune._version import __version__
from vmafx_tune.model import Comparison
from vmafx_tune.results.record import (
    Count,
    NotNegative,
    PoolText,
    Quality,
    Record,
    Result,
    Share,
    SizeText,
    Span,
)

__all__ = [
    "MetricScores",
    "PooledScores",
    "Provenance",
    "Sample",
    "SampleEstimate",
    "SampledPart",
    "WorstFrame",
    "WorstSecond",
]


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Provenance(Result):
    """What measured, how and of what; None where a saved result does not tell."""

    tool_version: str = __version__
    """Version of vmafx-tune."""
    model: str
    """Name of the VMAF model."""
    pool: PoolText | None
    """How frame scores are pooled."""
    display: SizeText | None
    """Size at which the encodes were scored, as WxH."""
    comparison: Comparison | None
    """What both clips were brought to before they were compared; null where nothing was scored."""
    subsample: Count | None
    """Every n-th frame was scored."""
    backend: str | None
    """What computed the scores: ffmpeg, libvmaf or vmaf."""
    backend_version: str | None
    """libvmaf's version; empty where it is not told."""
    hdr: bool
    """The source is PQ or HLG, for which no public VMAF model is validated."""
    filter: str
    """ffmpeg filters before the source, as for -vf: encodes are made of what leaves them, and
    compared with that; empty for none."""
    wall_time_ms: Span | None
    """Duration of the whole run."""


@dataclass(frozen=True, kw_only=True)
class PooledScores(Record):
    """Every pooling of a clip's per-frame scores, in VMAF points."""

    mean: float
    """Arithmetic mean."""
    harmonic_mean: float
    """n / Σ(1/(s+1)) - 1, as libvmaf pools."""
    min: float
    """Lowest frame score."""
    max: float
    """Highest frame score."""
    p1: float
    """1st percentile."""
    p5: float
    """5th percentile."""
    p10: float
    """10th percentile."""


@dataclass(frozen=True, kw_only=True)
class MetricScores(Record):
    """Every pooling of a metric's per-frame values; null where equal pictures make it infinite."""

    better: Literal["higher", "lower"]
    """Which values are the better ones."""
    mean: float | None
    """Arithmetic mean."""
    harmonic_mean: float | None
    """n / Σ(1/(s+1)) - 1, as libvmaf pools; null where lower values are better."""
    min: float | None
    """Lowest value."""
    max: float | None
    """Highest value."""
    p1: float | None
    """1st percentile."""
    p5: float | None
    """5th percentile."""
    p10: float | None
    """10th percentile."""
    p90: float | None
    """90th percentile."""
    p95: float | None
    """95th percentile."""
    p99: float | None
    """99th percentile."""


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


@dataclass(frozen=True, kw_only=True)
class WorstFrame(Record):
    """One of the frames with the lowest scores."""

    frame: NotNegative
    """Its number in the distorted clip, from 0."""
    time_s: Span
    """When it is shown: its number over the frame rate."""
    time_code: str
    """The same as `HH:MM:SS.mmm`."""
    vmaf: float
    """VMAF points."""


@dataclass(frozen=True, kw_only=True)
class WorstSecond(Record):
    """One of the seconds with the lowest mean scores."""

    start_s: Span
    """Where it begins, from the first frame."""
    vmaf_score: float
    """Mean of its frame scores."""
    time_code: str = ""
    """`start_s` as `HH:MM:SS.mmm`."""

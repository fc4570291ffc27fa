"""What `ladder` returns.

What has a default may be missing in a ladder that another tool has written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from vmafx_tune.choices import Sampling, ScoreAt
from vmafx_tune.model import Comparison, Damage, Resolution
from vmafx_tune.results.measurement import PooledScores, Provenance, Sample
from vmafx_tune.results.record import (
    Command,
    Count,
    Given,
    NotNegative,
    OmittedWhenEmpty,
    PathText,
    PoolText,
    Positive,
    PythonOnly,
    Quality,
    RateText,
    Record,
    Side,
    SizeText,
    Span,
    State,
    one_of,
)
from vmafx_tune.results.rung_choice import LENIENT, RungChoice
from vmafx_tune.results.search import StrategyText

__all__ = [
    "Encode",
    "HullPoint",
    "LadderCell",
    "LadderEncoding",
    "LadderPoint",
    "LadderResult",
    "LadderRung",
    "LadderSource",
    "MeasuredEncode",
]


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class _Part(Record):
    __pydantic_config__ = LENIENT


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class _Sized(_Part):
    width: Side
    """Of the encoded picture, in samples."""
    height: Side
    """Likewise."""

    @property
    def resolution(self) -> Resolution:
        """Size of the encoded picture."""
        return Resolution(self.width, self.height)

    @property
    def pixels(self) -> int:
        """Samples of a picture."""
        return self.width * self.height


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Encode(_Sized):
    """A point in bitrate and quality."""

    bitrate_kbps: Positive
    """Video packets' bits over frames / frame rate."""
    vmaf: float
    """Pooled score in VMAF points."""
    crf: Quality
    """Value of the encoder's quality knob."""


@dataclass(frozen=True, kw_only=True)
class HullPoint(Encode):
    """A point of the upper hull of everything that was measured."""

    target_vmaf: float | None = None
    """Highest target that it is the answer to; null for none."""
    ok: bool = True
    """Always true."""
    error: str | None = None
    """Always null."""


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class MeasuredEncode(Encode):
    """One measured encode: what a rung can be made of."""

    peak_bitrate_kbps: Positive | None = None
    """Highest bitrate of the segments of `segment_duration`."""
    codecs: str = ""
    """Codec string for manifests; empty where not known."""
    vmaf_pooled: PooledScores | None = None
    """Every pooling of its frame scores."""
    size_bytes: NotNegative | None = None
    """Sum of the video packets' sizes."""
    encoder_version: str = ""
    """From the encoder's banner or bitstream; empty where not known."""
    encode_command: Command | None = None
    """Shell command that reproduces the encode; after `chunk_commands`, which it joins, where those
    are not empty."""
    chunk_commands: tuple[Command, ...] = ()
    """Shell commands that reproduce its chunks, in order; empty for an encode of the whole
    source."""
    maxrate_kbps: Positive | None = None
    """Cap on its bitrate; null for none."""
    bufsize_kbits: Positive | None = None
    """Buffer of the cap; null for none."""


@dataclass(frozen=True, kw_only=True)
class LadderRung(MeasuredEncode):
    """A rung of the ladder."""

    name: str | None = None
    """What its files and its entry in manifests are."""
    target_vmaf: float | None = None
    """Highest target that it is the answer to; null for none."""
    frame_rate: float | None = None
    """Frames per second."""


@dataclass(frozen=True, kw_only=True)
class LadderPoint(MeasuredEncode):
    """One measured encode."""

    encode_time_ms: Span | None = None
    """Wall time of the encode."""
    score_time_ms: Span | None = None
    """Wall time of decoding and scoring."""
    side_by_side: OmittedWhenEmpty[bool] = field(default=False, compare=False)
    """Other encodes were made at the same time, so that its times are longer than they would have
    been alone; missing where there were none."""
    cached: PythonOnly[bool] = field(default=False, compare=False)
    """Whether an earlier run had measured it."""
    comparison: PythonOnly[Comparison | None] = field(default=None, compare=False)
    """What it and the source were brought to; None where it is not known."""


@dataclass(frozen=True, kw_only=True)
class LadderCell(_Sized):
    """One resolution at one target."""

    bitrate_kbps: float | None
    """Video packets' bits over frames / frame rate; null in a failed cell."""
    vmaf: float | None
    """Pooled score in VMAF points; null in a failed cell."""
    crf: Quality
    """The worst-quality setting that reaches the target; -1 in a failed cell."""
    target_vmaf: float | None = None
    """Pooled score to reach; a tie passes."""
    ok: bool
    """The cell has its answer."""
    error: str | None = None
    """Why it has none, as a sentence."""
    error_kind: str | None = None
    """unreachable where only the target is out of reach, left_out where an adaptive ladder had no
    use for the cell, else failed."""
    note: str | None = None
    """What to know of an answer: what it lacks in proof, notes."""
    points: PythonOnly[tuple[LadderPoint, ...]] = ()
    """Every encode that was measured for this cell and for none before it."""

    @property
    def target(self) -> float:
        """Pooled score to reach, which only another tool's ladder may leave out."""
        return math.nan if self.target_vmaf is None else self.target_vmaf

    @classmethod
    def answered(
        cls,
        resolution: Resolution,
        target: float,
        *,
        crf: float,
        bitrate_kbps: float | None,
        vmaf: float | None,
        **more: Any,
    ) -> LadderCell:
        """Make a cell that has its answer.

        Args:
            resolution: The rendition's size.
            target: Pooled score to reach, in VMAF points.
            crf: Value of the quality knob that reaches it.
            bitrate_kbps: Average video bitrate there.
            vmaf: Pooled score there.
            more: Further fields.
        """
        return cls(
            width=resolution.width,
            height=resolution.height,
            target_vmaf=target,
            crf=crf,
            bitrate_kbps=bitrate_kbps,
            vmaf=vmaf,
            ok=True,
            **more,
        )

    @classmethod
    def failed(
        cls, resolution: Resolution, target: float, error: str | None, kind: str = "failed"
    ) -> LadderCell:
        """Make a cell without an answer.

        Args:
            resolution: The rendition's size.
            target: Pooled score to reach, in VMAF points.
            error: Why there is none, as a sentence.
            kind: `unreachable`, `left_out` or `failed`.
        """
        return cls(
            width=resolution.width,
            height=resolution.height,
            target_vmaf=target,
            crf=-1,
            bitrate_kbps=None,
            vmaf=None,
            ok=False,
            error=error,
            error_kind=kind,
        )


@dataclass(frozen=True, kw_only=True)
class LadderSource(_Part):
    """What the renditions inherit from the source; null where it is not known."""

    width: Side | None = None
    """After rotation, in samples."""
    height: Side | None = None
    """Likewise."""
    frame_rate: RateText | None = None
    """Frames per second, exactly: `25`, `30000/1001`."""
    n_frames: Count | None = None
    """Frames of the source and of each rendition."""
    digest: str | None = None
    """Hash of its file, by which a changed source is found out."""
    pix_fmt: str | None = None
    """ffmpeg's name of its pixel format."""
    color_transfer: str | None = None
    """ffmpeg's name of its transfer function."""
    notes: tuple[str, ...] = ()
    """What an engineer should know of it, in sentences."""
    damage: Damage | None = None
    """Where it first does not decode cleanly, with --allow-damage; null where it does."""
    bitrate_kbps: float | None = None
    """Average bitrate of its video; null where it is far above that of all encodes."""

    @property
    def resolution(self) -> Resolution | None:
        """Size after rotation."""
        if self.width is None or self.height is None:
            return None
        return Resolution(self.width, self.height)

    @property
    def duration_s(self) -> float | None:
        """Length in seconds, as frames over frame rate."""
        if self.n_frames is None or self.frame_rate is None:
            return None
        return float(self.n_frames / self.frame_rate)


@dataclass(frozen=True, kw_only=True)
class LadderEncoding(_Part):
    """What all encodes of a ladder have in common beside their GOPs and caps."""

    preset: str | None = None
    """As it was named; null for the encoder's default."""
    depth: int | None = None
    """Bits per sample; null where that was left to the source."""
    encoder_args: str = ""
    """Further arguments of ffmpeg; empty for none."""
    notes: tuple[str, ...] = ()
    """What an engineer should know of the encodes, whatever rungs are chosen, in sentences."""


@dataclass(frozen=True, kw_only=True)
class LadderResult(Provenance):
    """Which renditions an adaptive ladder should hold for one source, and what was measured."""

    __pydantic_config__ = LENIENT
    command: ClassVar[str] = "ladder"
    leading: ClassVar[str] = (
        "schema_version src encoder target_vmafs resolutions tool_version wall_time_ms cloud hull "
        "renditions probes source display score_at model pool subsample backend backend_version "
        "ffmpeg_bin ffmpeg_version hdr gop_frames segment_duration sampling strategy new_probes "
        "sample chunk_frames filter comparison selection notes"
    )
    schema_version: Literal[1]
    """Version of this document's contract."""
    src: PathText
    """The source, as it was named."""
    encoder: str
    """ffmpeg's encoder name."""
    target_vmafs: tuple[Given, ...]
    """Pooled scores to reach, ascending."""
    resolutions: tuple[SizeText, ...]
    """Sizes that were tried, as WxH."""
    tool_version: str = ""
    wall_time_ms: Span | None = None
    """Duration of the run that measured."""
    cloud: tuple[LadderCell, ...]
    """One for each resolution and target, resolution-major, target-minor."""
    hull: tuple[HullPoint, ...] = ()
    """Upper hull of everything that was measured, by ascending bitrate."""
    renditions: tuple[LadderRung, ...] = ()
    """The rungs of the ladder, by ascending bitrate."""
    probes: tuple[LadderPoint, ...] = ()
    """Every encode that was measured, each once."""
    source: LadderSource = LadderSource()
    """Facts of the source."""
    display: SizeText | None = None
    """Size at which viewers watch, as WxH."""
    score_at: Annotated[ScoreAt, one_of(ScoreAt)] | None = None
    """Size at which renditions were scored: display or rendition, their own."""
    model: str = ""
    """Name of the VMAF model; empty where it is not known."""
    pool: PoolText | None = None
    subsample: Count | None = None
    backend: str = ""
    backend_version: str = ""
    ffmpeg_bin: PathText | None = None
    """Path of the ffmpeg used."""
    ffmpeg_version: str = ""
    """Version of the ffmpeg used."""
    hdr: bool = False
    gop_frames: Count | None = None
    """Length of the closed GOPs of all encodes."""
    maxrate_factor: Positive | None = None
    """Cap on the bitrate of all encodes, as a multiple of their averages without it; null for
    none."""
    bufsize_factor: Positive | None = None
    """Buffer of the cap, in seconds of these averages; null for none."""
    segment_duration: RateText | None = None
    """Seconds of the segments behind the peaks, exactly: `6`, `1001/250`."""
    encoding: LadderEncoding | None = None
    """How all of it was encoded; null where a saved ladder does not tell."""
    sampling: Annotated[Sampling, one_of(Sampling)] | None = None
    """`grid` where each cell was searched, `adaptive` where encodes were made where they could
    change the hull."""
    guided_by: tuple[str, ...] = ()
    """Encoders whose ladders, made before it in the same run, showed the adaptive sampling where to
    measure."""
    strategy: StrategyText | None = None
    """How the probes were chosen: `interpolate` or `bisect`."""
    new_probes: NotNegative | None = None
    """Encodes made by the run that measured; the other probes were known."""
    sample: Sample | None = None
    """Parts that stood for the source; null where it was measured as a whole from the start."""
    chunk_frames: Count | None = None
    """Frames of the chunks that each encode is made of, the last one's excepted; null for encodes
    of the whole source."""
    filter: str = ""
    comparison: Comparison | None = None
    """What renditions and source were brought to before they were compared; of sizes that differ,
    the largest."""
    selection: RungChoice | None = None
    """How the rungs were chosen; null where a saved ladder does not tell."""
    notes: tuple[str, ...] = ()
    """Sentences about what an engineer may want to change."""

    @property
    def state(self) -> State:
        """How it ended.

        `done` where there are rungs; without any `failed` where every cell failed for another
        reason than an unreachable target, else `missed`.
        """
        if self.renditions:
            return "done"
        kinds = {cell.error_kind for cell in self.cloud} - {"left_out"}
        return "failed" if kinds == {"failed"} else "missed"

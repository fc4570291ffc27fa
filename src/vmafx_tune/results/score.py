"""What `score` returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from vmafx_tune._version import __version__
from vmafx_tune.model import Damage, ScoreSet, Source, VmafModel
from vmafx_tune.results.measurement import (
    MetricScores,
    PooledScores,
    Provenance,
    WorstFrame,
    WorstSecond,
)
from vmafx_tune.results.record import (
    Count,
    OmittedWhenEmpty,
    PathText,
    PoolText,
    PythonOnly,
    RateText,
    Record,
    Result,
    SizeText,
    Span,
)

__all__ = ["Frame", "RemoteScoreResult", "ScoreResult", "Still"]


@dataclass(frozen=True, kw_only=True)
class Frame(Record):
    """One scored frame."""

    frame: int
    """Number of the pair, from 0."""
    vmaf: float
    """VMAF points."""
    features: dict[str, float]
    """Elementary features by libvmaf's log name."""
    metrics: OmittedWhenEmpty[dict[str, float | None]] = field(default_factory=dict)
    """Metrics of --metrics by name, VMAF excepted; null where they are infinite."""


@dataclass(frozen=True, kw_only=True)
class Still(Record):
    """One of the worst frames as pictures, as it was compared."""

    frame: int
    """Its number in the distorted clip, from 0."""
    reference: PathText
    """PNG of the reference."""
    distorted: PathText
    """PNG of the distorted clip."""
    difference: PathText
    """PNG of the difference of their luma, eight times as bright."""


@dataclass(frozen=True, kw_only=True)
class ScoreResult(Provenance):
    """How close a distorted clip is to its reference, in VMAF."""

    command: ClassVar[str] = "score"
    leading: ClassVar[str] = (
        "schema_version reference distorted model backend pool score pooled features n_frames "
        "tool_version backend_version display comparison subsample hdr wall_time_ms notes "
        "reference_damage distorted_damage offset filter"
    )
    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    reference: PathText
    """The reference, as it was named."""
    distorted: PathText
    """The distorted clip, as it was named."""
    pool: PoolText
    """How `score` is pooled over time."""
    score: float
    """Pooled score in VMAF points."""
    pooled: PooledScores
    """Every pooling of the same frame scores."""
    features: dict[str, float]
    """Mean of each elementary feature."""
    n_frames: int
    """Frame pairs compared."""
    backend: str
    backend_version: str
    display: SizeText
    """Size that both clips were brought to, as WxH."""
    subsample: Count
    wall_time_ms: Span
    notes: tuple[str, ...] = ()
    """What an engineer should know of the clips, in sentences."""
    reference_damage: Damage | None = None
    """Where the reference first does not decode cleanly, with --allow-damage; null where it
    does."""
    distorted_damage: Damage | None = None
    """Where the distorted clip first does not decode cleanly, with --allow-damage; null where it
    does."""
    offset: int = 0
    """Number of the reference's frame that the distorted's first one was compared with; negative
    where frames of the distorted were skipped."""
    filter: str
    """ffmpeg filters before the reference, as for -vf; empty for none."""
    frame_rate: RateText | None = None
    """Frames per second of the clips, exactly: `25`, `30000/1001`; where it varies, their
    average."""
    worst_frames: tuple[WorstFrame, ...] = ()
    """Frames with the lowest scores, the worst one first, at least a second apart."""
    worst_seconds: tuple[WorstSecond, ...] = ()
    """Seconds with the lowest mean scores, the worst one first, without overlap."""
    metrics: OmittedWhenEmpty[dict[str, MetricScores]] = field(default_factory=dict)
    """Metrics of --metrics by name. psnr and xpsnr are those of luma, psnr_hvs weighs all planes;
    psnr_cb and the like are those of single planes."""
    stills: OmittedWhenEmpty[tuple[Still, ...]] = ()
    """The worst frames as pictures, in their order; present with --stills only."""
    frames: OmittedWhenEmpty[tuple[Frame, ...]] = ()
    """Per-frame scores; present with --frames only."""
    reference_source: PythonOnly[Source] = field(repr=False)
    """The reference as probed."""
    distorted_source: PythonOnly[Source] = field(repr=False)
    """The distorted clip likewise."""
    vmaf_model: PythonOnly[VmafModel] = field(repr=False)
    """What scored."""
    scores: PythonOnly[ScoreSet] = field(repr=False)
    """The per-frame scores behind it."""

    def with_frames(self) -> ScoreResult:
        """Return the result with its per-frame scores, for JSON."""
        scores = self.scores
        frames = (
            Frame(
                frame=scores.frame_index(position),
                vmaf=vmaf,
                features={name: values[position] for name, values in scores.features.items()},
                metrics={name: values[position] for name, values in scores.metrics.items()},
            )
            for position, vmaf in enumerate(scores.frames)
        )
        return replace(self, frames=tuple(frames))


@dataclass(frozen=True, kw_only=True)
class RemoteScoreResult(Result):
    """What a scoring server tells of two clips: the fields of `score` that it knows."""

    command: ClassVar[str] = "remote_score"

    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    reference: str
    """The reference, by its name on the server."""
    distorted: str
    """The distorted clip, by its name on the server."""
    model: str
    """Name of the VMAF model; from an earlier server the one asked for, empty for the default."""
    backend: Literal["server"] = "server"
    """What computed the scores."""
    pool: str
    """How `score` is pooled over time."""
    score: float
    """Pooled score in VMAF points."""
    features: dict[str, float]
    """Mean of each elementary feature."""
    tool_version: str = __version__
    """Version of vmafx-tune that asked."""
    server: str
    """Address of the server."""
    request_id: str
    """What the server's log calls the request."""
    wall_time_ms: Span
    """Duration of the whole run."""
    model_version: str
    """Version of the model; of a custom one, the SHA-256 of its file."""
    server_backend: str
    """What the server computed them with: ffmpeg, libvmaf or vmaf."""
    backend_version: str
    """libvmaf's version; empty where it is not told."""
    n_frames: int | None
    """Frame pairs compared; null where it is not told."""
    subsample: int
    """Every n-th frame was scored."""
    pooled: PooledScores | None
    """Every pooling of the same frame scores; null where they are not told."""

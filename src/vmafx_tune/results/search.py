"""What `search` returns, and what it has in common with each row of `compare`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.model import Damage, Probe, Source
from vmafx_tune.results.measurement import MetricScores, PooledScores, Provenance, Sample
from vmafx_tune.results.record import (
    Command,
    Count,
    Given,
    OmittedWhenEmpty,
    PathText,
    PoolText,
    PythonOnly,
    Quality,
    Record,
    SizeText,
    Span,
    State,
    one_of,
)

__all__ = [
    "Answer",
    "BestEncode",
    "ConditionResult",
    "Estimate",
    "NonMonotone",
    "ProbeSummary",
    "SearchLimit",
    "SearchProvenance",
    "SearchResult",
    "StrategyText",
]

StrategyText = Annotated[SearchStrategy, one_of(SearchStrategy)]


@dataclass(frozen=True, kw_only=True)
class ProbeSummary(Record):
    """One probe: a trial encode with its score."""

    crf: Quality
    """Value of the encoder's quality knob."""
    bitrate_kbps: float
    """Video packets' bits over frames / frame rate."""
    vmaf_score: float
    """Pooled score in VMAF points."""
    encode_time_ms: float
    """Wall time of the encode."""
    score_time_ms: float
    """Wall time of decoding and scoring."""
    size_bytes: int
    """Sum of the video packets' sizes."""
    side_by_side: OmittedWhenEmpty[bool] = field(default=False, compare=False)
    """Other encodes were made at the same time, so that its times are longer than they would have
    been alone; missing where there were none."""
    metrics: OmittedWhenEmpty[dict[str, float | None]] = field(default_factory=dict)
    """With --require: the value of each condition, by metric and pooling, such as vmaf.p5; null
    where equal pictures make it infinite."""


@dataclass(frozen=True, kw_only=True)
class ConditionResult(Record):
    """A condition of --require, or the target, and what meets it."""

    condition: str
    """As in --require: vmaf.p5>=85."""
    value: float | None
    """At `best_crf`; null where equal pictures make it infinite."""
    ok: bool
    """The value meets it."""
    next_worse_value: float | None
    """At the next worse setting; null where that was not measured."""
    next_worse_ok: bool | None
    """Whether that value meets it; null likewise."""


@dataclass(frozen=True)
class SearchLimit(Record):
    """Why a search has no proven answer."""

    kind: str
    """knob_range, clip_ceiling, encoder_args, size, max_bitrate, max_iter, sample, subsample,
    no_proof or failed."""
    message: str
    """The same as a sentence."""


@dataclass(frozen=True, kw_only=True)
class Estimate(Record):
    """How far an answer that was estimated may be off: half the widths of 95 % intervals."""

    measured: bool
    """`best_crf` itself was measured, so that only the setting is an estimate."""
    crf_error: float | None
    """How far the worst-quality setting that reaches the target may be from `best_crf`; null where
    that is not known."""
    vmaf_error: float | None
    """How far `vmaf_score` may be from what `best_crf` has; null likewise."""
    bitrate_error_kbps: float | None
    """How far `bitrate_kbps` may be from what `best_crf` has; null likewise."""


@dataclass(frozen=True)
class NonMonotone(Record):
    """Two probes where the worse setting scored higher."""

    better_crf: Quality
    """The setting that should have scored higher."""
    worse_crf: Quality
    """The setting that did."""


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class BestEncode(Record):
    """The encode that is an answer; all of it is missing where there is none."""

    best_crf: Quality = -1
    """The worst-quality setting that reaches the target; -1 for a failed row."""
    bitrate_kbps: float | None = None
    """Average video bitrate at `best_crf`."""
    vmaf_score: float | None = None
    """Pooled score at `best_crf`."""
    encode_time_ms: float | None = None
    """Wall time of the encode at `best_crf`."""
    encode_command: Command | None = None
    """Shell command that reproduces the encode at `best_crf`; after `chunk_commands`, which it
    joins, where those are not empty."""
    chunk_commands: tuple[Command, ...] = ()
    """Shell commands that reproduce the chunks of the encode at `best_crf`, in order; empty for an
    encode of the whole source."""
    size_bytes: int | None = None
    """Sum of the video packets' sizes at `best_crf`."""
    vmaf_pooled: PooledScores | None = None
    """Every pooling of the scores at `best_crf`."""


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Answer(BestEncode):
    """What was found with one encoder for one target, and what proves it."""

    codec: str
    """ffmpeg's encoder name."""
    target_vmaf: Given
    """Pooled score to reach; a tie passes."""
    ok: bool
    """The target is reached."""
    error: str | None = None
    """Why it is not, as a sentence."""
    bisect_samples: tuple[ProbeSummary, ...] = ()
    """All probes, best quality first."""
    encoder_version: str = ""
    """From the encoder's banner or bitstream; empty where nothing was encoded."""
    converged: bool = False
    """The search ended by itself, not by --max-iter."""
    proven: bool = False
    """The answer was measured on every frame and reaches the target, and the next worse setting was
    measured and misses it or does not exist."""
    next_worse: ProbeSummary | None = None
    """The probe one step worse, which misses the target; null where there is none."""
    conditions: OmittedWhenEmpty[tuple[ConditionResult, ...]] = ()
    """With --require: the target and the conditions, all of which an answer meets."""
    next_worse_fails: OmittedWhenEmpty[tuple[str, ...]] = ()
    """With --require: the conditions that the next worse setting fails, the target among them."""
    metrics: OmittedWhenEmpty[dict[str, MetricScores]] = field(default_factory=dict)
    """With --require: the metrics of the conditions at `best_crf`, as of score."""
    limit: SearchLimit | None = None
    """What stood in the way of a proven answer."""
    estimate: Estimate | None = None
    """With --proof none: how far the answer may be off; null for one that was searched. Unless it
    was measured, `bitrate_kbps` and `vmaf_score` are estimates, and what only an encode tells is
    null."""
    non_monotone: tuple[NonMonotone, ...] = ()
    """Probes that contradict each other."""
    new_probes: int = 0
    """Encodes made by this search, stopped ones included; what the other settings gave was
    known."""
    too_large: tuple[Quality, ...] = ()
    """Settings whose encodes are above `max_bitrate_kbps`, best quality first. They were stopped as
    soon as that was certain, and have no sample."""
    sample: Sample | None = None
    """Parts that stood for the source; null where it was measured as a whole from the start."""
    chunk_frames: Count | None = None
    """Frames of the chunks that each encode is made of, the last one's excepted; null for encodes
    of the whole source."""
    notes: tuple[str, ...] = ()
    """What an engineer should know of the answer and its encoder, in sentences."""
    probes: PythonOnly[tuple[Probe, ...]] = field(default=(), repr=False)
    """The probes, best quality first. The scores of their frames come with the events
    `ProbeFinished`; here are those of a sample only."""

    @property
    def is_measured(self) -> bool:
        """Whether score and bitrate were measured, and are no estimates."""
        return self.estimate is None or self.estimate.measured

    @property
    def answer(self) -> Probe | None:
        """The probe at `best_crf`; None where there is none."""
        return next((probe for probe in self.probes if probe.quality == self.best_crf), None)


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class SearchProvenance(Provenance):
    """How the probes of searches were made."""

    src: PathText
    """The source, as it was named."""
    pool: PoolText
    display: SizeText
    subsample: Count
    wall_time_ms: Span
    strategy: StrategyText = SearchStrategy.INTERPOLATE
    """How the probes were chosen: `interpolate` or `bisect`."""
    max_bitrate_kbps: float | None = None
    """Bitrate that an answer may have at most; null for no limit."""
    damage: Damage | None = None
    """Where the source first does not decode cleanly, with --allow-damage; null where it does."""
    source: PythonOnly[Source] = field(repr=False)
    """The source as probed."""


@dataclass(frozen=True, kw_only=True)
class SearchResult(SearchProvenance, Answer):
    """The worst-quality setting of one encoder that still reaches one target."""

    command: ClassVar[str] = "search"
    leading: ClassVar[str] = (
        "schema_version src codec target_vmaf model pool best_crf bitrate_kbps vmaf_score "
        "converged proven encode_command bisect_samples ok error tool_version wall_time_ms "
        "encoder_version encode_time_ms size_bytes vmaf_pooled next_worse limit estimate "
        "non_monotone "
        "new_probes too_large sample chunk_frames chunk_commands notes backend backend_version "
        "display comparison subsample strategy max_bitrate_kbps damage hdr filter"
    )
    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    best_crf: Quality = -1
    """The answer. Where `ok` is false, the setting with the highest score, or -1 where nothing was
    measured."""
    vmaf_score: float | None = None
    """Pooled score at `best_crf`; below `target_vmaf` where `ok` is false."""

    @property
    def state(self) -> State:
        """How it ended."""
        return "done" if self.ok else "missed"

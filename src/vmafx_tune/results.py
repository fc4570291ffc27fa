"""What each command returns: frozen results that reports render and API users read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from vmafx_tune.model import PoolMethod, Probe, Resolution, ScoreSet, Source, VmafModel

__all__ = [
    "BdRate",
    "CompareResult",
    "CompareRow",
    "DoctorCheck",
    "DoctorResult",
    "EncoderStatus",
    "EncodersResult",
    "LadderCell",
    "LadderPoint",
    "LadderResult",
    "LadderRung",
    "PooledScores",
    "Result",
    "ScoreAt",
    "ScoreResult",
    "SearchLimit",
    "SearchResult",
]


@dataclass(frozen=True, slots=True)
class PooledScores:
    """Every pooling of one clip's per-frame scores, in VMAF points."""

    mean: float
    harmonic_mean: float
    min: float
    max: float
    p1: float
    p5: float
    p10: float


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """Outcome of `score`.

    Attributes:
        score: Pooled by `pool`.
        pooled: All poolings.
        feature_means: Mean of each elementary feature.
        scores: The per-frame scores behind it.
        display: Size at which the clips were compared.
        hdr: Whether the reference is PQ or HLG, for which VMAF is not validated.
    """

    reference: Source
    distorted: Source
    model: VmafModel
    pool: PoolMethod
    score: float
    pooled: PooledScores
    feature_means: dict[str, float]
    scores: ScoreSet
    display: Resolution
    hdr: bool
    wall_time_s: float


@dataclass(frozen=True, slots=True)
class SearchLimit:
    """Why a search has no proven answer.

    Attributes:
        kind: `knob_range`, `clip_ceiling`, `max_iter`, `subsample`, or `failed` where a probe
            failed.
        message: A sentence for people.
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Outcome of one search: one source, one encoder, one target.

    Attributes:
        encoder: ffmpeg's encoder name.
        target: The pooled score to reach, in VMAF points; a tie passes.
        answer: The probe at the worst-quality step that reaches the target. Where none does, the
            probe with the highest score, and `ok` is False.
        vmaf: `answer`'s pooled score.
        next_worse: The probe one step worse, measured and missing the target; None when the answer
            is the end of the range or was not proven.
        probes: Every probe of this search, from the best quality step to the worst.
        ok: Whether the target is reached.
        converged: Whether the search ended by itself, not by `max_iter`.
        proven: Whether the answer and its neighbour were measured on every frame.
        limit: What stood in the way; None for a proven answer.
        non_monotone: Pairs of qualities `(better, worse)` where the worse setting scored higher.
        new_probes: Probes that this search had to make; the others it already had.
    """

    source: Source
    encoder: str
    target: float
    model: VmafModel
    pool: PoolMethod
    display: Resolution
    subsample: int
    answer: Probe | None
    vmaf: float | None
    next_worse: Probe | None
    probes: tuple[Probe, ...]
    vmafs: tuple[float, ...]
    ok: bool
    converged: bool
    proven: bool
    limit: SearchLimit | None
    non_monotone: tuple[tuple[float, float], ...]
    new_probes: int
    wall_time_s: float


@dataclass(frozen=True, slots=True)
class BdRate:
    """Bjøntegaard delta rate of one encoder against the anchor.

    Attributes:
        encoder: The encoder under test.
        anchor: The encoder it is held against.
        percent: Bitrate difference at equal quality; negative means fewer bits. None where it
            cannot be computed, and `reason` says why.
        overlap: VMAF interval over which both curves were integrated.
        n_points: Points used of (encoder, anchor).
    """

    encoder: str
    anchor: str
    percent: float | None
    overlap: tuple[float, float] | None
    n_points: tuple[int, int]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CompareRow:
    """One encoder at one target.

    Attributes:
        search: What the search found or measured before it failed; None where the encoder cannot
            run here.
        error: Why the row failed, as a plain sentence; None when it is ok.
        error_kind: `unreachable` when only the target was out of reach, else `failed`.
    """

    encoder: str
    target: float
    search: SearchResult | None
    error: str | None = None
    error_kind: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the row has its answer."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class CompareResult:
    """Outcome of `compare`.

    Attributes:
        targets: In ascending order.
        rows: Grouped by target; within one, ok rows by bitrate then encoder, failed rows last.
        bd_rates: One for each encoder but the anchor; empty without an anchor.
        ffmpeg: Path of the ffmpeg used.
    """

    source: Source
    encoders: tuple[str, ...]
    targets: tuple[float, ...]
    model: VmafModel
    pool: PoolMethod
    display: Resolution
    subsample: int
    rows: tuple[CompareRow, ...]
    bd_rates: tuple[BdRate, ...]
    anchor: str | None
    wall_time_s: float
    ffmpeg: Path
    ffmpeg_version: str
    backend: str
    backend_version: str


class ScoreAt(StrEnum):
    """The size at which the renditions of a ladder are scored."""

    DISPLAY = "display"
    RENDITION = "rendition"


@dataclass(frozen=True, slots=True)
class LadderPoint:
    """One measured encode of a ladder: what a rung can be made of.

    Attributes:
        quality: Value of the encoder's quality knob.
        bitrate_kbps: Average video bitrate.
        vmaf: Pooled score in VMAF points.
        peak_bitrate_kbps: Highest bitrate of its segments; None where it is not known.
        codecs: Codec string for manifests; empty where it is not known.
        command: ffmpeg arguments that reproduce it.
        pooled: Its frame scores, pooled in every way; None where they are not known.
        probe: The measurement behind it; None for a point of another origin.
    """

    resolution: Resolution
    quality: float
    bitrate_kbps: float
    vmaf: float
    peak_bitrate_kbps: float | None = None
    codecs: str = ""
    command: tuple[str, ...] = ()
    pooled: PooledScores | None = None
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class LadderCell:
    """One resolution at one target.

    Attributes:
        target: Pooled score to reach, in VMAF points.
        quality: Value of the quality knob that reaches it; None, as the next two, in a failed cell.
        bitrate_kbps: Average video bitrate there.
        vmaf: Pooled score there.
        error: Why the cell failed, as a plain sentence; None when it is ok.
        error_kind: `unreachable` when only the target was out of reach, else `failed`.
        note: What is to be known of an answer that is not proven, as a sentence.
        probe: The measurement that is the answer; None in a failed cell, or where the sampler does
            not tell it.
        points: Every point that was measured for this cell and for none before it.
    """

    resolution: Resolution
    target: float
    quality: float | None = None
    bitrate_kbps: float | None = None
    vmaf: float | None = None
    error: str | None = None
    error_kind: str | None = None
    note: str | None = None
    probe: Probe | None = None
    points: tuple[LadderPoint, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the cell has its answer."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class LadderRung:
    """A rendition chosen for the ladder.

    Attributes:
        target: Highest target whose cell's answer it is; None for a probe made on the way to one.
        frame_rate: Frames per second.

    The others are those of `LadderPoint`.
    """

    resolution: Resolution
    quality: float
    bitrate_kbps: float
    vmaf: float
    frame_rate: Fraction
    peak_bitrate_kbps: float | None = None
    codecs: str = ""
    command: tuple[str, ...] = ()
    pooled: PooledScores | None = None
    target: float | None = None
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class LadderResult:
    """Outcome of `ladder`.

    Attributes:
        encoder: ffmpeg's encoder name.
        targets: In ascending order.
        resolutions: In the order of the cells.
        display: Size at which a viewer watches.
        score_at: Whether renditions were scored at `display` or at their own size.
        cells: One for each resolution and target, resolution-major, target-minor.
        hull: Upper hull of all measured points, by ascending bitrate.
        rungs: By ascending bitrate; the score strictly rises too. Empty where nothing was measured.
        notes: Sentences about what an engineer may want to change.
        gop_s: Duration of the closed GOPs of all encodes; None where keyframes were left to the
            encoder.
        ffmpeg: Path of the ffmpeg used.
    """

    source: Source
    encoder: str
    targets: tuple[float, ...]
    resolutions: tuple[Resolution, ...]
    display: Resolution
    score_at: ScoreAt
    model: VmafModel
    pool: PoolMethod
    subsample: int
    cells: tuple[LadderCell, ...]
    hull: tuple[LadderPoint, ...]
    rungs: tuple[LadderRung, ...]
    notes: tuple[str, ...]
    gop_s: float | None
    ffmpeg: Path
    ffmpeg_version: str
    backend: str
    backend_version: str
    wall_time_s: float


@dataclass(frozen=True, slots=True)
class EncoderStatus:
    """One row of the encoder registry, and what it is worth on this machine.

    Attributes:
        name: ffmpeg's encoder name.
        aliases: Other names that `--codec` takes.
        codec: What it writes: `h264`, `hevc`, `av1`, `vp9` or `vvc`.
        kind: `software`, or the hardware's programming interface: `nvenc`, `qsv`, `amf`,
            `videotoolbox`.
        knob: ffmpeg's option for constant quality, without the dash: `crf`, `cq`, `qp`, `q:v` …
        lo: Lowest value of the knob.
        hi: Highest value of the knob.
        default: The encoder's own default.
        increment: Smallest change that the encoder tells apart.
        higher_is_better: Whether a higher value means better quality.
        presets: Native values of the preset option, as the encoder takes them.
        compiled: Whether this ffmpeg has it.
        opens: Whether a trial encode works on this machine.
        reason: Why it does not open, as a plain sentence; None where it does.
        version: From the encoder's own banner or bitstream; empty where it is not known.
    """

    name: str
    aliases: tuple[str, ...]
    codec: str
    kind: str
    knob: str
    lo: float
    hi: float
    default: float
    increment: float
    higher_is_better: bool
    presets: tuple[str, ...]
    compiled: bool
    opens: bool
    reason: str | None
    version: str


@dataclass(frozen=True, slots=True)
class EncodersResult:
    """Outcome of `encoders`.

    Attributes:
        encoders: In the registry's order.
        ffmpeg: Path of the ffmpeg asked; None where there is none.
    """

    encoders: tuple[EncoderStatus, ...]
    ffmpeg: Path | None = None
    ffmpeg_version: str = ""


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One thing that `doctor` looked at.

    Attributes:
        name: What was looked at: `ffmpeg`, `libvmaf`, `models`, `cache` …
        ok: Whether it can be used.
        value: What was found in a word: a version or a count; empty where nothing was.
        detail: Where it was found, or what was tried; may be empty.
        advice: What to do about it, as a sentence; None where there is nothing to do.
        required: Whether nothing works without it.
    """

    name: str
    ok: bool
    value: str
    detail: str
    advice: str | None
    required: bool = True


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """Outcome of `doctor`."""

    checks: tuple[DoctorCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that is required can be used."""
        return all(check.ok for check in self.checks if check.required)


Result: TypeAlias = ScoreResult | SearchResult | CompareResult | EncodersResult | DoctorResult
"""What any command returns."""

"""What `ladder` returns. All of it can be written to JSON and read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from vmafx_tune.choices import Sampling, ScoreAt, SearchStrategy, Spacing
from vmafx_tune.results.record import Result

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from vmafx_tune.model import Comparison, Damage, PoolMethod, Resolution
    from vmafx_tune.results.sample import Sample
    from vmafx_tune.results.score import PooledScores

__all__ = [
    "LadderCell",
    "LadderPoint",
    "LadderResult",
    "LadderRung",
    "LadderTitle",
    "RungChoice",
    "Sampling",
    "ScoreAt",
    "Spacing",
]


@dataclass(frozen=True, slots=True)
class RungChoice:
    """How the rungs of a ladder were chosen; limits are None for none.

    Attributes:
        vmaf_step: VMAF points from rung to rung, for `Spacing.VMAF`.
        min_vmaf: No rung scores less.
        max_vmaf: The top rung is the cheapest that reaches this.
        throughput: The viewers that `Spacing.OPTIMAL` chose for: `MEDIAN:SIGMA` of a log-normal
            distribution in kb/s, or the CSV file of measured values; None where none were given.
        safety_factor: Share of the throughput that a player dares to use.
        mixed_resolutions: Whether a rung's picture may be smaller than that of a rung below it.
    """

    spacing: Spacing
    max_rungs: int
    min_bitrate_gap_kbps: float
    vmaf_step: float
    min_vmaf: float | None
    max_vmaf: float | None
    min_bitrate_kbps: float | None
    max_bitrate_kbps: float | None
    throughput: str | None
    safety_factor: float
    mixed_resolutions: bool = False


@dataclass(frozen=True, slots=True)
class LadderTitle:
    """The source of a ladder, as far as its renditions inherit from it.

    Attributes:
        path: The file, as the user named it.
        resolution: After rotation; None, as what follows, where a saved ladder does not tell.
        frame_rate: Frames per second.
        n_frames: Frames of the source, and of each rendition.
        pix_fmt: ffmpeg's name of its pixel format.
        color_transfer: ffmpeg's name of the transfer function.
        notes: Sentences about the file that an engineer should know.
        damage: Damage that the user accepted; None for a file that decodes cleanly.
        bitrate_kbps: Average bitrate of its video; None where it is not known, or far above that of
            all encodes.
        filters: ffmpeg's filters before it; the other facts are of what leaves them.
    """

    path: Path
    resolution: Resolution | None = None
    frame_rate: Fraction | None = None
    n_frames: int | None = None
    pix_fmt: str | None = None
    color_transfer: str | None = None
    notes: tuple[str, ...] = ()
    damage: Damage | None = None
    bitrate_kbps: float | None = None
    filters: str = ""

    @property
    def duration_s(self) -> float | None:
        """Length in seconds, as frames over frame rate."""
        if self.n_frames is None or self.frame_rate is None:
            return None
        return float(self.n_frames / self.frame_rate)


@dataclass(frozen=True, slots=True)
class LadderPoint:
    """One measured encode of a ladder: what a rung can be made of.

    Attributes:
        quality: Value of the encoder's quality knob.
        bitrate_kbps: Average video bitrate.
        vmaf: Pooled score in VMAF points.
        peak_bitrate_kbps: Highest bitrate of its segments; None where it is not known.
        codecs: Codec string for manifests; empty where it is not known.
        command: ffmpeg arguments that reproduce it; empty where they are not known.
        pooled: Its frame scores, pooled in every way; None where they are not known.
        size_bytes: Sum of the video packets' sizes; None where it is not known.
        encode_time_s: Wall time of the encode; None where it is not known.
        score_time_s: Wall time of decoding and scoring; likewise.
        encoder_version: From the encoder's own banner or bitstream; empty where it is not known.
        cached: Whether an earlier run had measured it; says nothing of what was measured.
        chunk_commands: Of an encode in chunks, the commands of the chunks in order; `command` joins
            them. Empty otherwise.
        comparison: What it and the source were brought to; None where it is not known.
    """

    resolution: Resolution
    quality: float
    bitrate_kbps: float
    vmaf: float
    peak_bitrate_kbps: float | None = None
    codecs: str = ""
    command: tuple[str, ...] = ()
    pooled: PooledScores | None = None
    size_bytes: int | None = None
    encode_time_s: float | None = None
    score_time_s: float | None = None
    encoder_version: str = ""
    cached: bool = field(default=False, compare=False)
    chunk_commands: tuple[tuple[str, ...], ...] = ()
    comparison: Comparison | None = field(default=None, compare=False)

    @property
    def pixels(self) -> int:
        """Samples of a picture."""
        return self.resolution.pixels


@dataclass(frozen=True, slots=True)
class LadderCell:
    """One resolution at one target.

    Attributes:
        target: Pooled score to reach, in VMAF points.
        quality: Value of the quality knob that reaches it; None, as the next two, in a failed cell.
        bitrate_kbps: Average video bitrate there.
        vmaf: Pooled score there.
        error: Why the cell failed, as a plain sentence; None when it is ok.
        error_kind: `unreachable` when only the target was out of reach, `left_out` where the cell
            has no part in an adaptive ladder, else `failed`.
        note: What an engineer should know of the answer, in sentences; None where nothing is.
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
    points: tuple[LadderPoint, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the cell has its answer."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class LadderRung:
    """A rendition chosen for the ladder.

    Attributes:
        name: Tells it from the ladder's others; what its files and its entry in manifests are
            called.
        point: The measured encode.
        target: Highest target whose cell's answer it is; None for a probe made on the way to one.
    """

    name: str
    point: LadderPoint
    target: float | None = None


@dataclass(frozen=True, slots=True)
class LadderResult(Result):
    """Outcome of `ladder`.

    Attributes:
        encoder: ffmpeg's encoder name.
        targets: In ascending order.
        resolutions: In the order of the cells.
        display: Size at which a viewer watches; None, as what follows it with None, where a saved
            ladder does not tell.
        score_at: Whether renditions were scored at `display` or at their own size.
        model: Name of the VMAF model; empty where a saved ladder does not tell.
        cells: One for each resolution and target, resolution-major, target-minor.
        points: Every encode that was measured, each once.
        hull: Upper hull of the points, by ascending bitrate.
        rungs: By ascending bitrate; the score strictly rises too. Empty where nothing was measured,
            or the limits leave nothing.
        notes: Sentences about what an engineer may want to change.
        choice: How the rungs were chosen.
        gop_frames: Length of the closed GOPs of all encodes.
        segment_s: Duration of the segments that the peak bitrates are of, a whole number of GOPs.
        ffmpeg: Path of the ffmpeg used.
        wall_time_s: Duration of the run that measured.
        sampling: Whether each cell was searched, or encodes were made where they could change the
            hull; None where a saved ladder does not tell.
        strategy: How the searches of that run chose their probes; None where there were none.
        new_probes: Encodes that it made; the other points were known.
        sample: The parts of the title that stood for it, or that showed the searches their way;
            None where it was measured as a whole from the start.
        chunk_frames: Frames of the chunks that each encode is made of, the last one's excepted;
            None for encodes of the whole title.
        comparison: What renditions and source were brought to; of sizes that differ, the largest.
    """

    command: ClassVar[str] = "ladder"
    source: LadderTitle
    encoder: str
    targets: tuple[float, ...]
    resolutions: tuple[Resolution, ...]
    cells: tuple[LadderCell, ...]
    points: tuple[LadderPoint, ...]
    hull: tuple[LadderPoint, ...]
    rungs: tuple[LadderRung, ...]
    notes: tuple[str, ...]
    choice: RungChoice
    wall_time_s: float
    display: Resolution | None = None
    score_at: ScoreAt | None = None
    model: str = ""
    pool: PoolMethod | None = None
    subsample: int | None = None
    gop_frames: int | None = None
    segment_s: Fraction | None = None
    ffmpeg: Path | None = None
    ffmpeg_version: str = ""
    backend: str = ""
    backend_version: str = ""
    sampling: Sampling | None = None
    strategy: SearchStrategy | None = None
    new_probes: int | None = None
    sample: Sample | None = None
    chunk_frames: int | None = None
    comparison: Comparison | None = None

    @property
    def is_hdr(self) -> bool:
        """Whether the source is PQ or HLG, for which VMAF is not validated."""
        return self.source.color_transfer in {"smpte2084", "arib-std-b67"}

"""What `search` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.results.record import Result

if TYPE_CHECKING:
    from vmafx_tune.model import Comparison, PoolMethod, Probe, Resolution, Source, VmafModel
    from vmafx_tune.results.sample import Sample

__all__ = ["SearchLimit", "SearchResult", "SearchStrategy"]


@dataclass(frozen=True, slots=True)
class SearchLimit:
    """Why a search has no proven answer.

    Attributes:
        kind: `knob_range`, `clip_ceiling`, `encoder_args`, `size`, `max_bitrate`, `max_iter`,
            `sample`, `subsample`, or `failed` where a probe failed.
        message: A sentence for people.
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SearchResult(Result):
    """Outcome of one search: one source, one encoder, one target.

    Attributes:
        encoder: ffmpeg's encoder name.
        target: The pooled score to reach, in VMAF points; a tie passes.
        answer: The probe at the worst-quality step that reaches the target. Where none does, the
            probe with the highest score, and `ok` is False.
        vmaf: `answer`'s pooled score.
        next_worse: The probe one step worse, measured and missing the target; None when the answer
            is the end of the range or was not proven.
        probes: Every probe with a score, from the best quality step to the worst.
        ok: Whether the target is reached.
        converged: Whether the search ended by itself, not by `max_iter`.
        proven: Whether the answer and its neighbour were measured on every frame.
        limit: What stood in the way; None for a proven answer.
        non_monotone: Pairs of qualities `(better, worse)` where the worse setting scored higher.
        new_probes: Encodes that this search had to make, those that were stopped included; what
            the others measured was known.
        strategy: How the search chose them.
        max_bitrate_kbps: What an answer may have; None for no limit.
        too_large: Qualities of the encodes that are above it, the best first. They were stopped as
            soon as that was certain, and have no score.
        sample: The parts of the source that stood for it; None where it was measured as a whole
            from the start.
        chunk_frames: Frames of the chunks that each encode is made of, the last one's excepted;
            None for encodes of the whole source. The probes' `parts` are the chunks then.
        notes: Sentences about the answer and its encoder that an engineer should know.
    """

    command: ClassVar[str] = "search"
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
    strategy: SearchStrategy = SearchStrategy.INTERPOLATE
    max_bitrate_kbps: float | None = None
    too_large: tuple[float, ...] = ()
    sample: Sample | None = None
    chunk_frames: int | None = None

    @property
    def comparison(self) -> Comparison | None:
        """What source and encodes were brought to; None where nothing was scored."""
        return next((probe.scores.comparison for probe in self.probes), None)

    notes: tuple[str, ...] = ()

    @property
    def next_worse_vmaf(self) -> float | None:
        """`next_worse`'s pooled score; None where there is none."""
        if self.next_worse is None:
            return None
        scored = zip(self.probes, self.vmafs, strict=True)
        return next((v for probe, v in scored if probe.quality == self.next_worse.quality), None)

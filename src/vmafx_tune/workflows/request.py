"""What a search is asked: one encoder, its knob, one target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmafx_tune.results import SearchStrategy

if TYPE_CHECKING:
    from vmafx_tune.core.grid import KnobGrid
    from vmafx_tune.core.prior import Prior
    from vmafx_tune.core.segments import SamplePlan
    from vmafx_tune.model import PoolMethod, ProbeSpec

__all__ = ["SearchRequest"]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search, fully determined.

    Attributes:
        template: The probe to repeat; its `encode.quality` is replaced at every step.
        knob: What the encoder calls its quality knob, for messages.
        grid: The knob's values, by step.
        target: Pooled score to reach; a tie passes.
        pool: How frame scores are pooled.
        max_iter: Probes that the search may make.
        strategy: Which steps to measure.
        prior: What a typical clip scores over `grid`'s steps; None where nobody knows.
        sample: Parts that stand for the clip; None to measure the whole of it.
        verify: Whether the sample only shows the way, and the answer is measured on the whole clip.
        chunk_frames: Frames of the chunks that each encode is made of, the last one's excepted;
            None for encodes of the whole clip.
        caps: Further encoder arguments that may limit bitrate or quality, for messages.
        effort: How long its probes take, beside those of other encoders; in any unit.
        notes: What an engineer should know of the encoder and this source, in sentences.
    """

    template: ProbeSpec
    knob: str
    grid: KnobGrid
    target: float
    pool: PoolMethod
    max_iter: int = 12
    strategy: SearchStrategy = SearchStrategy.INTERPOLATE
    prior: Prior | None = None
    sample: SamplePlan | None = None
    verify: bool = False
    chunk_frames: int | None = None
    caps: tuple[str, ...] = ()
    effort: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def estimates(self) -> bool:
        """Whether its answer is an estimate from parts of the clip."""
        return self.sample is not None and not self.verify

    @property
    def n_frames(self) -> int:
        """Frames that one probe of it passes."""
        if self.sample is not None and self.estimates:
            return self.sample.n_sampled
        return self.template.encode.source.n_frames

    @property
    def max_bitrate_kbps(self) -> float | None:
        """What an answer may have at most; None for no limit."""
        return self.template.encode.max_bitrate_kbps

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.template.encode.encoder

    def at_target(self, target: float) -> SearchRequest:
        """Return the same request for another target."""
        return replace(self, target=target)

"""What a search is asked: one encoder, its knob, one target."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.frozen import frozen
from vmafx_tune.search.goal import Goal

if TYPE_CHECKING:
    from vmafx_tune.knob import Knob, Scout
    from vmafx_tune.model import PoolMethod, ProbeSpec
    from vmafx_tune.sampling.parts import SamplePlan
    from vmafx_tune.scoring.conditions import Condition
    from vmafx_tune.search.goal import Reading

__all__ = ["SearchRequest"]

# Processor time of a score, in that of an encode by libx264; see `EncoderRow.effort`.
_SCORING_EFFORT = 1.0
_HARDWARE_EFFORT = 0.5
# Starting the programs for a part takes about as long as scoring so many pixels; machines differ by
# a factor of three to either side.
_START_PIXELS = 8e6


@frozen
class SearchRequest:
    """One search, fully determined.

    Attributes:
        template: The probe to repeat; its `encode.quality` is replaced at every step.
        knob: The encoder's quality knob, narrowed to what may be tried.
        target: Pooled score to reach; a tie passes.
        pool: How frame scores are pooled.
        max_iter: Probes that the search may make.
        strategy: Which steps to measure.
        sample: Parts that stand for the clip; None to measure the whole of it.
        verify: Whether the sample only shows the way, and the answer is measured on the whole clip.
        chunk_frames: Frames of the chunks that each encode is made of, the last one's excepted;
            None for encodes of the whole clip.
        caps: Further encoder arguments that may limit bitrate or quality, for messages.
        effort: How long its probes take, beside those of other encoders; in any unit.
        notes: What an engineer should know of the encoder and this source, in sentences.
        conditions: What an answer must meet beside the target.
        has_typical_curve: Whether curves of the encoder were measured, and its knob has theirs.
        scouts: Presets that looks are taken with, the fastest first; none for its own preset.
    """

    template: ProbeSpec
    knob: Knob
    target: float
    pool: PoolMethod
    max_iter: int = 12
    strategy: SearchStrategy = SearchStrategy.INTERPOLATE
    sample: SamplePlan | None = None
    verify: bool = False
    chunk_frames: int | None = None
    caps: tuple[str, ...] = ()
    effort: float = 0.0
    notes: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    has_typical_curve: bool = True
    scouts: tuple[Scout, ...] = ()

    @property
    def goal(self) -> Goal:
        """What an answer must reach, whatever the target is."""
        return Goal(self.pool, self.conditions, self.knob.prior)

    def values_of(self, reading: Reading) -> dict[str, float | None]:
        """Name what an encode has for each condition, as results do."""
        names = (condition.name for condition in self.conditions)
        return dict(zip(names, reading.values, strict=True))

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
    def encode_cost(self) -> float:
        """What the encode of a frame should take, where its score takes 1."""
        encode, display = self.template.encode, self.template.display
        size = encode.size or encode.source.resolution
        return (self.effort or _HARDWARE_EFFORT) * size.pixels / display.pixels / _SCORING_EFFORT

    @property
    def work(self) -> float:
        """What one probe of it should take, in that of a frame."""
        n_parts = 1
        if self.sample is not None and self.estimates:
            n_parts = len(self.sample.segments)
        elif self.chunk_frames is not None:
            n_parts = ceil(self.n_frames / self.chunk_frames)
        return self.n_frames + n_parts * self._start_work

    def look_work(
        self, n_frames: int, subsample: int, n_parts: int = 1, *, effort: float = 1.0
    ) -> float:
        """What a look at so many frames should take, likewise.

        Args:
            n_frames: Frames that it encodes.
            subsample: It scores one in so many.
            n_parts: In which it encodes them.
            effort: Time of its encode in that of a probe's.
        """
        scored = self.template.subsample / subsample
        work = n_frames * (effort * self.encode_cost + scored) / (self.encode_cost + 1)
        return work + n_parts * self._start_work

    @property
    def _start_work(self) -> float:
        return _START_PIXELS / ((1 + self.encode_cost) * self.template.display.pixels)

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

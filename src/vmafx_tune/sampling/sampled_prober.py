"""A prober that measures parts of a clip and tells what the whole would be like."""

from __future__ import annotations

import dataclasses
from statistics import fmean
from typing import TYPE_CHECKING

from vmafx_tune.model import Probe
from vmafx_tune.sampling.part_probes import Parts, joined_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.model import EncodeSpec, ProbeSpec, ScoreSet, Source
    from vmafx_tune.ports import ProbeProgress, Prober
    from vmafx_tune.sampling.parts import SamplePlan, Segment

__all__ = ["SampledProber"]


class SampledProber:
    """Implements `ports.Prober` for a clip by probes of its parts. Thread-safe.

    Each part is a probe of its own, whose source is an excerpt: `prober` may recall it from a store
    or make it on another machine. What they measured is joined in the order of the clip, whichever
    ends first.

    Args:
        prober: Probes the parts; must be thread-safe if there are several workers.
        plan: Which parts.
        cut: Takes a part of a source.
        workers: Parts probed side by side.
        opening_weight: Says of an encoder how much of the first keyframe of a part counts.
        command: Builds the command that reproduces an encode of the whole clip; None leaves it out.
        lead_in: Frames at the start of each part whose scores are left out. An encoder spends more
            on its first picture than on those that follow, which counts for much in short parts.
    """

    def __init__(
        self,
        prober: Prober,
        plan: SamplePlan,
        *,
        cut: Callable[[Source, Segment], Source],
        workers: int = 1,
        opening_weight: Callable[[str], float],
        command: Callable[[EncodeSpec], tuple[str, ...]] | None = None,
        lead_in: int = 0,
    ) -> None:
        self._parts = Parts(prober, plan.segments, cut=cut, workers=workers)
        self._plan = plan
        self._command = command
        self._opening_weight = opening_weight
        self._lead_in = lead_in

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Encode and score the parts of `spec`'s source; see `ports.Prober`.

        Returns:
            Its bitrate is that of all parts together, without what each spends on its beginning;
            its size is what the whole would have then; its frame scores are those of the parts, one
            after the other; its times are the sums; its peak is the highest of any part.

        Raises:
            VmafxTuneError: As `prober` does; the message names the part.
        """
        return self._joined(spec, self._parts.probe(spec, on_progress))

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score the parts against themselves; see `ports.Prober`."""
        return self._parts.score_itself(spec)

    def known(self, template: ProbeSpec) -> tuple[Probe, ...]:
        """Recall all probes whose parts are all known; see `ports.Recaller`."""
        return tuple(self._joined(spec, probes) for spec, probes in self._parts.known(template))

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._parts.cancel()

    def _joined(self, spec: ProbeSpec, probes: Sequence[Probe]) -> Probe:
        source, first = spec.encode.source, probes[0]
        parts = tuple(
            self._counted(probe, segment, spec)
            for probe, segment in zip(probes, self._plan.segments, strict=True)
        )
        bits_per_frame = sum(
            part.bitrate_kbps * segment.n_frames
            for part, segment in zip(parts, self._plan.segments, strict=True)
        )
        bitrate_kbps = bits_per_frame / self._plan.n_sampled
        peaks = [p.peak_bitrate_kbps for p in probes if p.peak_bitrate_kbps is not None]
        return Probe(
            quality=spec.encode.quality,
            bitrate_kbps=bitrate_kbps,
            size_bytes=round(bitrate_kbps * 1000 / 8 * source.duration_s),
            scores=joined_scores([part.scores for part in parts]),
            encode_time_s=sum(probe.encode_time_s for probe in probes),
            score_time_s=sum(probe.score_time_s for probe in probes),
            encoder_version=first.encoder_version,
            command=() if self._command is None else self._command(spec.encode),
            codecs=first.codecs,
            pixel_format=first.pixel_format,
            dynamic_metadata=first.dynamic_metadata,
            peak_bitrate_kbps=max(peaks, default=None),
            cached=all(probe.cached for probe in probes),
            parts=parts,
        )

    def _counted(self, probe: Probe, segment: Segment, spec: ProbeSpec) -> Probe:
        """Leave out of a part's probe what it has for being encoded by itself."""
        bitrate_kbps = probe.bitrate_kbps
        if segment.first_frame and probe.keyframe_bytes and segment.n_frames > 1:
            duration_s = float(segment.n_frames / spec.encode.source.frame_rate)
            weight = self._opening_weight(spec.encode.encoder)
            size_bytes = _bytes_within_the_clip(
                probe, segment.n_frames, spec.encode.gop_frames, weight
            )
            bitrate_kbps = size_bytes * 8 / duration_s / 1000
        return dataclasses.replace(
            probe, bitrate_kbps=bitrate_kbps, scores=_settled(probe.scores, self._lead_in)
        )


def _bytes_within_the_clip(
    probe: Probe, n_frames: int, gop_frames: int | None, weight: float
) -> float:
    """Estimate what the frames of a part would take as a part of the clip."""
    opening, *later = probe.keyframe_bytes
    if gop_frames is None:
        usual = (probe.size_bytes - opening) / (n_frames - 1)
        return usual * (n_frames - weight) + opening * weight
    # Keyframes come in turn, wherever the part begins. The first one is no measure of the others
    # where there are any: encoders spend more on it.
    expected = n_frames / gop_frames
    keyframe = fmean(later or [opening])
    others = n_frames - 1 - len(later)
    usual = (probe.size_bytes - opening - sum(later)) / others if others else keyframe
    return usual * (n_frames - expected) + keyframe * expected


def _settled(scores: ScoreSet, lead_in: int) -> ScoreSet:
    """Leave out the scores of the first frames, but never the last one's."""
    first = min(-(-lead_in // scores.subsample), len(scores.frames) - 1)
    features = {name: values[first:] for name, values in scores.features.items()}
    return dataclasses.replace(scores, frames=scores.frames[first:], features=features)

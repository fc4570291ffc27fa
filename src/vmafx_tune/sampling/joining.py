"""From probes of the parts of a clip to the probe of the whole. Pure."""

from __future__ import annotations

import dataclasses
from array import array
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING

from vmafx_tune.model import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vmafx_tune.model import EncodeSpec, ProbeSpec, ScoreSet
    from vmafx_tune.sampling.parts import SamplePlan, Segment

__all__ = ["join_chunks", "join_sample", "joined_scores", "without_lead_ins"]


def join_sample(
    spec: ProbeSpec,
    probes: Sequence[Probe],
    *,
    plan: SamplePlan,
    opening_weight: Callable[[str], float],
    command: Callable[[EncodeSpec], tuple[str, ...]] | None = None,
    lead_in: int = 0,
) -> Probe:
    """Say what a whole clip would be like, by probes of the parts that stand for it.

    Args:
        spec: The probe of the whole.
        probes: Those of the parts, in order.
        plan: Which parts.
        opening_weight: Says of an encoder how much of the first keyframe of a part counts.
        command: Builds the command that reproduces an encode of the whole clip; None leaves it out.
        lead_in: Frames at the start of each part whose scores are left out. An encoder spends more
            on its first picture than on those that follow, which counts for much in short parts.

    Returns:
        Its bitrate is that of all parts together, without what each spends on its beginning;
        its size is what the whole would have then; its frame scores are those of the parts, one
        after the other; its times are the sums; its peak is the highest of any part.
    """
    weight = opening_weight(spec.encode.encoder)
    parts = [
        _counted(probe, segment, spec, weight, lead_in)
        for probe, segment in zip(probes, plan.segments, strict=True)
    ]
    bits_per_frame = sum(
        part.bitrate_kbps * segment.n_frames
        for part, segment in zip(parts, plan.segments, strict=True)
    )
    bitrate_kbps = bits_per_frame / plan.n_sampled
    whole = _summed(
        spec,
        parts,
        size_bytes=round(bitrate_kbps * 1000 / 8 * spec.encode.source.duration_s),
        bitrate_kbps=bitrate_kbps,
    )
    return whole if command is None else dataclasses.replace(whole, command=command(spec.encode))


def join_chunks(
    spec: ProbeSpec,
    chunks: Sequence[Probe],
    *,
    command: Callable[[EncodeSpec, Sequence[Probe]], tuple[str, ...]],
) -> Probe:
    """Make the probe of a whole clip that is encoded in chunks, as encoding farms deliver it.

    Nothing is estimated: the encode that is measured is the chunks' own, one after the other, each
    beginning with a keyframe.

    Args:
        spec: The probe of the whole.
        chunks: Those of the chunks, in order.
        command: Builds the command that joins the chunks' encodes to that of the whole clip.

    Returns:
        Its size is the sum of the chunks' and its bitrate follows from that; its frame scores are
        the chunks', one after the other; its times are the sums; its peak is the highest of any
        chunk.
    """
    size_bytes = sum(chunk.size_bytes for chunk in chunks)
    whole = _summed(
        spec,
        chunks,
        size_bytes=size_bytes,
        bitrate_kbps=size_bytes * 8 / spec.encode.source.duration_s / 1000,
    )
    return dataclasses.replace(
        whole,
        command=command(spec.encode, chunks),
        keyframe_bytes=tuple(size for chunk in chunks for size in chunk.keyframe_bytes),
        in_chunks=True,
    )


def joined_scores(parts: Sequence[ScoreSet]) -> ScoreSet:
    """Put the frame scores of parts one after the other, without pooling any.

    Args:
        parts: At least one, in the order of the clip.
    """
    first = parts[0]
    return dataclasses.replace(
        first,
        frames=_joined([part.frames for part in parts]),
        features=_joined_columns([part.features for part in parts]),
        metrics=_joined_columns([part.metrics for part in parts]),
        n_frames=sum(part.n_frames for part in parts),
    )


def without_lead_ins(scores: ScoreSet, length: int, lead_in: int) -> ScoreSet:
    """Leave out the scores of the first frames of each part of a clip of joined parts.

    Args:
        scores: Of the clip.
        length: Frames of each part.
        lead_in: How many frames at the start of each do not count; all count where none is left.
    """
    count = range(len(scores.frames))
    kept = [i for i in count if i * scores.subsample % length >= lead_in] or list(count)
    return scores.chosen(kept)


def _joined_columns(parts: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, array[float]]:
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: _joined([part[name] for part in parts]) for name in names}


def _joined(columns: Sequence[Sequence[float]]) -> array[float]:
    return array("d", chain.from_iterable(columns))


def _summed(
    spec: ProbeSpec, parts: Sequence[Probe], *, size_bytes: int, bitrate_kbps: float
) -> Probe:
    first = parts[0]
    peaks = [p.peak_bitrate_kbps for p in parts if p.peak_bitrate_kbps is not None]
    return Probe(
        quality=spec.encode.quality,
        bitrate_kbps=bitrate_kbps,
        size_bytes=size_bytes,
        scores=joined_scores([part.scores for part in parts]),
        encode_time_s=sum(part.encode_time_s for part in parts),
        score_time_s=sum(part.score_time_s for part in parts),
        encoder_version=first.encoder_version,
        codecs=first.codecs,
        pixel_format=first.pixel_format,
        hdr_metadata=first.hdr_metadata,
        without_grain=first.without_grain,
        peak_bitrate_kbps=max(peaks, default=None),
        cached=all(part.cached for part in parts),
        side_by_side=any(part.side_by_side for part in parts),
        parts=tuple(parts),
    )


def _counted(probe: Probe, segment: Segment, spec: ProbeSpec, weight: float, lead_in: int) -> Probe:
    """Leave out of a part's probe what it has for being encoded by itself."""
    bitrate_kbps = probe.bitrate_kbps
    if segment.first_frame and probe.keyframe_bytes and segment.n_frames > 1:
        duration_s = float(segment.n_frames / spec.encode.source.frame_rate)
        size_bytes = _bytes_within_the_clip(probe, segment.n_frames, spec.encode.gop_frames, weight)
        bitrate_kbps = size_bytes * 8 / duration_s / 1000
    return dataclasses.replace(
        probe, bitrate_kbps=bitrate_kbps, scores=_settled(probe.scores, lead_in)
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
    return scores.chosen(slice(first, None))

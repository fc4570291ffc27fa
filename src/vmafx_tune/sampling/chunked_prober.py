"""A prober that encodes and scores a clip in chunks, as encoding farms deliver it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.model import Probe
from vmafx_tune.sampling.part_probes import Parts, joined_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.model import EncodeSpec, ProbeSpec, ScoreSet, Source
    from vmafx_tune.ports import ProbeProgress, Prober
    from vmafx_tune.sampling.parts import Segment

__all__ = ["ChunkedProber"]


class ChunkedProber:
    """Implements `ports.Prober` for an encode in chunks by probes of them. Thread-safe.

    Nothing is estimated: all frames are encoded and scored, and the encode that is measured is the
    chunks' own, one after the other, each beginning with a keyframe.

    Args:
        prober: Probes the chunks; must be thread-safe if there are several workers.
        chunks: The whole clip, in order.
        cut: Takes a part of a source.
        command: Builds the command that joins the chunks' encodes to that of the whole clip.
        workers: Chunks probed side by side.
    """

    def __init__(
        self,
        prober: Prober,
        chunks: Sequence[Segment],
        *,
        cut: Callable[[Source, Segment], Source],
        command: Callable[[EncodeSpec, Sequence[Probe]], tuple[str, ...]],
        workers: int = 1,
    ) -> None:
        self._parts = Parts(prober, chunks, cut=cut, workers=workers)
        self._command = command

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Encode and score the chunks of `spec`'s source; see `ports.Prober`.

        The limit of the bitrate is the whole's, and stops no chunk.

        Returns:
            Its size is the sum of the chunks' and its bitrate follows from that; its frame scores
            are the chunks', one after the other; its times are the sums; its peak is the highest of
            any chunk. `parts` are the probes of the chunks.

        Raises:
            VmafxTuneError: As `prober` does; the message names the chunk.
        """
        return self._joined(spec, self._parts.probe(spec, on_progress))

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score the chunks against themselves; see `ports.Prober`."""
        return self._parts.score_itself(spec)

    def known(self, template: ProbeSpec) -> tuple[Probe, ...]:
        """Recall all probes whose chunks are all known; see `ports.Recaller`."""
        return tuple(self._joined(spec, probes) for spec, probes in self._parts.known(template))

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._parts.cancel()

    def _joined(self, spec: ProbeSpec, chunks: Sequence[Probe]) -> Probe:
        first = chunks[0]
        size_bytes = sum(chunk.size_bytes for chunk in chunks)
        peaks = [c.peak_bitrate_kbps for c in chunks if c.peak_bitrate_kbps is not None]
        return Probe(
            quality=spec.encode.quality,
            bitrate_kbps=size_bytes * 8 / spec.encode.source.duration_s / 1000,
            size_bytes=size_bytes,
            scores=joined_scores([chunk.scores for chunk in chunks]),
            encode_time_s=sum(chunk.encode_time_s for chunk in chunks),
            score_time_s=sum(chunk.score_time_s for chunk in chunks),
            encoder_version=first.encoder_version,
            command=self._command(spec.encode, chunks),
            codecs=first.codecs,
            pixel_format=first.pixel_format,
            dynamic_metadata=first.dynamic_metadata,
            peak_bitrate_kbps=max(peaks, default=None),
            cached=all(chunk.cached for chunk in chunks),
            keyframe_bytes=tuple(size for chunk in chunks for size in chunk.keyframe_bytes),
            parts=tuple(chunks),
            in_chunks=True,
        )

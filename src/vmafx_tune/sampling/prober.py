"""Probers that measure a clip by its parts: side by side, or one after the other in one encode."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from vmafx_tune.cancel import together
from vmafx_tune.errors import CancelledError, OutputError, VmafxTuneError
from vmafx_tune.ports import Recaller
from vmafx_tune.sampling.joining import joined_scores, without_lead_ins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vmafx_tune.model import Probe, ProbeSpec, ScoreSet, Source
    from vmafx_tune.ports import ProbeProgress, Prober
    from vmafx_tune.sampling.parts import Segment

T = TypeVar("T")

__all__ = ["JoinedPartsProber", "PartsProber"]


class PartsProber:
    """Implements `ports.Prober` for a clip by probes of its parts. Thread-safe.

    Each part is a probe of its own, whose source is an excerpt: `prober` may recall it from a store
    or make it on another machine. What comes back is in the order of the clip, whichever ends
    first.

    Args:
        prober: Probes the parts; must be thread-safe if there are several workers.
        segments: The parts, at least one, in order.
        join: Makes the probe of the clip of those of its parts, in order; see `joining`.
        cut: Takes a part of a source.
        workers: Parts probed side by side.
    """

    def __init__(
        self,
        prober: Prober,
        segments: Sequence[Segment],
        join: Callable[[ProbeSpec, Sequence[Probe]], Probe],
        *,
        cut: Callable[[Source, Segment], Source],
        workers: int = 1,
    ) -> None:
        self._prober = prober
        self._segments = tuple(segments)
        self._join = join
        self._cut = cut
        self._workers = workers

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Encode and score the parts of `spec`'s source; see `ports.Prober`.

        The limit of the bitrate is the whole's, and stops no part.

        Raises:
            VmafxTuneError: As the prober does; the message names the part.
        """
        progress = _JoinedProgress(on_progress)
        probes = self._each(
            spec, lambda part, index: self._prober.probe(part, on_progress=progress.of(index))
        )
        return self._join(spec, probes)

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score the parts against themselves; see `ports.Prober`."""
        return joined_scores(self._each(spec, lambda part, _: self._prober.score_itself(part)))

    def known(self, template: ProbeSpec) -> Iterable[Probe]:
        """Recall all probes whose parts are all known, by quality; see `ports.Recaller`."""
        if not isinstance(self._prober, Recaller):
            return ()
        parts = [
            {probe.quality: probe for probe in self._prober.known(part)}
            for part in self._of(template)
        ]
        return (
            self._join(_at_quality(template, quality), [part[quality] for part in parts])
            for quality in sorted(set(parts[0]).intersection(*parts))
        )

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._prober.cancel()

    def _each(self, spec: ProbeSpec, work: Callable[[ProbeSpec, int], T]) -> list[T]:
        # All are cut before the first is worked on: what cannot be cut fails at once.
        parts = list(self._of(spec))

        def named(index: int) -> T:
            try:
                return work(parts[index], index)
            except CancelledError:
                raise
            except VmafxTuneError as error:
                raise _named(error, parts[index].encode.source) from error.__cause__

        if self._workers == 1:
            return [named(index) for index in range(len(parts))]
        with ThreadPoolExecutor(min(self._workers, len(parts))) as pool:
            futures = [pool.submit(named, index) for index in range(len(parts))]
            with together(futures, self._prober.cancel):
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    # Only those that have not begun; where none failed, there are none.
                    future.cancel()
                for future in done:
                    # A part that fails does not stop others, which may be of other searches.
                    with suppress(VmafxTuneError):
                        future.result()
                wait(futures)
            return [future.result() for future in futures if not future.cancelled()]

    def _of(self, spec: ProbeSpec) -> Iterator[ProbeSpec]:
        for segment in self._segments:
            excerpt = self._cut(spec.encode.source, segment)
            # A limit is for the whole: a part may well have more.
            encode = dataclasses.replace(spec.encode, source=excerpt, max_bitrate_kbps=None)
            yield dataclasses.replace(spec, encode=encode)


class JoinedPartsProber:
    """Implements `ports.Prober` for a clip by one probe of short parts that are joined to one clip.

    It takes two programs to start, where `PartsProber` starts two for each part. Only good for
    looks: the parts' bitrate is not that of the clip.

    Args:
        prober: Probes sources with parts.
        segments: The parts, at least one, in order and all of one length.
        cut: Takes a part of a source.
        lead_in: Frames at the start of each part whose scores are left out, as they suffer from the
            part before.
        apart: Probes the parts by themselves, where they cannot be written to one file.
    """

    def __init__(
        self,
        prober: Prober,
        segments: Sequence[Segment],
        *,
        cut: Callable[[Source, Segment], Source],
        lead_in: int,
        apart: Prober,
    ) -> None:
        self._prober = prober
        self._segments = tuple(segments)
        self._cut = cut
        self._lead_in = lead_in
        self._apart = apart

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Encode and score the parts of `spec`'s source; see `ports.Prober`."""
        try:
            return self._settled(self._prober.probe(self._joined(spec), on_progress=on_progress))
        except OutputError:
            return self._apart.probe(spec, on_progress=on_progress)

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score the parts against themselves; see `ports.Prober`."""
        return self._apart.score_itself(spec)

    def known(self, template: ProbeSpec) -> Iterable[Probe]:
        """Recall all probes of the joined parts; see `ports.Recaller`."""
        if not isinstance(self._prober, Recaller):
            return ()
        return map(self._settled, self._prober.known(self._joined(template)))

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._prober.cancel()

    def _joined(self, spec: ProbeSpec) -> ProbeSpec:
        source = spec.encode.source
        cuts = (self._cut(source, segment).excerpt for segment in self._segments)
        parts = tuple(excerpt for excerpt in cuts if excerpt is not None)
        joined = dataclasses.replace(
            source, n_frames=sum(part.n_frames for part in parts), excerpt=None, parts=parts
        )
        encode = dataclasses.replace(spec.encode, source=joined, max_bitrate_kbps=None)
        return dataclasses.replace(spec, encode=encode)

    def _settled(self, probe: Probe) -> Probe:
        length = self._segments[0].n_frames
        return dataclasses.replace(
            probe, scores=without_lead_ins(probe.scores, length, self._lead_in)
        )


def _at_quality(template: ProbeSpec, quality: float) -> ProbeSpec:
    encode = dataclasses.replace(template.encode, quality=quality)
    return dataclasses.replace(template, encode=encode)


def _named(error: VmafxTuneError, excerpt: Source) -> VmafxTuneError:
    """Say in an error which part of the clip it is about."""
    part = excerpt.excerpt
    if part is None:
        return error
    start_s = float(part.first_frame / excerpt.frame_rate)
    where = f"frames {part.first_frame} to {part.first_frame + part.n_frames - 1}"
    error.args = (f"{error} This was the part of {where}, from {start_s:.2f} s on.",)
    return error


class _JoinedProgress:
    """Adds up the frames of all parts, stage by stage. Thread-safe."""

    def __init__(self, observer: ProbeProgress | None) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._frames: dict[str, dict[int, int]] = {}

    def of(self, index: int) -> ProbeProgress | None:
        if self._observer is None:
            return None
        return lambda stage, frames_done: self._move(index, stage, frames_done)

    def _move(self, index: int, stage: str, frames_done: int) -> None:
        with self._lock:
            parts = self._frames.setdefault(stage, {})
            parts[index] = frames_done
            total = sum(parts.values())
        if self._observer is not None:
            self._observer(stage, total)

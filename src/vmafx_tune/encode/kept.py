"""The encodes that are kept while a search goes on: the best one so far."""

from __future__ import annotations

import threading
from dataclasses import replace
from operator import ge
from typing import TYPE_CHECKING

from vmafx_tune.events import ProbeFinished, ProbeStopped
from vmafx_tune.scoring.worst import worst_second

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.events import Event
    from vmafx_tune.model import EncodeSpec, Probe, ProbeSpec
    from vmafx_tune.prepared_source import PreparedSource
    from vmafx_tune.results.measurement import WorstSecond
    from vmafx_tune.search.request import SearchRequest

__all__ = ["KeptEncodes"]


class KeptEncodes:
    """Keeps the file of the best probe: beside the one that is being made, no other is on disk.

    The best is the worst setting that reaches the highest target that any does; where none does,
    the one with the highest score. Thread-safe.

    Args:
        prepared: The source of the encodes.
        row: Their encoder.
        requests: Their searches, which differ in the target: the lowest is the last one.
        folder: Where to keep them.
    """

    def __init__(
        self,
        prepared: PreparedSource,
        row: EncoderRow,
        requests: Sequence[SearchRequest],
        folder: Path,
    ) -> None:
        self._prepared = prepared
        self._row = row
        self._request = requests[0]
        self._targets = [request.target for request in requests]
        self._folder = folder
        chunks = [(chunk.first_frame, chunk.n_frames) for chunk in prepared.chunks]
        self._parts: list[tuple[int, int] | None] = [*chunks] or [None]
        self._best: tuple[int, float, float, float] | None = None
        self._worst_seconds: dict[float, WorstSecond | None] = {}
        self._lock = threading.Lock()

    def keep(self, spec: EncodeSpec, path: Path) -> None:
        """Take the file of an encode that was measured; see `ports.KeepEncode`."""
        excerpt = spec.source.excerpt
        part = None if excerpt is None else (excerpt.first_frame, excerpt.n_frames)
        # Looks may be of the same part, with a faster preset.
        if part in self._parts and spec.preset == self._request.template.encode.preset:
            path.replace(self._file(spec.quality, self._parts.index(part)))

    def see(self, event: Event) -> None:
        """Take note of a probe's score, and remove the file that is not needed any more."""
        if isinstance(event, ProbeStopped):
            # Of an encode in chunks, those are here that were done.
            self._remove(event.quality)
        if not isinstance(event, ProbeFinished) or event.look:
            return
        probe = event.probe
        if probe.parts and not probe.in_chunks:  # of a sample, whose encodes are of no use
            return
        goal = self._request.goal
        reading = goal.read(probe.scores)
        scores = [goal.score(reading, target) for target in self._targets]
        n_reached = sum(map(ge, scores, self._targets))
        step = self._request.knob.position_of(probe.quality)
        found = (n_reached, step if n_reached else scores[-1], step, probe.quality)
        frame_rate = self._request.template.encode.source.frame_rate
        worst = worst_second(probe.scores, frame_rate)
        with self._lock:
            self._worst_seconds[probe.quality] = worst
            best = self._best or found
            self._best, other = max(best, found), min(best, found)
            if other[-1] != self._best[-1]:
                self._remove(other[-1])

    def worst_second(self, answer: Probe) -> WorstSecond | None:
        """The worst second of an answer's encode; None where not every frame has a score."""
        return self._worst_seconds.get(answer.quality)

    def has(self, answer: Probe) -> bool:
        """Whether the encode of an answer is here, just as it was measured.

        One that came from the cache is made again, by its own command.

        Raises:
            VmafxTuneError: It cannot be made.
        """
        return all(file.exists() for file in self.files(answer)) or self._make_again(answer)

    def files(self, answer: Probe) -> list[Path]:
        """Name the files of an answer's encode, in order: one, or one for each chunk."""
        return [self._file(answer.quality, index) for index in range(len(self._parts))]

    def measure_anew(self, answer: Probe) -> None:
        """Make the probe of an answer once more, for the cache too, and keep its encode.

        Raises:
            VmafxTuneError: The probe failed.
        """
        session = self._prepared.session
        tools = session.tools
        session.tools = replace(tools, refresh=True)
        try:
            prober, _ = self._prepared.probers([self._row])
            prober.probe(self._spec(answer))
        finally:
            session.tools = tools

    def _make_again(self, answer: Probe) -> bool:
        parts = answer.parts or (answer,)
        encoder = self._prepared.session.encoder()
        for spec, part, file in zip(self._encodes(answer), parts, self.files(answer), strict=True):
            if encoder.encode(spec, file).video_sha256 != part.video_sha256:
                self._remove(answer.quality)
                return False
        return True

    def _encodes(self, answer: Probe) -> Iterator[EncodeSpec]:
        spec = self._spec(answer).encode
        if not self._prepared.chunks:
            yield spec
            return
        cut = self._prepared.session.reader.cutting(spec.source)
        for chunk in self._prepared.chunks:
            yield replace(spec, source=cut(spec.source, chunk), max_bitrate_kbps=None)

    def _spec(self, answer: Probe) -> ProbeSpec:
        template = self._request.template
        return replace(template, encode=replace(template.encode, quality=answer.quality))

    def _remove(self, quality: float) -> None:
        for index in range(len(self._parts)):
            self._file(quality, index).unlink(missing_ok=True)

    def _file(self, quality: float, index: int) -> Path:
        return self._folder / f"{quality!r}-{index}.mp4"

"""The encodes of shots on disk: kept as they are made, joined, and scored as one encode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolOutputError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.codec_strings import decoder_configuration
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import leave_out_grain, probe_source
from vmafx_tune.sampling.joining import join_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vmafx_tune.model import EncodeSpec, Probe, ProbeSpec
    from vmafx_tune.ports import FrameProgress, Scorer
    from vmafx_tune.sampling.parts import Segment
    from vmafx_tune.session import Session

__all__ = ["JoinedShots", "ShotFiles"]

# Their names stand in one argument of ffmpeg's, for which Linux takes 128 KiB.
_MOST_JOINED = 400


@frozen
class JoinedShots:
    """An encode of the whole source in which each shot has a setting of its own.

    Attributes:
        probe: What was measured of it as a whole; its parts are the shots.
        path: Its file.
    """

    probe: Probe
    path: Path


class ShotFiles:
    """Keeps the files of shots. Thread-safe.

    Args:
        template: The probe of the whole source; its quality counts for nothing.
        shots: All of the source, in order.
        session: Encodes, joins and scores.
        scorer: Scores.
        folder: Where to keep the files.
        join: Joins files to one, without touching a packet.
    """

    def __init__(
        self,
        template: ProbeSpec,
        shots: Sequence[Segment],
        session: Session,
        scorer: Scorer,
        folder: Path,
        join: Callable[[Sequence[Path], EncodeSpec, Path], None],
    ) -> None:
        self._template = template
        self._places = [(shot.first_frame, shot.n_frames) for shot in shots]
        self._session = session
        self._scorer = scorer
        self._folder = folder
        self._join = join
        self._n_joined = 0

    def keep(self, spec: EncodeSpec, path: Path) -> None:
        """Take the file of an encode that was measured; see `ports.KeepEncode`."""
        part = spec.source.excerpt
        if part is not None and (place := (part.first_frame, part.n_frames)) in self._places:
            path.replace(self._file(self._places.index(place), spec.quality))

    def measure(
        self,
        specs: Sequence[EncodeSpec],
        probes: Sequence[Probe],
        on_progress: FrameProgress | None = None,
    ) -> JoinedShots:
        """Join the encodes of all shots, and score the whole.

        Args:
            specs: The encodes, in order.
            probes: What was measured of each.
            on_progress: Told of the frames that are scored.

        Raises:
            ToolOutputError: They cannot be joined, or not be made again as they were measured.
            VmafxTuneError: The whole cannot be scored.
        """
        files = list(self._files(specs, probes))
        if len({decoder_configuration(file) for file in files}) > 1:
            raise ToolOutputError(
                f"{self._template.encode.encoder} writes other headers for some shots, so their "
                "encodes cannot be joined."
            )
        path = self._joined(files)
        whole = join_chunks(self._template, probes, command=self._session.join_command)
        with self._session.shares.taken():
            encoded = leave_out_grain(probe_source(path))
            request = self._template.score_request(encoded, self._session.shares.share())
            scores = self._scorer.score(request, on_progress=on_progress)
        sha256 = measure_packets(path).sha256
        return JoinedShots(replace(whole, scores=scores, video_sha256=sha256), path)

    def drop(self, joined: JoinedShots) -> None:
        """Remove a whole that is not needed."""
        joined.path.unlink(missing_ok=True)

    def keep_only(self, qualities: Sequence[Sequence[float]]) -> None:
        """Remove the files of shots at other qualities than these, by shot."""
        wanted = {
            self._file(index, quality) for index, each in enumerate(qualities) for quality in each
        }
        for file in self._folder.glob("shot-*.mp4"):
            if file not in wanted:
                file.unlink(missing_ok=True)

    def _joined(self, files: Sequence[Path]) -> Path:
        """Join files to a new one: of very many, groups first."""
        groups = [
            files[first : first + _MOST_JOINED] for first in range(0, len(files), _MOST_JOINED)
        ]
        if len(groups) == 1:
            self._n_joined += 1
            path = self._folder / f"joined-{self._n_joined}.mp4"
            self._join(files, self._template.encode, path)
            return path
        parts = [self._joined(group) for group in groups]
        try:
            return self._joined(parts)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)

    def _files(self, specs: Sequence[EncodeSpec], probes: Sequence[Probe]) -> Iterator[Path]:
        """Find the encodes; those that came from the cache are made again."""
        for index, (spec, probe) in enumerate(zip(specs, probes, strict=True)):
            file = self._file(index, spec.quality)
            if not file.exists():
                made = self._session.encoder().encode(spec, file)
                if made.video_sha256 != probe.video_sha256:
                    raise ToolOutputError(
                        f"{spec.encoder} does not write the same encode twice, so what was "
                        "measured of the shots cannot be delivered. Use --threads 1."
                    )
            yield file

    def _file(self, shot: int, quality: float) -> Path:
        return self._folder / f"shot-{shot}-{quality!r}.mp4"

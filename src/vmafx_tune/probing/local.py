"""Probes by the programs of this machine: a trial encode into a scratch folder, and its score."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.cpus import CoreShares, available_cpus
from vmafx_tune.errors import FrameCountMismatchError, UsageError, VmafxTuneError
from vmafx_tune.formatting import counted, quality
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.model import EncodeOutcome, Probe, ProbeSpec, ScoreSet
from vmafx_tune.scoring.metrics import SSIMULACRA2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.encoders.availability import Availability
    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.model import EncodeSpec, Source, VmafModel
    from vmafx_tune.ports import Encoder, FrameProgress, KeepEncode, ProbeProgress, Prober, Scorer
    from vmafx_tune.probing.keys import Setup
    from vmafx_tune.probing.written_parts import WrittenParts
    from vmafx_tune.session import Session

__all__ = [
    "EncodingProber",
    "LocalProbing",
]

_SAME_NAMES = {field.name for field in fields(EncodeOutcome)} & {
    field.name for field in fields(Probe)
}


class EncodingProber:
    """Encodes with one port, scores with the other, and leaves nothing behind.

    Args:
        encoder: Makes the trial encodes.
        scorer: Scores them.
        cancel: Stops whatever `encoder` and `scorer` have running; shared with both.
        shares: Tells how many processors a score may fill while other probes are being made; those
            of this prober only, where none is given.
        work_dir: Where scratch folders are made; None for the system's temporary folder.
        check: Called with each clip before it is encoded or scored; raises to refuse it.
        keep: Called with each encode of a whole source or an excerpt that was scored, and its file,
            which is removed where this does not move it away.
        parts: Writes the parts of a source into a file of their own; None where there are none.
    """

    def __init__(
        self,
        encoder: Encoder,
        scorer: Scorer,
        *,
        cancel: CancelToken,
        shares: CoreShares | None = None,
        work_dir: Path | None = None,
        check: Callable[[Source], None] | None = None,
        keep: KeepEncode | None = None,
        parts: WrittenParts | None = None,
    ) -> None:
        self._encoder = encoder
        self._scorer = scorer
        self._cancel = cancel
        self._shares = shares or CoreShares(available_cpus())
        self._work_dir = work_dir
        self._check = check or (lambda _: None)
        self._keep = keep
        self._parts = parts

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Encode and score `spec`; see `ports.Prober`."""
        if spec.encode.source.parts and self._parts is not None:
            self._check(spec.encode.source)
            with self._parts.of(spec.encode.source) as clip:
                return self._probed(_of(spec, clip), on_progress)
        return self._probed(spec, on_progress, self._keep)

    def _probed(
        self,
        spec: ProbeSpec,
        on_progress: ProbeProgress | None,
        keep: KeepEncode | None = None,
    ) -> Probe:
        with self._shares.taken() as share, scratch_folder(self._work_dir) as folder:
            self._check(spec.encode.source)
            outcome = self._encoder.encode(
                spec.encode, folder / "probe.mp4", on_progress=_begun(on_progress, "encode")
            )
            started = time.monotonic()
            with _naming_encode(spec, outcome.encoded):
                scores = self._score(spec, outcome.encoded, _begun(on_progress, "score"))
            if keep is not None:
                keep(spec.encode, outcome.encoded.path)
            probe = _probe(spec, outcome, scores, score_time_s=time.monotonic() - started)
            return replace(probe, side_by_side=share.was_shared)

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score the source against itself; see `ports.Prober`."""
        with self._shares.taken():
            self._check(spec.encode.source)
            return self._score(spec, spec.encode.source)

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._cancel.cancel()

    def _score(
        self, spec: ProbeSpec, distorted: Source, on_progress: FrameProgress | None = None
    ) -> ScoreSet:
        request = spec.score_request(distorted, self._shares.share())
        return self._scorer.score(request, on_progress=on_progress)


def _of(spec: ProbeSpec, source: Source) -> ProbeSpec:
    return replace(spec, encode=replace(spec.encode, source=source))


def _probe(
    spec: ProbeSpec, outcome: EncodeOutcome, scores: ScoreSet, *, score_time_s: float
) -> Probe:
    return Probe(
        quality=spec.encode.quality,
        bitrate_kbps=outcome.bitrate_kbps,
        scores=scores,
        score_time_s=score_time_s,
        **{name: getattr(outcome, name) for name in _SAME_NAMES},
        pixel_format=outcome.encoded.pixel_format,
        hdr_metadata=outcome.encoded.hdr_metadata,
        without_grain=outcome.encoded.without_grain,
    )


@contextmanager
def _naming_encode(spec: ProbeSpec, encoded: Source) -> Iterator[None]:
    """Have errors of the block say which encode it was: its file is gone when they are read."""
    encode = spec.encode
    source = f"'{encode.source.path}'"
    name = f"the encode of {source} with {encode.encoder} at {quality(encode.quality)}"
    try:
        yield
    except FrameCountMismatchError as error:
        message = (
            f"The source {source} has {counted(error.reference_frames, 'frame')}, and {name} has "
            f"{error.distorted_frames}. Check that no encoder argument drops or adds frames, and "
            "that the source can be decoded to its end."
        )
        error.args = (message,)
        raise
    except VmafxTuneError as error:
        error.args = tuple(
            arg.replace(f"'{encoded.path}'", name) if isinstance(arg, str) else arg
            for arg in error.args
        )
        raise


def _begun(observer: ProbeProgress | None, stage: str) -> FrameProgress | None:
    """Tell a probe's observer that a stage begins, and adapt it to that stage."""
    if observer is None:
        return None
    observer(stage, 0)
    return lambda frames_done: observer(stage, frames_done)


class LocalProbing:
    """Implements `Probing` with the programs of this machine.

    Args:
        session: Knows them.
    """

    slots = None

    def __init__(self, session: Session) -> None:
        self._session = session
        self._scorer: Scorer | None = None
        self._metrics: tuple[str, ...] = ()

    @property
    def ffmpeg(self) -> Ffmpeg:
        """The session's ffmpeg; see `Probing`."""
        return self._session.ffmpeg

    def connect(self) -> None:
        """Do nothing: this machine is there."""

    def for_session(self, session: Session) -> LocalProbing:
        """Make probes for another session; see `Probing`."""
        return LocalProbing(session)

    def close(self) -> None:
        """Do nothing: programs end with what they do."""

    def scorer(self, backend: str, model: VmafModel, metrics: Sequence[str] = ()) -> Scorer:
        """Choose a backend for many encodes of the same clip; see `Session.scorer`."""
        self._scorer = self._session.scorer(backend, model, often=True, metrics=metrics)
        self._metrics = tuple(metrics)
        return self._scorer

    def availability(self, row: EncoderRow) -> Availability:
        """Find out whether an encoder is compiled in and opens on this machine."""
        from vmafx_tune.encoders.availability import check_encoder

        if row.name not in self._session.availabilities:
            self._session.availabilities[row.name] = check_encoder(
                row, self._session.ffmpeg, self._session.runner, self._session.facts
            )
        return self._session.availabilities[row.name]

    def unused_arguments(self, spec: EncodeSpec) -> tuple[str, ...]:
        """Find further arguments of an encode that its encoder does not have.

        Raises:
            UsageError: The encoder refuses one.
        """
        from vmafx_tune.encoders.availability import find_unused_arguments
        from vmafx_tune.encoders.registry import encoder_row

        return find_unused_arguments(
            spec,
            encoder_row(spec.encoder),
            self._session.ffmpeg,
            self._session.runner,
            self._session.facts,
        )

    def setup(self) -> Setup:
        """Tell what decides the outcome of a probe; see `Probing`."""
        from vmafx_tune.probing.keys import LocalSetup

        return LocalSetup(
            self._session.facts,
            ffmpeg=self._session.ffmpeg.path,
            scorer={} if self._scorer is None else self._scorer_facts(self._scorer),
            scoring_files=() if self._scorer is None else self._scoring_files(self._scorer),
            encoder_version=lambda row: self.availability(row).version,
            metric_tools=self._metric_tools(),
        )

    def why_not_here(self, _: EncodeSpec) -> None:
        """Say nothing: they are made on this machine; see `Probing`."""

    def prober(self) -> Prober:
        """Make probes; see `Probing`."""
        return EncodingProber(
            self._session.encoder(),
            self._chosen(),
            cancel=self._session.cancel,
            shares=self._session.shares,
            work_dir=self._session.tools.work_dir,
            check=self._require_intact,
            keep=self._session.keep,
            parts=self._written_parts(),
        )

    def _written_parts(self) -> WrittenParts:
        from vmafx_tune.probing.written_parts import WrittenParts

        session = self._session
        return WrittenParts(session.ffmpeg, session.runner, lambda: session.reference_copies)

    def _require_intact(self, source: Source) -> None:
        from vmafx_tune.media.damage import require_intact

        whole = self._session.whole
        if whole is not None and whole.path == source.path:
            source = whole
        if not source.parts:
            require_intact(source, self._session.cancel)

    def _chosen(self) -> Scorer:
        if self._scorer is None:
            raise UsageError("The scorer has to be chosen before anything is measured with it.")
        return self._scorer

    def _scorer_facts(self, scorer: Scorer) -> dict[str, str]:
        facts = {"name": scorer.name, "version": scorer.version}
        # PyAV decodes and scales its frames.
        return (
            facts | {"decoder": self._session.reader.decoder} if scorer.name == "libvmaf" else facts
        )

    def _metric_tools(self) -> dict[str, str]:
        if SSIMULACRA2 not in self._metrics:
            return {}
        from vmafx_tune.scoring.ssimulacra2 import plugin_version

        # PyAV decodes and scales its frames.
        return {SSIMULACRA2: str(plugin_version()), "decoder": self._session.reader.decoder}

    def _scoring_files(self, scorer: Scorer) -> tuple[Path, ...]:
        """Programs and libraries that decide what a scorer gives."""
        if scorer.name == "vmaf":
            from vmafx_tune.scoring.vmaf_binary import find_vmaf

            return find_vmaf(self._session.vmaf_binary), self._session.ffmpeg.path
        if scorer.name == "libvmaf":
            from vmafx_tune.scoring.libvmaf.library import load_libvmaf

            library = Path(load_libvmaf().path)
            # What the dynamic linker found by its name alone has its version, and no path.
            return (library,) if library.is_absolute() else ()
        return (self._session.ffmpeg.path,)

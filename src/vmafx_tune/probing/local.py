"""Probes by the programs of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from vmafx_tune.encoders.availability import Availability
    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.model import EncodeSpec, Source, VmafModel
    from vmafx_tune.ports import Encoder, Prober, Scorer
    from vmafx_tune.probing.keys import Setup
    from vmafx_tune.session import Session

__all__ = ["LocalProbing"]


class LocalProbing:
    """Implements `Probing` with the programs of this machine.

    Args:
        session: Knows them.
    """

    slots = None

    def __init__(self, session: Session) -> None:
        self._session = session
        self._scorer: Scorer | None = None

    @property
    def ffmpeg(self) -> Ffmpeg:
        """The session's ffmpeg; see `Probing`."""
        return self._session.ffmpeg

    def connect(self) -> None:
        """Do nothing: this machine is there."""

    def close(self) -> None:
        """Do nothing: programs end with what they do."""

    def scorer(self, backend: str, model: VmafModel) -> Scorer:
        """Choose a backend for many encodes of the same clip; see `Session.scorer`."""
        self._scorer = self._session.scorer(backend, model, often=True)
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
        )

    def prober(self) -> Prober:
        """Make probes; see `Probing`."""
        from vmafx_tune.probing.prober import EncodingProber

        return EncodingProber(
            self._encoder(),
            self._chosen(),
            cancel=self._session.cancel,
            shares=self._session.shares,
            work_dir=self._session.tools.work_dir,
            check=self._require_intact,
        )

    def _encoder(self) -> Encoder:
        from vmafx_tune.encoders.runner import FfmpegEncoder

        def probe(path: Path) -> Source:
            from vmafx_tune.media.probe import probe_source

            return probe_source(path)

        return FfmpegEncoder(self._session.ffmpeg, self._session.runner, probe)

    def _require_intact(self, source: Source) -> None:
        from vmafx_tune.media.damage import require_intact

        require_intact(source, self._session.cancel)

    def _chosen(self) -> Scorer:
        if self._scorer is None:
            raise UsageError("The scorer has to be chosen before anything is measured with it.")
        return self._scorer

    def _scorer_facts(self, scorer: Scorer) -> dict[str, str]:
        facts = {"name": scorer.name, "version": scorer.version}
        # PyAV decodes and scales its frames.
        return facts | {"decoder": self._session.decoder} if scorer.name == "libvmaf" else facts

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

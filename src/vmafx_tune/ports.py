"""What commands need from the outside world, as Protocols.

Adapters (`media`, `encoders`, `scoring`, `probing`) implement them; `session` joins the two. A test
or an API user may pass any object of the right shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vmafx_tune.encoders.availability import Availability
    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.knob import TypicalCurve
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.model import (
        EncodeOutcome,
        EncodeSpec,
        Probe,
        ProbeKey,
        ProbeSpec,
        ScoreRequest,
        ScoreSet,
        VmafModel,
    )
    from vmafx_tune.probing.keys import Setup
    from vmafx_tune.session import Session

T = TypeVar("T")

__all__ = [
    "AheadProber",
    "Encoder",
    "ExpectedCurves",
    "FrameProgress",
    "KeepEncode",
    "ProbeProgress",
    "ProbeStore",
    "Prober",
    "Probing",
    "Recaller",
    "Scorer",
]


class FrameProgress(Protocol):
    """Called now and then with the number of frames done so far; must be quick and thread-safe."""

    def __call__(self, frames_done: int, /) -> None:
        """Take note of `frames_done`."""


class ProbeProgress(Protocol):
    """Called now and then while a probe runs: the stage and its frames.

    The stage is `encode` or `score`; or `wait` while another process measures the same.
    """

    def __call__(self, stage: str, frames_done: int, /) -> None:
        """Take note of `frames_done` in `stage`."""


class KeepEncode(Protocol):
    """Called with each trial encode once it is measured."""

    def __call__(self, spec: EncodeSpec, path: Path, /) -> None:
        """Move the file away to keep it; it is removed otherwise."""


@runtime_checkable
class Encoder(Protocol):
    """Turns a specification into a file."""

    def encode(
        self, spec: EncodeSpec, target: Path, *, on_progress: FrameProgress | None = None
    ) -> EncodeOutcome:
        """Encode `spec` to `target`, which appears whole or not at all.

        Raises:
            EncoderUnavailableError: This ffmpeg or machine cannot run the encoder.
            EncodeFailedError: ffmpeg ended with an error.
            TooLargeError: The encode is above `spec.max_bitrate_kbps`.
            CancelledError: The work was cancelled.
        """
        ...


@runtime_checkable
class Scorer(Protocol):
    """Compares two clips with VMAF."""

    @property
    def name(self) -> str:
        """Name of the backend: `ffmpeg`, `libvmaf` or `vmaf`."""
        ...

    @property
    def version(self) -> str:
        """Version of the libvmaf behind it; empty where it does not tell."""
        ...

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score every `request.subsample`-th frame pair.

        Raises:
            FrameCountMismatchError: The clips differ in length.
            ModelNotFoundError: The backend does not have the model.
            ScoringError: libvmaf failed.
            CancelledError: The work was cancelled.
        """
        ...


@runtime_checkable
class Prober(Protocol):
    """Makes probes: a trial encode with its score."""

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Encode and score `spec`; nothing is left on disk.

        Raises:
            TooLargeError: The encode is above `spec.encode.max_bitrate_kbps`; a prober that does
                not look may return the probe all the same.
            VmafxTuneError: Any of the encoder's or the scorer's errors.
        """
        ...

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score `spec`'s source against itself, without an encode.

        VMAF puts a clip against itself under 100 where little moves, so this is the highest score
        that any encode of the clip can be expected to reach.

        Raises:
            ScoringError: libvmaf failed.
            CancelledError: The work was cancelled.
        """
        ...

    def cancel(self) -> None:
        """Stop all running probes now; each raises `CancelledError`."""
        ...


@runtime_checkable
class Recaller(Protocol):
    """What a prober is besides, if it remembers what was measured before."""

    def known(self, template: ProbeSpec) -> Iterable[Probe]:
        """Recall the probes that need not be made again, by ascending quality.

        Args:
            template: What to encode and how to score; its quality counts for nothing.
        """
        ...


@runtime_checkable
class AheadProber(Protocol):
    """What a prober is besides, if it can make probes before they are asked for."""

    def begin(self, spec: ProbeSpec, likely: Sequence[ProbeSpec]) -> None:
        """Begin probes that are likely to be asked for after `spec`, where they cost no time.

        Args:
            spec: What is asked for next.
            likely: What may be after it, the likeliest first. What was begun before and is neither
                is stopped.
        """
        ...

    def end(self) -> None:
        """Stop all that was begun and not asked for, and wait until nothing of it is left."""
        ...


@runtime_checkable
class ProbeStore(Protocol):
    """Keeps what was measured, from one run to the next; never fails for reasons of its own."""

    def get(self, key: ProbeKey) -> Probe | None:
        """Return the probe of `key`, without its command; None where there is none."""
        ...

    def put(self, key: ProbeKey, probe: Probe) -> None:
        """Keep `probe` in place of what `key` had before, for good as soon as this returns."""
        ...

    def get_scores(self, key: ProbeKey) -> ScoreSet | None:
        """Return the scores of a source against itself; None where there are none."""
        ...

    def put_scores(self, key: ProbeKey, scores: ScoreSet) -> None:
        """Keep the scores of a source against itself."""
        ...

    def least_kbps(self, key: ProbeKey) -> float | None:
        """Return what the bitrate of `key`'s encode is at least; None where nothing is known."""
        ...

    def put_least_kbps(self, key: ProbeKey, bitrate_kbps: float) -> None:
        """Keep what the bitrate of an encode, which may have been stopped, is at least."""
        ...

    def curve(self, key: ProbeKey) -> Iterable[Probe]:
        """Read all probes that differ from `key` in quality only, without their commands."""
        ...


class ExpectedCurves(Protocol):
    """Knows what clips like the next one have scored."""

    def curve(self, encoder: str, preset: str | None, lines: int) -> TypicalCurve | None:
        """Return what such a clip scores over the values of the encoder's quality knob.

        Args:
            encoder: ffmpeg's name of the encoder.
            preset: As it was asked for.
            lines: Height of the encodes.

        Returns:
            None where nothing is known of such clips.
        """
        ...


class Probing(Protocol):
    """Where the probes of a run are made: on this machine, or by the workers of a cluster."""

    @property
    def slots(self) -> int | None:
        """Probes that can be made at once; None where only the cores of this machine limit them."""
        ...

    @property
    def ffmpeg(self) -> Ffmpeg:
        """The ffmpeg that makes the trial encodes, as results name it.

        Raises:
            ToolNotFoundError: There is none.
        """
        ...

    def connect(self) -> None:
        """Make sure that it is there, before any work.

        Raises:
            ClusterError: It is not.
        """
        ...

    def scorer(self, backend: str, model: VmafModel, metrics: Sequence[str] = ()) -> Scorer:
        """Choose the backend that scores all further probes, with `metrics` beside VMAF.

        Raises:
            VmafxTuneError: There is none.
        """
        ...

    def availability(self, row: EncoderRow) -> Availability:
        """Find out whether an encoder can be used there."""
        ...

    def unused_arguments(self, spec: EncodeSpec) -> tuple[str, ...]:
        """Find further arguments of an encode that its encoder does not have.

        Raises:
            UsageError: The encoder refuses one.
        """
        ...

    def setup(self) -> Setup:
        """Tell what decides the outcome of a probe."""
        ...

    def why_not_here(self, spec: EncodeSpec) -> str | None:
        """Say why an encode or its score would be another on this machine; None for no reason."""
        ...

    def prober(self) -> Prober:
        """Make what measures, whether it was measured before or not; a scorer has been chosen."""
        ...

    def for_session(self, session: Session) -> Probing:
        """Make probes for another session, beside this one, which is closed after it.

        Raises:
            ClusterError: There is nothing that makes them.
        """
        ...

    def close(self) -> None:
        """Let go of it; what is under way is stopped."""
        ...

"""Which encoders this ffmpeg has, and which of them really open on this machine.

Being compiled in says little of a hardware encoder, so each one is tried on a few synthetic frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.encoders.argv import trial_command
from vmafx_tune.encoders.diagnosis import encoder_version, failure_reason
from vmafx_tune.encoders.trial_cache import TrialCache
from vmafx_tune.errors import EncoderUnavailableError, ToolTimeoutError
from vmafx_tune.media.ffmpeg import list_encoders

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner

__all__ = ["Availability", "check_encoder", "require_encoder"]

_TRIAL_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Availability:
    """What an encoder is worth with one ffmpeg on this machine.

    Attributes:
        encoder: ffmpeg's name of it.
        compiled: Whether this ffmpeg has it.
        opens: Whether a trial encode worked.
        reason: Why it does not open, as a sentence; None where it does.
        version: The encoder's version; empty where it does not open.
    """

    encoder: str
    compiled: bool
    opens: bool
    reason: str | None = None
    version: str = ""

    @property
    def why_not(self) -> str | None:
        """The reason with the encoder's name and what to do; None where it opens."""
        if self.opens:
            return None
        advice = "Choose another encoder, or an ffmpeg that has it with --ffmpeg."
        if self.compiled:
            advice = "`vmafx-tune encoders` lists the ones that can."
        return f"{self.encoder} cannot be used here. {self.reason} {advice}"


def check_encoder(
    row: EncoderRow,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
    *,
    use_cache: bool = True,
    refresh: bool = False,
    cache_dir: Path | None = None,
) -> Availability:
    """Find out whether an encoder works, by a trial encode or from the memory of one.

    Args:
        row: The encoder.
        ffmpeg: The program.
        runner: Runs it.
        use_cache: Believe an earlier trial that worked, and remember this one if it does.
        refresh: Believe no earlier trial, but remember this one.
        cache_dir: Where trials are remembered; None for the user's cache folder.

    Raises:
        ToolError: ffmpeg itself cannot be run.
        CancelledError: The runner is cancelled.
    """
    cache = TrialCache(cache_dir)
    if use_cache and not refresh and (version := cache.recall(row, ffmpeg)) is not None:
        return Availability(row.name, compiled=True, opens=True, version=version)
    found = _try(row, ffmpeg, runner)
    if use_cache and found.opens:
        cache.remember(row, ffmpeg, found.version)
    return found


def require_encoder(
    row: EncoderRow,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
    *,
    use_cache: bool = True,
    cache_dir: Path | None = None,
) -> Availability:
    """Make sure that an encoder works; the arguments are those of `check_encoder`.

    Raises:
        EncoderUnavailableError: It does not, with ffmpeg's reason.
        ToolError: ffmpeg itself cannot be run.
        CancelledError: The runner is cancelled.
    """
    found = check_encoder(row, ffmpeg, runner, use_cache=use_cache, cache_dir=cache_dir)
    if found.why_not is not None:
        raise EncoderUnavailableError(found.why_not, argv=trial_command(row, ffmpeg.path))
    return found


def _try(row: EncoderRow, ffmpeg: Ffmpeg, runner: ProcessRunner) -> Availability:
    if row.name not in list_encoders(ffmpeg, runner):
        reason = f"ffmpeg {ffmpeg.version} at '{ffmpeg.path}' was built without it."
        return Availability(row.name, compiled=False, opens=False, reason=reason)
    try:
        done = runner.run(trial_command(row, ffmpeg.path), stall_timeout_s=_TRIAL_TIMEOUT_S)
    except ToolTimeoutError as error:
        return Availability(row.name, compiled=True, opens=False, reason=str(error))
    if done.returncode != 0:
        reason = f"ffmpeg says: {failure_reason(done.stderr, done.returncode)}."
        return Availability(row.name, compiled=True, opens=False, reason=reason)
    version = encoder_version(row, done.stderr, b"", ffmpeg.version)
    return Availability(row.name, compiled=True, opens=True, version=version)

"""Which encoders this ffmpeg has, and which of them really open on this machine.

Being compiled in says little of a hardware encoder, so each one is tried on a few synthetic frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.encoders.argv import trial_command
from vmafx_tune.encoders.diagnosis import encoder_version, failure_reason
from vmafx_tune.errors import ToolTimeoutError
from vmafx_tune.media.ffmpeg import fact_name, list_encoders
from vmafx_tune.media.file_facts import FileFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner

__all__ = ["Availability", "check_encoder", "hardware_devices", "trial_fact"]

_TRIAL_TIMEOUT_S = 60.0
# Drivers change beside the program.
_HARDWARE_MAX_AGE_S = 24 * 3600.0


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
        advice = "Choose another encoder, or use --ffmpeg with an ffmpeg that has it."
        if self.compiled:
            advice = "`vmafx-tune encoders` lists those that work."
        return f"{self.encoder} cannot be used here. {self.reason} {advice}"


def check_encoder(
    row: EncoderRow,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
    facts: FileFacts | None = None,
) -> Availability:
    """Find out whether an encoder works, by a trial encode or from what is known of an earlier one.

    Only what worked is kept, for as long as the ffmpeg file is the same; of hardware encoders for a
    day at most, and on the same devices. A failure is cheap to repeat, and one that is kept would
    outlive the driver that the user installs because of it.

    Args:
        row: The encoder.
        ffmpeg: The program.
        runner: Runs it.
        facts: What is known of the program; None for nothing.

    Raises:
        ToolError: ffmpeg itself cannot be run.
        CancelledError: The runner is cancelled.
    """
    found: Availability | None = None

    def version() -> str | None:
        nonlocal found
        found = _try(row, ffmpeg, runner)
        return found.version if found.opens else None

    known = trial_fact(row, ffmpeg, trial_command(row, ffmpeg.path), facts, version)
    return found or Availability(row.name, compiled=True, opens=True, version=known)


def trial_fact(
    row: EncoderRow,
    ffmpeg: Ffmpeg,
    command: tuple[str, ...],
    facts: FileFacts | None,
    find: Callable[[], Any],
) -> Any:
    """Return what a trial of an encoder told, from what is known of ffmpeg or by `find`."""
    devices = hardware_devices() if row.kind.is_hardware else []
    return (facts or FileFacts()).of(
        ffmpeg.path,
        fact_name(ffmpeg, *command, *devices),
        find,
        max_age_s=_HARDWARE_MAX_AGE_S if row.kind.is_hardware else None,
    )


def hardware_devices() -> list[str]:
    """Name what hardware encoders run on here: device files, and a driver's version."""
    return sorted(_devices())


def _devices() -> Iterator[str]:
    for pattern in ("dri/*", "nvidia*", "kfd"):
        yield from map(str, Path("/dev").glob(pattern))
    driver = Path("/proc/driver/nvidia/version")
    if driver.exists():
        yield driver.read_text(encoding="utf-8", errors="replace")


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

"""Which encoders this ffmpeg has, and which of them really open on this machine.

Being compiled in says little of a hardware encoder, so each one is tried on a few synthetic frames.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.encoders.argv import argument_trial_command, trial_command
from vmafx_tune.errors import ToolTimeoutError, UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.ffmpeg import fact_name, list_encoders
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.process import describe_exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import Completed, ProcessRunner
    from vmafx_tune.model import EncodeSpec

__all__ = [
    "Availability",
    "check_encoder",
    "encoder_version",
    "failure_reason",
    "find_unused_arguments",
    "hardware_devices",
    "refused_values",
    "trial_fact",
    "unused_arguments_error",
    "unused_options",
]

_TRIAL_TIMEOUT_S = 60.0
# Drivers change beside the program.
_HARDWARE_MAX_AGE_S = 24 * 3600.0


@frozen
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
    devices = hardware_devices() if row.is_hardware else []
    return (facts or FileFacts()).of(
        ffmpeg.path,
        fact_name(ffmpeg, *command, *devices),
        find,
        max_age_s=_HARDWARE_MAX_AGE_S if row.is_hardware else None,
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


_ARGUMENTS_TIMEOUT_S = 120.0


def find_unused_arguments(
    spec: EncodeSpec,
    row: EncoderRow,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
    facts: FileFacts | None = None,
) -> tuple[str, ...]:
    """Try an encode's further arguments on synthetic frames of the same size and format.

    Args:
        spec: The encode; without further arguments nothing is tried.
        row: `spec.encoder`'s row.
        ffmpeg: The program.
        runner: Runs it.
        facts: What is known of the program, an earlier trial in which all arguments were used among
            it; None for nothing.

    Returns:
        Options that ffmpeg knows and this encoder does not have, without dash.

    Raises:
        UsageError: The encoder refuses an argument, or does not know it.
        ToolError: ffmpeg cannot be run.
        CancelledError: The runner is cancelled.
    """
    if not spec.extra_args:
        return ()
    command = argument_trial_command(spec, row, ffmpeg.path)
    unused: tuple[str, ...] = ()

    def all_used() -> bool | None:
        nonlocal unused
        worked, unused = _try_arguments(command, spec, row, ffmpeg, runner)
        return True if worked and not unused else None

    trial_fact(row, ffmpeg, command, facts, all_used)
    return unused


def _try_arguments(
    command: tuple[str, ...],
    spec: EncodeSpec,
    row: EncoderRow,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
) -> tuple[bool, tuple[str, ...]]:
    """Run the trial; tell whether it worked, and which arguments had no effect."""
    done = runner.run(command, stall_timeout_s=_ARGUMENTS_TIMEOUT_S)
    if done.returncode != 0:
        _blame_arguments(done, spec, row, ffmpeg, runner)
        return False, ()
    if refused := refused_values(done.stderr):
        raise UsageError(
            f"{row.name} rejects encoder arguments: {'; '.join(refused)}. Correct or remove them."
        )
    return True, unused_options(done.stderr)


def unused_arguments_error(names: Sequence[str], encoders: Sequence[str]) -> UsageError:
    """Make the error of options that none of the encoders has."""
    options = ", ".join(f"-{name}" for name in names)
    does, them = ("does not", "it") if len(names) == 1 else ("do not", "them")
    return UsageError(
        f"{options} {does} do anything with {', '.join(encoders)}. Leave {them} out of the "
        f"encoder arguments; `ffmpeg -h encoder={encoders[0]}` lists its options."
    )


def _blame_arguments(
    done: Completed, spec: EncodeSpec, row: EncoderRow, ffmpeg: Ffmpeg, runner: ProcessRunner
) -> None:
    """Raise an error if it is the arguments that made a trial fail.

    If it fails without them too, the encode itself will say why.
    """
    plain = argument_trial_command(replace(spec, extra_args=()), row, ffmpeg.path)
    if runner.run(plain, stall_timeout_s=_ARGUMENTS_TIMEOUT_S).returncode != 0:
        return
    reason = failure_reason(done.stderr, done.returncode)
    raise UsageError(
        f"{row.name} fails with the encoder arguments '{' '.join(spec.extra_args)}': {reason}."
    )


_ERROR_MARK = re.compile(r"\[(?:error|fatal|panic)\]")
_LEVEL_MARK = re.compile(r"\[(?:quiet|info|verbose|debug|trace|warning)\]")
# Such as "[libx264 @ 0x5565] [error] " or "x265 [error]: ".
_PREFIX = re.compile(
    r"^(?:\[[^\]]* @ [^\]]*\]\s*|\w+\s?\[\w+\]:\s*|\[\w+\]\s*|implib-gen: [^:]+: )+"
)
_SOUNDS_LIKE_FAILURE = re.compile(
    r"\b(?:error|fail\w*|cannot|could not|unable|not found)\b", re.IGNORECASE
)
# Of x264 and SVT-AV1, of x265, of x264's and x265's buffers; ffmpeg goes on without what they name.
_REFUSED = re.compile(r"Error parsing option|Unknown option|Invalid value for|VBV .*\bignored\b")
_UNUSED = re.compile(r"Codec AVOption (\S+) .*has not been used for any stream")


def failure_reason(log: str, returncode: int) -> str:
    """Find the line that says why ffmpeg failed: its first error, as others follow from it.

    Args:
        log: Its stderr.
        returncode: Its exit status, negative for a signal.

    Returns:
        A clause without the prefixes of ffmpeg's log and without a full stop.
    """
    lines = log.splitlines()
    marked = (line for line in lines if _ERROR_MARK.search(line))
    unmarked = (
        line for line in lines if _SOUNDS_LIKE_FAILURE.search(line) and not _LEVEL_MARK.search(line)
    )
    for line in (*marked, *unmarked):
        if reason := _PREFIX.sub("", line.strip()).rstrip(" .:"):
            return reason
    return f"it printed no reason ({describe_exit(returncode)})"


def refused_values(log: str) -> tuple[str, ...]:
    """Find what an encoder did not take of its arguments, and went on without.

    Args:
        log: ffmpeg's stderr.

    Returns:
        The encoder's own words, each once, without prefixes and without a full stop.
    """
    lines = (line for line in log.splitlines() if _REFUSED.search(line))
    return tuple(dict.fromkeys(_PREFIX.sub("", line.strip()).rstrip(" .") for line in lines))


def unused_options(log: str) -> tuple[str, ...]:
    """Find options that ffmpeg knows and had no use for, without dash; each once."""
    return tuple(dict.fromkeys(_UNUSED.findall(log)))


def encoder_version(row: EncoderRow, log: str, first_packet: bytes, ffmpeg_version: str) -> str:
    """Find an encoder's version where it tells it.

    Args:
        row: The encoder.
        log: ffmpeg's stderr of an encode.
        first_packet: What the encoder wrote first; x264 signs its bitstreams.
        ffmpeg_version: Stands in for encoders that are part of ffmpeg or the operating system.

    Returns:
        A name and a version, such as `x265 4.1` or `ffmpeg 7.1`.
    """
    for text in (log, first_packet.decode("latin-1")):
        if row.version_pattern and (match := re.search(row.version_pattern, text)):
            return f"{row.version_label} {match[1]}"
    return f"ffmpeg {ffmpeg_version}"

"""Finds encoder arguments that do nothing or fail, by what ffmpeg logs for a few frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.encoders.argv import argument_trial_command
from vmafx_tune.encoders.availability import trial_fact
from vmafx_tune.encoders.diagnosis import failure_reason, refused_values, unused_options
from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.file_facts import FileFacts
    from vmafx_tune.media.process import Completed, ProcessRunner
    from vmafx_tune.model import EncodeSpec

__all__ = ["find_unused_arguments", "unused_arguments_error"]

_TRIAL_TIMEOUT_S = 120.0


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
        worked, unused = _try(command, spec, row, ffmpeg, runner)
        return True if worked and not unused else None

    trial_fact(row, ffmpeg, command, facts, all_used)
    return unused


def _try(
    command: tuple[str, ...],
    spec: EncodeSpec,
    row: EncoderRow,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
) -> tuple[bool, tuple[str, ...]]:
    """Run the trial; tell whether it worked, and which arguments had no effect."""
    done = runner.run(command, stall_timeout_s=_TRIAL_TIMEOUT_S)
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
    if runner.run(plain, stall_timeout_s=_TRIAL_TIMEOUT_S).returncode != 0:
        return
    reason = failure_reason(done.stderr, done.returncode)
    raise UsageError(
        f"{row.name} fails with the encoder arguments '{' '.join(spec.extra_args)}': {reason}."
    )

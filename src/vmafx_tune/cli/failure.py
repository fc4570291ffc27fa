"""Errors and signals, as the command line reports them: a sentence on stderr and an exit code."""

from __future__ import annotations

import sys

from vmafx_tune import shell
from vmafx_tune.errors import CancelledError, ClusterLostError, ToolError, VmafxTuneError
from vmafx_tune.formatting import one_line
from vmafx_tune.signals import Signalled

__all__ = ["report", "say"]


def say(message: str) -> None:
    """Print one line to stderr."""
    _write(f"vmafx-tune: {message}")


def _write(line: str) -> None:
    # Names of files, and what tools print, may hold what a terminal obeys.
    sys.stderr.write(f"{one_line(line)}\n")
    sys.stderr.flush()


def report(error: BaseException) -> int:
    """Report why the command ends.

    Returns:
        Its exit code.

    Raises:
        BaseException: `error`, if it is unexpected.
    """
    if isinstance(error, Signalled):
        say(f"{error}.")
        return error.exit_code
    if not isinstance(error, VmafxTuneError):
        raise error
    if isinstance(error, CancelledError) and not isinstance(error, ClusterLostError):
        say("interrupted.")
    else:
        say(f"error: {error}")
    if isinstance(error, ToolError):
        _show_tool(error)
    return error.exit_code


def _show_tool(error: ToolError) -> None:
    if error.argv:
        from vmafx_tune.media.inputs import without_guard

        say(f"command: {shell.join(without_guard(error.argv), one_line=True)}")
    if error.stderr_tail:
        say("last lines of its output:")
        for line in error.stderr_tail.split("\n"):
            _write(line)

"""Errors and signals, as the command line tells them: a sentence on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from vmafx_tune import shell
from vmafx_tune.errors import CancelledError, ClusterLostError, ToolError, VmafxTuneError
from vmafx_tune.plain_text import one_line
from vmafx_tune.signals import Signalled

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reporting_failures", "say"]

_BROKEN_PIPE = 128 + 13


def say(message: str) -> None:
    """Print one line for people to stderr."""
    _write(f"vmafx-tune: {message}")


def _write(line: str) -> None:
    # Names of files, and what tools print, may hold what a terminal obeys.
    with suppress(OSError):
        sys.stderr.write(f"{one_line(line)}\n")
        sys.stderr.flush()


@contextmanager
def reporting_failures() -> Iterator[None]:
    """Turn errors and signals in the block into a sentence and an exit code.

    Raises:
        typer.Exit: Anything that is told here.
    """
    try:
        yield
    except Signalled as error:
        say(f"{error.words}.")
        raise typer.Exit(error.exit_code) from error
    except ClusterLostError as error:
        say(f"error: {error}")
        raise typer.Exit(error.exit_code) from error
    except (KeyboardInterrupt, CancelledError) as error:
        say("interrupted.")
        raise typer.Exit(CancelledError.exit_code) from error
    except BrokenPipeError as error:
        # The reader of the pipe went away, as `head` does. Python would complain once more when
        # it flushes stdout at exit, so that is pointed elsewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_BROKEN_PIPE) from error
    except VmafxTuneError as error:
        say(f"error: {error}")
        if isinstance(error, ToolError):
            _show_tool(error)
        raise typer.Exit(error.exit_code) from error


def _show_tool(error: ToolError) -> None:
    if error.argv:
        from vmafx_tune.media.demuxers import without_guard

        say(f"command: {shell.join(without_guard(error.argv), one_line=True)}")
    if error.stderr_tail:
        say("its last words:")
        for line in error.stderr_tail.splitlines():
            _write(line)

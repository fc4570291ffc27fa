"""Results for people: tables on a terminal, or the same as text without colours."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vmafx_tune.reports.tables.layout import Unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables.layout import Part
    from vmafx_tune.results.record import Result

__all__ = ["print_result", "table_text", "terminal_text"]

_TEXT_WIDTH = 100


def print_result(
    console: Console, result: Result, *, frames: bool = False, commands: bool = False
) -> None:
    """Print a result as tables that fit the console.

    Commands stand on one line each, however long, so that they can be copied.

    Args:
        console: Its width decides which columns are shown.
        result: What a command returned.
        frames: Whether a result of `score` brings its per-frame scores.
        commands: Whether one of `compare` or `ladder` brings its encode commands.
    """
    for part in _parts(result, frames=frames, commands=commands):
        if isinstance(part, Unwrapped):
            console.print(part.text, soft_wrap=True)
        else:
            console.print(part, highlight=False, markup=False)


def terminal_text(result: Result, *, frames: bool = False, commands: bool = False) -> str:
    """Write the tables as text for this terminal: its width, and colours unless `NO_COLOR` is set.

    Args:
        result: What a command returned.
        frames: Whether a result of `score` brings its per-frame scores.
        commands: Whether one of `compare` or `ladder` brings its encode commands.
    """
    out = io.StringIO()
    console = Console(file=out, force_terminal=True)
    print_result(console, result, frames=frames, commands=commands)
    return out.getvalue()


def table_text(
    result: Result, *, frames: bool = False, commands: bool = False, width: int = _TEXT_WIDTH
) -> str:
    """Write the same tables as plain text, for a file.

    Args:
        result: What a command returned.
        frames: Whether a result of `score` brings its per-frame scores.
        commands: Whether one of `compare` or `ladder` brings its encode commands.
        width: Characters in a line.
    """
    out = io.StringIO()
    console = Console(file=out, width=width, no_color=True)
    print_result(console, result, frames=frames, commands=commands)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _parts(result: Result, *, frames: bool, commands: bool) -> Iterator[Part]:
    shown: Any = result
    # Each imports what its own result is made of, and no other.
    match result.command:
        case "score":
            from vmafx_tune.reports.tables.score import score_parts

            return score_parts(shown, frames=frames)
        case "remote_score":
            from vmafx_tune.reports.tables.score import remote_score_parts

            return remote_score_parts(shown)
        case "search":
            from vmafx_tune.reports.tables.search import search_parts

            return search_parts(shown)
        case "compare":
            from vmafx_tune.reports.tables.compare import compare_parts

            return compare_parts(shown, with_commands=commands)
        case "ladder":
            from vmafx_tune.reports.tables.ladder import ladder_parts

            return ladder_parts(shown, with_commands=commands)
        case "encoders":
            from vmafx_tune.reports.tables.machine import encoders_parts

            return encoders_parts(shown)
        case "doctor":
            from vmafx_tune.reports.tables.machine import doctor_parts

            return doctor_parts(shown)
        case _:
            from vmafx_tune.reports.tables.machine import cache_parts

            return cache_parts(shown)

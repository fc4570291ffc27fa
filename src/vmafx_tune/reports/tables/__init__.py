"""Results for people: tables on a terminal, or the same as text without colours."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from vmafx_tune.reports.tables.cache import cache_parts
from vmafx_tune.reports.tables.compare import compare_parts
from vmafx_tune.reports.tables.ladder import ladder_parts
from vmafx_tune.reports.tables.layout import Unwrapped
from vmafx_tune.reports.tables.machine import doctor_parts, encoders_parts
from vmafx_tune.reports.tables.score import remote_score_parts, score_parts
from vmafx_tune.reports.tables.search import search_parts
from vmafx_tune.results import (
    CacheResult,
    CompareResult,
    DoctorResult,
    EncodersResult,
    LadderResult,
    RemoteScoreResult,
    ScoreResult,
    SearchResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables.layout import Part
    from vmafx_tune.results import Result

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
    match result:
        case ScoreResult():
            return score_parts(result, frames=frames)
        case RemoteScoreResult():
            return remote_score_parts(result)
        case SearchResult():
            return search_parts(result)
        case CompareResult():
            return compare_parts(result, with_commands=commands)
        case LadderResult():
            return ladder_parts(result, with_commands=commands)
        case EncodersResult():
            return encoders_parts(result)
        case DoctorResult():
            return doctor_parts(result)
        case CacheResult():
            return cache_parts(result)

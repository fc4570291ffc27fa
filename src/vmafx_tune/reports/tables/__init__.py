"""Results for people: tables on a terminal, or the same as text without colours.

Each result has a module of its own here; what all of them share, and how tables adapt to the width
of the terminal, is in this one.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from vmafx_tune.formatting import one_line
from vmafx_tune.frozen import frozen
from vmafx_tune.reports.facts import command_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import ConsoleOptions, RenderResult

    from vmafx_tune.reports.facts import Sheet
    from vmafx_tune.results.record import Result

__all__ = [
    "Column",
    "FirstThatFits",
    "Part",
    "Unwrapped",
    "commands",
    "facts_grid",
    "fitting_grid",
    "grid",
    "plain",
    "print_result",
    "sheet_grid",
    "table_text",
    "terminal_text",
]

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


# Where the tables of a result are laid out, if not in the module of its command.
_MODULES = {
    "remote_score": "score",
    "compare": "search",
    "encoders": "machine",
    "doctor": "machine",
    "cache": "machine",
}


def _parts(result: Result, *, frames: bool, commands: bool) -> Iterator[Part]:
    command = result.command
    # Each module imports what its own results are made of, and no other.
    module = import_module(f"{__name__}.{_MODULES.get(command, command)}")
    options = {
        "score": {"frames": frames},
        "compare": {"with_commands": commands},
        "ladder": {"with_commands": commands},
    }
    parts: Iterator[Part] = getattr(module, f"{command}_parts")(result, **options.get(command, {}))
    return parts


_ANY_WIDTH = 10_000
_STYLES = {"": "", "best": "bold", "failed": "red", "stopped": "dim"}


@frozen
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        left: Whether it holds text; numbers stand at the right.
        folds: Whether it may take several lines; otherwise it keeps its width.
    """

    title: str
    left: bool = False
    folds: bool = False


@frozen
class Unwrapped:
    """A line to print without line breaks of its own, so that it can be copied whole."""

    text: Text


class FirstThatFits:
    """Shows the first of several renderables that the terminal is wide enough for, else the last.

    Args:
        candidates: From the widest to the narrowest.
    """

    def __init__(self, candidates: Sequence[RenderableType]) -> None:
        self._candidates = candidates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unbounded = options.update(width=_ANY_WIDTH)
        for candidate in self._candidates[:-1]:
            if Measurement.get(console, unbounded, candidate).maximum <= options.max_width:
                yield candidate
                return
        yield self._candidates[-1]


Part = RenderableType | Unwrapped
"""Something that `print_result` prints: with line breaks to fit the terminal, or without."""


def plain(value: str, style: str = "") -> Text:
    """Make text out of a value that may hold anything, markup and control characters included."""
    return Text(one_line(value), style=style)


def grid(columns: Sequence[Column], rows: Iterable[Sequence[Text | str]]) -> Table:
    """Make a table with a line under its header and no others.

    Args:
        columns: From left to right.
        rows: One cell per column.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, header_style="dim")
    for column in columns:
        table.add_column(
            plain(column.title),
            justify="left" if column.left else "right",
            no_wrap=not column.folds,
            overflow="fold" if column.folds else "ellipsis",
        )
    for row in rows:
        table.add_row(*(plain(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def sheet_grid(sheet: Sheet) -> Table:
    """Lay out a sheet as a table."""
    columns = [Column(heading.title, left=not heading.number) for heading in sheet.headings]
    rows = ([plain(cell, _STYLES[style]) for cell in row] for style, row in sheet.styled_rows)
    return grid(columns, rows)


def fitting_grid(sheet: Sheet) -> FirstThatFits:
    """Lay out a sheet with as many of its columns as fit."""
    return FirstThatFits([sheet_grid(smaller) for smaller in sheet.narrowing()])


def facts_grid(facts: Iterable[tuple[str, str]]) -> Table:
    """Make a list of names and values, without those that have no value."""
    table = Table.grid(padding=(0, 2, 0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            table.add_row(plain(name), plain(value))
    return table


def commands(labelled: Iterable[tuple[str, Sequence[str]]]) -> Iterator[Part]:
    """Lay out encode commands, each a line that can be copied whole.

    Args:
        labelled: What each command gives, and its arguments.
    """
    for label, argv in labelled:
        yield ""
        yield plain(f"# {label}", "dim")
        yield Unwrapped(plain(command_line(argv, one_line=True)))

"""The look that all tables share, and how they adapt to the width of the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from vmafx_tune.reports.text import command_line, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

__all__ = [
    "Column",
    "FirstThatFits",
    "Part",
    "Unwrapped",
    "commands",
    "facts_grid",
    "grid",
    "plain",
]

_ANY_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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

"""`ladder` for the terminal."""

from __future__ import annotations

from itertools import chain
from math import ceil
from typing import TYPE_CHECKING

from rich.console import Group

from vmafx_tune.reports import ladder_facts
from vmafx_tune.reports.tables.hull_picture import hull_picture
from vmafx_tune.reports.tables.layout import (
    Column,
    FirstThatFits,
    commands,
    facts_grid,
    grid,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from vmafx_tune.reports.tables.layout import Part
    from vmafx_tune.results.ladder import LadderResult

__all__ = ["ladder_parts"]

_PICTURE_WIDTH = 80


def ladder_parts(result: LadderResult, *, with_commands: bool = False) -> Iterator[Part]:
    """Lay out a ladder: cells, the picture of the hull, notes, failures, commands, rungs.

    The rungs come last, where a terminal shows them.
    """
    yield plain(ladder_facts.heading(result), "bold")
    yield ""
    yield facts_grid(ladder_facts.circumstances(result))
    if result.cloud and result.target_vmafs:
        yield ""
        yield plain("kb/s @ quality of each resolution and target", "bold")
        yield _cells(result)
    yield _Picture(result)
    for message in ladder_facts.remarks(result):
        yield ""
        yield plain(message, "yellow")
    for where, why in ladder_facts.failures(result):
        yield ""
        yield plain(f"{where}: {why}", "red")
    if with_commands:
        yield from commands(ladder_facts.commands(result))
    yield ""
    yield from _rungs(result)


class _Picture:
    """The hull, as wide as the terminal but not wider than it is readable."""

    def __init__(self, result: LadderResult) -> None:
        self._result = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        result = self._result
        lines = hull_picture(
            result.probes,
            result.hull,
            result.renditions,
            resolutions=result.resolutions,
            width=min(options.max_width, _PICTURE_WIDTH),
        )
        if lines:
            yield ""
            yield from lines


def _rungs(result: LadderResult) -> Iterator[Part]:
    empty = ladder_facts.why_empty(result)
    if empty is not None:
        yield plain(empty, "red")
        return
    sheet = ladder_facts.rung_sheet(result)
    yield FirstThatFits([_grid(smaller) for smaller in _narrowing(sheet)])


def _narrowing(sheet: ladder_facts.Sheet) -> Iterator[ladder_facts.Sheet]:
    """Yield the sheet, then without ever more of the columns that can go."""
    for least in sorted({*(heading.rank for heading in sheet.headings)}, reverse=True):
        yield sheet.columns(
            position for position, heading in enumerate(sheet.headings) if heading.rank <= least
        )


def _cells(result: LadderResult) -> RenderableType:
    """Show as many targets side by side as fit, and the others below."""
    count = len(result.target_vmafs)
    return FirstThatFits([_blocks(result, ceil(count / n)) for n in range(1, count + 1)])


def _blocks(result: LadderResult, columns: int) -> RenderableType:
    targets = result.target_vmafs
    blocks = (targets[start : start + columns] for start in range(0, len(targets), columns))
    grids = (_grid(ladder_facts.cell_sheet(result, block)) for block in blocks)
    return Group(*chain.from_iterable(("", one) for one in grids))


def _grid(sheet: ladder_facts.Sheet) -> RenderableType:
    columns = [Column(heading.title, left=not heading.number) for heading in sheet.headings]
    return grid(columns, sheet.rows)

"""`ladder` for the terminal."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from vmafx_tune.reports import ladder_facts
from vmafx_tune.reports.axes import axes_around, bitrate_ticks, drawable, vmaf_ticks
from vmafx_tune.reports.tables import (
    FirstThatFits,
    commands,
    facts_grid,
    fitting_grid,
    plain,
    sheet_grid,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from vmafx_tune.ladder.hull import RateQuality
    from vmafx_tune.model import Resolution
    from vmafx_tune.reports.axes import Axes
    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.ladder import Encode, LadderResult

    Place = tuple[int, int]
    Letters = dict[Resolution, tuple[str, str]]

__all__ = [
    "MIN_WIDTH",
    "hull_picture",
    "ladder_parts",
]

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
    yield fitting_grid(ladder_facts.rung_sheet(result))


def _cells(result: LadderResult) -> RenderableType:
    """Show as many targets side by side as fit, and the others below."""
    count = len(result.target_vmafs)
    return FirstThatFits([_blocks(result, ceil(count / n)) for n in range(1, count + 1)])


def _blocks(result: LadderResult, columns: int) -> RenderableType:
    targets = result.target_vmafs
    blocks = (targets[start : start + columns] for start in range(0, len(targets), columns))
    grids = (sheet_grid(ladder_facts.cell_sheet(result, block)) for block in blocks)
    return Group(*(part for one in grids for part in ("", one)))


MIN_WIDTH = 30
"""Columns below which there is no room for a picture."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_STYLES = ("blue", "red", "green", "magenta", "cyan", "yellow")
_LINE_STYLE, _AXIS_STYLE = "dim", "dim"
_ROWS_PER_TICK = 3
_UNIT = "kb/s"
_TICK_GAP = 2
# Dots of a Braille character, by row and column (Unicode 15.0, block U+2800).
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_DOT_ROWS, _DOT_COLUMNS = len(_DOTS), len(_DOTS[0])
_BLANK_BRAILLE = 0x2800


class _Canvas:
    """Characters with their styles on a grid, column and row 0 at the top left."""

    def __init__(self, width: int, height: int, axes: Axes) -> None:
        self.width, self.height, self._axes = width, height, axes
        self.cells: dict[Place, tuple[str, str]] = {}

    def place(self, point: RateQuality) -> Place:
        """Find the column and row that a point falls on."""
        column, row = self._dot(point)
        return column // _DOT_COLUMNS, row // _DOT_ROWS

    def line(self, points: Sequence[RateQuality], style: str) -> None:
        """Connect points with a line of dots."""
        dots: dict[Place, int] = defaultdict(int)
        for (x0, y0), (x1, y1) in pairwise(map(self._dot, points)):
            steps = max(abs(x1 - x0), abs(y1 - y0), 1)
            for step in range(steps + 1):
                column = x0 + round((x1 - x0) * step / steps)
                row = y0 + round((y1 - y0) * step / steps)
                bit = _DOTS[row % _DOT_ROWS][column % _DOT_COLUMNS]
                dots[column // _DOT_COLUMNS, row // _DOT_ROWS] |= bit
        for place, bits in dots.items():
            self.cells[place] = chr(_BLANK_BRAILLE | bits), style

    def row(self, row: int) -> Text:
        """Return the characters of one row."""
        return Text.assemble(*(self.cells.get((x, row), (" ", "")) for x in range(self.width)))

    def _dot(self, point: RateQuality) -> Place:
        across = self._axes.across(point.bitrate_kbps) * self.width * _DOT_COLUMNS
        down = (1 - self._axes.up(point.vmaf)) * self.height * _DOT_ROWS
        return int(across), int(down)


def hull_picture(
    points: Sequence[Encode],
    hull: Sequence[Encode] = (),
    rungs: Sequence[Encode] = (),
    *,
    resolutions: Iterable[Resolution] = (),
    width: int = 72,
    height: int = 18,
) -> list[Text]:
    """Draw the picture with its legend.

    Args:
        points: All that was measured.
        hull: Points on the hull, which a line connects.
        rungs: Points that are rungs, by ascending bitrate; they are numbered from 1.
        resolutions: In the order of their letters; others that occur follow.
        width: Columns of the whole picture.
        height: Lines of the plot, without the axis below it and the legend.

    Returns:
        Lines of at most `width` characters without trailing blanks; none where no point can be
        drawn or the width is less than `MIN_WIDTH`.
    """
    every: list[Encode] = [*points, *hull, *rungs]
    shown = drawable(every)
    if not shown or width < MIN_WIDTH:
        return []
    sizes = [point.resolution for point in shown]
    order = dict.fromkeys((*resolutions, *sorted(sizes, reverse=True)))
    letters = {
        size: (_LETTERS[index % len(_LETTERS)], _STYLES[index % len(_STYLES)])
        for index, size in enumerate(order)
        if size in sizes
    }
    axes = axes_around(shown)
    marks = _vmaf_marks(axes, height)
    margin = max(map(len, (*marks.values(), "VMAF"))) + 1
    canvas = _Canvas(width - margin - 1, height, axes)
    canvas.line(drawable(hull), _LINE_STYLE)
    for point in drawable(points):
        canvas.cells[canvas.place(point)] = letters[point.resolution]
    for point in drawable(hull):
        letter, style = letters[point.resolution]
        canvas.cells[canvas.place(point)] = letter.upper(), f"bold {style}"
    _number(canvas, letters, rungs)
    return [
        Text("VMAF".rjust(margin - 1), style=_AXIS_STYLE),
        *(_plot_line(canvas, row, marks.get(row, ""), margin) for row in range(height)),
        *_bitrate_axis(axes, canvas.width, margin),
        *_legend(letters, width, capitals=not _places(hull) <= _places(rungs), numbers=bool(rungs)),
    ]


def _places(points: Sequence[Encode]) -> set[tuple[Resolution, float]]:
    return {(point.resolution, point.crf) for point in points}


def _number(canvas: _Canvas, letters: Letters, rungs: Sequence[Encode]) -> None:
    """Write each rung's number where it falls, or as near as there is room."""
    taken: set[Place] = set()
    for number, rung in enumerate(rungs, start=1):
        if not drawable([rung]):
            continue
        cells = _nearest_free(canvas, canvas.place(rung), len(str(number)), taken)
        taken.update(cells)
        style = f"bold reverse {letters[rung.resolution][1]}"
        canvas.cells |= {
            cell: (char, style) for cell, char in zip(cells, str(number), strict=False)
        }


def _nearest_free(canvas: _Canvas, place: Place, length: int, taken: set[Place]) -> list[Place]:
    """Find room for `length` characters side by side, and an empty list where there is none."""
    column, row = place
    rooms = (
        [(start + offset, line) for offset in range(length)]
        for line in range(canvas.height)
        for start in range(canvas.width - length + 1)
    )
    free = (room for room in rooms if taken.isdisjoint(room))
    # A line is about as high as two columns are wide.
    return min(
        free, key=lambda room: abs(room[0][0] - column) + 2 * abs(room[0][1] - row), default=[]
    )


def _vmaf_marks(axes: Axes, height: int) -> dict[int, str]:
    """Label the rows that a round score falls on."""
    ticks = vmaf_ticks(*axes.vmaf, most=max(1, height // _ROWS_PER_TICK))
    return {min(int((1 - axes.up(tick)) * height), height - 1): f"{tick:g}" for tick in ticks}


def _plot_line(canvas: _Canvas, row: int, mark: str, margin: int) -> Text:
    edge = f"{mark.rjust(margin - 1)} {'┤' if mark else '│'}"
    line = Text.assemble((edge, _AXIS_STYLE), canvas.row(row))
    line.rstrip()
    return line


def _bitrate_axis(axes: Axes, width: int, margin: int) -> Iterator[Text]:
    edge, labels = ["─"] * width, [" "] * width
    room = width - len(_UNIT)
    labels[room:] = _UNIT
    free_from = 0
    for kbps in bitrate_ticks(*axes.kbps):
        column = int(axes.across(kbps) * width)
        label = f"{kbps:,.10g}"
        start = max(0, column - (len(label) - 1) // 2)
        edge[column] = "┬"
        if start >= free_from and start + len(label) < room:
            labels[start : start + len(label)] = label
            free_from = start + len(label) + _TICK_GAP
    yield Text(" " * margin + "└" + "".join(edge), style=_AXIS_STYLE)
    yield Text(" " * (margin + 1) + "".join(labels), _AXIS_STYLE)


def _legend(letters: Letters, width: int, *, capitals: bool, numbers: bool) -> Iterator[Text]:
    entries = [Text.assemble(letter, f" {size}") for size, letter in letters.items()]
    if capitals:
        entries.append(Text("capitals: on the hull"))
    if numbers:
        entries.append(Text("numbers: rungs"))
    line = Text()
    for entry in entries:
        if line and len(line) + 3 + len(entry) > width:
            yield line
            line = Text()
        line = line + "   " + entry if line else entry
    yield line

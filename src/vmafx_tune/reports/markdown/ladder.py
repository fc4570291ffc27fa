"""A ladder as Markdown (GitHub's flavour), to paste into an issue or a wiki."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.reports import ladder_facts
from vmafx_tune.reports.markdown.text import bullets, code, escape, hidden_commands, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.results.ladder import LadderResult

__all__ = ["ladder_markdown"]

_VERBATIM = "Source"


def ladder_markdown(result: LadderResult) -> str:
    """Write a ladder as Markdown: rungs, the grid of cells, failures, notes, commands."""
    sections = [
        f"# {escape(ladder_facts.heading(result))}",
        _circumstances(result),
        *_rungs(result),
        *_cells(result),
        *bullets(f"{escape(where)}: {escape(why)}" for where, why in ladder_facts.failures(result)),
        *_notes(result),
        *hidden_commands(ladder_facts.commands(result)),
    ]
    return "\n\n".join(sections) + "\n"


def _circumstances(result: LadderResult) -> str:
    entries = [*ladder_facts.circumstances(result), ("vmafx-tune", __version__)]
    return "".join(
        bullets(
            f"{name}: {code(value) if name == _VERBATIM else escape(value)}"
            for name, value in entries
            if value
        )
    )


def _rungs(result: LadderResult) -> Iterable[str]:
    yield "## Rungs"
    empty = ladder_facts.why_empty(result)
    yield _table(ladder_facts.rung_sheet(result)) if empty is None else escape(empty)


def _cells(result: LadderResult) -> Iterable[str]:
    if result.cloud:
        yield "## kb/s @ quality"
        yield _table(ladder_facts.cell_sheet(result))


def _notes(result: LadderResult) -> Iterable[str]:
    remarks = ladder_facts.remarks(result)
    if remarks:
        yield "## Notes"
        yield from bullets(escape(remark) for remark in remarks)


def _table(sheet: ladder_facts.Sheet) -> str:
    return table(
        [escape(heading.title) for heading in sheet.headings],
        ["---:" if heading.number else "---" for heading in sheet.headings],
        ([escape(cell) for cell in row] for row in sheet.rows),
    )

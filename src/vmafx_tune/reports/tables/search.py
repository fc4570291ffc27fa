"""`search` and `compare` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.reports import ranking, search_facts
from vmafx_tune.reports.tables import commands, facts_grid, fitting_grid, plain, sheet_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.search import SearchResult


__all__ = ["compare_parts", "search_parts", "searched"]


def search_parts(result: SearchResult) -> Iterator[Part]:
    """Lay out a search: the answer, what was searched, every probe, the encode command."""
    yield _answer(result)
    yield ""
    yield from searched(result)
    yield from commands(search_facts.commands(result))


def searched(result: SearchResult, *, with_time: bool = True) -> Iterator[Part]:
    """Lay out what was searched, every probe, and notes."""
    yield facts_grid(search_facts.circumstances(result, with_time=with_time))
    if result.bisect_samples or result.too_large:
        yield ""
        yield sheet_grid(search_facts.probe_sheet(result))
    if result.conditions:
        yield ""
        yield sheet_grid(search_facts.condition_sheet(result))
    for message in search_facts.remarks(result):
        yield ""
        yield plain(message, "yellow")


def _answer(result: SearchResult) -> Text:
    if not result.ok:
        return plain(result.error or "", "red")
    name = search_facts.encode_name(result)
    told = search_facts.heading(result).removeprefix(name)
    return Text.assemble((name, "bold green"), told)


def compare_parts(result: CompareResult, *, with_commands: bool = False) -> Iterator[Part]:
    """Lay out a comparison: notes, failures, commands, a ranked table per target, BD-rates.

    The tables come last, where a terminal shows them.
    """
    yield plain(ranking.heading(result), "bold")
    yield ""
    yield facts_grid(ranking.circumstances(result))
    for message in ranking.remarks(result):
        yield ""
        yield plain(message, "yellow")
    for who, why in ranking.failures(result):
        yield ""
        yield plain(f"{who}: {why}", "red")
    if with_commands:
        yield from commands(ranking.commands(result))
    for target in result.targets:
        yield ""
        if len(result.targets) > 1:
            yield plain(f"VMAF {formatting.given(target)}", "bold")
        yield fitting_grid(ranking.target_sheet(result, target))
    for title, sheet in ranking.bd_sheets(result):
        yield ""
        yield plain(title, "bold")
        yield fitting_grid(sheet)
    for reason in ranking.bd_reasons(result):
        yield ""
        yield plain(reason, "yellow")

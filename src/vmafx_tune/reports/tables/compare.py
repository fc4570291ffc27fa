"""`compare` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.reports import ranking
from vmafx_tune.reports.tables import commands, facts_grid, fitting_grid, plain, sheet_grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.compare import BdRate, CompareResult

__all__ = ["compare_parts"]


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
    yield from _bd_rates(result.bd_rate)


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterator[Part]:
    if not bd_rates:
        return
    yield ""
    yield plain("BD-rate", "bold")
    yield sheet_grid(ranking.bd_sheet(bd_rates))
    for bd in bd_rates:
        if bd.reason:
            yield ""
            yield plain(bd.reason, "yellow")

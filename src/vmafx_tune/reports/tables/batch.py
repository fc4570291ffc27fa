"""`batch` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune.formatting import one_line
from vmafx_tune.reports import batch_facts
from vmafx_tune.reports.tables import Unwrapped, facts_grid, fitting_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.batch import BatchResult

__all__ = ["batch_parts"]


def batch_parts(result: BatchResult) -> Iterator[Part]:
    """Lay out a batch: its sources, a sentence for each that is not done, and last the counts."""
    yield fitting_grid(batch_facts.sheet(result))
    yield ""
    for source, why in batch_facts.failures(result):
        # One line each, however long, as scripts look for them.
        yield Unwrapped(Text(one_line(f"{source}: {why}"), "red"))
    yield facts_grid(batch_facts.circumstances(result))

"""`gate` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune.formatting import one_line
from vmafx_tune.reports import gate_facts
from vmafx_tune.reports.tables import Unwrapped, fitting_grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.gate import GateResult

__all__ = ["gate_parts"]


def gate_parts(result: GateResult) -> Iterator[Part]:
    """Lay out a gate: its checks, a sentence for each regression, and last the verdict."""
    yield plain(gate_facts.heading(result))
    yield ""
    yield fitting_grid(gate_facts.sheet(result))
    yield ""
    for check in result.regressions:
        # One line each, however long, as scripts look for them.
        yield Unwrapped(Text(one_line(check.message), "red"))
    yield Text(gate_facts.verdict(result), "bold green" if result.ok else "bold red")

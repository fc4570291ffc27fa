"""A promise, what was measured, and the table of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row", "table"]


@dataclass(frozen=True)
class Row:
    """One promise and what was measured; `least` is for what is better when there is more of it."""

    what: str
    measured: float
    bar: float
    unit: str = " times"
    least: bool = False

    @property
    def kept(self) -> bool:
        return self.measured >= self.bar if self.least else self.measured <= self.bar

    @property
    def line(self) -> str:
        """Write it as a line of a Markdown table."""
        limit = f"{'at least ' if self.least else ''}{self.bar:g}{self.unit}"
        verdict = "kept" if self.kept else "**missed**"
        return f"| {self.what} | {self.measured:.2f}{self.unit} | {limit} | {verdict} |"


def table(rows: list[Row], machine: str) -> str:
    """Write the rows as Markdown, below a line about the machine."""
    head = [machine, "", "| what | measured | bar | |", "|---|---:|---:|---|"]
    return "\n".join([*head, *(row.line for row in rows)]) + "\n"

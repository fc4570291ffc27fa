"""Help as plain text, its options under headings; and plain words on what is typed wrong.

Typer's own panels are drawn with rich, and loading that takes longer than all the rest of `--help`.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from vmafx_tune.cli.usage import explain

__all__ = ["GroupedCommand"]


class GroupedCommand(TyperCommand):
    """A command whose help lists each group of options under the group's heading."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            explain(error)
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, by the heading that `rich_help_panel` gives them."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                heading = getattr(parameter, "rich_help_panel", None) or "Options"
                groups.setdefault(heading, []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)

"""`vmafx-tune schema`."""

from __future__ import annotations

from typing import Annotated

import typer

from vmafx_tune.cli.completion import COMPLETERS

__all__ = ["schema"]


def schema(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Command whose JSON output the schema describes.",
            autocompletion=COMPLETERS["schema"],
        ),
    ],
) -> None:
    """Print the JSON Schema of a command's output.

    Examples:
        vmafx-tune schema compare
    """
    from vmafx_tune.reports.schemas import schema_text

    typer.echo(schema_text(name), nl=False)

"""`vmafx-tune report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import saved_result
from vmafx_tune.cli.output import Destination, choose_format
from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.signals import unwinding_on_signals

__all__ = ["report"]


@takes_options
def report(
    *,
    files: Annotated[
        list[str],
        typer.Argument(metavar="RESULT.json...", help="Saved results; - is standard input."),
    ],
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Title of a page of several results."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write the page to this file instead of stdout."
        ),
    ] = None,
) -> None:
    """Make one HTML page from saved results.

    Takes what score, search, encode, compare and ladder write as JSON; of score with --frames for
    its curve, and --stills for its pictures. The page works offline.

    Examples:
        vmafx-tune report ladder.json -o ladder.html
        vmafx-tune report score.json ladder.json -o page.html
    """
    with unwinding_on_signals():
        destination = Destination(output)
        choose_format(None, destination, ("html",))
        if destination.is_terminal:
            raise UsageError("An HTML page cannot be shown in a terminal. Name a file with -o.")
        if files.count("-") > 1:
            raise UsageError("Only one of the results can come from standard input.")
        results = {name: saved_result(name) for name in files}
        from vmafx_tune.reports.html.pages import page_of, summary_page

        if len(results) == 1:
            (page,) = map(page_of, results.values())
        else:
            page = summary_page(title or counted(len(results), "result"), results)
        destination.write(page)

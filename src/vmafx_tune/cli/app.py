"""The Typer application: which commands there are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vmafx_tune._version import __version__
from vmafx_tune.cli.cache import cache
from vmafx_tune.cli.compare import compare
from vmafx_tune.cli.doctor import doctor
from vmafx_tune.cli.encoders import encoders
from vmafx_tune.cli.help import GroupedCommand
from vmafx_tune.cli.ladder import ladder
from vmafx_tune.cli.schema import schema
from vmafx_tune.cli.score import score
from vmafx_tune.cli.search import search
from vmafx_tune.cli.serve import serve
from vmafx_tune.formatting import one_line

__all__ = ["app", "run"]

_MistypedError: Any = typer.BadParameter.__base__

app = typer.Typer(
    name="vmafx-tune",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    pretty_exceptions_enable=False,
)

for command in (score, search, compare, ladder, serve, encoders, doctor, cache, schema):
    app.command(cls=GroupedCommand)(command)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if asked:
        typer.echo(f"vmafx-tune {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find the cheapest encode that still looks right, measured with VMAF.

    Results go to stdout; progress and messages go to stderr. Exit codes: 0 success, 1 failure,
    2 usage error, 3 target missed, 4 missing tool, 130 interrupted.
    """


def run() -> int:
    """Run the command line; returns its exit code."""
    try:
        # Named, so that usage and shell completion name the program under `python -m` too.
        return app(prog_name="vmafx-tune", standalone_mode=False) or 0
    except _MistypedError as error:
        # It quotes what was typed, which may hold what a terminal obeys.
        error.message = "\n".join(map(one_line, error.message.split("\n")))
        error.show()
        return int(error.exit_code)

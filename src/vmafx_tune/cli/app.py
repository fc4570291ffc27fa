"""The Typer application: which commands there are."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from vmafx_tune._version import __version__
from vmafx_tune.cli.command import GroupedCommand, PlainGroup, read_plainly
from vmafx_tune.formatting import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["COMMANDS", "app", "function_of", "run", "subcommands_of"]

_MistypedError: Any = typer.BadParameter.__base__

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "encode": "Encode a source at the cheapest setting that reaches a target.",
        "search": "Find the cheapest setting that reaches a target, with proof.",
        "compare": "Rank encoders by bitrate at equal quality.",
        "ladder": "Choose the renditions of an adaptive ladder.",
        "package": "Turn saved ladders into a folder that HLS and DASH players play.",
        "score": "Score an encode against its source.",
        "batch": "Run a command on many sources, and summarise the results.",
        "gate": "Compare a saved result with a baseline, and fail if it is worse.",
        "report": "Make one HTML page from saved results.",
        "serve": "Run the scoring server over gRPC and HTTP.",
        "encoders": "List encoders, and which of them work on this machine.",
        "doctor": "Check what is installed, and say how to fix what is missing.",
        "cache": "Show, prune or clear the cache of measured encodes.",
        "schema": "Print the JSON Schema of a command's output.",
    }
)
"""What each command does, by its name and in the order of the help. Its docstring says it again, so
that the help loads none of them; a test compares the two."""


def function_of(command: str) -> Callable[..., None]:
    """Load the function of a command, from the module of its name."""
    function: Callable[..., None] = getattr(_module_of(command), command)
    return function


def subcommands_of(command: str) -> Mapping[str, Callable[..., None]]:
    """Load the functions of the commands that a command has; of most, there are none."""
    functions: Mapping[str, Callable[..., None]] = getattr(_module_of(command), "SUBCOMMANDS", {})
    return functions


def _module_of(command: str) -> Any:
    return import_module(f"vmafx_tune.cli.{command}")


class _Commands(TyperGroup):
    """Loads a command when it is asked for: each takes a while, and most runs need one of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what stands before the command."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer passes it
        """Return the names, in the order of the help."""
        return [*COMMANDS]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer passes it
        """Write the names with what the commands do."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Typer passes it
        """Return a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        subcommands = subcommands_of(cmd_name)
        if not subcommands:
            alone.command(cls=GroupedCommand)(function_of(cmd_name))
            return get_command(alone)
        alone.callback(cls=PlainGroup, no_args_is_help=True)(function_of(cmd_name))
        for name, function in subcommands.items():
            alone.command(name, cls=GroupedCommand)(function)
        return get_command(alone)

    @property
    def commands(self) -> dict[str, Any]:
        """All of the commands, for what suggests one in place of a name that is mistyped."""
        return {name: self.get_command(None, name) for name in COMMANDS}

    @commands.setter
    def commands(self, _: object) -> None:
        """Ignore what Typer has registered: nothing."""


app = typer.Typer(
    name="vmafx-tune",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    pretty_exceptions_enable=False,
)


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

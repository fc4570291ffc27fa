"""`vmafx-tune serve`.

The program runs `server.run` itself when it sees the command, without loading Typer; this is for
its help, for shell completion, and for callers of the app from Python.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated

import typer

from vmafx_tune.cli.completion import COMPLETERS
from vmafx_tune.server.settings import SETTINGS

if TYPE_CHECKING:
    from vmafx_tune.server.settings import Setting

__all__ = ["serve"]


def serve(**values: str | None) -> None:
    """Run the scoring server over gRPC and HTTP.

    Options override the environment variables named beside them. Pass a bearer token in
    VMAFX_API_TOKEN or in a file, because other users can read command lines. On SIGTERM, the
    server finishes running scores, then exits.

    Examples:
        vmafx-tune serve --media-roots /media --port 8080
    """
    from vmafx_tune.server.run import run

    flags = {setting.flag: values[_name(setting)] for setting in SETTINGS if setting.flag}
    raise typer.Exit(run(flags))


def _name(setting: Setting) -> str:
    return setting.flag.removeprefix("--").replace("-", "_")


def _parameter(setting: Setting) -> inspect.Parameter:
    option = typer.Option(
        setting.flag,
        metavar=setting.metavar,
        help=f"{setting.help} [{setting.variable}]",
        autocompletion=COMPLETERS.get(_name(setting)),
    )
    return inspect.Parameter(
        _name(setting),
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


_PARAMETERS = [_parameter(setting) for setting in SETTINGS if setting.flag]
serve.__signature__ = inspect.Signature(_PARAMETERS)  # type: ignore[attr-defined] # set for Typer
serve.__annotations__ = {parameter.name: parameter.annotation for parameter in _PARAMETERS}

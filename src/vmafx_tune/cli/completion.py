"""Values that the shell completes, by the name of the parameter that takes them.

The user is waiting for Tab to respond, so everything is loaded late.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - Typer reads the annotations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["COMPLETERS"]


def _starting(incomplete: str, values: Iterable[str]) -> list[str]:
    return [value for value in values if value.startswith(incomplete)]


def _encoders(incomplete: str) -> list[str]:
    from vmafx_tune.encoders.registry import all_rows

    names = [name for row in all_rows() for name in (row.name, *row.aliases)]
    # The last one of several that are joined by commas.
    done, comma, last = incomplete.rpartition(",")
    taken = done.split(",")
    return [f"{done}{comma}{name}" for name in _starting(last, names) if name not in taken]


def _presets(ctx: typer.Context, incomplete: str) -> list[str]:
    from vmafx_tune.encoders.registry import encoder_row
    from vmafx_tune.errors import UnknownEncoderError
    from vmafx_tune.knob import X264_PRESETS

    named = ctx.params.get("codec") or ctx.params.get("codecs") or ""
    presets = list(X264_PRESETS)
    for name in filter(None, named.split(",")):
        try:
            presets += encoder_row(name).presets.native
        except UnknownEncoderError:
            continue
    return _starting(incomplete, dict.fromkeys(presets))


def _models(incomplete: str) -> list[str]:
    from vmafx_tune.scoring.models import BUILT_IN_MODELS, MODEL_ALIASES

    return _starting(incomplete, (*BUILT_IN_MODELS, *MODEL_ALIASES))


def _formats(ctx: typer.Context, incomplete: str) -> list[str]:
    from vmafx_tune.reports.render import FORMATS

    return _starting(incomplete, FORMATS[_command(ctx)])


def _outputs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the suffix; names are the shell's."""
    from vmafx_tune.cli.output import suffixes_of
    from vmafx_tune.reports.render import FORMATS

    folder, slash, name = incomplete.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    if not stem or not dot:
        return []
    suffixes = suffixes_of(FORMATS[_command(ctx)]).values()
    return _starting(incomplete, (f"{folder}{slash}{stem}{suffix}" for suffix in suffixes))


def _command(ctx: typer.Context) -> str:
    """Name the command whose result is written: of `batch search`, that is `batch`."""
    above = None if ctx.parent is None else ctx.parent.info_name
    return str(above if above == "batch" else ctx.info_name)


def _schemas(incomplete: str) -> list[str]:
    from vmafx_tune.reports.schemas import NAMES

    return _starting(incomplete, NAMES)


def _log_levels(incomplete: str) -> list[str]:
    from vmafx_tune.server.settings import LOG_LEVELS

    return _starting(incomplete, LOG_LEVELS)


def _backends(incomplete: str) -> list[str]:
    from vmafx_tune.server.settings import BACKENDS

    return _starting(incomplete, BACKENDS)


def _depths(incomplete: str) -> list[str]:
    return _starting(incomplete, ("8", "10"))


COMPLETERS: Mapping[str, Callable[..., list[str]]] = MappingProxyType(
    {
        "anchor": _encoders,
        "backend": _backends,
        "codec": _encoders,
        "codecs": _encoders,
        "depth": _depths,
        "format": _formats,
        "log_level": _log_levels,
        "model": _models,
        "output": _outputs,
        "preset": _presets,
        "schema": _schemas,
    }
)

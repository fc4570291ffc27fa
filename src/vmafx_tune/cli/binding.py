"""From option dataclasses to Typer parameters."""

from __future__ import annotations

import inspect
from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from vmafx_tune.cli.completion import COMPLETERS
from vmafx_tune.cli.typed import Typed, noted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["takes_options"]

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take option dataclasses, whose fields become options of its own.

    Every parameter annotated with a dataclass of `options.option` fields is replaced by those
    fields; the command is called with the dataclass built from what was typed.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if hasattr(hint, "__dataclass_fields__")}
    owners = {field.name: name for name, group in groups.items() for field in fields(group)}

    parameters = _parameters(command, hints, groups)

    @wraps(command)
    def call(context: typer.Context, **typed: Any) -> None:
        values: dict[str, dict[str, Any]] = {name: {} for name in groups}
        plain: dict[str, Any] = {}
        for name, value in typed.items():
            (values[owners[name]] if name in owners else plain)[name] = value
        with noted([_typed(context, parameter, typed) for parameter in parameters]):
            command(**plain, **{name: group(**values[name]) for name, group in groups.items()})

    signature = inspect.Signature([_CONTEXT, *parameters])
    call.__signature__ = signature  # type: ignore[attr-defined] # set for Typer
    call.__annotations__ = {
        parameter.name: parameter.annotation for parameter in signature.parameters.values()
    }
    # Typer follows __wrapped__ to the original signature, which it must not see.
    del call.__wrapped__
    return call


def _typed(context: typer.Context, parameter: inspect.Parameter, values: dict[str, Any]) -> Typed:
    name = parameter.name
    hint, info = parameter.annotation.__origin__, parameter.annotation.__metadata__[0]
    # Within Annotated, Typer takes the first flag for the default until it looks closer.
    flags = [flag for flag in (info.default, *(info.param_decls or ())) if _is_long_flag(flag)]
    source = context.get_parameter_source(name)
    return Typed(
        name,
        label=flags[0].partition("/")[0] if flags else name.upper(),
        value=values[name],
        given=source is not None and source.name == "COMMANDLINE",
        # What stands without a flag is what the command works on.
        holds="FILE" if hint in {str, list[str]} and not flags else info.metavar or str(hint),
    )


def _is_long_flag(flag: object) -> bool:
    return isinstance(flag, str) and flag.startswith("--")


def _parameters(
    command: Callable[..., None], hints: dict[str, Any], groups: dict[str, Any]
) -> list[inspect.Parameter]:
    own = [
        parameter.replace(annotation=_completed(name, hints[name]), kind=_KEYWORD)
        for name, parameter in inspect.signature(command).parameters.items()
        if name not in groups
    ]
    shared = [parameter for group in groups.values() for parameter in _of_group(group)]
    return [*own, *shared]


def _of_group(group: Any) -> Iterator[inspect.Parameter]:
    # Once for all fields: each look reads the annotations of the whole group.
    hints = get_type_hints(group)
    panel = (group.__doc__ or "").partition(":")[0]
    for field in fields(group):
        more = dict(field.metadata)
        info = typer.Option(*more.pop("flags"), rich_help_panel=panel, **more)
        hint = _completed(field.name, Annotated[hints[field.name], info])
        yield inspect.Parameter(field.name, _KEYWORD, default=field.default, annotation=hint)


def _completed(name: str, hint: Any) -> Any:
    hint.__metadata__[0].autocompletion = COMPLETERS.get(name)
    return hint

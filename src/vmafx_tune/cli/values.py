"""Values that are typed for options, read with plain words on what is wrong with them.

Typer would have pydantic read each of them, which takes longer to load than most commands run.
"""

from __future__ import annotations

import math
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["read_plainly"]


def read_plainly(parameters: Iterable[Any]) -> None:
    """Have Typer's parameters read their values here."""
    for parameter in parameters:
        parameter.process_value = partial(_value_of, parameter, parameter.process_value)


def _value_of(parameter: Any, read: Callable[..., Any], context: Any, value: Any) -> Any:
    """Read a value; `read` is Typer's way, for what is not known here."""
    kind = parameter.type_descriptor.annotation
    # Of a list, such as that of an argument that takes several values, there is no plain class.
    if (value is None and parameter.required) or not isinstance(kind, type):
        return read(context, value)
    if value is None or isinstance(value, kind):
        # Callbacks, such as that of --version, have nothing to do where nothing is typed.
        return read(context, value) if value and parameter.callback else value
    try:
        if kind in {int, float}:
            return _number(kind, value, parameter.type_descriptor.parameter_info)
        if issubclass(kind, Enum):
            return _member(kind, value)
    except ValueError as error:
        raise typer.BadParameter(str(error), ctx=context, param=parameter) from error
    return Path(value) if kind is Path else read(context, value)


def _number(kind: Any, text: str, limits: Any) -> float:
    try:
        number: float = kind(text)
    except ValueError:
        whole = "whole " if kind is int else ""
        raise ValueError(f"'{text}' is not a {whole}number.") from None
    if math.isnan(number) or (limits.min is not None and number < limits.min):
        up = "" if limits.min is None else f" from {limits.min:g} up"
        raise ValueError(f"'{text}' is not a number{up}.")
    return number


def _member(kind: type[Enum], text: str) -> Enum:
    for member in kind:
        if member.value == text:
            return member
    choices = ", ".join(f"'{member.value}'" for member in kind)
    raise ValueError(f"'{text}' is not one of {choices}.")

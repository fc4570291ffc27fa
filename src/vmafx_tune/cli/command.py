"""A command as plain text: help under headings, and plain words on what is wrong with a value.

Typer's own help is drawn with rich, and its values are read by pydantic; loading either takes
longer than all the rest of `--help`.
"""

from __future__ import annotations

import math
from enum import Enum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from vmafx_tune.choices import PerShot
from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


__all__ = [
    "GroupedCommand",
    "PlainGroup",
    "implied_by",
    "read_plainly",
    "split_examples",
    "with_implied",
]


_LEADING: Mapping[str | None, tuple[str, ...]] = MappingProxyType(
    {
        "encode": ("reference", "output", "codec", "target", "preset"),
        "score": ("min_score", "frames", "model", "pool", "output"),
        "search": ("reference", "codec", "target", "preset", "output"),
        "compare": ("reference", "codecs", "targets", "preset", "output"),
        "ladder": ("reference", "codec", "targets", "max_rungs", "output"),
        "serve": ("host", "port", "grpc_port", "media_roots", "backend"),
    }
)
"""The options that most runs need, by command; the help lists them first."""

_IMPLIED: Mapping[str, tuple[str, ...]] = MappingProxyType({"--per-shot": tuple(PerShot)})
"""The values of options that may stand alone, which then means the first of them."""


class _PlainHelp:
    """Has values read plainly, and examples written one a line."""

    help: str | None
    get_params: Callable[..., list[Any]]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        read_plainly(self.get_params(ctx))
        parent: Any = super()
        read: list[str] = parent.parse_args(ctx, with_implied(args))
        return read

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer passes it
        """Write the description, then its examples without wrapping them."""
        text, examples = split_examples(self.help or "")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)
        if examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in examples))


class PlainGroup(_PlainHelp, TyperGroup):
    """A command that has commands of its own."""


class GroupedCommand(_PlainHelp, TyperCommand):
    """A command whose help lists common options first, the others under their group's heading."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, common options, the command's other options, then groups of options."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        parameters = {parameter.name: parameter for parameter in self.get_params(ctx)}
        leading = [name for name in _LEADING.get(self.name, ()) if name in parameters]
        for name in (*leading, *(name for name in parameters if name not in leading)):
            record = parameters[name].get_help_record(ctx)
            if record is not None:
                groups.setdefault(self._heading(parameters[name]), []).append(record)
        for heading, records in groups.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def _heading(self, parameter: Any) -> str:
        leading = _LEADING.get(self.name, ())
        if parameter.param_type_name == "argument":
            return "Arguments"
        if parameter.name in (*leading, "help"):
            return "Options"
        own = str(self.name).capitalize() if leading else "Options"
        return getattr(parameter, "rich_help_panel", None) or own


def split_examples(text: str) -> tuple[str, list[str]]:
    """Split a command's docstring into its description and its examples, one a line."""
    description, _, examples = text.partition("\n\nExamples:\n")
    return description, [line.strip() for line in examples.splitlines() if line.strip()]


def with_implied(args: list[str]) -> list[str]:
    """Write out the values of options that stand alone."""
    end = args.index("--") if "--" in args else len(args)
    return [
        f"{word}={_IMPLIED[word][0]}"
        if word in _IMPLIED and place < end and not _is_value(word, args[place + 1 : place + 2])
        else word
        for place, word in enumerate(args)
    ]


def implied_by(option: str, text: str) -> str:
    """Write out the value of an option that a list has as `true`: as if it stood alone."""
    return _IMPLIED[option][0] if option in _IMPLIED and text.lower() == "true" else text


def _is_value(option: str, following: list[str]) -> bool:
    return any(word in _IMPLIED[option] for word in following)


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
        if parse := parameter.type_descriptor.parameter_info.parser:
            return parse(value)
        if kind in {int, float}:
            return _number(kind, value, parameter.type_descriptor.parameter_info)
        if issubclass(kind, Enum):
            return _member(kind, value)
    except (ValueError, UsageError) as error:
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

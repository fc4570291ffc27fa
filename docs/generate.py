"""Writes the reference pages that are made from the code: commands, encoders, the Python API."""

from __future__ import annotations

import html
import inspect
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from typer.models import ArgumentInfo, ParameterInfo

import vmafx_tune
from vmafx_tune.cli.app import COMMANDS, app, function_of, subcommands_of
from vmafx_tune.cli.command import split_examples
from vmafx_tune.encoders.registry import all_rows
from vmafx_tune.knob import X264_PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vmafx_tune.encoders.row import EncoderRow

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/generate.py; do not edit. -->\n"

# Examples that the test of the documentation cannot run.
NOT_RUN = {
    "encoders": "it takes another ffmpeg.",
    "serve": "it runs until it is stopped.",
}


def main() -> None:
    """Write every generated page."""
    (REFERENCE / "cli.md").write_text("\n".join(cli_page()) + "\n", encoding="utf-8")
    (REFERENCE / "encoders.md").write_text("\n".join(encoders_page()) + "\n", encoding="utf-8")
    (REFERENCE / "python-api.md").write_text("\n".join(api_page()) + "\n", encoding="utf-8")


def cli_page() -> Iterator[str]:
    """Describe every command and its options, line by line."""
    yield "# Commands\n"
    yield NOTE
    assert app.registered_callback is not None
    yield f"{inspect.getdoc(app.registered_callback.callback)}\n"
    for command in COMMANDS:
        subcommands = subcommands_of(command)
        if not subcommands:
            yield from _command(command, _parameters(function_of(command)))
        else:
            yield from _commands(command, subcommands)


def _parameters(function: Callable[..., None]) -> dict[str, inspect.Parameter]:
    signature = inspect.signature(function, eval_str=True)
    # Typer's context is not a parameter of the command line.
    return {name: p for name, p in signature.parameters.items() if get_args(p.annotation)}


def _commands(command: str, subcommands: Mapping[str, Callable[..., None]]) -> Iterator[str]:
    """Describe a command that has others, each with the options of the one of its name."""
    own: dict[str, inspect.Parameter] = {}
    for name, function in subcommands.items():
        alone, flags = _parameters(function_of(name)), set()
        for other in alone.values():
            flags.update(_flags(other))
        for key, parameter in _parameters(function).items():
            if key == "output" or not flags.intersection(_flags(parameter)):
                own.setdefault(key, parameter)
    named = f"{command} {'|'.join(subcommands)}"
    yield from _command(command, own, named=named)
    linked = ", ".join(f"[`{name}`](#{name})" for name in subcommands)
    yield f"It also takes the options of the command that it runs: {linked}.\n"


def _command(
    name: str, by_name: Mapping[str, inspect.Parameter], *, named: str = ""
) -> Iterator[str]:
    function, parameters = function_of(name), [*by_name.values()]
    arguments = [p for p in parameters if isinstance(_info(p), ArgumentInfo)]
    options = [p for p in parameters if p not in arguments]
    usage = "".join(f" {argument.name.upper()}" for argument in arguments)
    yield f"## {name}\n"
    description, examples = split_examples(inspect.getdoc(function) or "")
    yield f"{description}\n"
    yield f"```text\nvmafx-tune {named or name} [OPTIONS]{usage}\n```\n"
    if reason := NOT_RUN.get(name):
        yield f"<!-- not run: {reason} -->"
    yield "\n".join(("```sh", *examples, "```\n"))
    for kind, rows in (("argument", arguments), ("option", options)):
        if rows:
            yield f"| {kind} | value | default | meaning |"
            yield "|---|---|---|---|"
            yield from map(_row, rows)
            yield ""


def _row(parameter: inspect.Parameter) -> str:
    info = _info(parameter)
    names = ", ".join(f"`{flag}`" for flag in _flags(parameter))
    return f"| {names} | {_value(parameter)} | {_default(parameter.default)} | {info.help} |"


def _flags(parameter: inspect.Parameter) -> list[str]:
    info = _info(parameter)
    # Typer takes the first flag of an annotation for the default until it builds the command.
    declared = [flag for flag in (info.default, *(info.param_decls or ())) if isinstance(flag, str)]
    return sorted(declared, key=len) or [parameter.name.upper()]


def _info(parameter: inspect.Parameter) -> ParameterInfo:
    _, info = get_args(parameter.annotation)
    assert isinstance(info, ParameterInfo)
    return info


def _value(parameter: inspect.Parameter) -> str:
    hint, info = get_args(parameter.annotation)
    for choice in (hint, *get_args(hint)):
        if isinstance(choice, type) and issubclass(choice, StrEnum):
            return ", ".join(f"`{value}`" for value in choice)
    # An argument is called by its name already.
    shown = info.metavar if not isinstance(info, ArgumentInfo) else None
    # A backslash would be shown in code, where it keeps a bar from ending the cell elsewhere.
    return f"<code>{html.escape(shown).replace('|', '&#124;')}</code>" if shown else ""


def _default(default: object) -> str:
    match default:
        case inspect.Parameter.empty:
            return "required"
        case None | "" | False:
            return ""
        case True:
            return "on"
        case float():
            return f"`{default:g}`"
        case _:
            return f"`{default}`"


def encoders_page() -> Iterator[str]:
    """Describe every encoder of the registry, line by line."""
    rows = all_rows()
    yield "# Encoders\n"
    yield NOTE
    yield "`vmafx-tune encoders` shows which of them open on your machine.\n"
    yield "| name | aliases | writes | runs on | quality knob | default |"
    yield "|---|---|---|---|---|---:|"
    yield from (_encoder(row) for row in rows)
    yield "\n## Presets\n"
    yield (
        "`--preset` takes x264's names for every encoder, and an encoder's own values. "
        "The default is `medium`.\n"
    )
    yield f"| encoder | {' | '.join(X264_PRESETS)} |"
    yield f"|---|{'---|' * len(X264_PRESETS)}"
    yield from (_presets(row) for row in rows if row.presets.native)


def _encoder(row: EncoderRow) -> str:
    aliases = ", ".join(f"`{alias}`" for alias in row.aliases)
    knob = f"`{row.knob.name}` {row.knob.extent}. {row.knob.beyond}".rstrip(". ")
    default = row.knob.text(row.knob.default)
    return f"| `{row.name}` | {aliases} | {row.codec} | {row.kind} | {knob} | {default} |"


def _presets(row: EncoderRow) -> str:
    cells = " | ".join(row.presets.native_of(preset) for preset in X264_PRESETS)
    return f"| `{row.name}` | {cells} |"


def api_page() -> Iterator[str]:
    """List every public name; mkdocstrings puts its docstring there."""
    public = {name: getattr(vmafx_tune, name) for name in vmafx_tune.__all__ if name[0] != "_"}
    yield "# Python API\n"
    yield NOTE
    yield (
        "Import every name on this page from `vmafx_tune`. "
        "[Use it from Python](../how-to/use-from-python.md) has examples, and "
        "[exit codes and errors](exit-codes.md) lists the errors.\n"
    )
    for heading, entries in (
        ("Functions", [entry for entry in public.values() if inspect.isfunction(entry)]),
        ("Options", [entry for name, entry in public.items() if name.endswith("Options")]),
        ("Results", [entry for entry in public.values() if _is_result(entry)]),
        ("Values", [entry for entry in public.values() if _is_value(entry)]),
        ("Frames in memory", [vmafx_tune.LibvmafScorer]),
        ("Errors", [vmafx_tune.VmafxTuneError]),
    ):
        yield f"## {heading}\n"
        for entry in entries:
            yield f"::: {entry.__module__}.{entry.__qualname__}\n"
            if heading == "Options":
                yield from _option_fields(entry)


def _is_result(entry: Any) -> bool:
    return entry.__module__.startswith("vmafx_tune.results")


def _is_value(entry: Any) -> bool:
    return entry.__module__.removeprefix("vmafx_tune.") in {"cancel", "choices", "model"}


def _option_fields(group: Any) -> Iterator[str]:
    yield "| field | type | default | flag | meaning |"
    yield "|---|---|---|---|---|"
    for field in fields(group):
        kind = str(field.type).replace("|", "&#124;")
        flag = max(field.metadata["flags"], key=len).replace("/", "`, `")
        default = getattr(field.default, "value", field.default)
        yield (
            f"| `{field.name}` | <code>{kind}</code> | `{default!r}` | `{flag}` | "
            f"{field.metadata['help']} |"
        )
    yield ""


if __name__ == "__main__":
    main()
